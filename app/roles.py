"""Who may ask for what: one table. What does not stand in it nobody may."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from memory import Scope

TENANT = "default"  # whose the service is, and all that names no tenant
Role = Literal["admin", "agent", "service"]
ROLES: tuple[Role, ...] = get_args(Role)

# An admin of the tenant "default" runs the service: what all tenants share is for no other's.
_TABLE = """
POST   /v1/chat                                           admin agent service
POST   /v1/prompt                                         admin agent service
GET    /v1/customers/{customer}/sessions                  admin agent service
GET    /v1/customers/{customer}/sessions/{session}        admin agent service
GET    /v1/customers/{customer}/sessions/{session}/messages  admin agent service
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


class Principal(NamedTuple):
    """Who asks: for which tenant, and in which role."""

    tenant: str
    role: Role

    def may(self, method: str, path: str) -> bool:
        """Whether the table lets them ask for a route, called by its path with the names in it."""
        allowed = MAY.get((method, path), frozenset())
        return not allowed.isdisjoint({self.role, f"{self.tenant}:{self.role}"})

    def scope(self, customer: str, session: str = "default") -> Scope:
        """Whose memory they ask for; the only place where a route gets a scope from."""
        return Scope(customer, session, self.tenant)
