"""GET /v1/queue: the sessions of all customers that wait for a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import Guarded, PrincipalDep, StoreDep
from app.schemas.queue import Queue, QueueItem

router = APIRouter(prefix="/v1/queue", tags=["customers"], route_class=Guarded)

Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("")
def queue(who: PrincipalDep, store: StoreDep, limit: Limit = 50) -> Queue:
    """Who waits for a person: since when, in which session, and what about.

    Whoever has asked for a person, was told that one is asked, or waits in a session that was
    handed over, and the sessions that a person holds. By `PUT .../handover` one is taken.
    """
    found = store.desk.awaited(who.tenant, limit + 1)
    return Queue(sessions=[QueueItem.of(one) for one in found[:limit]], more=len(found) > limit)
