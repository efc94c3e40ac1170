"""The erasure of a customer, with what is known of where else their words may be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from app.training.card import OWN_SESSIONS, Card
from memory import MemoryStore, Receipt, Scope


def erase_customer(store: MemoryStore, scope: Scope, cards: Iterable[Card]) -> Receipt | None:
    """Erase a customer; None if nothing is stored about them.

    Args:
        store: where.
        scope: whose.
        cards: of the adapters that are here. The receipt names those that were tuned on the
            service's own sessions since the customer's first; which customers' sessions they saw
            is not known.
    """
    sessions = store.transcript.sessions(scope.owner)
    first = min((session.created_at for session in sessions), default=None)
    learnt = [
        card.id
        for card in cards
        if first is not None
        and any(data.get("name") == OWN_SESSIONS for data in card.data)
        and _at(card.date) >= first.replace(microsecond=0)  # a card's date has whole seconds
    ]
    return store.erase(scope.owner, learnt)


def _at(date: str) -> datetime:
    at = datetime.fromisoformat(date)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
