"""Which format a source has, by looking at it, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.engine import Connection

from app.sources import chatgpt, langchain, mem0, mem0_history, ours, sharegpt
from app.sources.databases import is_database, reading, shown, tables
from app.sources.documents import objects
from app.sources.source import BAD, Item, Options, Place, Skipped, Source, told
from memory import InvalidInput, check_name

_LOOKED_AT = 20  # objects by which a file's format is known

_OBJECTS: dict[str, ModuleType] = {
    "chatgpt": chatgpt, "mem0": mem0, "sharegpt": sharegpt, "conversations": ours,
}  # fmt: skip
_NOBODYS = frozenset({"chatgpt", "sharegpt"})  # have no customers
_TABLES: dict[str, ModuleType] = {"langchain": langchain, "mem0": mem0_history}
WHAT = {
    "conversations": 'objects {"customer", "session", "messages": [{"role", "text"}]}, one a line',
    "langchain": "a database with a table of SQLChatMessageHistory, as a URL or a SQLite file",
    "mem0": 'memories {"id", "memory", "user_id"}, as get_all() gives them, or mem0\'s history.db',
    "chatgpt": "conversations.json of ChatGPT's export, or its zip",
    "sharegpt": 'objects {"conversations": [{"from", "value"}]}, in an array or one a line',
    "export": "what `memory-service export` wrote",
}


def open_source(where: str, options: Options, named: str | None = None) -> Source:
    """What is at a path or URL, its format found by looking at it if it is not given.

    Raises:
        InvalidInput: it cannot be read, there is nothing in it, or it is in no format that can be
            imported; the message lists these.
    """
    if named is not None and named not in WHAT:
        msg = f"--format {named!r} is none: use {', '.join(WHAT)}"
        raise InvalidInput(msg)
    if options.customer is not None:
        check_name("customer", options.customer)
    if is_database(where):
        name = shown(where)
        with reading(where) as connection:
            found = named or _of_tables(name, connection, options)
        if found not in _TABLES:
            msg = f"{name} is a database: --format is langchain or mem0, not {found}"
            raise InvalidInput(msg)
        return Source(name, found, partial(_rows, where, _TABLES[found].read, options))
    if named == "langchain":
        msg = f"{where} is no database: give LangChain's connection string, or a SQLite file"
        raise InvalidInput(msg)
    file = Path(where)
    found = named or _of_file(file)
    if found in _NOBODYS and options.customer is None and options.customer_field is None:
        msg = f"{where} ({found}) does not say whose it is: say --customer NAME for all of it"
        msg += ", or --customer-field where each conversation does"
        raise InvalidInput(msg)
    name = where.encode(errors="replace").decode()  # of bytes that are no text
    return Source(name, found, partial(_items, file, found, options))


def _of_tables(shown_as: str, connection: Connection, options: Options) -> str:
    there = tables(connection)
    if options.table is not None or langchain.TABLE in there:
        return "langchain"
    for name, module in _TABLES.items():
        if any(module.is_table(columns) for columns in there.values()):
            return name
    has = ", ".join(sorted(there)) or "no table"
    msg = (
        f"{shown_as} has no table that can be imported: neither LangChain's ({langchain.TABLE}, or "
        f"another that --table names) nor mem0's history. It has {has}"
    )
    raise InvalidInput(msg)


def _rows(
    where: str, read: Callable[[Connection, Options], Iterator[Item]], options: Options
) -> Iterator[Item]:
    with reading(where) as connection:
        yield from read(connection, options)


def _of_file(file: Path) -> str:
    looked_at = list(islice(objects(file), _LOOKED_AT))
    if not looked_at:
        msg = f"there is nothing in {file} to import"
        raise InvalidInput(msg)
    given = [found[1] for found in looked_at if not isinstance(found, Skipped)]
    for one in given:
        for name, module in _OBJECTS.items():
            if module.is_one(one):
                return name
    first = looked_at[0]
    if isinstance(first, Skipped):
        why = f"nothing of {file} can be read" if not given else f"{file} is of no known format"
        why += f" ({first.place}: {first.why})"
    else:
        why = f"{file} is nothing that can be imported{_keys(given[0])}"
    can_be = "\n".join(f"  {name:<14} {what}" for name, what in WHAT.items())
    msg = f"{why}. It can be, also by --format:\n{can_be}"
    raise InvalidInput(msg)


def _keys(given: dict[str, Any]) -> str:
    names = ", ".join(repr(name)[:30] for name in islice(given, 6))
    return f" (its first object has {names or 'nothing in it'})"


def _items(file: Path, name: str, options: Options) -> Iterator[Item]:
    read: Callable[[dict[str, Any], Place, Options], Iterator[Item]] = _OBJECTS[name].read
    for found in objects(file):
        if isinstance(found, Skipped):
            yield found
            continue
        place, given = found
        try:
            yield from read(given, place, options)
        except BAD as error:
            yield Skipped(str(place), told(error))
