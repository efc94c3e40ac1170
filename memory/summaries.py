"""Summaries of sessions, as rows: one segment for each fold, and the versions made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.clock import now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.database import Database, run
from memory.extractive import Sentence
from memory.retrying import retried
from memory.types import Scope

# A summary's source when something it was made from is gone, and it has to be made again:
STALE = "stale"  # from the messages that are left
CUT = "cut"  # from the segments that are left: their messages may be gone

_SESSION = f"{WHERE} AND session = :session"
_LATEST = text(
    f"SELECT version, watermark, text, tokens, source FROM summaries {_SESSION} "
    "ORDER BY version DESC LIMIT 1"
)
_VERSIONS = text(
    f"SELECT version, watermark, text, tokens, source FROM summaries {_SESSION} ORDER BY version"
)
_SEGMENTS = text(f"SELECT first, last, sentences FROM segments {_SESSION} ORDER BY last")
_SENTENCES = text(f"SELECT sentences FROM summaries {_SESSION} AND version = :version")
_ADD_SEGMENT = text(
    "INSERT INTO segments (tenant, customer, session, first, last, sentences, at) "
    "VALUES (:tenant, :customer, :session, :first, :last, :sentences, :at)"
)
_ADD = text(
    "INSERT INTO summaries (tenant, customer, session, version, watermark, text, tokens, source, "
    "sentences, at) VALUES (:tenant, :customer, :session, :version, :watermark, :text, :tokens, "
    ":source, :sentences, :at)"
)
_HIDE = text(f"UPDATE messages SET forgotten = 1 {WHERE} AND seq = :seq")
_COVERED = text(f"SELECT 1 FROM segments {_SESSION} AND first <= :last AND last >= :first LIMIT 1")
_DROP_SEGMENTS = text(f"DELETE FROM segments {_SESSION}")
_DROP_OLD = text(
    f"DELETE FROM summaries {_SESSION} AND version < "
    f"(SELECT max(version) FROM summaries {_SESSION})"
)
_DROP_SOME = text(f"DELETE FROM segments {_SESSION} AND last IN :ends").bindparams(
    sa.bindparam("ends", expanding=True)
)
_EMPTY = text(
    f"UPDATE summaries SET text = '', tokens = 0, source = :source, sentences = NULL {_SESSION}"
)


class Segment(NamedTuple):
    """What one fold kept of the messages first..last (sequence numbers)."""

    first: int
    last: int
    sentences: list[Sentence]
    at: datetime | None = None  # when the first of it was said


class Summary(NamedTuple):
    """A version of a session's summary; messages up to the watermark are in it."""

    version: int
    watermark: int
    text: str
    tokens: int
    source: str  # "extractive", "model", STALE or CUT


NO_SUMMARY = Summary(0, 0, "", 0, "extractive")


class Summaries:
    """The segments and summaries of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, scope: Scope) -> Summary:
        """The version in force; ``NO_SUMMARY`` if nothing was folded yet."""
        with self._database.read() as connection:
            values = key(scope.owner, session=scope.session)
            rows = run(connection, _LATEST, values).fetchall()
        return Summary(*rows[0]) if rows else NO_SUMMARY

    def versions(self, scope: Scope) -> list[Summary]:
        """All versions, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_VERSIONS, key(scope.owner, session=scope.session)).all()
        return [Summary(*row) for row in rows]

    def segments(self, scope: Scope) -> list[Segment]:
        """The segments, in the order of what they cover."""
        with self._database.read() as connection:
            rows = connection.execute(_SEGMENTS, key(scope.owner, session=scope.session)).all()
        return [Segment(first, last, _loaded(sentences)) for first, last, sentences in rows]

    def sentences(self, scope: Scope, version: int) -> list[Sentence]:
        """What the next version is made of: the sentences that were best at this one.

        Of one that was written without them, or emptied since, all that the segments have.
        """
        with self._database.read() as connection:
            values = key(scope.owner, session=scope.session, version=version)
            rows = run(connection, _SENTENCES, values).fetchall()
        if rows and rows[0][0] is not None:
            return _loaded(rows[0][0])
        return [s for segment in self.segments(scope) for s in segment.sentences]

    @retried
    def add(
        self, scope: Scope, before: Summary, segments: Sequence[Segment], after: Summary,
        sentences: Sequence[Sentence], generation: int,
    ) -> bool:  # fmt: skip
        """Add segments and the version made with them, with the ``sentences`` that it is made of.

        Returns:
            False, and nothing is written, if ``before`` is no longer the version in force or
            the customer's generation is another one.
        """
        at = to_stamp(now())
        owner = scope.owner
        with self._database.write() as connection:
            if customers.lock(connection, owner) != generation:
                return False
            row = connection.execute(_LATEST, key(owner, session=scope.session)).first()
            if (Summary(*row) if row else NO_SUMMARY) != before:
                return False
            for segment in segments:
                connection.execute(
                    _ADD_SEGMENT,
                    key(owner, session=scope.session, first=segment.first, last=segment.last,
                        sentences=_dumped(segment.sentences),
                        at=at if segment.at is None else to_stamp(segment.at)),
                )  # fmt: skip
            connection.execute(
                _ADD,
                key(owner, session=scope.session, version=before.version + 1,
                    watermark=after.watermark, text=after.text, tokens=after.tokens,
                    source=after.source, sentences=_dumped(sentences), at=at),
            )  # fmt: skip
        return True


def _dumped(sentences: Iterable[Sentence]) -> str:
    return json.dumps([asdict(sentence) for sentence in sentences], ensure_ascii=False)


def _loaded(dumped: str) -> list[Sentence]:
    return [Sentence(**sentence) for sentence in json.loads(dumped)]


def hide_message(connection: Connection, owner: Owner, session: str, seq: int) -> None:
    """Take a message out of every prompt to come; see ``hide_messages``."""
    hide_messages(connection, owner, [(session, seq)])


def hide_messages(
    connection: Connection, owner: Owner, messages: Iterable[tuple[str, int]]
) -> None:
    """Take messages (session, seq) out of every prompt to come; the transcript keeps them.

    Where one was folded into a summary, all that was made from it goes, old versions too; the
    watermark stays, and the summary is made again from the messages when it is next read.
    """
    spans: dict[str, tuple[int, int]] = {}
    for session, seq in messages:
        first, last = spans.get(session, (seq, seq))
        spans[session] = min(first, seq), max(last, seq)
        run(connection, _HIDE, key(owner, seq=seq))
    for session, (first, last) in spans.items():
        make_stale(connection, owner, session, first, last)


def make_stale(connection: Connection, owner: Owner, session: str, first: int, last: int) -> int:
    """Take away all that was made from a span of messages, if it was folded; how many segments.

    The summary is made again from the messages that are left, when it is next read.
    """
    where = key(owner, session=session)
    covered = connection.execute(_COVERED, {**where, "first": first, "last": last})
    return 0 if covered.first() is None else _empty(connection, where, _DROP_SEGMENTS, STALE)


def cut_segments(connection: Connection, owner: Owner, session: str, ends: Sequence[int]) -> int:
    """Take away the segments that end with these messages; how many there were.

    The summary is made again from the segments that are left, when it is next read.
    """
    return _empty(connection, key(owner, session=session, ends=list(ends)), _DROP_SOME, CUT)


def _empty(
    connection: Connection, where: dict[str, Any], segments: sa.TextClause, source: str
) -> int:
    dropped: int = connection.execute(segments, where).rowcount
    where = {name: value for name, value in where.items() if name != "ends"}
    connection.execute(_DROP_OLD, where)
    connection.execute(_EMPTY, {**where, "source": source})
    return dropped
