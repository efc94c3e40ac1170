"""/v1/customers/...: what is stored about a customer, and deleting it."""

from __future__ import annotations

from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator

from app.dependencies import (
    ChainDep,
    CustomerDep,
    Guarded,
    LimitsDep,
    ModelDep,
    PrincipalDep,
    ServingDep,
    StoreDep,
    check_known,
)
from app.erasing import erase_customer
from app.exports import MEDIA_TYPE, exported, spooled
from app.problems import NO_CUSTOMER, no_such_customer
from app.schemas.customers import CustomerItem, CustomerList, Erased
from app.schemas.paging import After, Limit, place, placed
from app.schemas.recall import RecalledItem, RecallRequest, RecallResponse
from memory import NAME_LIMIT, check_text
from memory.exports import line_schema
from memory.transcript import Heard

router = APIRouter(prefix="/v1/customers/{customer}", tags=["customers"], route_class=Guarded)
every = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=Guarded)


SpoolDep = Annotated[IO[bytes], Depends(spooled)]

Part = Annotated[
    str,
    Query(max_length=NAME_LIMIT, description="a part of their names, in capitals or not"),
    AfterValidator(check_text),
]

_EXPORT = """{"kind": "customer", "version": 1, "customer": "ada", "seq": 1, "written": 1, "understood": 1, "swept": "2026-05-04T09:30:00+00:00"}
{"kind": "session", "session": "monday", "created": "2026-05-04T09:30:00+00:00", "updated": "2026-05-04T09:30:00+00:00", "messages": 1, "tokens": 9}
{"kind": "message", "seq": 1, "session": "monday", "id": "5a2d7c90", "role": "human", "text": "My order number is 4417-XZ", "at": "2026-05-04T09:30:00+00:00", "tokens": 9, "forgotten": false}
{"kind": "end", "lines": 2}
"""  # noqa: E501
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines of JSON, one a row: the customer's own, sessions, messages, turns, "
        "records, segments, summaries, items and events, then the end with how many stand between. "
        "What has no such last line was cut off. Vectors are not in it; they are made again.",
        "content": {MEDIA_TYPE: {"itemSchema": line_schema(), "example": _EXPORT}},
    },
    **NO_CUSTOMER,
}


@every.get("")
def customers(
    who: PrincipalDep, store: StoreDep, limit: Limit = 100, after: After = None, name: Part = ""
) -> CustomerList:
    """The customers who said or did something, or those with a `name`, the last heard first."""
    last_one = None if after is None else Heard(*placed(after))
    found = store.transcript.heard(who.tenant, limit + 1, last_one, name)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return CustomerList(
        customers=[CustomerItem(customer=one.customer, at=one.at) for one in page],
        next=None if last is None else place(last.customer, last.at),
    )


@router.post("/recall", responses=NO_CUSTOMER)
def recall(
    scope: CustomerDep, body: RecallRequest, chain: ChainDep, store: StoreDep
) -> RecallResponse:
    """Find what bears on a query in the customer's memory, best first."""
    check_known(store, scope)
    found = chain.memory(scope).recall(body.query, body.max_tokens)
    return RecallResponse(recalled=[RecalledItem.of(r) for r in found])


@router.get("/export", response_class=StreamingResponse, responses=_EXPORTED)
def export(scope: CustomerDep, store: StoreDep, file: SpoolDep) -> StreamingResponse:
    """Everything held about the customer, for `memory-service import`, here or elsewhere."""
    pieces = exported(store, scope, file)
    if pieces is None:
        raise no_such_customer(scope.customer)
    return StreamingResponse(pieces, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


@router.delete("")
def erase(
    scope: CustomerDep,
    store: StoreDep,
    serving: ServingDep,
    limits: LimitsDep,
    model: ModelDep,
) -> Erased:
    """Delete everything about the customer, also in the database's files; the receipt stays."""
    receipt = erase_customer(store, scope, serving.registry)
    limits.forget(scope)
    model.drop(scope.owner)
    if receipt is None:
        raise no_such_customer(scope.customer)
    return Erased.of(receipt)
