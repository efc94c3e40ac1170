"""A store to import into, and what is in a source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.importing import import_from
from app.settings import Settings
from app.sources.formats import open_source
from app.sources.report import Report
from app.sources.source import Options
from memory import MemoryStore, open_store
from tests.doubles import WordEncoder

Import = Callable[..., Report]


@pytest.fixture
def target() -> Iterator[MemoryStore]:
    """Where things are imported into."""
    with open_store() as store:
        yield store


@pytest.fixture
def bring(target: MemoryStore, tmp_path: Path) -> Import:
    """Imports a path or URL, or objects that it writes as JSON lines."""

    def done(given: Any, named: str | None = None, **options: Any) -> Report:
        if isinstance(given, list):
            file = tmp_path / "given.jsonl"
            file.write_text("".join(f"{json.dumps(one)}\n" for one in given))
            given = file
        source = open_source(str(given), Options(**options), named)
        return import_from(target, Settings(), WordEncoder(), source)

    return done


def faults(report: Report) -> dict[str, str]:
    """What is bad, by its place."""
    return {fault.place: fault.why for fault in report.faults}


def left_out(report: Report) -> dict[str, int]:
    """How much is left out, by its kind."""
    return {why: found.count for why, found in report.left_out.items()}


def said(store: MemoryStore, customer: str, session: str) -> list[tuple[str, str]]:
    """The messages of a session: roles and texts."""
    from memory import Scope

    return [
        (one.message.role, one.message.text)
        for one in store.transcript.window(Scope(customer, session))
    ]
