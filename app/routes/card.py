"""GET /v1/customers/{customer}/card: the customer at a glance."""

from __future__ import annotations

from fastapi import APIRouter

from app.dependencies import ChainDep, CustomerDep, Guarded
from app.problems import NO_CUSTOMER, no_such_customer
from app.schemas.paging import MayBeNew
from memory import Card
from memory.card import nobodys

router = APIRouter(prefix="/v1/customers/{customer}", tags=["customers"], route_class=Guarded)

_FACT = {
    "id": "5f0c6a0e2f3b1d4c9a8e7b61",
    "slot": "order_number",
    "label": "Order number",
    "value": "4417-XZ",
    "text": "Order number: 4417-XZ",
    "since": "2026-05-04T09:30:00Z",
    "pinned": False,
    "expires_at": None,
    "source": {
        "made_by": "message",
        "message": "0c1d2e3f405162738495a6b7c8d9eafb",
        "session": "monday",
        "role": "human",
        "at": "2026-05-04T09:30:00Z",
        "excerpt": "My order 4417-XZ is late.",
    },
    "replaced": {
        "value": "4417-XY",
        "text": "Order number: 4417-XY",
        "until": "2026-05-04T09:30:00Z",
    },
}
# Given to the schema, not to the route: FastAPI would leave out what is null.
EXAMPLE = {
    "customer": "ada",
    "facts": [_FACT],
    "more": [],
    "problem": None,
    "promises": [
        {
            "fact": {
                **_FACT,
                "id": "77aa0e6d3c5b2f1e8d9c4b3a",
                "slot": "promise",
                "label": "Promise",
                "value": "We send the refund by Friday.",
                "text": "Promise: We send the refund by Friday. (due 2026-05-08)",
                "replaced": None,
            },
            "due": "2026-05-08T23:59:59Z",
            "overdue": False,
        }
    ],
    "mood": {
        "label": "negative",
        "score": -0.87,
        "trend": "steady",
        "points": [
            {
                "at": "2026-05-04T09:30:00Z",
                "message": "0c1d2e3f405162738495a6b7c8d9eafb",
                "score": -0.87,
            }
        ],
    },
    "last_session": {
        "session": "monday",
        "last_message_at": "2026-05-04T09:31:00Z",
        "summary": "Customer: My order 4417-XZ is late.",
    },
    "last_contact": "2026-05-04T09:31:00Z",
    "sessions": 1,
}


@router.get("/card", responses=NO_CUSTOMER)
def card(scope: CustomerDep, chain: ChainDep, may_be_new: MayBeNew = False) -> Card:
    """Show the customer at a glance: facts, open problem, promises, last session, with sources.

    The mood is by the last 50 messages, null if none of them was read. A fact is corrected by its
    `id`, as a memory.
    """
    found = chain.memory(scope).card()
    if found is None and not may_be_new:
        raise no_such_customer(scope.customer)
    return found or nobodys(scope.customer)
