"""ConversationRetriever: what is remembered of a customer, for chains that take a retriever."""

from __future__ import annotations

from itertools import zip_longest

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from memory.conversation import ConversationMemory
from memory.types import Evidence, Recalled
from memory.vector import VectorMemory


class ConversationRetriever(BaseRetriever):
    """The customer's memories that bear on a query, best first, with their scores and why.

    It finds what the memory's prompts show: what holds no longer is left out. Where a
    ``ConversationMemory`` has ``knowledge``, memories and passages of articles come by turns.
    The metadata of a memory are ``session``, ``role``, ``at``, ``messages`` (the ids of what it
    was made of), ``score`` and ``why``; of a passage ``source``, ``title``, ``score`` and ``why``.
    """

    model_config = ConfigDict(extra="forbid")

    memory: ConversationMemory | VectorMemory
    k: int = Field(default=5, gt=0)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
    ) -> list[Document]:
        """At most k documents; the retriever's own k, if none is given."""
        most = self.k if k is None else k
        memory = self.memory
        vector = memory.vector if isinstance(memory, ConversationMemory) else memory
        remembered = vector.ranked(query, outdated=False, limit=most)[:most]
        knowledge = memory.knowledge if isinstance(memory, ConversationMemory) else None
        passages = knowledge.search(query, most) if knowledge is not None else []
        pairs = zip_longest(map(_memory, remembered), map(_passage, passages))
        return [found for pair in pairs for found in pair if found is not None][:most]


def _memory(found: Recalled) -> Document:
    return Document(
        id=found.id, page_content=found.text,
        metadata={
            "session": found.session, "role": found.role, "at": found.at.isoformat(),
            "messages": list(found.messages), "score": found.score, "why": found.why,
        },
    )  # fmt: skip


def _passage(found: Evidence) -> Document:
    return Document(
        id=found.id, page_content=found.text,
        metadata={
            "source": found.source, "title": found.title, "score": found.score, "why": found.why,
        },
    )  # fmt: skip
