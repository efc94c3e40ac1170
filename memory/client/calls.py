"""What a service can be asked for of conversations, customers and models. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import uuid4

import memory.client.results as results
from memory.client.call import Call, named, of_customer, of_session, without_none


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
    body = without_none({**given, "how": how, "max_tokens": max_tokens})
    return Call("POST", "/v1/summaries", results.Summaries.model_validate_json, body=body)


def answer(
    question: str,
    *,
    customer: str | None = None,
    how: Literal["extractive", "model"] = "extractive",
    max_tokens: int = 150,
    min_confidence: float = 0.5,
) -> Call[results.Answer]:
    """Answer a question from what is stored, with citations, or say that it is not known.

    Args:
        question: what is asked.
        customer: in whose memory to look, beside the articles.
        how: by the sentence that says most, or in the model's words, if these hold.
        max_tokens: of the model's answer, to 1000.
        min_confidence: 0 to 1; what is less sure is not known.
    """
    given = {
        "customer": customer, "question": question, "how": how, "max_tokens": max_tokens,
        "min_confidence": min_confidence,
    }  # fmt: skip
    body = without_none(given)
    return Call("POST", "/v1/answers", results.Answer.model_validate_json, body=body)


def customers(
    *, name: str | None = None, limit: int = 100, after: str | None = None
) -> Call[results.CustomerPage]:
    """The customers who said or did something, the last heard first.

    Args:
        name: only those with a name like it.
        limit: of the page, to 1000.
        after: the ``next`` of the page before.
    """
    query = {"name": name, "limit": limit, "after": after}
    return Call("GET", "/v1/customers", results.CustomerPage.model_validate_json, query)


def queue(*, limit: int = 50) -> Call[results.Queue]:
    """The sessions that wait for a person, who has waited longest first.

    Args:
        limit: of the list, to 200.
    """
    return Call("GET", "/v1/queue", results.Queue.model_validate_json, {"limit": limit})


def sessions(
    customer: str, *, limit: int | None = None, after: str | None = None, may_be_new: bool = False
) -> Call[results.SessionList]:
    """A customer's sessions, the last used first.

    Args:
        customer: whose.
        limit: of the page, to 1000; None: all of them.
        after: the ``next`` of the page before.
        may_be_new: a customer of whom nothing is stored has none, which is no problem then.
    """
    path = of_customer(customer, "sessions")
    query = {"limit": limit, "after": after, "may_be_new": may_be_new}
    return Call("GET", path, results.SessionList.model_validate_json, query)


def session(customer: str, session: str) -> Call[results.SessionDetail]:
    """One session with its summary and the customer's mood in it."""
    return Call("GET", of_session(customer, session), results.SessionDetail.model_validate_json)


def messages(
    customer: str, session: str, *, limit: int = 100, before: int | None = None
) -> Call[results.MessagePage]:
    """A session's last messages, oldest first; ``before`` is a page's ``next``."""
    path = f"{of_session(customer, session)}/messages"
    query = {"limit": limit, "before": before}
    return Call("GET", path, results.MessagePage.model_validate_json, query)


def rate(
    customer: str, session: str, rating: Literal["good", "bad"] | None
) -> Call[results.Rating]:
    """Say how well the agent did in a session; None takes it back."""
    path = f"{of_session(customer, session)}/rating"
    return Call("PUT", path, results.Rating.model_validate_json, body={"rating": rating})


def rate_answer(
    customer: str, turn: str, rating: Literal["good", "bad"] | None
) -> Call[results.Rating]:
    """Say how good the answer of a turn was; None takes it back."""
    path = of_customer(customer, f"turns/{named('turn', turn)}/rating")
    return Call("PUT", path, results.Rating.model_validate_json, body={"rating": rating})


def hand_over(customer: str, session: str) -> Call[results.Handover]:
    """Let a person answer in a session from now on; what the customer says waits for one."""
    path = f"{of_session(customer, session)}/handover"
    return Call("PUT", path, results.Handover.model_validate_json)


def give_back(customer: str, session: str) -> Call[results.Session]:
    """Let the model answer in a session again."""
    path = f"{of_session(customer, session)}/handover"
    return Call("DELETE", path, results.Session.model_validate_json)


def reply(
    customer: str,
    session: str,
    text: str,
    *,
    source: str | None = None,
    target: str | None = None,
    translation: str | None = None,
) -> Call[results.Message]:
    """Answer a customer as a person, in a session that was handed over.

    Args:
        customer: who.
        session: which.
        text: what the person wrote.
        source: in which language, where the customer is to read a translation; None: ``text``.
        target: the customer's language; None: told from what they say.
        translation: what the customer is to read, where a person has seen it.
    """
    path = f"{of_session(customer, session)}/replies"
    body = {"text": text, "source": source, "target": target, "translation": translation}
    return Call("POST", path, results.Message.model_validate_json, body=body, again=False)


def delete_session(customer: str, session: str) -> Call[results.Deleted]:
    """Delete a session with its records, vectors and summaries."""
    path = of_session(customer, session)
    return Call("DELETE", path, results.Deleted.model_validate_json, again=False)


def key() -> Call[results.Key]:
    """Whom the key lets in: for which tenant, in which role."""
    return Call("GET", "/v1/key", results.Key.model_validate_json)


def _said(
    customer: str | None, message: str, session: str, idempotency_key: str | None
) -> dict[str, Any]:
    key = uuid4().hex if idempotency_key is None else idempotency_key
    given = {"session": session, "message": message, "idempotency_key": key}
    return given if customer is None else {"customer": customer, **given}
