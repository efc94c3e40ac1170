"""Every memory class over every database."""

from __future__ import annotations

from typing import Any

import pytest

from memory import MemoryStore, Scope
from memory.base import StoredMemory
from tests.contracts.memories import KINDS, Kind, Make
from tests.doubles import WordEncoder, count_words


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
