"""Rows: what was translated once, and the terms whose translation is fixed.

What names no customer lies in the tenant's shared scope, beside its articles
(``customers.KNOWLEDGE``); what a customer said, in that customer's own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.clock import from_stamp, now, to_stamp
from memory.customers import KNOWLEDGE, WHERE, Owner, State, key
from memory.database import Database
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.normal_form import form, known_form
from memory.retrying import retried
from memory.sentences import split
from memory.types import Floats, check_name, check_text, original_of

Origin = Literal["imported", "person", "model"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
LONGEST = 4000  # characters of a side
LONGEST_TERM = 200
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_TRADITIONAL = {"hant", "tw", "hk", "mo"}
_AT_ONCE = 500  # rows in a statement
_HALF = 16  # characters of an id that are of the form, and of the text
_MOST_KNOWN = 50  # of one form that are looked at, the last changed

_COLUMNS = (
    "id, back, seq, source_language, target_language, source, target, origin, term, created, "
    "updated"
)
_ADD = (
    f"INSERT INTO translations (tenant, customer, {_COLUMNS}) VALUES (:tenant, :customer, :id, "
    ":back, :seq, :source_language, :target_language, :source, :target, :origin, :term, :at, :at) "
    "ON CONFLICT (tenant, customer, id) DO "
)
_ADD_NEW = text(f"{_ADD} NOTHING")
_PUT = text(
    f"{_ADD} UPDATE SET back = excluded.back, seq = excluded.seq, source = excluded.source, "
    "target = excluded.target, origin = excluded.origin, vector = NULL, updated = excluded.updated"
)
_IDS: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
_THERE = text(f"SELECT id FROM translations {WHERE} AND id IN :ids").bindparams(_IDS)
# Two looks, each along its index: an id begins with the form.
_KNOWN = text(
    f"SELECT {_COLUMNS} FROM translations {WHERE} AND id >= :first AND id < :last UNION "
    f"SELECT {_COLUMNS} FROM translations {WHERE} AND back >= :first AND back < :last "
    "ORDER BY seq DESC LIMIT :limit"
)
_VERY = text(
    f"SELECT {_COLUMNS} FROM translations {WHERE} AND id IN :ids UNION "
    f"SELECT {_COLUMNS} FROM translations {WHERE} AND back IN :ids"
).bindparams(_IDS)
_ONE = text(f"SELECT {_COLUMNS} FROM translations {WHERE} AND id = :id")
_EITHER = text(f"SELECT {_COLUMNS} FROM translations {WHERE} AND (id = :id OR back = :id)")
_DELETE = text(f"DELETE FROM translations {WHERE} AND id = :id")
_SINCE = text(f"SELECT {_COLUMNS}, vector FROM translations {WHERE} AND seq > :seq ORDER BY seq")
_NEWEST = (
    f"SELECT {_COLUMNS} FROM translations {WHERE} AND seq < :before "
    "AND (:pair = 0 OR (source_language = :one AND target_language = :other) "
    "OR (source_language = :other AND target_language = :one)) "
    "AND (:terms = 0 OR term = 1) ORDER BY seq DESC"
)
_PAGE = text(f"{_NEWEST} LIMIT :limit")
_EVERY = text(_NEWEST)
_UNEMBEDDED = text(
    f"SELECT id, seq, source FROM translations {WHERE} AND vector IS NULL AND term = 0 "
    "ORDER BY seq LIMIT :limit"
)
_WAITING = text(
    "SELECT DISTINCT tenant, customer FROM translations WHERE vector IS NULL AND term = 0"
)
_OF_TALK = text(
    f"SELECT id, source, target FROM translations {WHERE} AND term = 0 AND origin <> 'imported'"
)
_SAID = text(f"SELECT text, data FROM messages {WHERE} AND session = :session")
_EMBED = text(
    f"UPDATE translations SET vector = :vector, seq = :next {WHERE} AND id = :id AND seq = :seq"
)
# Where nothing waited for a digest, nothing does now.
_NOTHING_WAITS = text(
    "UPDATE customers SET written = CASE WHEN written >= :before THEN seq ELSE written END, "
    f"embedded = CASE WHEN embedded >= :before THEN seq ELSE embedded END {WHERE}"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two languages, from one into the other: BCP 47 tags in small letters, as ``en``, ``pt-br``.

    Raises:
        InvalidInput: one is no such tag, or both are one.
    """

    source: str
    target: str

    def __post_init__(self) -> None:
        for side in ("source", "target"):
            given = getattr(self, side)
            tag = normal_tag(given) if isinstance(given, str) else ""
            if not _LANGUAGE.fullmatch(tag):
                msg = f"{given!r} is no language: give a tag such as 'en', 'pt-br' or 'zh'"
                raise InvalidInput(msg)
            object.__setattr__(self, side, tag)
        if self.source == self.target:
            msg = f"{self.source!r} is both languages: give another to translate into"
            raise InvalidInput(msg)

    @property
    def back(self) -> Pair:
        """The other direction."""
        return Pair(self.target, self.source)

    @property
    def wider(self) -> list[Pair]:
        """Itself and what it is looked up as too, the closest first: ``en-gb`` is ``en``."""
        sources, targets = wider(self.source), wider(self.target)
        ways = [(here, there) for here in range(len(sources)) for there in range(len(targets))]
        ways.sort(key=lambda way: (sum(way), way[1]))
        both = [(sources[here], targets[there]) for here, there in ways]
        return [Pair(source, target) for source, target in both if source != target]


@dataclass(frozen=True, slots=True)
class Translation:
    """A text with its translation, or a ``term`` with the one that it always has.

    The store gives the rest: ``id`` is of the languages, the form of the source (``normal_form``),
    by which it is looked for, and its very text, so that another translation of that takes its
    place; ``seq`` orders what was changed in a scope.

    Raises:
        InvalidInput: a database could not hold it, or a side is empty or too long.
    """

    pair: Pair
    source: str
    target: str
    origin: Origin = "imported"
    term: bool = False
    seq: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        for side in ("source", "target"):
            said = check_text(getattr(self, side)).strip()
            object.__setattr__(self, side, said)
            if self.term and not 0 < len(said) <= LONGEST_TERM:
                msg = (
                    f"a term and its translation have 1 to {LONGEST_TERM} characters, "
                    f"not {len(said)}"
                )
                raise InvalidInput(msg)
            if not 0 < len(said) <= LONGEST:
                msg = f"a text and its translation have 1 to {LONGEST} characters, not {len(said)}"
                raise InvalidInput(msg)

    @property
    def id(self) -> str:
        """It is known by this."""
        return self._id(self.pair, self.source, self.target)

    @property
    def back(self) -> str:
        """What it would be known by if it were turned round."""
        return self._id(self.pair.back, self.target, self.source)

    @property
    def turned(self) -> Translation:
        """The same, read the other way."""
        return Translation(
            self.pair.back, self.target, self.source, self.origin, self.term, self.seq,
            self.created_at, self.updated_at,
        )  # fmt: skip

    def _id(self, pair: Pair, source: str, target: str) -> str:
        known_as = form(source) if self.term else known_form(source, target)
        said = known_as if self.term else source
        return form_id(pair, known_as, term=self.term) + text_id(said)


def normal_tag(tag: str) -> str:
    """A language's tag as it is kept: ``pt_BR`` is ``pt-br``."""
    return tag.strip().lower().replace("_", "-")


def is_language(tag: str) -> bool:
    """Whether this is the tag of a language, in whatever letters."""
    return _LANGUAGE.fullmatch(normal_tag(tag)) is not None


def wider(tag: str) -> list[str]:
    """A language's tag, then those of the languages that it is a kind of (RFC 4647, 3.4).

    Traditional Chinese is no kind of ``zh``, by which simplified is meant, as CLDR has it too.
    """
    parts = tag.split("-")
    each = ["-".join(parts[:many]) for many in range(len(parts), 0, -1)]
    return each[:-1] if parts[0] == "zh" and not _TRADITIONAL.isdisjoint(parts) else each


def form_id(pair: Pair, known_as: str, *, term: bool = False) -> str:
    """What the ids of translations begin with, by the form that their source is known by."""
    said = json.dumps([pair.source, pair.target, term, known_as])
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()[:_HALF]


def text_id(said: str) -> str:
    """What the ids of translations of this very text end with."""
    return hashlib.blake2b(said.encode(), digest_size=_HALF // 2).hexdigest()


def translation_ids(row: Mapping[str, Any]) -> dict[str, str]:
    """What an export leaves out of a row: it follows from the rest."""
    pair = Pair(row["source_language"], row["target_language"])
    one = Translation(pair, row["source"], row["target"], term=bool(row["term"]))
    return {"id": one.id, "back": one.back}


def scope_of(tenant: str, customer: str | None) -> Owner:
    """Where translations lie: in a customer's scope, or, with none, in what all share."""
    return tenant, KNOWLEDGE if customer is None else customer


@dataclass(frozen=True, slots=True)
class News:
    """What changed in a scope since a look: id, translation, and its vector, if it has one."""

    state: State
    waiting: bool  # whether any of it is still to be embedded
    changed: list[tuple[str, Translation, Floats | None]]


class Translations:
    """The translations of a database. Each method that writes does all of it, or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def very(self, owner: Owner, ids: Sequence[str]) -> list[Translation]:
        """Those of just these ids, the last changed first; those known the other way turned."""
        with self._database.read() as connection:
            found = connection.execute(_VERY, key(owner, ids=list(ids))).all()
        found = sorted(found, key=lambda row: -row.seq)
        return [_read(row, turned=row.id not in ids) for row in found]

    def known(self, owner: Owner, form: str) -> list[Translation]:
        """The same of a form by its ``form_id``: of many the last changed."""
        ranges = key(owner, first=form, last=f"{form}g", limit=_MOST_KNOWN)  # g: past all digits
        with self._database.read() as connection:
            found = connection.execute(_KNOWN, ranges).all()
        return [_read(row, turned=not row.id.startswith(form)) for row in found]

    def since(self, owner: Owner, seen: State, dimension: int) -> News:
        """What is there that was changed since ``seen``; all of it, if its generation is over."""
        with self._database.read() as connection:
            state = customers.state(connection, owner)
            if state == seen or not state.generation:
                return News(state, False, [])
            after = seen.seq if state.generation == seen.generation else 0
            rows = connection.execute(_SINCE, key(owner, seq=after)).all()
        size = dimension * 2
        return News(
            state,
            any(row.vector is None and not row.term for row in rows),
            [
                (
                    row.id,
                    _translation(row),
                    np.frombuffer(row.vector, np.float16).astype(np.float32)
                    if row.vector is not None and len(row.vector) == size
                    else None,
                )
                for row in rows
            ],
        )

    def newest(
        self, owner: Owner, limit: int, before: int | None = None, pair: Pair | None = None,
        *, terms: bool = False,
    ) -> list[Translation]:  # fmt: skip
        """The last ``limit`` changed before a sequence number, of a pair either way."""
        values = _asked(owner, pair, before, terms=terms)
        with self._database.read() as connection:
            rows = connection.execute(_PAGE, {**values, "limit": limit}).all()
        return [_translation(row) for row in rows]

    def every(self, owner: Owner, pair: Pair | None = None) -> list[Translation]:
        """All of a scope, the last changed first, of a pair either way."""
        with self._database.read() as connection:
            rows = connection.execute(_EVERY, _asked(owner, pair, None, terms=False)).all()
        return [_translation(row) for row in rows]

    @retried
    def put(self, owner: Owner, given: Sequence[Translation]) -> tuple[int, int]:
        """Keep translations, each in the place of the one with its id.

        What a model made takes nobody's place.

        Returns:
            How many are new, and how many took another's place.
        """
        check_name("tenant", owner[0])
        each = {one.id: one for one in given}
        if not each:
            return 0, 0
        made = [_row(one, name) for name, one in each.items()]  # which others need not wait for
        with self._database.write() as connection:
            first, _ = customers.allocate(connection, owner, len(each))
            there = {
                name
                for some in _batched(list(each))
                for name in connection.execute(_THERE, key(owner, ids=some)).scalars()
            }
            at = to_stamp(now())
            rows = [key(owner, at=at, **row, seq=first + place) for place, row in enumerate(made)]
            by_people = [row for row in rows if row["origin"] != "model"]
            by_models = [row for row in rows if row["origin"] == "model"]
            if by_people:
                connection.execute(_PUT, by_people)
            if by_models:
                connection.execute(_ADD_NEW, by_models)
            connection.execute(_NOTHING_WAITS, key(owner, before=first - 1))
            enter(connection)
        replaced = sum(row["id"] in there for row in by_people)
        return len(each) - len(there), replaced

    @retried
    def change(self, owner: Owner, one: str, target: str) -> Translation | None:
        """Put another translation in the place of one; None if it is not there.

        It may have another id then: other numbers and names stand in it. One that was found the
        other way round is turned by that.
        """
        with self._database.write() as connection:
            if customers.lock(connection, owner) is None:
                return None
            row = _one(connection, owner, one)
            if row is None:
                return None
            was = _read(row, turned=row.id != one)
            first, _ = customers.allocate(connection, owner, 1)
            made = Translation(was.pair, was.source, target, "person", was.term)
            if made.id != row.id:
                connection.execute(_DELETE, key(owner, id=row.id))
                customers.move_generation(connection, owner)
            connection.execute(
                _PUT, key(owner, at=to_stamp(now()), **_row(made, made.id), seq=first)
            )
            connection.execute(_NOTHING_WAITS, key(owner, before=first - 1))
            _enter(connection, owner, one)
            stored = connection.execute(_ONE, key(owner, id=made.id)).one()
        return _translation(stored)

    @retried
    def remove(self, owner: Owner, one: str) -> bool:
        """Delete a translation by its id, or that of it turned round; whether it was there."""
        with self._database.write() as connection:
            if customers.lock(connection, owner) is None:
                return False
            row = _one(connection, owner, one)
            if row is None:
                return False
            connection.execute(_DELETE, key(owner, id=row.id))
            customers.move_generation(connection, owner)
            _enter(connection, owner, one)
        return True

    def unembedded(self, owner: Owner, limit: int) -> list[tuple[str, int, str]]:
        """The first that no model has embedded yet: id, seq and source."""
        with self._database.read() as connection:
            rows = connection.execute(_UNEMBEDDED, key(owner, limit=limit)).all()
        return [(row.id, row.seq, row.source) for row in rows]

    def waiting(self) -> list[Owner]:
        """The scopes that have any."""
        with self._database.read() as connection:
            return [(row.tenant, row.customer) for row in connection.execute(_WAITING)]

    @retried
    def embed(self, owner: Owner, made: Sequence[tuple[str, int, Floats | None]]) -> None:
        """Keep vectors (d,) of what was not changed since; None where none means anything."""
        with self._database.write() as connection:
            if customers.lock(connection, owner) is None:
                return
            first, _ = customers.allocate(connection, owner, len(made))
            rows = [
                key(
                    owner, id=one, seq=seq, next=first + place,
                    vector=b"" if vector is None else vector.astype(np.float16).tobytes(),
                )
                for place, (one, seq, vector) in enumerate(made)
            ]  # fmt: skip
            connection.execute(_EMBED, rows)
            connection.execute(_NOTHING_WAITS, key(owner, before=first - 1))


def forget_said(connection: Connection, owner: Owner, session: str) -> int:
    """Delete what is remembered of translating a session's messages; how many there were.

    The generation is for the caller to move.
    """
    of_talk = connection.execute(_OF_TALK, key(owner)).all()
    if not of_talk:
        return 0
    said: set[str] = set()
    for row in connection.execute(_SAID, key(owner, session=session)):
        written = original_of(json.loads(row.data)) if row.data else None
        for whole in (row.text, written.text if written else ""):
            said |= {whole.strip(), *split(whole)}
    gone = [row.id for row in of_talk if not said.isdisjoint((row.source, row.target))]
    for one in gone:
        connection.execute(_DELETE, key(owner, id=one))
    return len(gone)


def _one(connection: Connection, owner: Owner, one: str) -> Row[Any] | None:
    """The row with an id; else the one that has it turned round, which searching gives too."""
    found = connection.execute(_EITHER, key(owner, id=one)).all()
    return min(found, key=lambda row: row.id != one, default=None)


def _enter(connection: Connection, owner: Owner, one: str) -> None:
    """Enter a change; of a customer's the log has no id, which is made of what they said."""
    enter(connection, one if owner[1] == KNOWLEDGE else None)


def _asked(owner: Owner, pair: Pair | None, before: int | None, *, terms: bool) -> dict[str, Any]:
    return key(
        owner, before=before or 2**62, pair=int(pair is not None), terms=int(terms),
        one=pair.source if pair else "", other=pair.target if pair else "",
    )  # fmt: skip


def _row(one: Translation, name: str) -> dict[str, Any]:
    return {
        "id": name, "back": one.back, "source_language": one.pair.source,
        "target_language": one.pair.target, "source": one.source, "target": one.target,
        "origin": one.origin, "term": int(one.term),
    }  # fmt: skip


def _translation(row: Row[Any]) -> Translation:
    return Translation(
        Pair(row.source_language, row.target_language), row.source, row.target, row.origin,
        bool(row.term), row.seq, from_stamp(row.created), from_stamp(row.updated),
    )  # fmt: skip


def _read(row: Row[Any], *, turned: bool) -> Translation:
    one = _translation(row)
    return one.turned if turned else one


def _batched(ids: Sequence[str]) -> Iterable[list[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield list(ids[start : start + _AT_ONCE])
