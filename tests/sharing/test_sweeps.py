"""Retention in several processes at once: each row goes once, and is counted once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memory import Article, MemoryStore, Retention, Scope, overdue
from memory.clock import from_then
from memory.transcript import make_message
from tests.doubles import WordEncoder
from tests.sharing.conftest import Two

LONG_AGO = datetime.now(UTC) - timedelta(days=400)


def test_what_two_sweep_at_once_is_counted_once(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of six customers, and the old versions of an article: the receipts of both together
    have as many as there were.
    """
    encoder, counted = WordEncoder(), overdue.others
    with from_then(LONG_AGO):
        for n in range(4):
            article = Article("faq.md", "Returns", (f"Within {n} weeks.",))
            vectors = {r.id: encoder.encode([r.text])[0] for r in article.records()}
            two[0].articles.put("default", [article], vectors)
        for n in range(6):
            said = [make_message("human", f"q{i}", 1) for i in range(250)]
            two[0].transcript.add(Scope(f"customer {n}", "s1"), said)
    both = threading.Barrier(2)

    def slowly(*given: Any) -> Any:
        found = counted(*given)
        time.sleep(0.3)  # the other one counts too, if it may
        return found

    def sweep(store: MemoryStore) -> None:
        both.wait()
        list(store.retain(Retention.days(messages=365, articles=300)))

    monkeypatch.setattr(overdue, "others", slowly)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sweep, two))
    told: Counter[str] = Counter()
    for receipt in two[0].receipts.all():
        told.update(receipt.deleted)
    assert told["messages"] == 6 * 250
    assert told["articles"] == 3
    assert two[1].owners() == []
    assert not two[0].retaining.due(Retention.days(messages=365, articles=300))
