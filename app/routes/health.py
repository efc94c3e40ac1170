"""GET /healthz and /readyz: is it there, and can it answer?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.dependencies import ModelDep, ReadinessDep
from app.problems import later, respond
from app.schemas.health import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", response_model=Health, responses={503: {"description": "Not ready."}})
def readyz(readiness: ReadinessDep, model: ModelDep) -> Health | Response:
    """The database takes a write and the model can answer; tried out at most every two seconds."""
    problems = readiness.problems()
    if problems:
        problem = later(503, "not-ready", "Not ready", " ".join(problems), 3)
        return respond(problem, problems=problems)
    return Health(status="ok", model=model.name)
