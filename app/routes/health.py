"""GET /healthz and /readyz: is it there, and can it answer?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.dependencies import InsiderDep, ModelDep, ReadinessDep
from app.problems import later, respond
from app.schemas.health import Health
from app.translation import translated

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", response_model=Health, responses={503: {"description": "Not ready."}})
def readyz(readiness: ReadinessDep, model: ModelDep, insider: InsiderDep) -> Health | Response:
    """The database takes a write and the model can answer; tried out at most every two seconds.

    A digest that lags is told, with 200: turns are answered all the same. Why something is wrong
    is told only with a key of the tenant `default`, and in the log.
    """
    troubles = readiness.problems()
    if troubles:
        problems = [translated(trouble.told(insider)) for trouble in troubles]
        problem = later(503, "not-ready", "Not ready", " ".join(problems), 3)
        return respond(problem, problems=problems)
    if (late := readiness.digest.trouble()) is not None:
        return Health(status="degraded", model=model.name, problems=[translated(late.told())])
    return Health(status="ok", model=model.name)
