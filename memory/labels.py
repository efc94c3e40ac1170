"""What a classifier reads in customers' messages, kept with their rows."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text

from memory.clock import from_stamp
from memory.customers import WHERE, Owner, key
from memory.database import Database, run
from memory.errors import InvalidInput
from memory.mood import HEAD, MOST, Felt, Mood, mood_of
from memory.retrying import retried
from memory.types import Label, Labels, Understanding, check_name

_BATCH = 64  # messages that are read at a time
_LAG = 512  # rows behind which the mark is left where nothing is to be read: a commit seldom

# Of messages: what an index is of, so it is written as ``dumped`` writes it.
NEGATIVE = f'labels LIKE \'%"{HEAD}": ["negative"%\''
PERSON = "contact_human_agent"  # the intent of who wants one
ASKS_FOR_PERSON = f'labels LIKE \'%"intent": ["{PERSON}"%\''

_WANTED = (
    'For each text `read` is to give labels by their heads, {"intent": Label("track_order", 0.93)}:'
    " a name of text, or None for what is out of scope, and a confidence from 0 to 1"
)

_logger = logging.getLogger(__name__)

_UNDERSTOOD = text(f"SELECT seq, generation, understood FROM customers {WHERE}")
_UNREAD = text(
    f"SELECT seq, text FROM messages {WHERE} AND seq > :after AND role = 'human' "
    "AND labels IS NULL AND forgotten = 0 AND origin IS NULL ORDER BY seq LIMIT :limit"
)
_MOVE = text(
    f"UPDATE customers SET understood = :upto {WHERE} AND generation = :generation "
    "AND understood < :upto"
)
_READ = text(f"UPDATE messages SET labels = :labels {WHERE} AND seq = :seq AND labels IS NULL")

_LAST = (
    f"SELECT id, at, labels, forgotten FROM messages {WHERE} AND role = 'human' {{}}"
    f"ORDER BY seq DESC LIMIT {MOST}"
)
_LAST_OF_CUSTOMER = text(_LAST.format(""))
_LAST_OF_SESSION = text(_LAST.format("AND session = :session "))


class Unread(NamedTuple):
    """Customers' messages that nobody has read, up to a row, as of a generation."""

    texts: dict[int, str]  # by their sequence numbers
    upto: int
    generation: int


class Labelling:
    """What is read in the messages of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unread(self, owner: Owner) -> Unread | None:
        """The first messages of a customer's that nobody has read; None if all are read."""
        with self._database.read() as connection:
            found = run(connection, _UNDERSTOOD, key(owner)).fetchall()
            if not found:
                return None
            last, generation, understood = found[0]
            values = key(owner, after=understood, limit=_BATCH)
            rows = run(connection, _UNREAD, values).fetchall()
        if not rows and last - understood < _LAG:
            return None
        upto = rows[-1][0] if len(rows) == _BATCH else last
        return Unread(dict(tuple(row) for row in rows), upto, generation)

    @retried
    def keep(self, owner: Owner, unread: Unread, read: Mapping[int, Labels]) -> bool:
        """Keep what was read in messages, by their numbers; False if that is done or outdated."""
        with self._database.write() as connection:
            moved = connection.execute(
                _MOVE, key(owner, upto=unread.upto, generation=unread.generation)
            )
            if not moved.rowcount:
                return False
            if read:
                connection.execute(
                    _READ,
                    [key(owner, seq=seq, labels=dumped(labels)) for seq, labels in read.items()],
                )
        return True

    def mood(self, owner: Owner, session: str | None = None) -> Mood | None:
        """The customer's mood over the last messages, of one session or of all.

        ``mood.MOST`` messages are looked at; None if none of them was read for its sentiment. A
        forgotten one counts, since its label says nothing of what it said, and is not named.
        """
        statement = _LAST_OF_CUSTOMER if session is None else _LAST_OF_SESSION
        more = {} if session is None else {"session": session}
        with self._database.read() as connection:
            rows = connection.execute(statement, key(owner, **more)).all()
        felt = [
            Felt(from_stamp(row.at), labels[HEAD], None if row.forgotten else row.id)
            for row in reversed(rows)
            if HEAD in (labels := labels_from(row.labels) or {})
        ]
        # What was imported later may have been said before.
        return mood_of(sorted(felt, key=lambda one: one.at))


def read_rest(labelling: Labelling, owner: Owner, understanding: Understanding) -> None:
    """Read a customer's messages that nobody has read: imports, and what was too slow in a turn.

    A classifier that fails is logged, and asked again by the next digest.
    """
    while (unread := labelling.unread(owner)) is not None:
        read = read_labels(understanding, [*unread.texts.values()]) if unread.texts else []
        if read is None:
            return
        if not labelling.keep(owner, unread, dict(zip(unread.texts, read, strict=True))):
            return


def read_labels(understanding: Understanding, texts: Sequence[str]) -> list[Labels] | None:
    """What a classifier says of each text; None, which is logged, if it fails or says no labels.

    It costs the labels only, and the log has no error's text, which may repeat a message.
    """
    try:
        said = understanding.read(texts)
    except Exception as error:  # whatever it was
        _logger.warning("the classifier failed: %s", type(error).__name__)
        return None
    try:
        return [checked(labels) for _, labels in zip(texts, said, strict=True)]
    except Exception as error:  # whatever it gave in place of a list
        _logger.warning("the classifier failed: %s. %s", type(error).__name__, _WANTED)
        return None


def checked(given: Any) -> Labels:
    """What a classifier has said of a text, if it can be kept.

    Raises InvalidInput if it is not labels by the names of heads, each with a confidence 0 to 1.
    """
    if not isinstance(given, dict):
        msg = f"a classifier gives a text's labels by their heads, not {type(given).__name__}"
        raise InvalidInput(msg)
    return {check_name("head", head): _label(head, label) for head, label in given.items()}


def dumped(labels: Labels) -> str:
    """Labels as they are stored: ``{"intent": ["track_order", 0.93]}``."""
    return json.dumps(labels, ensure_ascii=False)


def labels_from(stored: str | None) -> Labels | None:
    """Labels as they were stored; None if there are none."""
    if stored is None:
        return None
    return {head: Label(*label) for head, label in json.loads(stored).items()}


def _label(head: str, given: Any) -> Label:
    try:
        name, confidence = given
        sure = float(confidence)
    except (TypeError, ValueError) as error:
        msg = f"the head {head!r} gives {given!r}: a label's name and a confidence are wanted"
        raise InvalidInput(msg) from error
    if not 0 <= sure <= 1:  # also what is no number
        msg = f"the head {head!r} is sure by {sure}: a confidence is 0 to 1"
        raise InvalidInput(msg)
    return Label(None if name is None else check_name("label", name), sure)
