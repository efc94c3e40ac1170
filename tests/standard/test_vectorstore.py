"""LangChain's suite for vector stores over ours, on SQLite and on Postgres, and over its own FAISS.

Its FAISS store breaks three promises of the suite, sync and async: 6 of 25 tests, each of which
runs here as it stands and has to fail.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from memory import FaissVectorStore, MemoryStore, Scope
from tests.peers.langchain import FAISS, quiet

pytestmark = pytest.mark.anyio


class TestFaissVectorStore(VectorStoreIntegrationTests):
    """Ours: all of it, on either database."""

    @pytest.fixture
    def vectorstore(self, store: MemoryStore) -> VectorStore:
        """An empty one."""
        return FaissVectorStore(store, Scope("ada", "documents"), self.get_embeddings())


def breaks(reason: str) -> Any:
    """The store raises here, and always."""
    # LangChain's own store, shown beside ours: one that passes some day fails this by ``strict``.
    return pytest.mark.xfail(strict=True, raises=ValueError, reason=reason)


@quiet
class TestLangChainsFaiss(VectorStoreIntegrationTests):
    """LangChain community's: the same suite, run in the same way."""

    @pytest.fixture
    def vectorstore(self) -> VectorStore:
        """An empty one."""
        import faiss
        from langchain_community.docstore.in_memory import InMemoryDocstore

        return FAISS(self.get_embeddings(), faiss.IndexFlatL2(6), InMemoryDocstore(), {})

    # Each as it stands: the suite takes no test of a class that is not marked with its reason.

    @breaks("deleting what is not there raises")
    def test_delete_missing_content(self, vectorstore: VectorStore) -> None:
        """As it stands."""
        super().test_delete_missing_content(vectorstore)

    @breaks("deleting what is not there raises")
    async def test_delete_missing_content_async(self, vectorstore: VectorStore) -> None:
        """As it stands."""
        await super().test_delete_missing_content_async(vectorstore)

    @breaks("adding the same twice raises")
    def test_add_documents_with_ids_is_idempotent(self, vectorstore: VectorStore) -> None:
        """As it stands."""
        super().test_add_documents_with_ids_is_idempotent(vectorstore)

    @breaks("adding the same twice raises")
    async def test_add_documents_with_ids_is_idempotent_async(
        self, vectorstore: VectorStore
    ) -> None:
        """As it stands."""
        await super().test_add_documents_with_ids_is_idempotent_async(vectorstore)

    @breaks("adding another text under an id raises")
    def test_add_documents_by_id_with_mutation(self, vectorstore: VectorStore) -> None:
        """As it stands."""
        super().test_add_documents_by_id_with_mutation(vectorstore)

    @breaks("adding another text under an id raises")
    async def test_add_documents_by_id_with_mutation_async(self, vectorstore: VectorStore) -> None:
        """As it stands."""
        await super().test_add_documents_by_id_with_mutation_async(vectorstore)
