"""What columns hold, as JSON and as it is stored: for rows that leave a database and come back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from memory.clock import from_stamp, to_stamp
from memory.documents import check_document
from memory.errors import InvalidInput
from memory.events import ITEM_LIMIT, KINDS
from memory.extractive import Sentence
from memory.labels import checked
from memory.transcript import ROLES, dump
from memory.translations import ORIGINS, Pair
from memory.types import Message, check_name, check_text

_MOST = 2**62  # one more than the largest number that every database can hold
_STATUSES = ("running", "complete", "stopped", "failed", "waiting", "calling")


class Column(NamedTuple):
    """A column of a table: its name, what it holds, and whether null may stand in it."""

    name: str
    holds: str
    optional: bool

    @classmethod
    def all(cls, described: str) -> list[Column]:
        """Columns as they are described: ``seq:number turn:name?``."""
        pairs = (one.split(":") for one in described.split())
        return [cls(name, holds.rstrip("?"), holds.endswith("?")) for name, holds in pairs]

    def described(self) -> dict[str, Any]:
        """What stands in a line, as JSON Schema."""
        return _SCHEMAS[self.holds]

    def shown(self, stored: Any) -> Any:
        """A value of the database as it stands in a line."""
        if self.holds == "time":
            return from_stamp(stored).isoformat()
        if self.holds == "flag":
            return bool(stored)
        return json.loads(stored) if self.holds in _JSON else stored

    def stored(self, line: dict[str, Any]) -> Any:
        """What the database keeps of a line; InvalidInput if it cannot be that."""
        value = line.get(self.name)
        if value is None:
            if self.optional:
                return None
            msg = f'"{self.name}" is missing'
            raise InvalidInput(msg)
        try:
            if self.holds in _JSON:
                _JSON[self.holds](value)
                return check_text(dump(value))
            return _PLAIN[self.holds](value)
        except InvalidInput as error:
            msg = f'"{self.name}": {error}'
            raise InvalidInput(msg) from error
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            msg = f'"{self.name}" is {str(value)[:60]!r}, which is no {self.holds}'
            raise InvalidInput(msg) from error


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        raise ValueError
    return value


def _time(value: Any) -> int:
    return to_stamp(datetime.fromisoformat(value))


def _flag(value: Any) -> int:
    if not isinstance(value, bool):
        raise TypeError
    return int(value)


def _role(value: Any) -> str:
    if value not in ROLES:
        raise ValueError
    return str(value)


def _status(value: Any) -> str:
    if value not in _STATUSES:
        raise ValueError
    return str(value)


def _language(value: Any) -> str:
    if not isinstance(value, str) or Pair(value, "en" if value != "en" else "zh").source != value:
        raise ValueError
    return value


def _origin(value: Any) -> str:
    if value not in ORIGINS:
        raise ValueError
    return str(value)


def _item(value: Any) -> str:
    return check_name("item", value, ITEM_LIMIT)


def _deed(value: Any) -> str:
    if value not in KINDS:
        raise ValueError
    return str(value)


def _object(value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError


def _document(value: Any) -> None:
    check_document(value["id"], value["metadata"])


def _ids(value: Any) -> None:
    if not isinstance(value, list):
        raise TypeError
    for one in value:
        check_text(one)


def _saying(value: Any) -> None:
    check_name("message id", value["id"])
    _number(value["tokens"])
    Message(**value, session="", role="ai", at=from_stamp(0))


def _sentences(value: Any) -> None:
    for one in value:
        sentence = Sentence(**one)
        _number(sentence.position)
        for said in (sentence.text, sentence.role, sentence.message):
            check_text(said)


_PLAIN = {
    "name": lambda value: check_name("row's", value),
    "text": check_text, "number": _number, "time": _time, "flag": _flag, "role": _role,
    "status": _status, "language": _language, "origin": _origin,
    "deed": _deed, "item": _item,
}  # fmt: skip
_JSON = {
    "object": _object, "ids": _ids, "labels": checked, "saying": _saying, "sentences": _sentences,
    "document": _document,
}  # fmt: skip
_OBJECT = {"type": "object"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "name": {"type": "string"}, "item": {"type": "string"}, "text": {"type": "string"},
    "number": {"type": "integer", "minimum": 0, "exclusiveMaximum": _MOST},
    "time": {"type": "string", "format": "date-time"}, "flag": {"type": "boolean"},
    "role": {"enum": sorted(ROLES)}, "status": {"enum": list(_STATUSES)},
    "language": {"type": "string"}, "origin": {"enum": list(ORIGINS)},
    "deed": {"enum": list(KINDS)},
    "object": _OBJECT, "labels": _OBJECT, "saying": _OBJECT, "document": _OBJECT,
    "ids": {"type": "array", "items": {"type": "string"}},
    "sentences": {"type": "array", "items": _OBJECT},
}  # fmt: skip
