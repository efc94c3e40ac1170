"""Records for retrieval strategies to choose from, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from memory import (
    Query,
    Recalled,
    Record,
    Retriever,
    attention,
    contextual,
    dense,
    hops,
    hybrid,
    lexical,
    mmr,
    recency_weighted,
)
from memory.embeddings import Encoder
from memory.indexes.customer import CustomerIndex, View
from tests.doubles import WordEncoder

NOW = datetime(2025, 6, 1, tzinfo=UTC)
WORDS = WordEncoder()
STRATEGIES: dict[str, Retriever] = {
    "dense": dense,
    "lexical": lexical,
    "contextual": contextual,
    "hybrid": hybrid,
    "recency_weighted": recency_weighted,
    "mmr": mmr,
    "attention": attention,
    "hops of lexical": hops(lexical, 2),
    "hops of hybrid": hops(hybrid, 3),
    "hops of attention": hops(attention, 2),
}


def index(
    texts: Sequence[str],
    *,
    encoder: Encoder = WORDS,
    embedded: int | None = None,
    days_old: Sequence[float] | None = None,
) -> CustomerIndex:
    """A customer's index of texts, the first ``embedded`` of them (all, if not given) embedded."""
    found = CustomerIndex(encoder.dimension)
    found.add(
        [
            Record(
                f"r{n}", text, (f"m{n}",), "s1", "human",
                NOW - timedelta(days=days_old[n] if days_old else 1), n + 1,
            )
            for n, text in enumerate(texts)
        ]
    )  # fmt: skip
    found.add_vectors(encoder.encode(texts[:embedded]))
    return found


def view(texts: Sequence[str], **more: object) -> View:
    """All of an index."""
    return index(texts, **more).view(NOW)  # type: ignore[arg-type]


def query(text: str, encoder: Encoder = WORDS) -> Query:
    """A question asked now."""
    return Query(text, encoder.encode([text])[0], NOW)


def texts(found: list[Recalled]) -> list[str]:
    """What was found, best first."""
    return [r.text for r in found]
