"""The erasure of a customer, with what is known of where else their words may be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from app.interest.trained import folder_of
from app.training.card import LEARNT, OWN_SESSIONS, Card
from app.training.learnt import learnt_in
from app.training.registry import Registry
from memory import MemoryStore, Receipt, Scope


def erase_customer(store: MemoryStore, scope: Scope, registry: Registry) -> Receipt | None:
    """Erase a customer; None if nothing is stored about them.

    Args:
        store: where.
        scope: whose.
        registry: has the adapters. The receipt names those that were tuned on the customer's
            sessions, and the folders of such trainings that are there still; of an adapter whose
            card does not say whose sessions it saw, it is one that was made since the customer
            came. Beside its folder lies what was learnt of customers' interest; it is named if the
            customer did anything.
    """
    sessions = store.transcript.sessions(scope.owner)
    first = min((session.created_at for session in sessions), default=None)
    name = store.pseudonym(scope.owner, LEARNT)
    learnt = [card.id for card in registry.cards() if _saw(card, name, first)]
    folders = [path for path, names in learnt_in(registry.folder).items() if name in names]
    interest = folder_of(registry.folder.parent, scope.tenant)
    if interest.exists() and store.events.latest(scope.owner, 1):
        folders.append(interest)
    return store.erase(scope.owner, [*learnt, *(_shown(path, registry.folder) for path in folders)])


def _saw(card: Card, name: str | None, first: datetime | None) -> bool:
    """Whether an adapter was tuned on a customer's sessions, or may have been."""
    if card.customers is not None:
        return name in card.customers
    own = any(data.get("name") == OWN_SESSIONS for data in card.data)
    # A card's date has whole seconds.
    return own and first is not None and _at(card.date) >= first.replace(microsecond=0)


def _shown(path: Path, models: Path) -> str:
    """A folder as the receipt names it: by its place in the data folder, if it is there."""
    data = models.parent.resolve()
    return str(path.relative_to(data) if path.is_relative_to(data) else path)


def _at(date: str) -> datetime:
    at = datetime.fromisoformat(date)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
