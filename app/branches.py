"""The session in which a client's own history of a conversation goes on.

What the client sends of the past is found in the customer's sessions. Where it ends as a session
does, the turn goes on there. Where the session has gone on otherwise, since a message was edited
or another answer asked for, the turn begins a branch: a session of its own, in which a copy of
what both share stands. What is nowhere is stored once, as messages of the past. What is asked
twice at one place is asked once, and answered alike.

A session that was handed over to a person goes on whatever the client has of it: the client may
not know what the person said, and nothing else is to answer meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from app.problems import Problem
from memory import NAME_LIMIT, ConversationMemory, Scope, Turn
from memory.alignment import Alignment, align, chain, mark
from memory.clock import now
from memory.database import new_id
from memory.lookalikes import plain
from memory.steps import results_in

_SESSIONS = 10  # the last used, that are looked through
_LINES = 1000  # of each, from its end
_MOST = 1000  # messages of a history
_CLASSES: dict[str, type[BaseMessage]] = {"human": HumanMessage, "ai": AIMessage}
_BRANCH = "~"  # parts a branch's name from that of the session that it is of
_SIGNS = 12  # after it
_MOMENT = timedelta(seconds=30)  # in which a client has tried again that got no answer


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
    results: Collection[str] = (),
    retried: bool = False,
) -> Place:
    """Find, or make, the session in which a history goes on.

    What was asked before after the same history, by nobody's own key, is the same turn again: a
    program has sent it twice, which did not get the answer. Who wants another answer gives a key.

    Args:
        memory: of the session that the client names, or else of the default one.
        history: what was said before, as the client has it, the oldest first.
        question: what is said now.
        key: the client's own idempotency key, if it gave one.
        named: whether the client has named the session; then no other than that one and its
            branches is looked at.
        trusted: whether the client may say what was said elsewhere, by an agent too.
        results: ids of the calls of tools whose results the client brings: then a turn that has
            no complete answer is taken up again where the session ends with it.
        retried: whether the client says that it has tried before.

    Raises:
        Problem: the history is too long, or has what a client that is not trusted made up.
    """
    scope = memory.scope
    if (turn := key and memory.store.turns.keyed(scope, key)) and (
        not named or _root(turn.session) == _root(scope.session)
    ):
        return Place(turn.session, question, key)
    if not history:
        again = _repeated(memory, scope.session, question, results, retried=retried)
        return again or Place(scope.session, question, key or f"turn:{new_id()}")
    if len(history) > _MOST:
        detail = f"messages: there are {len(history)}; send at most the last {_MOST}."
        raise Problem(400, "history-too-long", "History too long", detail)
    hashes = chain(marks := [mark(*one) for one in history])
    session, found, handed_over = _nearest(memory, marks, named=named)
    if handed_over:
        by_place, _ = _asked(memory, session, hashes[-1], question)
        return Place(session, question, key or by_place)
    if found.known < len(history) and not trusted:
        detail = (
            f"messages[{found.known}] of the past was not said here, or is deleted, and is not "
            "taken from this client: send the new message alone."
        )
        raise Problem(400, "history-unknown", "History unknown", detail)
    if found.known == len(history):
        if key is None:
            by_place, turn = _asked(memory, session, found.ids[-1], question)
            if turn is not None:
                return Place(turn.session, turn.question.text, by_place)
        again = _repeated(memory, session, question, results, ends=found.last)
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
    by_place, _ = _asked(memory, session, last, question)
    return Place(session, question, key or by_place)


def _asked(
    memory: ConversationMemory, session: str, last: str, question: str
) -> tuple[str, Turn | None]:
    """The key of the turn that asks a question after a message, and the turn if it is answered.

    So it is while it is being answered. One that broke off is the same turn again, and another
    where the session has gone on since.
    """
    told = f"{_root(session)}\0{last}\0{mark('human', question)}"
    turns = memory.store.turns
    here = replace(memory.scope, session=session)
    while True:
        by_place = f"place:{hashlib.sha256(told.encode()).hexdigest()}"
        turn = turns.keyed(here, by_place)
        if turn is None or turn.status in ("running", "complete", "waiting"):
            return by_place, turn
        ends_with = turns.last(here)
        if ends_with is not None and ends_with.key == by_place:
            return by_place, None
        told = by_place


def _repeated(
    memory: ConversationMemory,
    session: str,
    question: str,
    results: Collection[str],
    *,
    ends: bool = True,
    retried: bool = False,
) -> Place | None:
    """Where the turn stands with which a session ends, if what is asked is that turn again.

    One that has no answer is where the client brings the results of tools for it, or says that it
    tries again. One that is answered is where it was by the same results, or a moment ago: who
    says the same once more does not say that it is tried again.
    """
    if not (results or retried):
        return None
    turn = memory.store.turns.last(replace(memory.scope, session=session))
    if (
        turn is None
        or turn.key is None
        or mark("human", turn.question.text) != mark("human", question)
    ):
        return None
    if turn.status != "complete":
        again = ends
    elif results:
        again = results_in(turn.answer) == set(results)
    else:
        again = turn.answer is not None and turn.answer.at > now() - _MOMENT
    return Place(session, turn.question.text, turn.key) if again else None


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
    return f"{_root(session)}{_BRANCH}{new_id()[:_SIGNS]}"


def _root(session: str) -> str:
    """The session that one is a branch of, as far as its branches' names have room for it."""
    return plain(session.partition(_BRANCH)[0][: NAME_LIMIT - len(_BRANCH) - _SIGNS])
