"""What is wrong with a request is said in plain words, with what to send instead."""

from __future__ import annotations

import re
from typing import Any

import pytest

from memory import SLOTS
from tests.app.conftest import Running

ADA = "/v1/customers/ada"
JARGON = re.compile(r"\b(?:Input|Field required|dictionary|extra|JSON decode|parse|items?)\b")


def faults(answer: Any) -> dict[str, str]:
    """Where, and what, of a 422 (for OpenAI's clients: 400); the detail has all of it, and no word
    of the library's.
    """
    document = answer.json()
    assert answer.status_code == (400 if "error" in document else 422), answer.text
    found = {fault["where"]: fault["what"] for fault in document["errors"]}
    assert document["detail"] == "; ".join(f"{where}: {what}" for where, what in found.items())
    assert not JARGON.search(document["detail"])
    return found


@pytest.mark.parametrize("given", ["yes", "true", 1, 0, None])
def test_true_and_false_have_no_other_names(service: Running, given: Any) -> None:
    """A string or a number pins nothing, and makes no dry run of a real one or the other way
    round: it is refused, and what is there stays.
    """
    service.chat("hello")
    service.settle()
    memories = service.client.get(f"{ADA}/memories").json()["memories"]
    one = f"{ADA}/memories/{memories[0]['id']}"
    fact = {"text": "x", "pinned": given}
    forget = {"policy": {"max_records": 1}, "dry_run": given}
    for method, path, body, place in (
        ("PUT", one, {"pinned": given}, "body.pinned"),
        ("POST", f"{ADA}/memories", fact, "body.pinned"),
        ("POST", f"{ADA}/forget", forget, "body.dry_run"),
        ("POST", "/v1/chat", {"customer": "ada", "message": "x", "stream": given}, "body.stream"),
    ):
        what = faults(service.client.request(method, path, json=body))[place]
        assert what == "send true or false, without quotes"
    assert service.client.get(f"{ADA}/memories").json()["memories"] == memories


def test_a_number_in_quotes_is_none(service: Running) -> None:
    """Neither is true, which counts as 1 elsewhere."""
    service.chat("hello")
    policy = {"max_records": True, "max_age_days": "7", "unrecalled_days": [1]}
    found = faults(service.client.post(f"{ADA}/forget", json={"policy": policy}))
    assert found == {
        "body.policy.max_records": "send a whole number, without quotes",
        "body.policy.max_age_days": "send a number, without quotes",
        "body.policy.unrecalled_days": "send a number, without quotes",
    }
    path = f"{ADA}/recall"
    assert faults(service.client.post(path, json={"query": "x", "max_tokens": "9"}))
    assert service.client.post(path, json={"query": "x", "max_tokens": 9}).status_code == 200


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        (b"", "body", "is missing: send a JSON object"),
        (b"{", "body", "is no JSON from character 2 on"),
        (b'{"customer": "ada",}', "body", "is no JSON from character 20 on"),
        (b"[]", "body", "with the header Content-Type: application/json"),
        (b"3", "body", "with the header Content-Type: application/json"),
        (b"{}", "body.message", "is missing: send it"),
        (b'{"customer": 1}', "body.customer", "send text, in quotes"),
        (b'{"customer": ""}', "body.customer", "is empty: send at least 1 character"),
        (b'{"customer": "' + b"x" * 201 + b'"}', "body.customer", "give at most 200 characters"),
        (b'{"mesage": "x"}', "body.mesage", "is not known here: leave it out"),
        (b'{"message": "\\ud83d"}', "body.message", "is no Unicode text"),
        (b'{"message": "a\\u0000"}', "body.message", "NUL at character 1: take it out"),
    ],
)
def test_a_body_that_cannot_be_taken_says_what_to_send(
    service: Running, body: bytes, where: str, what: str
) -> None:
    """Where it is wrong, and what is to be there."""
    headers = {"content-type": "application/json"}
    answer = service.client.post("/v1/chat", content=body, headers=headers)
    assert what in faults(answer)[where]


def test_a_key_says_whose_message_it_is(service: Running) -> None:
    """Only a customer's own token may leave the customer out."""
    answer = service.client.post("/v1/chat", json={"message": "hello"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("customer: it is missing")


def test_a_body_needs_its_header(service: Running) -> None:
    """JSON that is sent as text is not read, and the answer says why."""
    headers = {"content-type": "text/plain"}
    body = b'{"customer": "ada", "message": "x"}'
    answer = service.client.post("/v1/chat", content=body, headers=headers)
    assert "Content-Type: application/json" in faults(answer)["body"]


def test_a_part_and_a_parameter_say_what_to_send(service: Running) -> None:
    """Within an object, and after the question mark."""
    found = faults(service.client.post(f"{ADA}/forget", json={"policy": 3}))
    assert found == {"body.policy": "send a JSON object"}
    found = faults(service.client.post(f"{ADA}/forget", json={"policy": {"max_age_days": 0}}))
    assert found == {"body.policy.max_age_days": "is too small: give more than 0"}
    for ends in ("tomorrow", True, [], "2027-02-30T00:00:00Z"):
        answer = service.client.post(f"{ADA}/memories", json={"text": "x", "expires_at": ends})
        assert "2027-01-31T00:00:00Z" in faults(answer)["body.expires_at"], ends
    params = {"limit": "x", "history": "perhaps", "before": "9" * 30}
    found = faults(service.client.get(f"{ADA}/memories", params=params))
    assert found["query.limit"] == "send a whole number"
    assert found["query.history"] == "send true or false"
    assert found["query.before"].startswith("is too large: give at most")
    for limit, what in (("0", "give at least 1"), ("1001", "give at most 1000"), ("9" * 5000, "")):
        found = faults(service.client.get(f"{ADA}/memories", params={"limit": limit}))
        assert what in found["query.limit"]


def test_a_parameter_that_is_not_known_is_refused_with_those_that_are(service: Running) -> None:
    """A typing error is not taken for a page of a hundred; the key counts first."""
    found = faults(service.client.get(f"{ADA}/memories?limt=5&slot=email"))
    said = "is not known here: leave it out; limit, before, slot, history can be asked for"
    assert found == {"query.limt": said}
    found = faults(service.client.get("/v1/key", params={"x": 1, "y" * 500: 2}))
    none = "is not known here: leave it out; there is nothing to ask for"
    assert found == {"query.x": none, f"query.{'y' * 100}": none}
    body = {"customer": "ada", "message": "hello"}
    assert service.client.post("/v1/chat?stream=true", json=body).status_code == 422
    service.client.headers.pop("Authorization")
    assert service.client.get(f"{ADA}/memories?limt=5").status_code == 401


@pytest.mark.parametrize("slot", ["shoe_size", "Email", "", "order number"])
def test_a_slot_that_is_not_known_is_refused_with_those_that_are(
    service: Running, slot: str
) -> None:
    """A fact in it would be on no card under its name, and a slip of the pen finds nothing."""
    body = {"text": "x", "slot": slot, "value": "44"}
    added = faults(service.client.post(f"{ADA}/memories", json=body))["body.slot"]
    asked = faults(service.client.get(f"{ADA}/memories", params={"slot": slot}))["query.slot"]
    assert added == asked == f"there is no such slot: use one of {', '.join(SLOTS)}"
    document = service.client.get("/openapi.json").json()
    described = str(document["components"]["schemas"]["NewMemory"]["properties"]["slot"])
    assert all(f"'{known}'" in described for known in SLOTS)


def test_a_path_that_is_not_there_says_where_the_paths_are(service: Running) -> None:
    """404 without the framework's two words; where OpenAI's clients may ask, in their form too."""
    document = service.client.get("/v1/nothing", headers={"X-Request-ID": "one"}).json()
    error = document.pop("error")
    assert (error["message"], error["code"]) == (document["detail"], "not-found")
    assert document == {
        "type": "urn:problem:not-found", "title": "Not found", "status": 404,
        "detail": "There is nothing at /v1/nothing: GET /openapi.json lists the routes.",
        "request_id": "one",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"{ADA}/memories", "GET, POST"),
        ("POST", f"{ADA}/memories/m1", "GET, PUT, DELETE"),
        ("PATCH", f"{ADA}/sessions/s1", "GET, DELETE"),
        ("GET", "/v1/chat", "POST"),
        ("POST", "/", "GET"),
    ],
)
def test_a_method_that_is_not_taken_says_which_are(
    service: Running, method: str, path: str, allowed: str
) -> None:
    """All of them, in the detail and in the header that is there for it."""
    answer = service.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"{path} takes {allowed}, not {method}."


def test_numbers_and_times_are_as_the_description_says(service: Running) -> None:
    """3.0 is whole, since JSON has one kind of number; a number is no time, though it may count
    seconds; and the least time above zero is above zero.
    """
    service.chat("hello")
    recall = {"query": "hello", "max_tokens": 9.0}
    assert service.client.post(f"{ADA}/recall", json=recall).status_code == 200
    assert "body.max_tokens" in faults(
        service.client.post(f"{ADA}/recall", json={**recall, "max_tokens": 9.5})
    )
    for given in (4_000_000_000, "4000000000", "2099-01-31"):
        memory = {"text": "x", "expires_at": given}
        found = faults(service.client.post(f"{ADA}/memories", json=memory))
        assert found == {"body.expires_at": "send a time such as 2027-01-31T00:00:00Z"}
    policy = {"policy": {"unrecalled_days": 5e-324}, "dry_run": True}
    assert service.client.post(f"{ADA}/forget", json=policy).status_code == 200


def test_a_name_that_cannot_be_is_called_by_its_field(service: Running) -> None:
    """A body has several."""
    found = faults(service.chat("hello", session="a\tb"))
    assert found["body.session"].startswith("the session name has no control characters")


def test_what_may_be_several_things_is_told_once(service: Running) -> None:
    """At its place in what was sent, by the names that it has there, with all that it may be."""
    found = faults(service.client.post("/v1/embeddings", json={"model": "x", "input": [{"a": 1}]}))
    assert found == {
        "body.input": "send text, in quotes",
        "body.input.0": "send text, in quotes, or send a whole number, without quotes, or send a "
        "list",
    }
    where = {"customer": "ada", "where": {"str": [1]}}
    found = faults(service.client.post("/v1/recommendations", json=where))
    assert [*found] == ["body.where.str"]
    chinese = service.client.post(
        "/v1/recommendations", json=where, headers={"Accept-Language": "zh"}
    ).json()
    assert "，或" in chinese["errors"][0]["what"]
    tools = {"model": "x", "user": "a", "messages": [], "tools": [{"type": "function"}]}
    assert "body.tools.0.function" in faults(
        service.client.post("/v1/chat/completions", json=tools)
    )
