"""One Postgres, and two stores over it, as two workers have them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memory import MemoryStore, open_store

Two = tuple[MemoryStore, MemoryStore]


@pytest.fixture
def two(postgres_url: str) -> Iterator[Two]:
    """Two stores over an empty database."""
    with open_store(postgres_url) as one, open_store(postgres_url) as other:
        yield one, other
