"""Turns: a customer's message and what became of its answer.

A turn is durable before the model is asked: ``start`` commits the customer's message,
``finish`` the answer. While a turn is being answered its session is held by a lease in the
session's row, which expires by itself, by the database's clock, when the process that took it is
gone. Beside it lies what has been said so far, which becomes the answer of a turn that nobody
finishes. While a turn is ``calling`` tools, which its client runs, its session is free: the client
takes it up again, by its key, or never comes back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.clock import now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.database import Database, clock, new_id, run
from memory.deeds import enter
from memory.errors import SessionBusy, TurnConflict, TurnPassed
from memory.labels import dumped
from memory.retrying import retried
from memory.summaries import hide_message
from memory.transcript import (
    COLUMNS,
    Rating,
    check_rating,
    dump,
    insert_messages,
    known_ids,
    message_from,
)
from memory.types import Labels, Message, Pace, Scope, Turn, check_name, check_text

LEASE_SECONDS = 20.0  # a lease that is not renewed for so long belongs to nobody
# One that ends later than any can was taken before the clock was set back. Of processes that share
# a SQLite file one may have a clock of its own, and be ahead by what is more than a lease.
_LONGEST = 4 * LEASE_SECONDS

_ADD = text(
    "INSERT INTO turns (tenant, customer, id, session, status, at, question, answer, key, body, "
    "recalled) VALUES (:tenant, :customer, :id, :session, :status, :at, :question, :answer, "
    ":key, :body, :recalled)"
)
_TURN = (
    f"SELECT id, session, status, question, answer, key, body, recalled, usage FROM turns {WHERE}"
)
_BY_KEY = text(f"{_TURN} AND key = :key")
_BY_ID = text(f"{_TURN} AND id = :id")
_ENDS_WITH = text(
    f"SELECT turn FROM messages {WHERE} AND session = :session ORDER BY seq DESC LIMIT 1"
)
_STATUS = text(f"SELECT status FROM turns {WHERE} AND id = :id")
_RERUN = text(
    "UPDATE turns SET status = :status, answer = NULL, first_ms = NULL, took_ms = NULL, "
    f"rating = NULL {WHERE} AND id = :id"
)
_LATER = text(
    f"SELECT 1 FROM messages {WHERE} AND session = :session AND seq > :question "
    "AND (turn IS NULL OR turn <> :id) LIMIT 1"
)
_CUT_OFF = text(f"UPDATE turns SET status = :status, answer = :answer {WHERE} AND id = :id")
_DEAD = text(
    "SELECT tenant, customer, session FROM sessions "
    "WHERE lease IS NOT NULL AND (lease_until <= :alive OR lease_until > :latest)"
)
_FINISH = text(
    "UPDATE turns SET status = :status, answer = :answer, recalled = :recalled, usage = :usage, "
    f"first_ms = :first_ms, took_ms = :took_ms {WHERE} AND id = :id"
)
_MESSAGE = text(f"SELECT {COLUMNS} FROM messages {WHERE} AND seq = :seq")
_READ = text(f"UPDATE messages SET labels = :labels {WHERE} AND seq = :seq")
_FORGET_VECTOR = text(
    f"DELETE FROM vectors {WHERE} AND seq IN "
    f"(SELECT seq FROM records {WHERE} AND messages = :messages)"
)
_FORGET_RECORD = text(f"DELETE FROM records {WHERE} AND messages = :messages")
_LEASE = text(
    f"SELECT lease, lease_until, saying, handed_over FROM sessions {WHERE} AND session = :session"
)
_RATE = text(f"UPDATE turns SET rating = :rating {WHERE} AND id = :id AND answer IS NOT NULL")
_WAITING = text(
    f"SELECT id FROM turns {WHERE} AND session = :session AND status = 'waiting' "
    "ORDER BY question DESC"
)
_REPLIED = text(f"UPDATE turns SET status = 'complete', answer = :answer {WHERE} AND id = :id")
_TAKE = text(
    f"UPDATE sessions SET lease = :lease, lease_until = :until, saying = NULL {WHERE} "
    "AND session = :session"
)
_RENEW = text(
    "UPDATE sessions SET lease_until = :until, saying = COALESCE(:saying, saying) "
    f"{WHERE} AND session = :session AND lease = :lease"
)
_FREE = text(
    f"UPDATE sessions SET lease = NULL, lease_until = NULL, saying = NULL {WHERE} "
    "AND session = :session AND lease = :lease"
)
_NEVER = 2**62  # later than every lease


class Saying(NamedTuple):
    """The turn that is being answered in a session, and what of the answer was said so far."""

    turn: str
    text: str


class Turns:
    """The turns of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def save(
        self,
        scope: Scope,
        question: Message,
        answer: Message,
        recalled: Mapping[str, Any] | None = None,
    ) -> Turn:
        """Store a whole turn in one transaction."""
        turn_id = new_id()
        with self._database.write() as connection:
            first, _ = customers.allocate(connection, scope.owner, 2)
            question = question.placed(first, scope.session, turn_id)
            answer = answer.placed(first + 1, scope.session, turn_id)
            insert_messages(connection, scope, [question, answer])
            turn = Turn(turn_id, scope.session, "complete", question, answer)
            _insert(connection, scope, turn, recalled=recalled)
            enter(connection)
        return turn

    @retried
    def start(
        self,
        scope: Scope,
        question: Message,
        idempotency_key: str | None = None,
        before: Sequence[Message] = (),
    ) -> Turn:
        """Commit a customer's message and hold its session until ``finish``.

        With an idempotency key that was used before, for the same message, the turn it named
        comes back: ``complete`` as it is, any other as ``running`` again, as long as nothing else
        was said in the session since: an answer stands after its question, or not at all.

        In a session that was handed over the turn is ``waiting``, for a person, and holds nothing.

        A new turn's message stands after those ``before`` it, which are committed with it; those
        whose id the session already has are left out.

        Raises:
            SessionBusy: another turn of this session, or this very one, is being answered.
            TurnConflict: the key came with another message before.
            TurnPassed: the turn it named broke off, and the session has gone on.
        """
        check_text(question.text)
        if idempotency_key is not None:
            check_name("idempotency key", idempotency_key)
        body = hashlib.sha256(f"{scope.session}\0{question.text}".encode()).hexdigest()
        with self._database.write() as connection:
            # The number is taken first: its row lock orders everything else of this customer.
            first, generation = customers.allocate(connection, scope.owner, 1 + len(before))
            known = _by_key(connection, scope.owner, idempotency_key, body)
            if known is not None and known.status == "complete":
                return known
            held = _session(connection, scope)
            waits = held is not None and held.handed_over is not None
            if known is not None and known.status == "waiting" and waits:
                return known
            if known is not None:
                _check_last(connection, scope, known)
            if held is not None and _take_over(connection, scope, held):
                # A dead turn's answer has its number now, and the question comes after it.
                first, _ = customers.allocate(connection, scope.owner, 1 + len(before))
                known = _by_key(connection, scope.owner, idempotency_key, body)
            status = "waiting" if waits else "running"
            if known is not None:
                turn = _rerun(connection, scope.owner, known, status)
            else:
                turn_id = new_id()
                stored = known_ids(connection, scope, [one.id for one in before])
                fresh = [one for one in before if one.id not in stored]
                earlier = [replace(one, seq=first + n) for n, one in enumerate(fresh)]
                question = question.placed(first + len(before), scope.session, turn_id)
                insert_messages(connection, scope, [*earlier, question])
                turn = Turn(turn_id, scope.session, status, question, key=idempotency_key)
                _insert(connection, scope, turn, body=body)
            if not waits:
                until = _end(connection)
                run(
                    connection, _TAKE,
                    key(scope.owner, session=scope.session, lease=turn.id, until=until),
                )  # fmt: skip
            enter(connection)
        return replace(turn, generation=generation)

    @retried
    def finish(
        self,
        scope: Scope,
        turn: Turn,
        answer: Message | None,
        status: str,
        recalled: Mapping[str, Any] | None = None,
        usage: Mapping[str, Any] | None = None,
        labels: Labels | None = None,
        pace: Pace | None = None,
    ) -> Turn | None:
        """Commit the answer of a started turn with its status, and let the session go.

        With it go what a classifier has read in the question, if it was read, and how long the
        answer took, if that is known.

        Returns:
            The turn, or None when it is no longer there (its session was deleted meanwhile)
            or no longer running: then nothing is stored.
        """
        with self._database.write() as connection:
            # Held from before the look: whoever deletes or finishes it comes before or after.
            customers.lock(connection, scope.owner)
            rows = run(connection, _STATUS, key(scope.owner, id=turn.id)).fetchall()
            if not rows or rows[0][0] != "running":
                return None
            if answer is not None:
                first, _ = customers.allocate(connection, scope.owner, 1)
                answer = answer.placed(first, scope.session, turn.id)
                insert_messages(connection, scope, [answer])
            run(
                connection, _FINISH,
                key(scope.owner, id=turn.id, status=status, answer=answer and answer.seq,
                    recalled=dump(recalled), usage=dump(usage),
                    first_ms=pace and pace.first_ms, took_ms=pace and pace.took_ms),
            )  # fmt: skip
            question = turn.question
            if labels is not None:
                question = replace(question, labels=labels)
                run(connection, _READ, key(scope.owner, seq=question.seq, labels=dumped(labels)))
            run(connection, _FREE, key(scope.owner, session=scope.session, lease=turn.id))
        kept = recalled or {}
        return replace(
            turn, question=question, status=status, answer=answer,
            recalled=list(kept.get("records", ())), usage=dict(usage or {}),
            evidence=kept.get("evidence"), template=kept.get("template"),
        )  # fmt: skip

    @retried
    def renew(self, scope: Scope, turn: Turn, so_far: Message | None = None) -> bool:
        """Hold the session for another ``LEASE_SECONDS``, and keep what has been said so far.

        Nothing happens if the turn no longer holds the session; then it is False.
        """
        saying = None
        if so_far is not None:
            check_text(so_far.text)
            saying = dump({"id": so_far.id, "text": so_far.text, "tokens": so_far.tokens})
        with self._database.write() as connection:
            held = connection.execute(
                _RENEW,
                key(scope.owner, session=scope.session, lease=turn.id, until=_end(connection),
                    saying=saying),
            )  # fmt: skip
        return held.rowcount > 0

    def saying(self, scope: Scope) -> Saying | None:
        """What is being said in a session; None if nothing is. It is some seconds old."""
        with self._database.read() as connection:
            row = _session(connection, scope)
            if row is None or row.lease is None or not _is_held(connection, row):
                return None
        return Saying(row.lease, json.loads(row.saying)["text"] if row.saying else "")

    @retried
    def stop(self, scope: Scope, here: str | None = None) -> bool:
        """End the turn that is being answered in a session, with what was kept of its answer.

        Whoever answers it learns so by ``renew``. False if there is none.

        Args:
            scope: the session.
            here: the turn if it ends by itself, and with all that was said: it is only entered.
        """
        with self._database.write() as connection:
            customers.lock(connection, scope.owner)
            row = _session(connection, scope)
            found = row is not None and row.lease is not None
            if row is not None and row.lease not in (None, here):
                _cut_off(connection, scope, row, "stopped")
            enter(connection)
        return found

    def settle(self, *, alone: bool = False, late: float = 0.0) -> int:
        """End the turns whose process is gone, as ``start`` would: stopped if a part was said.

        Args:
            alone: no other process uses the database, so no lease of an earlier one is alive.
            late: seconds for which a lease has to be over: its process may be about to store the
                answer, after a failure of the database say.

        Returns:
            How many there were.
        """
        with self._database.read() as connection:
            at = _NEVER if alone else clock(connection)
            alive, latest = at - int(late * 1e6), _latest(at)
            dead = connection.execute(_DEAD, {"alive": alive, "latest": latest}).all()
        settled = 0
        for tenant, customer, session in dead:
            scope = Scope(customer, session, tenant)
            with self._database.write() as connection:
                customers.lock(connection, scope.owner)
                row = _session(connection, scope)  # it may have been taken up again meanwhile
                if row is not None and row.lease and not alive < row.lease_until <= latest:
                    _cut_off(connection, scope, row)
                    settled += 1
        return settled

    @retried
    def rate(self, owner: Owner, turn_id: str, rating: Rating | None) -> bool:
        """Say how good a turn's answer was, None to take it back; False if there is no answer."""
        check_rating(rating)
        with self._database.write() as connection:
            values = key(owner, id=turn_id, rating=rating)
            rated = connection.execute(_RATE, values).rowcount > 0
            if rated:
                enter(connection)
        return rated

    @retried
    def reply(self, scope: Scope, answer: Message) -> Message | None:
        """Store what a person answers in a session that was handed over; None if it was not.

        Whatever waited there is answered by it.
        """
        check_text(answer.text)
        with self._database.write() as connection:
            first, _ = customers.allocate(connection, scope.owner, 1)
            held = _session(connection, scope)
            if held is None or held.handed_over is None:
                return None
            values = key(scope.owner, session=scope.session)
            waiting = connection.execute(_WAITING, values).scalars().all()
            answer = answer.placed(first, scope.session, waiting[0] if waiting else None)
            insert_messages(connection, scope, [answer])
            for turn_id in waiting:
                seq = first if turn_id == answer.turn else None
                connection.execute(_REPLIED, key(scope.owner, id=turn_id, answer=seq))
            enter(connection)
        return answer

    def status(self, scope: Scope, idempotency_key: str) -> str | None:
        """How it stands with the turn that a key names; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(_BY_KEY, key(scope.owner, key=idempotency_key)).first()
        return None if row is None else str(row.status)

    def keyed(self, scope: Scope, idempotency_key: str) -> Turn | None:
        """The turn that a key names, in whichever session of the customer's; None if none."""
        with self._database.read() as connection:
            row = connection.execute(_BY_KEY, key(scope.owner, key=idempotency_key)).first()
            return _turn(connection, scope.owner, row) if row else None

    def last(self, scope: Scope) -> Turn | None:
        """The turn with which a session ends; None if it ends with something else."""
        with self._database.read() as connection:
            last = connection.execute(_ENDS_WITH, key(scope.owner, session=scope.session)).first()
            return self.get(scope, last.turn) if last and last.turn else None

    def get(self, scope: Scope, turn_id: str) -> Turn | None:
        """A turn with its messages, or None."""
        with self._database.read() as connection:
            row = connection.execute(_BY_ID, key(scope.owner, id=turn_id)).first()
            return _turn(connection, scope.owner, row) if row else None


def _end(connection: Connection) -> int:
    """When a lease that is taken now ends."""
    return clock(connection) + int(LEASE_SECONDS * 1e6)


def _latest(at: int) -> int:
    """When a lease ends, at the latest, that is alive at a time."""
    return at + int(_LONGEST * 1e6)


def _insert(
    connection: Connection,
    scope: Scope,
    turn: Turn,
    body: str | None = None,
    recalled: Mapping[str, Any] | None = None,
) -> None:
    run(
        connection, _ADD,
        key(scope.owner, id=turn.id, session=scope.session, status=turn.status,
            at=to_stamp(turn.question.at), question=turn.question.seq,
            answer=turn.answer and turn.answer.seq, key=turn.key, body=body,
            recalled=dump(recalled)),
    )  # fmt: skip


def _by_key(
    connection: Connection, owner: Owner, idempotency_key: str | None, body: str
) -> Turn | None:
    if idempotency_key is None:
        return None
    row = connection.execute(_BY_KEY, key(owner, key=idempotency_key)).first()
    if row is None:
        return None
    if row.body != body:
        msg = (
            f"the idempotency key {idempotency_key!r} was used for another message: "
            "send a new key with a new message"
        )
        raise TurnConflict(msg)
    return _turn(connection, owner, row)


def _check_last(connection: Connection, scope: Scope, turn: Turn) -> None:
    """Raise TurnPassed if something else was said in the session after a turn."""
    after = key(scope.owner, session=scope.session, question=turn.question.seq, id=turn.id)
    if connection.execute(_LATER, after).first() is not None:
        msg = (
            "this message was stored, but its answer broke off, and the conversation has gone on "
            "since: to have it answered now, send it again with a new idempotency key"
        )
        raise TurnPassed(msg)


def _rerun(connection: Connection, owner: Owner, turn: Turn, status: str) -> Turn:
    """Take a turn up again; what was said before it broke off leaves prompt and memory."""
    if turn.answer is not None:
        hide_message(connection, owner, turn.session, turn.answer.seq)
        sources = key(owner, messages=dump([turn.answer.id]))
        connection.execute(_FORGET_VECTOR, sources)
        connection.execute(_FORGET_RECORD, sources)
        customers.move_generation(connection, owner)
    connection.execute(_RERUN, key(owner, id=turn.id, status=status))
    return replace(turn, status=status, answer=None)


class _Session(NamedTuple):
    """Who holds a session, if anybody, until when, and what it has said; and if a person does."""

    lease: str | None
    lease_until: int
    saying: str | None
    handed_over: int | None


def _session(connection: Connection, scope: Scope) -> _Session | None:
    """Who holds a session; None if there is no such session yet."""
    rows = run(connection, _LEASE, key(scope.owner, session=scope.session)).fetchall()
    return _Session(*rows[0]) if rows else None


def _take_over(connection: Connection, scope: Scope, row: _Session) -> bool:
    """See that the session is free; whether a turn that let its lease run out had to be ended."""
    if row.lease is None:
        return False
    if _is_held(connection, row):
        at = clock(connection)
        msg = f"another turn of session {scope.session!r} is being answered: try again after it"
        raise SessionBusy(msg, retry_after=(row.lease_until - at) / 1e6)
    _cut_off(connection, scope, row)
    return True


def _is_held(connection: Connection, row: _Session) -> bool:
    at = clock(connection)
    return at < row.lease_until <= _latest(at)


def _cut_off(connection: Connection, scope: Scope, lease: _Session, silent: str = "failed") -> None:
    """End a turn that nobody will finish: no fold passes a running one.

    One of which nothing was said has the status ``silent``.
    """
    seq, status = None, silent
    if lease.saying is not None:
        seq, _ = customers.allocate(connection, scope.owner, 1)
        said = Message(
            **json.loads(lease.saying), session=scope.session, role="ai", at=now(), seq=seq,
            turn=lease.lease,
        )  # fmt: skip
        insert_messages(connection, scope, [said])
        status = "stopped"
    connection.execute(_CUT_OFF, key(scope.owner, id=lease.lease, status=status, answer=seq))
    connection.execute(_FREE, key(scope.owner, session=scope.session, lease=lease.lease))


def _turn(connection: Connection, owner: Owner, row: Row[Any]) -> Turn:
    def message(seq: int | None) -> Message | None:
        found = connection.execute(_MESSAGE, key(owner, seq=seq)).first() if seq else None
        return message_from(found) if found is not None else None

    question = message(row.question)
    assert question is not None, "a turn's question is deleted only with the turn"
    recalled = json.loads(row.recalled) if row.recalled else {}
    return Turn(
        row.id, row.session, row.status, question, message(row.answer), row.key,
        recalled.get("records", []), json.loads(row.usage) if row.usage else None,
        recalled.get("evidence"), recalled.get("template"),
    )  # fmt: skip
