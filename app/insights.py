"""What customers of a tenant write about, and how they feel, put together from its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from operator import add

from app.schemas.insights import By, Counts, Insights, Stretch, TenantMood, TenantMoods, Theme
from memory import MemoryStore
from memory.clock import now
from memory.insights import Cell, Source

# How long the stretches of a plot are, and how many.
_SPANS: dict[By, tuple[timedelta, int]] = {
    "hour": (timedelta(hours=1), 48),
    "day": (timedelta(days=1), 30),
}
_MOST_PRODUCTS = 20

Cells = Counter[Cell]


def insights_now(
    store: MemoryStore,
    tenant: str,
    by: By,
    source: Source,
    topic: str | None = None,
    product: str | None = None,
) -> Insights:
    """What is written about, and how, over time.

    Args:
        store: where the rows are.
        tenant: whose they are.
        by: how long a point of the plots is.
        source: which texts.
        topic: of this one alone, "" being none of those that are known; None: of all.
        product: of this one alone; None: of all.
    """
    # One state of the rows, so that the figures agree with each other.
    with store.database.read():
        stretches = store.insights.stretches(tenant, source, *_SPANS[by])
        products = store.insights.products(tenant, source, *_SPANS[by])
    begun = [at for at, _ in stretches]
    cells = [counted for _, counted in stretches]
    if product is not None:
        cells = products.get(product.casefold(), [Cells() for _ in begun])
    names = {cell.topic for counted in cells for cell in counted}
    topics = {name: [_about(counted, name or "") for counted in cells] for name in names}
    if topic is not None:
        cells = [_about(counted, topic) for counted in cells]
        products = {
            name: [_about(counted, topic) for counted in each] for name, each in products.items()
        }
    return Insights(
        at=now(), by=by, source=source,
        points=[
            Stretch(at=at, **dict(Counts.of(counted)))
            for at, counted in zip(begun, cells, strict=True)
        ],
        total=Counts.of(reduce(add, cells, Cells())),
        topics=_most([_theme(name, each) for name, each in topics.items()]),
        products=_most([_theme(name, each) for name, each in products.items()])[:_MOST_PRODUCTS],
        open_alerts=sum(of == source for of, _ in store.alerts.open(tenant)),
    )  # fmt: skip


def tenants_now(store: MemoryStore) -> TenantMoods:
    """What customers of every tenant have written in the last 24 hours."""
    return TenantMoods(
        tenants=[
            TenantMood(
                tenant=tenant,
                open_alerts=len(store.alerts.open(tenant)),
                **dict(Counts.of(reduce(add, (counted for _, counted in last), Cells()))),
            )
            for tenant in store.insights.tenants()
            for last in [store.insights.stretches(tenant, "messages", timedelta(hours=1), 24)]
        ]
    )


def _about(counted: Cells, topic: str) -> Cells:
    return Cells({cell: n for cell, n in counted.items() if (cell.topic or "") == topic})


def _theme(name: str | None, counted: Sequence[Cells]) -> Theme:
    each = [Counts.of(one) for one in counted]
    return Theme(
        name=name,
        texts_at=[one.texts for one in each],
        negative_at=[one.negative for one in each],
        **dict(Counts.of(reduce(add, counted, Cells()))),
    )


def _most(themes: list[Theme]) -> list[Theme]:
    found = [theme for theme in themes if theme.texts]
    return sorted(found, key=lambda theme: (-theme.texts, theme.name or ""))
