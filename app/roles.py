"""Who may ask for what: one table. What does not stand in it nobody may."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from memory import InvalidInput, MemoryServiceError, Scope

TENANT = "default"  # whose the service is, and all that names no tenant
KeyRole = Literal["admin", "agent", "service"]
Role = Literal[KeyRole, "customer"]  # a customer's own token has a role too
ROLES: tuple[Role, ...] = get_args(Role)

# An admin of the tenant "default" runs the service: what all tenants share is for no other's.
_TABLE = """
POST   /v1/chat                                           admin agent service customer
POST   /v1/prompt                                         admin agent service
GET    /v1/customers                                      admin agent
GET    /v1/customers/{customer}/sessions                  admin agent service customer
GET    /v1/customers/{customer}/sessions/{session}        admin agent service customer
GET    /v1/customers/{customer}/sessions/{session}/messages  admin agent service customer
PUT    /v1/customers/{customer}/sessions/{session}/rating admin agent service
DELETE /v1/customers/{customer}/sessions/{session}        admin agent
POST   /v1/customers/{customer}/recall                    admin agent service
GET    /v1/customers/{customer}/card                      admin agent
GET    /v1/customers/{customer}/memories                  admin agent
POST   /v1/customers/{customer}/memories                  admin agent
GET    /v1/customers/{customer}/memories/{memory}         admin agent
PUT    /v1/customers/{customer}/memories/{memory}         admin agent
DELETE /v1/customers/{customer}/memories/{memory}         admin agent
POST   /v1/customers/{customer}/forget                    admin
GET    /v1/customers/{customer}/export                    admin
DELETE /v1/customers/{customer}                           admin
GET    /v1/knowledge                                      admin agent service
GET    /v1/knowledge/{source}                             admin agent service
POST   /v1/knowledge/search                               admin agent service
POST   /v1/knowledge                                      admin
DELETE /v1/knowledge/{source}                             admin
GET    /v1/admin/models                                   default:admin
POST   /v1/admin/models/{model}/promote                   default:admin
POST   /v1/admin/models/rollback                          default:admin
GET    /openapi.json                                      admin agent service
"""
MAY = {
    (method, path): frozenset(roles)
    for method, path, *roles in map(str.split, _TABLE.strip().splitlines())
}


class NoSuchCustomer(MemoryServiceError):
    """Somebody asks for a customer who is not there for them."""

    def __init__(self, customer: str) -> None:
        super().__init__(f"There is no customer {customer!r}.")


class IdentityUnavailable(MemoryServiceError):
    """Who asks cannot be said now, but perhaps in a while."""


class Principal(NamedTuple):
    """Who asks: for which tenant, in which role, and for which customer alone if it is one.

    ``key`` is the id of the key that they carry; None with a customer's own token.
    """

    tenant: str
    role: Role
    customer: str | None = None
    key: str | None = None

    def may(self, method: str, path: str) -> bool:
        """Whether the table lets them ask for a route, called by its path with the names in it."""
        allowed = MAY.get((method, path), frozenset())
        return not allowed.isdisjoint({self.role, f"{self.tenant}:{self.role}"})

    def scope(self, customer: str | None = None, session: str = "default") -> Scope:
        """Whose memory they ask for; the only place where a route gets a scope from.

        Args:
            customer: who is asked for; a customer's own token may leave it out.
            session: of the customer's.

        Raises:
            NoSuchCustomer: a customer asks for somebody else, who may be there or not.
            InvalidInput: nobody is asked for.
        """
        whose = self.customer if customer is None else customer
        if whose is None:
            msg = "customer: it is missing; only with a customer's own token it may be left out"
            raise InvalidInput(msg)
        if self.customer not in (None, whose):
            raise NoSuchCustomer(whose)
        return Scope(whose, session, self.tenant)
