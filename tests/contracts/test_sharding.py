"""What lets a database be cut by customers: a turn never needs two customers' rows."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from memory import ConversationMemory, Knowledge, MemoryStore, Scope, Understanding, open_store
from memory.deeds import Deed
from tests.contracts.test_knowledge import RETURNS
from tests.doubles import WordEncoder, WordReader

# Not a customer's: docker/README.md says what becomes of them where a database is cut.
SHARED = {
    "alerts", "api_keys", "articles", "audit", "audit_cuts", "audit_unsealed", "deliveries", "meta",
    "rates", "receipts",
}  # fmt: skip
OF_A_TURN = {"articles", "audit_unsealed", "meta"}  # of these, what a turn may touch


@pytest.fixture
def store(postgres_url: str) -> Any:
    """A store on Postgres."""
    with open_store(postgres_url) as opened:
        yield opened


def test_each_customers_tables_can_be_cut_by_customer(store: MemoryStore) -> None:
    """Every key, and whatever else has to be unique, has the customer in it."""
    schema = sa.inspect(store.database.engine)
    for table in set(schema.get_table_names()) - SHARED:
        assert schema.get_pk_constraint(table)["constrained_columns"][:2] == ["tenant", "customer"]
        for index in schema.get_indexes(table):
            assert not index["unique"] or "customer" in index["column_names"], index
        assert schema.get_foreign_keys(table) == []


def test_a_turn_asks_for_one_customer(store: MemoryStore, encoder: WordEncoder) -> None:
    """Each statement of turns and of their digests names the customer, or asks for what is
    nobody's; and of that they write nothing but what waits for its place in the audit log.
    """
    knowledge = Knowledge(store, encoder, "default")
    knowledge.put([RETURNS])
    reads: Understanding = WordReader()
    memory = ConversationMemory(
        store=store, scope=Scope("ada"), embeddings=encoder, background=False, max_tokens=400,
        knowledge=knowledge, understanding=reads,
    )  # fmt: skip
    asked: list[str] = []
    listen = (store.database.engine, "before_cursor_execute")

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(" ".join(statement.split()))

    sa.event.listen(*listen, note)
    with store.audit.doing(Deed("key", "service", "default", "change.turn", "ada")):
        for n in range(12):
            question = f"where is the lamp of order {n}, can I send it back " + "please " * n
            turn = memory.start(question, f"key-{n}")
            memory.finish(turn, f"it is late by {n}", "complete", memory.layout(question, turn))
            memory.digest()
    sa.event.remove(*listen, note)
    assert memory.summary.current().version, "a fold was among it"
    tables = set(sa.inspect(store.database.engine).get_table_names())
    touched: set[str] = set()
    written: set[str] = set()
    for statement in asked:
        named = tables.intersection(re.findall(r"(?:FROM|JOIN|INTO|UPDATE) (\w+)", statement))
        touched |= named
        written |= named if not statement.startswith("SELECT") else set()
        if named - SHARED:
            assert re.search(r"customer = %\(|, customer[,)]", statement), statement
    assert touched & SHARED <= OF_A_TURN
    assert written & SHARED == {"audit_unsealed"}
    assert {"customers", "messages", "records", "sessions", "turns", "vectors"} <= touched
