"""Whether customers write in the language that the embedding model reads.

The embedded model was trained on English.
"""

from __future__ import annotations

from collections.abc import Iterable

from memory import MemoryStore
from memory.language import language_of

_SESSIONS = 50  # the last used ones are looked at
_MESSAGES = 20  # of each, the last
_FEWEST = 20  # messages that a verdict takes


def advice(store: MemoryStore) -> str | None:
    """What to do if most of what customers wrote last is not English; None if it is."""
    verdict = count_foreign(
        said.message.text
        for scope in store.transcript.last_used(_SESSIONS)
        for said in store.transcript.newest(scope, _MESSAGES)
        if said.message.role == "human"
    )
    if verdict is None:
        return None
    foreign, judged = verdict
    return (
        f"{foreign} of the last {judged} messages of customers are not in English, which is what "
        "the embedding model reads: install langchain-memory-service[multilingual], set "
        "MEMORY_SERVICE_EMBEDDINGS=embedded:multilingual, and run `memory-service doctor "
        "--reembed`"
    )


def count_foreign(texts: Iterable[str]) -> tuple[int, int] | None:
    """How many texts are not English, of how many; None if they are few, or the fewer part."""
    judged = [found for text in texts if (found := language_of(text)) is not None]
    foreign = len(judged) - judged.count("en")
    if len(judged) < _FEWEST or 2 * foreign <= len(judged):
        return None
    return foreign, len(judged)
