"""Databases of many customers, written as time writes them, for ``first_load.py``."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memory import Message, count_tokens, embedded, open_store, verbatim
from memory.clock import now, to_stamp
from tests.benchmarks.dialogue import dialogue

SESSION = 20  # messages a session
POOL = 4096  # different texts and vectors; more would change nothing that is stored

_COLUMNS = {
    "messages": "tenant, customer, seq, session, id, role, text, at, tokens, turn",
    "turns": "tenant, customer, id, session, status, at, question, answer",
    "records": "tenant, customer, seq, id, session, role, text, at, messages, terms",
    "vectors": "tenant, customer, seq, vector",
    "sessions": "tenant, customer, session, created, updated, messages, tokens",
    "customers": "tenant, customer, seq, generation, written, embedded",
}
Rows = dict[str, list[tuple[Any, ...]]]


class Texts:
    """A stock of messages with their terms and tokens, and of unit vectors to go with them."""

    def __init__(self) -> None:
        talk = dialogue()
        said = [text for _ in range(POOL // 2) for text in next(talk)]
        roles = ("human", "ai") * (POOL // 2)
        messages = [
            Message(str(i), "", role, text, now())
            for i, (role, text) in enumerate(zip(roles, said, strict=True))
        ]
        self.texts = [
            (role, text, count_tokens(text), " ".join(record.terms))
            for role, text, record in zip(roles, said, verbatim(messages), strict=True)
        ]
        vectors = np.random.default_rng(7).standard_normal((POOL, embedded().dimension))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = [row.tobytes() for row in vectors.astype(np.float16)]


def build(path: Path, customers: Sequence[int], each: int, texts: Texts) -> None:
    """Make a database in which ``customers`` have said ``each`` messages, one after the other.

    The rows are those that turns and their digests leave behind, in the order of time: message
    i of all customers comes before message i + 1 of any.
    """
    with open_store(f"sqlite:///{path}") as store:
        store.check_embeddings(embedded())
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-3000000"):
        db.execute(f"PRAGMA {pragma}")
    for rows in _rows(customers, each, texts):
        db.execute("BEGIN")
        for table, values in rows.items():
            columns = _COLUMNS[table]
            marks = ", ".join("?" * (columns.count(",") + 1))
            db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)
        db.execute("COMMIT")
    db.execute("PRAGMA journal_mode=WAL")
    db.close()


def _rows(customers: Sequence[int], each: int, texts: Texts) -> Iterator[Rows]:
    """The rows in the order of time, some hundred messages at once."""
    rng = random.Random(len(customers))
    start = to_stamp(now()) - each * 60_000_000
    turns = dict.fromkeys(customers, "")
    tokens: dict[tuple[int, str], int] = {}
    for step in range(each):
        session, at = f"s{step // SESSION}", start + step * 60_000_000
        for first in range(0, len(customers), 500):
            rows: Rows = {"messages": [], "turns": [], "records": [], "vectors": []}
            for customer in customers[first : first + 500]:
                owner = ("default", name_of(customer))
                stock = (customer * 31 + step) // 2 * 2 % POOL + step % 2
                role, text, size, terms = texts.texts[stock]
                # A turn takes two numbers for its messages, then its digest two for its records.
                seq = step // 2 * 4 + step % 2 + 1
                if role == "human":
                    turns[customer] = f"{rng.getrandbits(128):032x}"
                message, turn = f"{rng.getrandbits(128):032x}", turns[customer]
                rows["messages"].append(
                    (*owner, seq, session, message, role, text, at, size, turn)
                )  # fmt: skip
                if role == "ai":
                    rows["turns"].append((*owner, turn, session, "complete", at, seq - 1, seq))
                rows["records"].append(
                    (*owner, seq + 2, f"{rng.getrandbits(96):024x}", session, role, text, at,
                     json.dumps([message]), terms)
                )  # fmt: skip
                rows["vectors"].append((*owner, seq + 2, texts.vectors[stock]))
                tokens[customer, session] = tokens.get((customer, session), 0) + size
            yield rows
    last = (each + 1) // 2 * 4
    yield {
        "sessions": [
            ("default", name_of(customer), session, start, start, SESSION, total)
            for (customer, session), total in tokens.items()
        ],
        "customers": [
            ("default", name_of(customer), last, rng.getrandbits(53), last, last)
            for customer in customers
        ],
    }


def name_of(customer: int) -> str:
    """A customer's name; neighbours in time are not neighbours in the order of names."""
    return f"customer-{customer * 7919 % 100_003:06}"
