"""What a service can be asked for: each request, and how its answer is read.

Nothing is sent here; a customer's, a session's or an article's name goes into a path only if it is
one, encoded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

import memory.client.results as results
from memory.articles import SOURCE_LIMIT
from memory.card import Card
from memory.client.errors import Unreadable
from memory.forgetting import Policy
from memory.types import NAME_LIMIT, check_name

T = TypeVar("T")
Format = Literal["markdown", "text", "html", "csv", "jsonl"]
_CARD = TypeAdapter(Card)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request.

    Attributes:
        method: of HTTP.
        path: on the service.
        reader: makes the answer of its bytes; ``ValueError`` if it cannot.
        query: of the URL; None is left out.
        body: as JSON.
        again: whether a service that is asked twice has done, and answers, the same.
    """

    method: str
    path: str
    reader: Callable[[bytes], T]
    query: Mapping[str, str | int | None] | None = None
    body: Mapping[str, Any] | None = None
    again: bool = True

    def read(self, body: bytes) -> T:
        """What was answered.

        Raises:
            Unreadable: it is no answer of the service's.
        """
        try:
            return self.reader(body)
        except (ValidationError, ValueError) as error:
            msg = (
                f"{self.method} {self.path}: what answers does not speak as the service does; is "
                f"the address right, and the client as new as the service? {error}"
            )
            raise Unreadable(msg) from error


def chat(
    customer: str | None,
    message: str,
    *,
    session: str = "default",
    idempotency_key: str | None = None,
) -> Call[results.ChatAnswer]:
    """Say something as a customer, and get the answer.

    Args:
        customer: who says it; None with the customer's own token.
        message: what.
        session: in which conversation.
        idempotency_key: the same key with the same message never makes a second turn; one is made
            if none is given, so that a retry makes none either.
    """
    body = _said(customer, message, session, idempotency_key)
    return Call("POST", "/v1/chat", results.ChatAnswer.model_validate_json, body=body)


def stream(
    customer: str | None,
    message: str,
    *,
    session: str = "default",
    idempotency_key: str | None = None,
) -> Call[results.ChatAnswer]:
    """Say something as a customer, and get the answer as it comes.

    First ``Given``, then each ``Token``, at last the ``ChatAnswer``. What was cut off is asked for
    again by its key: it goes on where it was, or, if it comes in other words, after
    ``Restarted``. Leaving the loop, and closing, stops the answer; what was said is stored.

    Args:
        customer: who says it; None with the customer's own token.
        message: what.
        session: in which conversation.
        idempotency_key: as of ``chat``.
    """
    body = {**_said(customer, message, session, idempotency_key), "stream": True}
    return Call("POST", "/v1/chat", results.ChatAnswer.model_validate_json, body=body)


def prompt(customer: str, message: str, *, session: str = "default") -> Call[results.Prompt]:
    """Lay out the prompt for a message; no model is asked and nothing is stored."""
    body = {"customer": customer, "session": session, "message": message}
    return Call("POST", "/v1/prompt", results.Prompt.model_validate_json, body=body)


def summarize(
    conversation: Sequence[tuple[Literal["human", "ai"], str]] | None = None,
    *,
    customer: str | None = None,
    session: str | None = None,
    how: Literal["extractive", "model", "both"] = "extractive",
    max_tokens: int = 120,
) -> Call[results.Summaries]:
    """Summarise a conversation; nothing is stored.

    Args:
        conversation: what was said, oldest first: who said it, and what.
        customer: whose stored conversation it is, in its place.
        session: which of the customer's; the one that is called "default", if None.
        how: in sentences that were said, in the model's words, or both.
        max_tokens: of each summary, to 1000.
    """
    said = None
    if conversation is not None:
        said = [{"role": role, "text": text} for role, text in conversation]
    given = {"messages": said, "customer": customer, "session": session}
    body = _without_none({**given, "how": how, "max_tokens": max_tokens})
    return Call("POST", "/v1/summaries", results.Summaries.model_validate_json, body=body)


def answer(
    question: str,
    *,
    customer: str | None = None,
    how: Literal["extractive", "model"] = "extractive",
    max_tokens: int = 150,
) -> Call[results.Answer]:
    """Answer a question from what is stored, with citations, or say that it is not known.

    Args:
        question: what is asked.
        customer: in whose memory to look, beside the articles.
        how: by the sentence that says most, or in the model's words, if these hold.
        max_tokens: of the model's answer, to 1000.
    """
    given = {"customer": customer, "question": question, "how": how, "max_tokens": max_tokens}
    body = _without_none(given)
    return Call("POST", "/v1/answers", results.Answer.model_validate_json, body=body)


def customers(
    *, name: str | None = None, limit: int = 100, after: str | None = None
) -> Call[results.CustomerPage]:
    """The customers who have sessions, the last heard first.

    Args:
        name: only those with a name like it.
        limit: of the page, to 1000.
        after: the ``next`` of the page before.
    """
    query = {"name": name, "limit": limit, "after": after}
    return Call("GET", "/v1/customers", results.CustomerPage.model_validate_json, query)


def sessions(customer: str) -> Call[results.SessionList]:
    """A customer's sessions, the last used first."""
    return Call("GET", _of(customer, "sessions"), results.SessionList.model_validate_json)


def session(customer: str, session: str) -> Call[results.SessionDetail]:
    """One session with its summary and the customer's mood in it."""
    return Call("GET", _session(customer, session), results.SessionDetail.model_validate_json)


def messages(
    customer: str, session: str, *, limit: int = 100, before: int | None = None
) -> Call[results.MessagePage]:
    """A session's last messages, oldest first; ``before`` is a page's ``next``."""
    path = f"{_session(customer, session)}/messages"
    query = {"limit": limit, "before": before}
    return Call("GET", path, results.MessagePage.model_validate_json, query)


def rate(
    customer: str, session: str, rating: Literal["good", "bad"] | None
) -> Call[results.Rating]:
    """Say how well the agent did in a session; None takes it back."""
    path = f"{_session(customer, session)}/rating"
    return Call("PUT", path, results.Rating.model_validate_json, body={"rating": rating})


def rate_answer(
    customer: str, turn: str, rating: Literal["good", "bad"] | None
) -> Call[results.Rating]:
    """Say how good the answer of a turn was; None takes it back."""
    path = _of(customer, f"turns/{_named('turn', turn)}/rating")
    return Call("PUT", path, results.Rating.model_validate_json, body={"rating": rating})


def hand_over(customer: str, session: str) -> Call[results.Handover]:
    """Let a person answer in a session from now on; what the customer says waits for one."""
    path = f"{_session(customer, session)}/handover"
    return Call("PUT", path, results.Handover.model_validate_json)


def give_back(customer: str, session: str) -> Call[results.Session]:
    """Let the model answer in a session again."""
    path = f"{_session(customer, session)}/handover"
    return Call("DELETE", path, results.Session.model_validate_json)


def reply(customer: str, session: str, text: str) -> Call[results.Message]:
    """Answer a customer as a person, in a session that was handed over."""
    path = f"{_session(customer, session)}/replies"
    body = {"text": text}
    return Call("POST", path, results.Message.model_validate_json, body=body, again=False)


def delete_session(customer: str, session: str) -> Call[results.Deleted]:
    """Delete a session with its records, vectors and summaries."""
    path = _session(customer, session)
    return Call("DELETE", path, results.Deleted.model_validate_json, again=False)


def memories(
    customer: str,
    *,
    slot: str | None = None,
    history: bool = False,
    limit: int = 100,
    before: int | None = None,
) -> Call[results.MemoryPage]:
    """What is remembered of a customer, newest first.

    Args:
        customer: of whom.
        slot: only the facts of one kind, such as "order_number".
        history: also what has been replaced.
        limit: of the page, to 1000.
        before: the ``next`` of the page before.
    """
    query = {"limit": limit, "before": before, "slot": slot, "history": _word(history)}
    return Call("GET", _of(customer, "memories"), results.MemoryPage.model_validate_json, query)


def memory(customer: str, memory: str) -> Call[results.Memory]:
    """One memory by its id, also one that has been replaced."""
    return Call("GET", _memory(customer, memory), results.Memory.model_validate_json)


def add_memory(
    customer: str,
    text: str,
    *,
    slot: str | None = None,
    value: str | None = None,
    pinned: bool | None = None,
    expires_at: datetime | None = None,
) -> Call[results.Memory]:
    """Add a memory by hand; with a ``slot`` and a ``value`` it is a fact.

    A time without a zone is local.
    """
    given = {"text": text, "slot": slot, "value": value, "pinned": pinned}
    body = _without_none({**given, "expires_at": _stamp(expires_at)})
    path = _of(customer, "memories")
    return Call("POST", path, results.Memory.model_validate_json, body=body, again=False)


def change_memory(
    customer: str,
    memory: str,
    *,
    text: str | None = None,
    value: str | None = None,
    pinned: bool | None = None,
    expires_at: datetime | Literal["never"] | None = None,
) -> Call[results.Memory]:
    """Correct, pin or date a memory; what is None stays as it is.

    Another text or value is a correction: no later prompt shows the old, wherever it stood.
    """
    body: dict[str, Any] = _without_none({"text": text, "value": value, "pinned": pinned})
    if expires_at is not None:
        body["expires_at"] = None if expires_at == "never" else _stamp(expires_at)
    path = _memory(customer, memory)
    return Call("PUT", path, results.Memory.model_validate_json, body=body)


def forget_memory(customer: str, memory: str) -> Call[results.DeletedMemory]:
    """Forget a memory, with all that says the same: no later prompt shows it."""
    path = _memory(customer, memory)
    return Call("DELETE", path, results.DeletedMemory.model_validate_json, again=False)


def forget(
    customer: str, policy: Policy | None = None, *, dry_run: bool = False
) -> Call[results.ForgetAnswer]:
    """Forget by policy, the service's own if none is given; a dry run says what would go."""
    limits: dict[str, Any] | None = None
    if policy is not None:
        limits = {
            "max_age_days": _days(policy.max_age),
            "unrecalled_days": _days(policy.unrecalled_for),
            "max_records": policy.max_records,
        }
    body = {"policy": limits, "dry_run": dry_run}
    path = _of(customer, "forget")
    return Call("POST", path, results.ForgetAnswer.model_validate_json, body=body, again=dry_run)


def card(customer: str) -> Call[Card]:
    """A customer at a glance: facts, open problem, promises, last session, with sources."""
    return Call("GET", _of(customer, "card"), _CARD.validate_json)


def recall(customer: str, query: str, *, max_tokens: int = 1000) -> Call[results.RecallAnswer]:
    """What bears on a query in a customer's memory, best first."""
    body = {"query": query, "max_tokens": max_tokens}
    path = _of(customer, "recall")
    return Call("POST", path, results.RecallAnswer.model_validate_json, body=body)


def export(customer: str) -> Call[bytes]:
    """Everything held about a customer, as the lines that ``memory-service import`` takes."""
    return Call("GET", _of(customer, "export"), _whole)


def erase(customer: str) -> Call[results.Erased]:
    """Erase everything about a customer, also in the database's files; the receipt stays."""
    return Call("DELETE", _of(customer), results.Erased.model_validate_json, again=False)


def articles(*, limit: int = 100, before: int | None = None) -> Call[results.ArticlePage]:
    """The articles in force, the last added first; ``before`` is a page's ``next``."""
    query = {"limit": limit, "before": before}
    return Call("GET", "/v1/knowledge", results.ArticlePage.model_validate_json, query)


def article(source: str) -> Call[results.ArticleDetail]:
    """One article: what it says, and when its versions came."""
    return Call("GET", _article(source), results.ArticleDetail.model_validate_json)


def put_article(
    source: str,
    text: str,
    *,
    title: str | None = None,
    format: Format = "markdown",  # noqa: A002 - as the API calls it
) -> Call[results.Article]:
    """Add an article, or its next version; with the same content as before it stays as it is."""
    body = {"source": source, "title": title, "text": text, "format": format}
    return Call("POST", "/v1/knowledge", results.Article.model_validate_json, body=body)


def delete_article(source: str) -> Call[results.Deleted]:
    """Delete an article with all its versions; no later prompt shows it."""
    return Call("DELETE", _article(source), results.Deleted.model_validate_json, again=False)


def search(
    query: str, *, limit: int = 5, sources: Sequence[str] | None = None, about: str = ""
) -> Call[results.KnowledgeAnswer]:
    """The passages of articles that bear on a question, best first.

    Args:
        query: the question.
        limit: how many at most.
        sources: only in these articles.
        about: what was said before, which may name what it is about.
    """
    among = None if sources is None else list(sources)
    body = {"query": query, "limit": limit, "sources": among, "about": about}
    path = "/v1/knowledge/search"
    return Call("POST", path, results.KnowledgeAnswer.model_validate_json, body=body)


def key() -> Call[results.Key]:
    """Whom the key lets in: for which tenant, in which role."""
    return Call("GET", "/v1/key", results.Key.model_validate_json)


def model() -> Call[results.ServedModel]:
    """The model that answers."""
    return Call("GET", "/v1/models", _served)


def adapters() -> Call[results.Adapters]:
    """The tuned adapters with their figures, and which of them answers."""
    return Call("GET", "/v1/admin/models", results.Adapters.model_validate_json)


def promote(adapter: str) -> Call[results.Adapters]:
    """Answer with an adapter from now on, if it beats the one in service."""
    path = f"/v1/admin/models/{_named('adapter', adapter)}/promote"
    return Call("POST", path, results.Adapters.model_validate_json)


def rollback() -> Call[results.RolledBack]:
    """Answer again with what was in service before."""
    path = "/v1/admin/models/rollback"
    return Call("POST", path, results.RolledBack.model_validate_json, again=False)


def _said(
    customer: str | None, message: str, session: str, idempotency_key: str | None
) -> dict[str, Any]:
    key = uuid4().hex if idempotency_key is None else idempotency_key
    given = {"session": session, "message": message, "idempotency_key": key}
    return given if customer is None else {"customer": customer, **given}


def _of(customer: str, what: str = "") -> str:
    path = f"/v1/customers/{_named('customer', customer)}"
    return f"{path}/{what}" if what else path


def _session(customer: str, session: str) -> str:
    return _of(customer, f"sessions/{_named('session', session)}")


def _memory(customer: str, memory: str) -> str:
    return _of(customer, f"memories/{_named('memory', memory)}")


def _article(source: str) -> str:
    return f"/v1/knowledge/{_named('source', source, SOURCE_LIMIT)}"


def _named(kind: str, name: str, limit: int = NAME_LIMIT) -> str:
    """A name in a path. "." and ".." are refused: they would make it the path of something else."""
    return quote(check_name(kind, name, limit), safe="")


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _word(truth: bool) -> str:
    return "true" if truth else "false"


def _days(span: timedelta | None) -> float | None:
    return None if span is None else span / _DAY


def _whole(body: bytes) -> bytes:
    """An export, if it has its last line, which says how many stand before it."""
    *lines, last = body.rstrip(b"\n").split(b"\n")
    end = json.loads(last)
    if not isinstance(end, dict) or end.get("kind") != "end" or end.get("lines") != len(lines) - 1:
        msg = "the export was cut off"
        raise ValueError(msg)
    return body


def _served(body: bytes) -> results.ServedModel:
    found = results.ServedModels.model_validate_json(body).data
    if not found:
        msg = "no model is named"
        raise ValueError(msg)
    return found[0]
