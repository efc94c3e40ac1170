"""GET /healthz and /readyz: is it there, and can it answer?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.dependencies import ModelDep, StoreDep
from app.schemas import Health
from memory import MemoryServiceError

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health, "description": "Not ready."}})
def readyz(store: StoreDep, model: ModelDep, response: Response) -> Health:
    """The database can be written and the model can answer."""
    problems = []
    try:
        store.set_meta("last_ready_check", "ok")
    except MemoryServiceError as error:
        problems.append(str(error))
    if (fault := model.check()) is not None:
        problems.append(fault)
    if problems:
        response.status_code = 503
        return Health(status="not ready", model=model.name, problems=problems)
    return Health(status="ok", model=model.name)
