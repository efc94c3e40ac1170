"""The conversation memory that the settings describe: the service's, and what is measured."""

from __future__ import annotations

from app.llm.model import Model
from app.settings import Settings
from memory import ConversationMemory, Encoder, MemoryStore, Scope


def conversation_memory(
    store: MemoryStore,
    scope: Scope,
    settings: Settings,
    encoder: Encoder,
    model: Model | None = None,
) -> ConversationMemory:
    """The memory of a session; without a ``model`` its context is the settings'."""
    context = settings.context_tokens if model is None else model.context
    room = context - settings.reply_tokens
    return ConversationMemory(
        store=store, scope=scope, llm=model.chat if model else None, system=settings.system,
        max_tokens=min(settings.prompt_tokens, room), context_tokens=room,
        summary_tokens=settings.summary_tokens, recall_tokens=settings.recall_tokens,
        summarize=settings.summarize, embeddings=encoder, background=False,
    )  # fmt: skip
