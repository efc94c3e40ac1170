"""/v1/knowledge: articles over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.conftest import Running

RETURNS = {"source": "returns.md", "text": "# Returns\n\nLamps can be sent back within 30 days."}


def put(service: Running, **given: Any) -> dict[str, Any]:
    """Add an article."""
    answer = service.client.post("/v1/knowledge", json={**RETURNS, **given})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_article_with_its_versions(service: Running) -> None:
    """Added, changed, read, found and deleted; its source may be an address."""
    source = "https://shop.example/returns?lang=en"
    assert put(service, source=source)["version"] == 1
    assert put(service, source=source)["version"] == 1
    changed = put(service, source=source, text="Lamps cannot be sent back.", title="No returns")
    assert (changed["version"], changed["title"], changed["passages"]) == (2, "No returns", 1)
    path = "/v1/knowledge/https%3A%2F%2Fshop.example%2Freturns%3Flang%3Den"
    one = service.client.get(path).json()
    assert one["text"] == ["Lamps cannot be sent back."]
    assert [(v["version"], v["replaced_at"] is None) for v in one["versions"]] == [
        (2, True),
        (1, False),
    ]
    asked = {"query": "Can I send a lamp back?"}
    (found,) = service.client.post("/v1/knowledge/search", json=asked).json()["found"]
    assert (found["source"], found["text"]) == (source, "Lamps cannot be sent back.")
    assert service.client.delete(path).json() == {"deleted": {"articles": 2, "records": 1}}
    assert service.client.get(path).json()["type"] == "urn:problem:no-such-article"
    assert service.client.delete(path).status_code == 404
    assert service.client.post("/v1/knowledge/search", json=asked).json() == {"found": []}


def test_articles_are_listed_by_the_page(service: Running) -> None:
    """The last added first; ``next`` gives the page after."""
    for n in range(5):
        put(service, source=f"a{n}")
    listed, after = [], ""
    for _ in range(3):
        page = service.client.get(f"/v1/knowledge?limit=2{after}").json()
        listed.append([a["source"] for a in page["articles"]])
        after = f"&before={page['next']}"
    assert listed == [["a4", "a3"], ["a2", "a1"], ["a0"]]
    assert page["next"] is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"source": ""}, "source"),
        ({"source": "x" * 401}, "source"),
        ({"source": "a\x1fb"}, "control characters"),
        ({"text": ""}, "text"),
        ({"text": "<p> </p>", "format": "html"}, "has no text"),
        ({"text": "question,answer\nx", "format": "csv"}, "line 2 has 1 cells"),
        ({"format": "pdf"}, "format"),
        ({"title": "t" * 301}, "title"),
    ],
)
def test_what_is_no_article_is_refused(service: Running, given: Any, said: str) -> None:
    """With a problem document, and nothing is stored."""
    answer = service.client.post("/v1/knowledge", json={**RETURNS, **given})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert service.client.get("/v1/knowledge").json()["articles"] == []


def test_no_customer_reaches_the_scope_of_knowledge(service: Running) -> None:
    """Its name is refused wherever a customer is named."""
    put(service)
    name = "\x1fknowledge"
    said = {"customer": name, "message": "hello"}
    answers = [
        service.client.post("/v1/chat", json=said),
        service.client.post("/v1/prompt", json=said),
        service.client.get("/v1/customers/%1Fknowledge/memories"),
        service.client.delete("/v1/customers/%1Fknowledge"),
        service.client.post("/v1/customers/%1Fknowledge/forget", json={}),
    ]
    assert [a.status_code for a in answers] == [422] * 5
    assert len(service.client.get("/v1/knowledge").json()["articles"]) == 1
