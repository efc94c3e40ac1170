"""LangChain's suites for embeddings over the embedded model."""

from __future__ import annotations

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from memory import OnnxEmbeddings

pytestmark = pytest.mark.anyio


class TestOnnxEmbeddingsUnit(EmbeddingsUnitTests):
    """It is made of the weights that are installed: nothing is to be given, no key, no address."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """Ours."""
        return OnnxEmbeddings


class TestOnnxEmbeddings(EmbeddingsIntegrationTests):
    """With the real network."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """Ours."""
        return OnnxEmbeddings
