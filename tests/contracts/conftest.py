"""Every memory class over every database, and over one that two stores share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from memory import MemoryStore, Scope, open_store
from memory.base import StoredMemory
from tests.by_turns import TwoStores
from tests.contracts.memories import KINDS, Kind, Make
from tests.doubles import WordEncoder, count_words

# Where it may matter that one process has done what another one sees.
SHARED = {"test_corrections", "test_documents", "test_knowledge", "test_said_again"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hold no other test against two stores."""
    items[:] = [item for item in items if not _of_two(item) or _may_matter(item)]


def _of_two(item: pytest.Item) -> bool:
    called = getattr(item, "callspec", None)
    return called is not None and called.params.get("url") == "two_on_postgres"


def _may_matter(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    return "store" in item.fixturenames and item.module.__name__.split(".")[-1] in SHARED


@pytest.fixture(params=["sqlite", "postgres", "two_on_postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Where an empty database is, of each kind in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def two_on_postgres_url(postgres_url: str) -> str:
    """Where an empty Postgres is, for two stores."""
    return postgres_url


@pytest.fixture
def store(url: str, request: pytest.FixtureRequest) -> Iterator[MemoryStore]:
    """A store over an empty database, or two that look like one."""
    with open_store(url) as opened:
        if not _of_two(request.node):
            yield opened
            return
        with open_store(url) as other:
            yield TwoStores(opened, other)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each memory class in turn."""
    return KINDS[request.param]


@pytest.fixture
def make(kind: Kind, store: MemoryStore, encoder: WordEncoder) -> Make:
    """Makes a memory of the class for a customer and a session, its digest not by itself."""

    def made(
        customer: str = "ada", session: str = "s1", tenant: str = "default", **more: Any
    ) -> StoredMemory:
        if kind.embeds:
            more.setdefault("embeddings", encoder)
        more.setdefault("background", False)
        more.setdefault("count_tokens", count_words)
        more.setdefault("store", store)
        return kind.of(scope=Scope(customer, session, tenant), **more)

    return made
