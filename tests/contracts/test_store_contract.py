"""Our LangGraph store against the published contract, over both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore

from memory import LangGraphStore, Scope, VectorMemory, open_store
from memory.testing import StoreContract, WordEmbeddings
from memory.testing.stores import Opened


class TestLangGraphStore(StoreContract):
    """One customer's."""

    label: int | None = None

    @pytest.fixture
    def opened(self, url: str) -> Iterator[Opened]:
        """Opens the same database again."""
        with ExitStack() as stack:

            def store(
                embeddings: Embeddings | None = None, fields: tuple[str, ...] = ()
            ) -> BaseStore:
                memory = VectorMemory(
                    store=stack.enter_context(open_store(url)), scope=Scope("ada"),
                    embeddings=embeddings or WordEmbeddings(),
                )  # fmt: skip
                return LangGraphStore(memory, fields=fields)

            yield store

    def let_pass(self, store: BaseStore, minutes: float) -> None:
        """Move what is written back instead of waiting."""
        assert isinstance(store, LangGraphStore)
        with store._memory.store.database.write() as connection:
            connection.execute(
                sa.text("UPDATE items SET expires = expires - :past"),
                {"past": round(minutes * 60_000_000)},
            )
