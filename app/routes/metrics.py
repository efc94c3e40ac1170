"""GET /metrics: what the service has counted and timed, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.dependencies import Guarded, MetricsDep
from app.metrics import CONTENT_TYPE

router = APIRouter(route_class=Guarded)


@router.get("/metrics", include_in_schema=False)
def metrics(counted: MetricsDep) -> Response:
    """What was counted and timed since the start, of all processes of this service together."""
    return Response(counted.text(), media_type=CONTENT_TYPE)
