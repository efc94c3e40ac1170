"""GET /v1/admin/audit: who did what to whose memory, in a tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import Guarded, PrincipalDep, StoreDep
from app.problems import NO_CUSTOMER, no_such_customer
from app.schemas.audit import AuditEntry, AuditList
from app.schemas.fields import Name, Time
from app.schemas.paging import Before, Limit, paged

router = APIRouter(prefix="/v1/admin/audit", tags=["audit"], route_class=Guarded)

_WORD = r"^[a-z0-9.]{1,40}$"

Since = Annotated[Time | None, Query(description="only from then on")]
Action = Annotated[
    str | None,
    Query(pattern=_WORD, description="such as `read.messages`, or `read` for all such"),
]
Actor = Annotated[str | None, Query(pattern=_WORD, description="a key's id, or `console`")]
Customer = Annotated[Name | None, Query(description="only what was done to one who is here")]


@router.get("", responses=NO_CUSTOMER)
def audit_log(
    who: PrincipalDep,
    store: StoreDep,
    limit: Limit = 100,
    before: Before = None,
    since: Since = None,
    action: Action = None,
    actor: Actor = None,
    customer: Customer = None,
) -> AuditList:
    """Who read, changed, exported or erased whose memory, the newest first.

    Of an erased customer nobody can ask any more: the key to the entries went with the rows.
    """
    whose = None
    if customer is not None:
        whose = store.audit.pseudonym(who.scope(customer).owner)
        if whose is None:
            raise no_such_customer(customer)
    found = store.audit.entries(
        limit + 1, before, tenant=who.tenant, since=since, action=action, actor=actor,
        customer=whose,
    )  # fmt: skip
    page, older = paged(found, limit, lambda entry: entry.number)
    return AuditList(entries=[AuditEntry.of(one) for one in page], next=older)
