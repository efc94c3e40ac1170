"""What customers of a shop write in some weeks, as rows that a classifier has read.

Messages of each topic come as they do: more by day than by night and on working days than at
weekends, with busier days and quieter ones. Some are negative, and who is angry may write several.
A surge is planted on top: negative messages about one topic, each of another customer.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from memory import MemoryStore
from memory.clock import to_stamp

# Messages an hour, as a mean over the week, and how many of them are negative.
TOPICS: dict[str | None, tuple[float, float]] = {
    "delivery": (30, 0.25), "order": (25, 0.15), "refund": (15, 0.35), "payment": (12, 0.2),
    "account": (12, 0.15), "invoice": (6, 0.1), "contact": (6, 0.15), "feedback": (5, 0.5),
    "cancellation_fee": (3, 0.3), "shipping_address": (3, 0.1), "newsletter": (2, 0.1),
    None: (20, 0.1),
}  # fmt: skip
HOUR = timedelta(hours=1)
_ADD = text(
    "INSERT INTO messages (tenant, customer, seq, session, id, role, text, at, tokens, labels) "
    "VALUES (:tenant, :customer, :seq, 's1', :id, 'human', :text, :at, 1, :labels)"
)
_KNOWN = text(
    "INSERT INTO customers (tenant, customer, seq, generation, written, embedded, understood) "
    "VALUES (:tenant, :customer, :last, 1, :last, :last, :last) ON CONFLICT (tenant, customer) "
    "DO UPDATE SET seq = :last, written = :last, embedded = :last, understood = :last"
)


class Said(NamedTuple):
    """A message: by whom and when, about what, how it is meant, and how sure that is."""

    customer: str
    at: datetime
    topic: str | None
    mood: str
    sure: float = 0.9


class Surge(NamedTuple):
    """Negative messages beyond the usual: so many an hour, from a time on, for some hours."""

    topic: str | None
    since: datetime
    hours: float
    an_hour: float


def traffic(since: datetime, days: int, seed: int, size: float = 1.0) -> Iterator[Said]:
    """Some days of messages, those of an hour together.

    Args:
        since: when they begin, at midnight.
        days: how many.
        seed: of all that is random.
        size: how many times as many messages as ``TOPICS`` says.
    """
    chance = random.Random(seed)
    for day in range(days):
        busy = chance.lognormvariate(0, 0.15)
        for hour in range(24):
            begun = since + timedelta(days=day, hours=hour)
            rate = size * busy * _by_hour(hour) * (0.6 if begun.weekday() > 4 else 1.15)
            for topic, (an_hour, negative) in TOPICS.items():
                for _ in range(_poisson(chance, an_hour * rate)):
                    yield from _writer(chance, begun, topic, negative)


def surge(planted: Surge, seed: int) -> Iterator[Said]:
    """The messages of a surge."""
    chance = random.Random(seed)
    for number in range(_poisson(chance, planted.an_hour * planted.hours)):
        at = planted.since + HOUR * planted.hours * chance.random()
        yield Said(f"surge-{seed}-{number}", at, planted.topic, "negative")


def write(store: MemoryStore, said: Iterable[Said], tenant: str = "default") -> None:
    """Put messages into the rows, with the labels that a classifier has read in them."""
    rows = [
        {
            "tenant": tenant, "customer": one.customer, "seq": number, "id": f"m{number}",
            "text": f"{one.mood} about {one.topic}", "at": to_stamp(one.at),
            "labels": labels(one.topic, one.mood, one.sure),
        }
        for number, one in enumerate(said, _next(store))
    ]  # fmt: skip
    known = [
        {"tenant": tenant, "customer": customer, "last": rows[-1]["seq"]}
        for customer in sorted({str(row["customer"]) for row in rows})
    ]
    with store.database.write() as connection:
        connection.execute(_KNOWN, known)
        connection.execute(_ADD, rows)


def labels(topic: str | None, mood: str, sure: float) -> str:
    """Labels as they are stored."""
    return json.dumps({"topic": [topic, sure], "sentiment": [mood, sure]})


def _next(store: MemoryStore) -> int:
    with store.database.read() as connection:
        return int(connection.execute(text("SELECT COUNT(*) FROM messages")).scalar_one()) + 1


def _writer(
    chance: random.Random, begun: datetime, topic: str | None, negative: float
) -> Iterator[Said]:
    customer = f"c{chance.randrange(50_000)}"
    mood = "negative" if chance.random() < negative else chance.choice(("neutral", "positive"))
    at = begun + HOUR * chance.random()
    yield Said(customer, at, topic, mood)
    while mood == "negative" and chance.random() < 0.3:
        at += timedelta(minutes=3) * chance.random()
        yield Said(customer, at, topic, mood)


def _by_hour(hour: int) -> float:
    """How much more is written then than on average; least at four in the morning."""
    return 1 - 0.85 * math.cos(math.tau * (hour - 4) / 24)


def _poisson(chance: random.Random, mean: float) -> int:
    """How often something happens that happens so often on average (Knuth, in parts)."""
    count = 0
    while mean > 0:
        part, mean = min(mean, 30.0), mean - 30.0
        limit, product = math.exp(-part), chance.random()
        while product > limit:
            count += 1
            product *= chance.random()
    return count


def usual_negative(topic: str | None, at: datetime) -> float:
    """How many negative messages about a topic are usual in an hour at that time."""
    an_hour, negative = TOPICS[topic]
    return an_hour * negative * _by_hour(at.hour) * (0.6 if at.weekday() > 4 else 1.15)
