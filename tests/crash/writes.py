"""What is written beside the turns: items, events, translations and documents, some at a time."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import sqlalchemy as sa

from memory import open_store
from tests.crash.served import HEADERS

ROWS = 6  # of a request, which are stored together or not at all
_WHO = "writer"
_PAIR = {"source": "en", "target": "pt"}
_WAITING = "SELECT COUNT(*) FROM translations WHERE vector IS NULL AND term = 0"


class _Kind(NamedTuple):
    path: str
    body: Callable[[list[str]], dict[str, Any]]  # of rows by their names
    names: str  # a query of the names that are stored, as last words
    action: str  # as the audit log has it


def _items(names: list[str]) -> dict[str, Any]:
    return {"text": "\n".join(["id,title", *(f"{name},Lamp {name}" for name in names)])}


def _events(names: list[str]) -> dict[str, Any]:
    done = [{"item": name, "kind": "viewed", "id": name} for name in names]
    return {"customer": _WHO, "events": done}


def _translations(names: list[str]) -> dict[str, Any]:
    lines = [f"this is the {name},este é o {name}" for name in names]
    return {**_PAIR, "format": "csv", "text": "\n".join(["source,target", *lines])}


def _own_translations(names: list[str]) -> dict[str, Any]:
    return {**_translations(names), "customer": _WHO}


def _documents(names: list[str]) -> dict[str, Any]:
    filed = [{"id": name, "text": f"The {name} is late.", "collection": name} for name in names]
    return {"documents": filed}


_TRANSLATED = "SELECT source FROM translations WHERE customer"
_KINDS = {
    "items": _Kind(
        "/v1/items/import", _items, "SELECT speaker FROM records WHERE role = 'item'",
        "change.items",
    ),
    "events": _Kind("/v1/events", _events, "SELECT id FROM events", "change.events"),
    "translations": _Kind(
        "/v1/translation-memory", _translations, f"{_TRANSLATED} <> '{_WHO}'",
        "change.translations",
    ),
    "own translations": _Kind(
        "/v1/translation-memory", _own_translations, f"{_TRANSLATED} = '{_WHO}'",
        "change.translations",
    ),
    "documents": _Kind(
        "/v1/insights/documents", _documents, "SELECT session FROM records WHERE role = 'post'",
        "change.documents",
    ),
}  # fmt: skip


@dataclass
class Batch:
    """Rows of one request, as its writer knows them."""

    kind: str
    code: str  # begins the names of its rows, and of no other's
    tries: int = 0
    acknowledged: bool = False

    @property
    def names(self) -> list[str]:
        """A word each, without a number: translations that differ in one are the same."""
        return [f"{self.code}{letter}" for letter in "abcdef"[:ROWS]]


class Writer:
    """One thread that writes a batch of each kind in turn, and again until it is acknowledged."""

    def __init__(self, address: str, seed: int, up: threading.Event, *, excused: bool) -> None:
        """Take where to write.

        Args:
            address: the service's.
            seed: of the names.
            up: whether the service is.
            excused: whether a service that is up may answer 503.
        """
        self.batches: list[Batch] = []
        self.unexpected: list[str] = []
        self._random = random.Random(f"{seed} writer")
        self._up = up
        self._excused = excused
        self._http = httpx.Client(base_url=address, headers=HEADERS, timeout=60)

    def run(self, ended: Callable[[], bool]) -> None:
        """Write until it is over."""
        while not ended():
            if self._up.wait(0.2):
                if not self.batches or self.batches[-1].acknowledged:
                    self.batches.append(self._new())
                self._write(self.batches[-1])
                time.sleep(self._random.random() * 0.05)

    def finish(self, url: str, until: float) -> None:
        """Write what was not acknowledged, and wait for the vectors, which a search asks for."""
        while time.monotonic() < until and any(not one.acknowledged for one in self.batches):
            for batch in self.batches:
                if not batch.acknowledged:
                    self._write(batch)
        while time.monotonic() < until and _waiting(url):
            for more in ({}, {"customer": _WHO}):
                asked = {**_PAIR, "text": "this is the one", **more}
                self._http.post("/v1/translation-memory/search", json=asked)
            time.sleep(0.2)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _new(self) -> Batch:
        kind = [*_KINDS][len(self.batches) % len(_KINDS)]
        return Batch(kind, "".join(self._random.choices("bcdfghjklmnpqrstvwxz", k=9)))

    def _write(self, batch: Batch) -> None:
        kind = _KINDS[batch.kind]
        batch.tries += 1
        try:
            answer = self._http.post(kind.path, json=kind.body(batch.names))
        except httpx.TransportError:
            self._up.wait(1)
            time.sleep(0.02)
            return
        if answer.status_code == 200:
            batch.acknowledged = True
        elif answer.status_code == 503 and self._excused:
            time.sleep(0.05)
        else:
            batch.acknowledged = True  # it is not asked again and again
            self.unexpected.append(f"{batch}: {answer.status_code} {answer.text[:300]}")


def stored(url: str) -> dict[str, Counter[str]]:
    """How often each name is stored, by kind; as it is at one moment."""
    with open_store(url) as store, store.database.read() as connection:
        return {
            name: Counter(
                said.split()[-1] for said in connection.execute(sa.text(kind.names)).scalars()
            )
            for name, kind in _KINDS.items()
        }


def compare_writes(
    there: Mapping[str, Counter[str]], batches: Iterable[Batch]
) -> tuple[Counter[str], list[str]]:
    """What is wrong with what is stored of some batches: how often, and where.

    Args:
        there: what is stored, read after ``batches``.
        batches: as their writer knew them.
    """
    faults, details = Counter[str](), []
    left = {kind: Counter(names) for kind, names in there.items()}
    for batch in batches:
        counts = [left[batch.kind].pop(name, 0) for name in batch.names]
        wrong = []
        if max(counts) > 1:
            wrong.append("doubles")
        if batch.acknowledged and not all(counts):
            wrong.append("losses")
        elif any(counts) and not all(counts):
            wrong.append("halves")
        faults.update(wrong)
        details += [f"{what} in {batch}: {counts}" for what in wrong]
    for kind, names in left.items():
        if names:
            faults["changed"] += len(names)
            details.append(f"{kind} that nobody wrote are there: {[*names][:3]}")
    return faults, details


def without_entry(url: str, batches: Iterable[Batch]) -> Counter[str]:
    """How many acknowledged writes the audit log does not have."""
    wanted = Counter(_KINDS[one.kind].action for one in batches if one.acknowledged)
    with open_store(url) as store, store.database.read() as connection:
        query = "SELECT action FROM audit WHERE outcome = 'done'"
        known = Counter(connection.execute(sa.text(query)).scalars())
    return Counter({"writes without an entry in the audit log": (wanted - known).total()})


def _waiting(url: str) -> bool:
    """Whether a translation has no vector yet."""
    with open_store(url) as store, store.database.read() as connection:
        return bool(connection.execute(sa.text(_WAITING)).scalar())
