"""The conversation memory that the settings describe: the service's, and what is measured."""

from __future__ import annotations

from app.llm.model import Model
from app.settings import CHINESE, SYSTEM, Settings
from app.templates.quotes import retold
from memory import (
    ConversationMemory,
    Encoder,
    Knowledge,
    MemoryStore,
    Policy,
    Scope,
    Understanding,
    append,
    facts,
    facts_by_model,
    joined,
    supersede,
    verbatim,
)
from memory.marks import inert

# One function for the whole process: the caches of indexes go by it.
_WITH_FACTS = joined(verbatim, facts)


def conversation_memory(
    store: MemoryStore,
    scope: Scope,
    settings: Settings,
    encoder: Encoder,
    model: Model | None = None,
    knowledge: Knowledge | None = None,
    understanding: Understanding | None = None,
    instructions: str = "",
    taken: int = 0,
) -> ConversationMemory:
    """The memory of a session; without a ``model`` its context is the settings'.

    ``instructions`` are a client's, after the settings' own in its prompts. Of the context so
    many tokens are ``taken`` already.
    """
    context = settings.context_tokens if model is None else model.context
    room = max(context - settings.reply_tokens - taken, 1)
    by_model = facts_by_model(model.chat) if model and settings.facts == "model" else None
    return ConversationMemory(
        store=store, scope=scope, llm=model.chat if model else None,
        system=_joined(settings.system, instructions), language=settings.language,
        systems={"zh": _joined(CHINESE, instructions)} if settings.system == SYSTEM else {},
        max_tokens=min(settings.prompt_tokens, room), context_tokens=room,
        summary_tokens=settings.summary_tokens, recall_tokens=settings.recall_tokens,
        summarize=settings.summarize, embeddings=encoder, background=False,
        writer=verbatim if settings.facts == "off" else _WITH_FACTS, digest_writer=by_model,
        update=append if settings.facts == "off" else supersede,
        policy=policy_of(settings),
        knowledge=knowledge, knowledge_tokens=settings.knowledge_tokens,
        understanding=understanding, retold=retold,
    )  # fmt: skip


def _joined(system: str, instructions: str) -> str:
    return "\n\n".join(filter(None, (system, inert(instructions))))


def policy_of(settings: Settings) -> Policy:
    """What the settings say of forgetting."""
    return Policy.days(
        settings.forget_after_days, settings.forget_unrecalled_days, settings.max_records
    )
