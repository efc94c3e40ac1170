"""Items of a catalogue from a table: CSV or JSONL."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from app import jsonl
from app.knowledge.documents import table
from memory import InvalidInput, Item

Format = Literal["csv", "jsonl"]
MOST = 20_000  # items of one table
# What a cell says of whether an item is available.
_AVAILABLE = dict.fromkeys(("1", "true", "yes", "y", "是"), True) | dict.fromkeys(
    ("", "0", "false", "no", "n", "否"), False
)
# No zeros before it, as codes have them, and no more digits than a float holds.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", re.ASCII)


def items_of(text: str, kind: Format, place: str = "text") -> list[Item]:
    """The items of a table, a row each.

    A row has an ``id`` and a ``title`` (or ``name``), perhaps a ``text`` (or ``description``),
    ``available`` and ``variant_of``; what else it has is metadata, in which a cell of CSV that is
    a number is one.

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
            items.append(_item(row, as_text=kind == "csv"))
        except InvalidInput as error:
            msg = f"{where}: {error}"
            raise InvalidInput(msg) from error
    if not items:
        msg = f"{place} has no items: a row each, with the columns id and title"
        raise InvalidInput(msg)
    return items


def _item(row: Mapping[str, Any], *, as_text: bool) -> Item:
    given = dict(row)
    item_id, title = _taken(given, "id"), _taken(given, "title", "name")
    said = _taken(given, "text", "description")
    if item_id is None or title is None:
        msg = 'an item has an "id" and a "title"'
        raise InvalidInput(msg)
    available = given.pop("available", True)
    if isinstance(available, str):
        available = _AVAILABLE.get(available.strip().lower(), available)
    if not isinstance(available, bool):
        msg = f'"available" is true or false, yes or no, not {available!r}'
        raise InvalidInput(msg)
    product = _taken(given, "variant_of")
    metadata = given.pop("metadata", {})
    if not isinstance(metadata, dict):
        msg = '"metadata" is a JSON object'
        raise InvalidInput(msg)
    if as_text:
        given = {name: _number(cell) for name, cell in given.items()}
    return Item(
        str(item_id), str(title), str(said or ""), metadata | given, available,
        None if product is None else str(product),
    )  # fmt: skip


def _number(cell: str) -> str | int | float:
    """The number that a cell is, or the cell."""
    found = _NUMBER.fullmatch(cell.strip())
    if found is None:
        return cell
    return float(found[0]) if found[2] else int(found[0])


def _taken(given: dict[str, Any], *names: str) -> Any:
    """The first of some columns that is there and not empty, taken out of the row."""
    found = [given.pop(name) for name in names if name in given]
    return next((one for one in found if one not in (None, "")), None)
