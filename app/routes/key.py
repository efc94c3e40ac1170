"""GET /v1/key: whom a key lets in."""

from __future__ import annotations

from fastapi import APIRouter

from app.dependencies import Guarded, PrincipalDep
from app.schemas.key import KeyItem

router = APIRouter(prefix="/v1/key", tags=["key"], route_class=Guarded)


@router.get("")
def key(who: PrincipalDep) -> KeyItem:
    """Whom the key that is carried lets in: for which tenant, in which role."""
    return KeyItem(tenant=who.tenant, role=who.role, customer=who.customer)
