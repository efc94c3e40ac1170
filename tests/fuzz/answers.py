"""What is wrong with an answer beyond what schemathesis looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

from tests.app.test_description import JSONL, SSE, resolved
from tests.fuzz.principals import Asking

# Refusals of what the description allows, and why it does; by check and operation, with what
# the answer says.
_MEANT = [
    # Who asks is in the key: only a customer's own token may leave the customer out.
    ("positive_data_acceptance", "POST /v1/chat", "customer: it is missing"),
    # A conversation is sent, or stored.
    ("positive_data_acceptance", "POST /v1/summaries", "invalid-input"),
    # A cursor is what another answer gave.
    ("positive_data_acceptance", "GET /v1/customers", "after: give the `next`"),
    ("positive_data_acceptance", "GET /v1/customers/{customer}/sessions", "after: give the `next`"),
    # What time it is, and what a memory is by now, no schema says.
    ("positive_data_acceptance", "POST /v1/customers/{customer}/memories", "which is past"),
    ("positive_data_acceptance", "PUT /v1/customers/{customer}/memories/{memory}", "invalid-input"),
    # The text of an article is to be of its format.
    ("positive_data_acceptance", "POST /v1/knowledge", "invalid-input"),
    # Two languages are two; a file is to be of its format, or there is a list in its place.
    *(
        ("positive_data_acceptance", where, "invalid-input")
        for where in (
            "POST /v1/translate",
            "POST /v1/translation-memory",
            "POST /v1/translation-memory/search",
            "GET /v1/translation-memory",
            "GET /v1/translation-memory/export",
        )
    ),
    # A translation says of what language it is one, where nobody can tell.
    (
        "positive_data_acceptance",
        "POST /v1/customers/{customer}/sessions/{session}/replies",
        "invalid-input",
    ),
    # Documents are of an id each, and of the past; here is no classifier to read them.
    ("positive_data_acceptance", "POST /v1/insights/documents", "is there twice"),
    ("positive_data_acceptance", "POST /v1/insights/documents", "no time to come"),
    ("positive_data_acceptance", "POST /v1/events", "no time to come"),
    ("positive_data_acceptance", "POST /v1/insights/documents", "no-classifier"),
    # An item is there once; a table is to be one, of items.
    ("positive_data_acceptance", "POST /v1/items", "two items have the id"),
    ("positive_data_acceptance", "POST /v1/items", "name the product that its variants"),
    ("positive_data_acceptance", "POST /v1/items/import", "invalid-input"),
    # An item may be called "import".
    ("allow_header_conformance", "POST /v1/items/import", "takes GET, POST, DELETE"),
    # OpenAI's clients may send what there is not here: tools, images, tokens, a past of their own.
    ("positive_data_acceptance", "POST /v1/chat/completions", "invalid-request"),
    ("positive_data_acceptance", "POST /v1/chat/completions", "history-unknown"),
    ("positive_data_acceptance", "POST /v1/embeddings", "invalid-request"),
    # How a name looks, no schema says.
    *(
        ("positive_data_acceptance", where, said)
        for where in (
            "POST /v1/chat",
            "POST /v1/chat/completions",
            "POST /v1/customers/{customer}/memories",
            "POST /v1/events",
            "POST /v1/translate",
            "POST /v1/translation-memory",
        )
        for said in ("which looks like", "nothing in it to see")
    ),
    # An article may be called "search": it can be read and deleted.
    ("allow_header_conformance", "POST /v1/knowledge/search", "takes GET, POST, DELETE"),
    # So, as far as the routes go, may a translation.
    ("allow_header_conformance", "POST /v1/translation-memory/search", "takes POST, PUT, DELETE"),
    ("allow_header_conformance", "GET /v1/translation-memory/export", "takes GET, PUT, DELETE"),
]


# Where an agent may do less than the table says: add to a customer's own translations alone.
_NARROWER = {("POST", "/v1/translation-memory", "agent")}


class Answer(NamedTuple):
    """An answer, with what was asked."""

    method: str
    path: str  # as the description calls it
    expected: bool  # whether the description has the method for the path
    carried: str | None
    status: int
    kind: str  # its media type
    text: str


def is_meant(check: str, answer: Answer) -> bool:
    """Whether a check's failure is no fault: the list says why."""
    return any(
        (check, f"{answer.method} {answer.path}") == (meant, where) and said in answer.text
        for meant, where, said in _MEANT
    )


class Answers:
    """Looks at answers by a description."""

    def __init__(self, document: dict[str, Any]) -> None:
        content = document["paths"]
        chat = content["/v1/chat"]["post"]["responses"]["200"]["content"][SSE]
        self._events = {
            shape["properties"]["event"]["const"]: Draft202012Validator(
                resolved(document, shape["properties"]["data"]["contentSchema"])
            )
            for shape in chat["itemSchema"]["oneOf"]
        }
        export = content["/v1/customers/{customer}/export"]["get"]["responses"]["200"]
        self._line = Draft202012Validator(export["content"][JSONL]["itemSchema"])

    def faults(self, asking: Asking, answer: Answer) -> Iterator[str]:
        """What is wrong: who was let in or kept out, and what the body says of itself."""
        yield from self._let_in(asking, answer)
        if answer.status >= 500:
            yield "a server error"
        if answer.kind == "application/problem+json":
            problem = json.loads(answer.text)
            if problem["status"] != answer.status:
                yield f"a problem that says it is a {problem['status']}"
            if not problem["type"].startswith("urn:problem:") or "Traceback" in answer.text:
                yield "a problem that is not ours"
        elif answer.kind == SSE:
            yield from self._stream(answer.text)
        elif answer.kind == JSONL:
            yield from self._lines(answer.text)

    def _let_in(self, asking: Asking, answer: Answer) -> Iterator[str]:
        if not answer.expected or not answer.path.startswith("/v1/"):
            return
        who = asking.who if answer.carried == asking.carries else None
        if who is None:
            # A body that is no JSON is refused before anybody asks whose it is.
            unread = answer.status in (400, 413) or "body: is no JSON" in answer.text
            if answer.status != 401 and not unread:
                yield "nobody was answered"
        elif answer.status == 401:
            yield "somebody was taken for nobody"
        elif (answer.status == 403) is who.may(answer.method, answer.path):
            unread = answer.status in (400, 413) or "body: is no JSON" in answer.text
            narrower = (answer.method, answer.path, who.role) in _NARROWER
            if not unread and not narrower:
                yield "the table of roles was not followed"

    def _stream(self, text: str) -> Iterator[str]:
        names = []
        for event in text.strip().split("\n\n"):
            # Not splitlines, which also parts at separators that only JSON's texts have.
            name, data = (line.split(": ", 1)[1] for line in event.split("\n"))
            names.append(name)
            if not self._events[name].is_valid(json.loads(data)):
                yield f"an event {name} that is not as described"
        if names[-1] not in ("done", "error") or {"done", "error"} & set(names[:-1]):
            yield f"a stream of {names}"

    def _lines(self, text: str) -> Iterator[str]:
        lines = [json.loads(line) for line in text.removesuffix("\n").split("\n")]
        if not all(self._line.is_valid(line) for line in lines):
            yield "a line of an export that is not as described"
        if [lines[0]["kind"], lines[-1]] != ["customer", {"kind": "end", "lines": len(lines) - 2}]:
            yield "an export without its beginning or end"
