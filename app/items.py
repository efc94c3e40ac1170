"""Items of a catalogue from a table: CSV or JSONL."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from app import jsonl
from app.knowledge.documents import table
from memory import InvalidInput, Item

Format = Literal["csv", "jsonl"]
MOST = 20_000  # items of one table
_NO = frozenset({"", "0", "false", "no", "否"})  # a cell that says "not available"


def items_of(text: str, kind: Format, place: str = "text") -> list[Item]:
    """The items of a table, a row each.

    A row has an ``id`` and a ``title`` (or ``name``), perhaps a ``text`` (or ``description``) and
    ``available``; what else it has is metadata.

    Raises:
        InvalidInput: there are none, or too many, or a row is no item; the message has its line.
    """
    raw = io.BytesIO(text.encode())
    rows: Iterator[tuple[str, Mapping[str, Any]]] = (
        table(place, text) if kind == "csv" else jsonl.objects(place, raw)
    )
    items: list[Item] = []
    for where, row in rows:
        if len(items) == MOST:
            msg = f"{place} has more than {MOST:,} items: send it in parts"
            raise InvalidInput(msg)
        try:
            items.append(_item(row))
        except InvalidInput as error:
            msg = f"{where}: {error}"
            raise InvalidInput(msg) from error
    if not items:
        msg = f"{place} has no items: a row each, with the columns id and title"
        raise InvalidInput(msg)
    return items


def _item(row: Mapping[str, Any]) -> Item:
    given = dict(row)
    item_id, title = _taken(given, "id"), _taken(given, "title", "name")
    said = _taken(given, "text", "description")
    if item_id is None or title is None:
        msg = 'an item has an "id" and a "title"'
        raise InvalidInput(msg)
    available = given.pop("available", True)
    if isinstance(available, str):
        available = available.strip().lower() not in _NO
    metadata = given.pop("metadata", {})
    if not isinstance(metadata, dict) or not isinstance(available, bool):
        msg = '"metadata" is a JSON object, and "available" true or false'
        raise InvalidInput(msg)
    return Item(str(item_id), str(title), str(said or ""), metadata | given, available)


def _taken(given: dict[str, Any], *names: str) -> Any:
    """The first of some columns that is there and not empty, taken out of the row."""
    found = [given.pop(name) for name in names if name in given]
    return next((one for one in found if one not in (None, "")), None)
