"""Support chat in two languages: a Chinese customer and an English agent, by a whole service."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import jwt
import pytest

from app.auth import create_key
from memory.client import MemoryClient
from memory.translations import Pair, Translation, scope_of
from tests.app.conftest import Running
from tests.llm.openai_double import Messages, OpenAIDouble

SECRET = "a secret that signs customers' tokens"
SESSION = "/v1/customers/mei/sessions/s1"
KNOWN = [
    {"source": "我的订单4417-XZ在哪里？", "target": "Where is my order 4417-XZ?"},
    {"source": "谢谢。", "target": "Thank you."},
]
WORDS = {
    "灯坏了。": "The lamp is broken.", "I have sent a new lamp.": "我寄了一盏新灯。",
    "Order 5518-AB comes on Monday.": "星期一到。",
}  # fmt: skip


def translating(messages: Messages) -> str:
    """What a scripted model answers: what it knows of translating; to customers, in Chinese."""
    asked = messages[-1]["content"]
    assert "translate" in messages[0]["content"] or "好" not in asked
    return WORDS.get(asked, "好的。")


@pytest.fixture
def desk(run_service: Callable[..., Running], double: OpenAIDouble) -> Running:
    """A service with a translator, where Mei has written in Chinese and waits for a person."""
    double.reply = translating
    service = run_service(translator=double.url, token_secret=SECRET)
    known = {"source": "zh", "target": "en", "units": KNOWN, "customer": "mei"}
    service.client.post("/v1/translation-memory", json=known).raise_for_status()
    service.chat("我的订单5518-AB在哪里？灯坏了。", customer="mei", session="s1")
    service.client.put(f"{SESSION}/handover").raise_for_status()
    return service


def theirs(service: Running) -> httpx.Client:
    """What the customer asks with."""
    token = jwt.encode({"sub": "mei", "exp": time.time() + 3600}, SECRET, "HS256")
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=service.address, headers=headers, timeout=60)


def test_the_agent_reads_and_writes_english_and_the_customer_chinese(
    desk: Running, double: OpenAIDouble
) -> None:
    """From memory where it is known, else by the translator, once; the agent sees both, the
    customer Chinese alone; what a person corrects is what is known from then on, in that
    customer's own scope.
    """
    agent, _ = create_key(desk.app.state.store, "agent", "default")
    with MemoryClient(desk.address, agent) as client, theirs(desk) as customer:
        (translator,) = client.translators().translators
        assert (translator.name, translator.pairs) == ("double", None)
        read = client.translate_session("mei", "s1", "en")
        assert (read.source, read.next) == ("zh", None)
        assert [(one.role, one.text, one.translation) for one in read.messages] == [
            (role, "我的订单5518-AB在哪里？灯坏了。",
             "Where is my order 5518-AB? The lamp is broken.")
            for role in ("human", "ai")  # the fake model repeats the message
        ]  # fmt: skip
        asked = len(double.requests)
        assert client.translate_session("mei", "s1", "en-GB") == read.model_copy(
            update={"target": "en-gb"}
        )
        assert len(double.requests) == asked
        sent = client.reply("mei", "s1", "I have sent a new lamp.", source="en")
        assert (sent.text, sent.original and sent.original.text) == (
            "我寄了一盏新灯。", "I have sent a new lamp.",
        )  # fmt: skip
        corrected = client.reply(
            "mei", "s1", "I have sent a new lamp. Thank you.", source="en", target="zh",
            translation="我已寄出新灯。谢谢。",
        )  # fmt: skip
        assert corrected.text == "我已寄出新灯。谢谢。"
        assert client.translate("I have sent a new lamp.", "en", "zh", customer="mei").translation \
            == "我已寄出新灯。"  # fmt: skip
        own = client.translations(customer="mei").translations
        assert [one.source for one in own if one.origin == "person" and one.seq > 9] == [
            "I have sent a new lamp."
        ]
        mine = client.messages("mei", "s1").messages
        assert [one.original.text if one.original else None for one in mine] == [
            None, None, "I have sent a new lamp.", "I have sent a new lamp. Thank you.",
        ]  # fmt: skip
        again = client.translate_session("mei", "s1", "en", limit=1)
        assert again.messages[0].translation == "I have sent a new lamp. Thank you."
        assert (
            client.translate_session("mei", "s1", "en", before=again.next).messages[0].translation
        )
        seen = customer.get(f"{SESSION}/messages").raise_for_status()
        assert "lamp" not in seen.text
        assert [one["text"] for one in seen.json()["messages"][2:]] == [
            "我寄了一盏新灯。", "我已寄出新灯。谢谢。",
        ]  # fmt: skip
        for method, path, body in (
            ("POST", f"{SESSION}/translations", {"target": "en"}),
            ("POST", f"{SESSION}/replies", {"text": "x"}),
            ("GET", "/v1/translate", None),
        ):
            assert customer.request(method, path, json=body).status_code == 403
    prompt = desk.client.post(
        "/v1/prompt", json={"customer": "mei", "session": "s1", "message": "灯"}
    )
    assert "我已寄出新灯" in prompt.text
    assert "lamp" not in prompt.text


def test_what_is_not_to_be_sent_unseen_is_refused(desk: Running) -> None:
    """Where a number is lost, nobody knows the language, or no person has the session."""
    client = desk.client
    body = {"text": "Order 5518-AB comes on Monday.", "source": "en"}
    unsure = client.post(f"{SESSION}/replies", json=body)
    assert (unsure.status_code, unsure.json()["type"]) == (409, "urn:problem:translation-unsure")
    assert "5518-ab" in unsure.json()["detail"]
    told = client.post(f"{SESSION}/replies", json={"text": "x", "translation": "y"})
    assert (told.status_code, "source" in told.json()["detail"]) == (422, True)
    desk.chat("4417-XZ", customer="li", session="s1")
    path = "/v1/customers/li/sessions/s1"
    assert client.post(f"{path}/replies", json=body).json()["type"] == "urn:problem:not-handed-over"
    client.put(f"{path}/handover").raise_for_status()
    unknown = client.post(f"{path}/replies", json=body)
    assert (unknown.status_code, "`target`" in unknown.json()["detail"]) == (422, True)
    read = client.post(f"{path}/translations", json={"target": "en"}).json()
    assert (read["source"], read["messages"][0]["translation"]) == (None, None)
    given = client.post(f"{path}/translations", json={"target": "en", "source": "zh"}).json()
    assert given["source"] == "zh"
    gone = client.post("/v1/customers/li/sessions/none/translations", json={"target": "en"})
    assert gone.status_code == 404
    assert client.get(f"{SESSION}/messages").json()["messages"][-1]["by_person"] is False


def test_a_language_that_is_not_the_text_s_is_not_believed(desk: Running) -> None:
    """It is said which it seems to be, nothing is sent unseen, and nothing of it is remembered."""
    client, german = desk.client, "Ich habe Ihnen heute eine neue Lampe geschickt, danke."
    body = {"text": german, "source": "en", "target": "zh"}
    made = client.post("/v1/translate", json={**body, "customer": "mei"}).json()
    assert (made["source"], made["looks_like"]) == ("en", "de")
    refused = client.post(f"{SESSION}/replies", json=body)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem:translation-unsure")
    assert "in de, and not in en: give that as `source`" in refused.json()["detail"]
    sent = client.post(f"{SESSION}/replies", json={**body, "translation": "我寄了灯。"})
    assert (sent.status_code, sent.json()["text"]) == (201, "我寄了灯。")
    assert "Lampe" not in client.get("/v1/translation-memory?customer=mei").text
    for fine in ({**body, "source": "de"}, {**body, "text": "LAMP-X 4417, okay?"}):
        assert client.post("/v1/translate", json=fine).json()["looks_like"] is None
    chinese = {"text": "我的灯坏了，请帮我。", "source": "en", "target": "de"}
    assert client.post("/v1/translate", json=chinese).json()["looks_like"] == "zh"


def test_a_slip_of_the_hand_is_not_sent_again_by_itself(desk: Running) -> None:
    """What a person typed goes out, also without a number of theirs; it is not remembered. What is
    remembered without one, say by an import, is no more sent unseen than what a translator makes.
    """
    asked = {"text": "Pay 33 euros.", "source": "en", "target": "zh"}
    typed = {**asked, "translation": "请支付44欧元。"}
    assert desk.client.post(f"{SESSION}/replies", json=typed).status_code == 201
    known = "/v1/translation-memory?customer=mei"
    assert "Pay 33" not in desk.client.get(known).text
    unit = {"source": "Pay 33 euros.", "target": "请支付44欧元。"}
    body = {"source": "en", "target": "zh", "customer": "mei", "units": [unit]}
    desk.client.post("/v1/translation-memory", json=body).raise_for_status()
    found = desk.client.post("/v1/translate", json={**asked, "customer": "mei"}).json()
    assert [(one["origin"], one["missing"]) for one in found["segments"]] == [("memory", ["33"])]
    refused = desk.client.post(f"{SESSION}/replies", json=asked)
    assert refused.status_code == 409
    assert "lacks 33" in refused.json()["detail"]


def test_without_a_translator_it_says_what_to_set(service: Running) -> None:
    """Nothing is offered; a translation that a person has made needs none."""
    service.chat("我的灯坏了。", customer="mei", session="s1")
    service.client.put(f"{SESSION}/handover").raise_for_status()
    assert service.client.get("/v1/translate").json() == {"translators": []}
    for path, body in (
        ("translations", {"target": "en"}),
        ("replies", {"text": "x y", "source": "en"}),
    ):
        answer = service.client.post(f"{SESSION}/{path}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:no-translator")
        assert "MEMORY_SERVICE_TRANSLATOR" in answer.json()["detail"]
    sent = {"text": "I come.", "source": "en", "translation": "我来。"}
    assert service.client.post(f"{SESSION}/replies", json=sent).json()["text"] == "我来。"


def test_what_was_translated_goes_with_the_session_and_the_customer(desk: Running) -> None:
    """Less what was imported, which is of no session; nobody else's is found, or deleted."""
    client = desk.client
    client.post(f"{SESSION}/translations", json={"target": "en"}).raise_for_status()
    said = {"text": "I have sent a new lamp.", "source": "en"}
    client.post(f"{SESSION}/replies", json=said).raise_for_status()
    desk.chat("灯坏了。", customer="li", session="s1")
    client.post("/v1/customers/li/sessions/s1/translations", json={"target": "en"})

    def known(customer: str) -> list[str]:
        query = {"customer": customer}
        found = client.get("/v1/translation-memory", params=query).json()["translations"]
        return sorted(one["source"] for one in found)

    imported = sorted(one["source"] for one in KNOWN)
    assert known("mei") == sorted([*imported, "灯坏了。", "I have sent a new lamp."])
    deleted = client.delete(SESSION).json()["deleted"]
    assert deleted["translations"] == 2
    assert known("mei") == imported
    assert known("li") == ["灯坏了。"]
    client.delete("/v1/customers/mei").raise_for_status()
    assert client.get("/v1/translation-memory", params={"customer": "mei"}).status_code == 404
    assert known("li") == ["灯坏了。"]


def test_agents_add_and_correct_what_is_their_customers(service: Running) -> None:
    """What all customers share is an admin's to add to; a service's key only looks."""
    store = service.app.state.store
    pair = {"source": "en", "target": "pt"}
    units = {**pair, "units": [{"source": "Thank you.", "target": "Obrigado."}]}
    for role, own, shared in (("admin", 200, 200), ("agent", 200, 403), ("service", 403, 403)):
        key, _ = create_key(store, role, "default")
        headers = {"Authorization": f"Bearer {key}"}
        path = "/v1/translation-memory"
        mine = service.client.post(path, json={**units, "customer": "ada"}, headers=headers)
        all_ = service.client.post(path, json=units, headers=headers)
        assert (mine.status_code, all_.status_code) == (own, shared), role
        if role == "agent":
            assert "`customer`" in all_.json()["detail"]
        (unit,) = service.client.get(path, params={"customer": "ada"}).json()["translations"]
        body = {"target": f"Obrigado por {role}.", "customer": "ada"}
        put = service.client.put(f"{path}/{unit['id']}", json=body, headers=headers)
        assert put.status_code == own, role


def test_the_language_is_told_where_none_is_given(service: Running) -> None:
    """Of a text alone; where it is that which is wanted there is nothing to translate."""
    ask = service.client.post
    same = ask("/v1/translate", json={"text": "Where is my order?", "target": "en"}).json()
    assert (same["source"], same["translation"]) == ("en", "Where is my order?")
    german = ask("/v1/translate", json={"text": "Wo ist meine Bestellung?", "target": "en"}).json()
    assert (german["source"], german["complete"]) == ("de", False)
    none = ask("/v1/translate", json={"text": "4417-XZ", "target": "en"})
    assert (none.status_code, "`source`" in none.json()["detail"]) == (422, True)


def test_vectors_that_a_process_left_to_be_made_are_made_by_the_next(
    run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """When it starts, before anybody looks for what is close."""
    first = run_service(data_dir=tmp_path)
    known = [Translation(Pair("en", "pt"), "the blue lamp", "a lâmpada azul")]
    first.app.state.store.translations.put(scope_of("default", None), known)
    assert first.app.state.store.translations.waiting() == [scope_of("default", None)]
    second = run_service(data_dir=tmp_path)
    second.settle()
    assert second.app.state.store.translations.waiting() == []
