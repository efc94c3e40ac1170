"""/v1/admin/models: the tuned adapters, and which of them answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.dependencies import Guarded, ServingDep
from app.schemas.models import RolledBack, TunedModel, TunedModels
from app.serving import Serving
from memory import InvalidInput

router = APIRouter(prefix="/v1/admin/models", tags=["models"], route_class=Guarded)

_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is not put into service; what was stays."}
}


@router.get("")
def adapters(serving: ServingDep) -> TunedModels:
    """Every adapter with where it is from and what it can do."""
    return shown(serving)


@router.post("/{model}/promote", responses={**_CONFLICT, 404: {"description": "No such adapter."}})
def promote(model: str, serving: ServingDep) -> TunedModels:
    """Answer with an adapter from now on, if it beats the one in service on the held-out part.

    Answers under way end as they began.
    """
    serving.promote(model)
    return shown(serving)


@router.post("/rollback", responses=_CONFLICT)
def rollback(serving: ServingDep) -> RolledBack:
    """Answer again with what was in service before the last promotion.

    What is gone or damaged is passed over for what was before it, at last for the base.
    """
    passed_over = serving.rollback().passed_over
    return RolledBack(**dict(shown(serving)), passed_over=passed_over)


def shown(serving: Serving) -> TunedModels:
    """The adapters, and which of them answers."""
    now = serving.answering()
    try:
        promoted, trouble, faults = serving.promoted(), serving.trouble(), serving.faults()
    except InvalidInput as error:  # what answers is known nevertheless
        promoted, trouble, faults = None, str(error), {}
    return TunedModels(
        in_service=now,
        promoted=promoted,
        trouble=trouble,
        base=serving.base,
        models=[TunedModel.of(card, in_service=card.id == now) for card in serving.cards()],
        faults=faults,
    )
