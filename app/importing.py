"""Past conversations and memories, from wherever they are (``app.sources``), into the store."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from app.conversation import conversation_memory
from app.progress import bar
from app.recording import at_console
from app.roles import TENANT
from app.settings import Settings
from app.sources.report import Report
from app.sources.source import Conversation, Memory, Skipped, Source
from memory import (
    ConversationMemory,
    Encoder,
    InvalidInput,
    MemoryStore,
    Scope,
    Understanding,
    check_name,
)

_AHEAD = 12  # conversations that are stored and not digested yet
_TOGETHER = 1000  # memories that are read before they are stored


def import_from(
    store: MemoryStore,
    settings: Settings,
    encoder: Encoder,
    source: Source,
    understanding: Understanding | None = None,
    tenant: str = TENANT,
    report: Report | None = None,
) -> Report:
    """Import what is in a source, then embed, fold and read what customers wrote.

    A conversation is stored whole or not at all. Messages and memories have ids that are the same
    whenever they are read: importing a source again, or one that was broken off, stores nothing
    twice. What is bad is left out and told of in the report; the source is looked through first,
    so that one of which nothing can be read stops the import before it has begun (``report``, if
    that was done).

    Raises:
        InvalidInput: the source cannot be read, or there is nothing in it.
    """
    check_name("tenant", tenant)
    report = report or Report.of(source)
    report.new_messages = report.new_memories = 0
    digests: deque[tuple[str, int, Future[None]]] = deque()
    total, name = report.conversations + report.memories, source.name.rsplit("/", 1)[-1]
    with (
        bar(total=total, desc=name) as shown,
        # Some embed while others write records, and this one reads and stores what comes next.
        ThreadPoolExecutor(4, thread_name_prefix="digest") as digesting,
    ):
        for batch in _batches(source):
            scope = _scope(batch, tenant)
            memory = conversation_memory(
                store, scope, settings, encoder, understanding=understanding
            )
            what = "messages" if isinstance(batch, Conversation) else "memories"
            with at_console(store, tenant, f"change.{what}", scope.customer):
                try:
                    _add(memory, batch, report)
                except InvalidInput as error:  # what the store alone knows
                    first = batch if isinstance(batch, Conversation) else batch[0]
                    report.add(Skipped(first.place, str(error)))
                    continue
                earlier = next(
                    (one for name, _, one in reversed(digests) if name == scope.customer), None
                )
                # As part of the same deed.
                made = digesting.submit(copy_context().run, _digest, memory, earlier)
                size = 1 if isinstance(batch, Conversation) else len(batch)
                digests.append((scope.customer, size, made))
            while len(digests) > _AHEAD:
                _ended(digests.popleft(), shown)
        for one in digests:
            _ended(one, shown)
    return report


def _ended(digest: tuple[str, int, Future[None]], shown: Any) -> None:
    _, size, made = digest
    made.result()
    shown.update(size)


def _batches(source: Source) -> Iterator[Conversation | list[Memory]]:
    """Conversations one by one, memories by their customers, of some that stand together."""
    memories: defaultdict[str, list[Memory]] = defaultdict(list)
    count = 0
    for item in source.items():
        if isinstance(item, Memory):
            memories[item.customer].append(item)
            count += 1
        elif isinstance(item, Conversation):
            yield item
        if count == _TOGETHER:
            yield from memories.values()
            memories.clear()
            count = 0
    yield from memories.values()


def _scope(batch: Conversation | list[Memory], tenant: str) -> Scope:
    if isinstance(batch, Conversation):
        return replace(batch.scope, tenant=tenant)
    return Scope(batch[0].customer, tenant=tenant)


def _add(memory: ConversationMemory, batch: Conversation | list[Memory], report: Report) -> None:
    assert report.new_messages is not None
    assert report.new_memories is not None
    if isinstance(batch, Conversation):
        report.new_messages += memory.add_messages(batch.messages, batch.times)
    else:
        records = [one.record for one in batch]
        report.new_memories += memory.store.records.add(memory.scope.owner, records)


def _digest(memory: ConversationMemory, after: Future[None] | None) -> None:
    """Digest, once the customer's earlier digest has ended: two at once would embed twice."""
    if after is not None:
        after.result()
    memory.digest()
