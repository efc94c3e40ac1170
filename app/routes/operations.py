"""GET /v1/admin/operations: how it goes in a tenant, for who runs it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import Guarded, ModelDep, PrincipalDep, ServingDep, StoreDep
from app.operations import model_in_service, operations_now
from app.schemas.operations import By, OperationsNow

router = APIRouter(prefix="/v1/admin/operations", tags=["operations"], route_class=Guarded)

Limit = Annotated[int, Query(ge=1, le=200, description="sessions of each kind at most")]
Stretches = Annotated[By, Query(description="how long a point is: 60 minutes, 24 hours, 30 days")]


@router.get("")
def operations(
    who: PrincipalDep,
    store: StoreDep,
    model: ModelDep,
    serving: ServingDep,
    by: Stretches = "minute",
    limit: Limit = 20,
) -> OperationsNow:
    """Rate, latency, errors, what waits, who is unhappy or unanswered, and what answers.

    It is told from the rows of the tenant, whichever process wrote them.
    """
    return operations_now(store, who.tenant, by, limit, model_in_service(model, serving))
