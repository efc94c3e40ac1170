"""Erasures leave receipts, in a chain, over both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from memory import MemoryStore, Scope
from memory.transcript import make_message


def said(store: MemoryStore, *names: str) -> None:
    """Customers who have said something."""
    for name in names:
        store.transcript.add(Scope(name), [make_message("human", f"I am {name}", 3)])


def test_a_receipt_says_what_went_and_not_whose(store: MemoryStore) -> None:
    """Rows by table, the time and the place in the chain; nobody's name or words."""
    said(store, "zebulon")
    receipt = store.erase(("default", "zebulon"), ["an adapter"])
    assert receipt is not None
    assert {table: n for table, n in receipt.deleted.items() if n} == {
        "messages": 1, "sessions": 1, "customers": 1,
    }  # fmt: skip
    assert store.receipts.all() == [receipt]
    assert (receipt.number, receipt.previous, receipt.elsewhere) == (1, "", ("an adapter",))
    assert "zebulon" not in str(receipt)
    assert store.erase(("default", "zebulon")) is None, "there is nobody to erase"
    assert store.receipts.all() == [receipt]


def test_receipts_of_erasures_at_once_are_one_chain(store: MemoryStore) -> None:
    """Each has the one before it, whichever came first."""
    names = [f"customer {n}" for n in range(12)]
    said(store, *names)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda name: store.erase(("default", name)), names))
    assert sorted(r.number for r in made if r) == list(range(1, 13))
    assert store.receipts.fault() is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE receipts SET deleted = '{}' WHERE number = 2", "receipt 2 is not as"),
        ("UPDATE receipts SET at = at + 1 WHERE number = 2", "receipt 2 is not as"),
        ("UPDATE receipts SET elsewhere = '[\"x\"]' WHERE number = 3", "receipt 3 is not as"),
        ("UPDATE receipts SET hash = 'x' WHERE number = 1", "receipt 1 is not as"),
        ("DELETE FROM receipts WHERE number = 2", "before number 3 is missing"),
        ("DELETE FROM receipts WHERE number = 1", "before number 2 is missing"),
    ],
)
def test_a_chain_that_was_meddled_with_is_known(
    store: MemoryStore, change: str, fault: str
) -> None:
    """A receipt that was changed, and one that was taken away."""
    said(store, "a", "b", "c")
    for name in "abc":
        store.erase(("default", name))
    assert store.receipts.fault() is None
    with store.database.write() as connection:
        connection.execute(text(change))
    assert fault in str(store.receipts.fault())
