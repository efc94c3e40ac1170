"""How it goes in a tenant, put together from its rows."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from operator import add

from app.llm import Model
from app.schemas.operations import (
    By,
    DigestLag,
    Figures,
    LowSession,
    LowSessions,
    ModelInService,
    OperationsNow,
    Point,
    WaitingSession,
    WaitingSessions,
)
from app.serving import Serving
from memory import MemoryStore
from memory.clock import now
from memory.operations import Stretch

# How long the stretches of a plot are, and how many.
_SPANS: dict[By, tuple[timedelta, int]] = {
    "minute": (timedelta(minutes=1), 60),
    "hour": (timedelta(hours=1), 24),
    "day": (timedelta(days=1), 30),
}


def operations_now(
    store: MemoryStore, tenant: str, by: By, limit: int, model: ModelInService
) -> OperationsNow:
    """How it goes in a tenant.

    Args:
        store: where the rows are.
        tenant: whose they are.
        by: how long a point of the plots is.
        limit: how many sessions of each kind at most.
        model: what answers.
    """
    told = store.operations
    # One state of the rows, so that the figures agree with each other.
    with store.database.read():
        points = told.stretches(tenant, *_SPANS[by])
        low, waiting = told.unhappy(tenant, limit + 1), told.unanswered(tenant, limit + 1)
        return OperationsNow(
            at=now(),
            by=by,
            rate=told.begun(tenant, timedelta(minutes=1)),
            running=told.running(tenant),
            points=[Point(at=at, **dict(Figures.of(stretch))) for at, stretch in points],
            total=Figures.of(reduce(add, (stretch for _, stretch in points), Stretch())),
            low_mood=LowSessions(
                sessions=[
                    LowSession(customer=one.customer, session=one.session, at=one.at,
                               score=one.mood.score, trend=one.mood.trend)
                    for one in low[:limit]
                ],
                more=len(low) > limit,
            ),
            unanswered=WaitingSessions(
                sessions=[WaitingSession(**one._asdict()) for one in waiting[:limit]],
                more=len(waiting) > limit,
            ),
            digest=DigestLag.of(told.lag(tenant)),
            model=model,
        )  # fmt: skip


def model_in_service(model: Model, serving: Serving) -> ModelInService:
    """What answers."""
    return ModelInService(name=model.name, adapter=serving.answering())
