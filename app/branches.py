"""The session in which a client's own history of a conversation goes on.

What the client sends of the past is found in the customer's sessions. Where it ends as a session
does, the turn goes on there. Where the session has gone on otherwise, since a message was edited
or an answer asked for again, the turn begins a branch: a session of its own, in which a copy of
what both share stands. What is nowhere is stored once, as messages of the past.

A session that was handed over to a person goes on whatever the client has of it: the client may
not know what the person said, and nothing else is to answer meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from app.problems import Problem
from memory import NAME_LIMIT, ConversationMemory, Scope
from memory.alignment import Alignment, align, chain, mark
from memory.clock import now
from memory.database import new_id
from memory.lookalikes import plain

_SESSIONS = 10  # the last used, that are looked through
_LINES = 1000  # of each, from its end
_MOST = 1000  # messages of a history
_CLASSES: dict[str, type[BaseMessage]] = {"human": HumanMessage, "ai": AIMessage}
_BRANCH = "~"  # parts a branch's name from that of the session that it is of


class Past(NamedTuple):
    """A message of a client's history; its role is LangChain's, ``human`` or ``ai``."""

    role: str
    text: str


class Place(NamedTuple):
    """Where a turn goes on, the question as it stands there, and the turn's idempotency key."""

    session: str
    question: str
    key: str | None


def place(
    memory: ConversationMemory,
    history: Sequence[Past],
    question: str,
    key: str | None,
    *,
    named: bool,
    trusted: bool,
    resumes: bool = False,
) -> Place:
    """Find, or make, the session in which a history goes on.

    Args:
        memory: of the session that the client names, or else of the default one.
        history: what was said before, as the client has it, the oldest first.
        question: what is said now.
        key: the client's own idempotency key, if it gave one.
        named: whether the client has named the session; then no other than that one and its
            branches is looked at.
        trusted: whether the client may say what was said elsewhere, by an agent too.
        resumes: whether the client brings results of tools: then a turn that has no complete
            answer is taken up again where the session ends with it.

    Raises:
        Problem: the history is too long, or has what a client that is not trusted made up.
    """
    scope = memory.scope
    if not history:
        again = _unanswered(memory, scope.session, question) if resumes else None
        return again or Place(scope.session, question, key)
    if len(history) > _MOST:
        detail = f"messages: there are {len(history)}; send at most the last {_MOST}."
        raise Problem(400, "history-too-long", "History too long", detail)
    hashes = chain(marks := [mark(*one) for one in history])
    session, found, handed_over = _nearest(memory, marks, named=named)
    if handed_over:
        return Place(session, question, key or _key(memory, session, hashes[-1], question))
    if found.known < len(history) and not trusted:
        detail = (
            f"messages[{found.known}] of the past was not said here, or is deleted, and is not "
            "taken from this client: send the new message alone."
        )
        raise Problem(400, "history-unknown", "History unknown", detail)
    if resumes and found.last and found.known == len(history):
        again = _unanswered(memory, session, question)
        if again is not None:
            return again
    if not found.known:
        empty = not memory.store.transcript.lines(scope, 1)
        name = f"chat-{hashes[-1][:16]}"
        session = name if not named else scope.session if empty else _branch(scope.session)
    elif not found.last:
        branch = _branch(session)
        memory.store.transcript.branch(replace(scope, session=session), found.ids, branch)
        session = branch
    if rest := history[found.known :]:
        at = now()
        there = memory.model_copy(update={"scope": replace(scope, session=session)})
        there.add_messages(
            [
                _CLASSES[role](content=text, id=known)
                for (role, text), known in zip(rest, hashes[found.known :], strict=True)
            ],
            at=[at] * len(rest),
        )
    last = hashes[-1] if rest else found.ids[-1]
    return Place(session, question, key or _key(memory, session, last, question))


def _key(memory: ConversationMemory, session: str, last: str, question: str) -> str:
    """The key of the turn that asks a question after a message: sent again it is the same turn.

    Where that turn broke off, and the session has gone on since, it is another.
    """
    told = f"{session}\0{last}\0{mark('human', question)}"
    turns = memory.store.turns
    here = replace(memory.scope, session=session)
    while True:
        by_place = f"place:{hashlib.sha256(told.encode()).hexdigest()}"
        if turns.status(here, by_place) in (None, "running", "complete", "waiting"):
            return by_place
        ends_with = turns.unanswered(here)
        if ends_with is not None and ends_with.key == by_place:
            return by_place
        told = by_place


def _unanswered(memory: ConversationMemory, session: str, question: str) -> Place | None:
    """Where the turn stands that asks the question, if the session ends with it unanswered."""
    turn = memory.store.turns.unanswered(replace(memory.scope, session=session))
    if (
        turn is None
        or turn.key is None
        or mark("human", turn.question.text) != mark("human", question)
    ):
        return None
    return Place(session, turn.question.text, turn.key)


class _Near(NamedTuple):
    """A session, what it has of a history, and whether the history goes on there with a person."""

    session: str
    found: Alignment
    handed_over: bool


def _nearest(memory: ConversationMemory, marks: Sequence[str], *, named: bool) -> _Near:
    """The session that has the most of a history, and of those the one that ends with it.

    Of two that are alike in that it is the one that was handed over.
    """
    transcript, scope = memory.store.transcript, memory.scope
    sessions = transcript.sessions(scope.owner)
    handed = {s.session for s in sessions if s.handed_over_at is not None}
    best = _Near(scope.session, Alignment(0, [], True), named and scope.session in handed)
    for session in _open(scope, [s.session for s in sessions], named):
        found = align(marks, transcript.lines(replace(scope, session=session), _LINES))
        one = _Near(session, found, session in handed)
        if found.known and _rank(one) > _rank(best):
            best = one
        if found.known == len(marks) and found.last and (one.handed_over or not handed):
            break
    return best


def _rank(one: _Near) -> tuple[int, bool, bool]:
    return one.found.known, one.found.last, one.handed_over


def _open(scope: Scope, sessions: Sequence[str], named: bool) -> list[str]:
    """The sessions that are looked through, the last used first."""
    if named:
        begins = f"{scope.session}{_BRANCH}"
        sessions = [s for s in sessions if s == scope.session or s.startswith(begins)]
    return list(sessions[:_SESSIONS])


def _branch(session: str) -> str:
    """The name of a new branch of a session, or of the one that it is a branch of itself."""
    end = f"{_BRANCH}{new_id()[:12]}"
    return plain(session.partition(_BRANCH)[0][: NAME_LIMIT - len(end)]) + end
