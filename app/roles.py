"""Who may ask for what: one table. What does not stand in it nobody may."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from memory import InvalidInput, MemoryServiceError, Scope
from memory.deeds import current

TENANT = "default"  # whose the service is, and all that names no tenant
KeyRole = Literal["admin", "agent", "service", "metrics"]
Role = Literal[KeyRole, "customer"]  # a customer's own token has a role too
ROLES: tuple[Role, ...] = get_args(Role)

# A route, what the audit log calls it, and the roles that may ask for it. An admin of the tenant
# "default" runs the service: what all tenants share is for no other's.
_TABLE = """
POST   /v1/chat                                        change.turn     admin agent service customer
POST   /v1/chat/completions                            change.turn     admin agent service customer
GET    /v1/models                                      read.models     admin agent service customer
GET    /v1/models/{model}                              read.models     admin agent service customer
POST   /v1/embeddings                                  read.embeddings admin agent service
POST   /v1/prompt                                      read.prompt     admin agent service
POST   /v1/summaries                                   read.summary    admin agent service
POST   /v1/answers                                     read.answer     admin agent service
POST   /v1/translate                                   read.translation admin agent service
GET    /v1/translate                                   read.translators admin agent service
POST   /v1/translation-memory                          change.translations admin agent
GET    /v1/translation-memory                          read.translations admin agent
GET    /v1/translation-memory/export                   export.translations admin
POST   /v1/translation-memory/search                   read.translations admin agent service
PUT    /v1/translation-memory/{unit}                   change.translations admin agent
DELETE /v1/translation-memory/{unit}                   erase.translation admin agent
GET    /v1/customers                                   read.customers  admin agent
GET    /v1/queue                                       read.queue      admin agent
GET    /v1/customers/{customer}/sessions               read.sessions   admin agent service customer
GET    /v1/customers/{customer}/sessions/{session}     read.session    admin agent service customer
GET /v1/customers/{customer}/sessions/{session}/messages read.messages admin agent service customer
DELETE /v1/customers/{customer}/sessions/{session}/answer change.answer admin agent service customer
PUT    /v1/customers/{customer}/sessions/{session}/rating change.rating   admin agent service
PUT    /v1/customers/{customer}/turns/{turn}/rating    change.rating   admin agent service
PUT    /v1/customers/{customer}/sessions/{session}/handover change.handover admin agent
DELETE /v1/customers/{customer}/sessions/{session}/handover change.handover admin agent
POST   /v1/customers/{customer}/sessions/{session}/replies change.reply  admin agent
POST /v1/customers/{customer}/sessions/{session}/translations read.translation admin agent service
DELETE /v1/customers/{customer}/sessions/{session}     erase.session   admin agent
POST   /v1/customers/{customer}/recall                 read.recall     admin agent service
GET    /v1/customers/{customer}/card                   read.card       admin agent
GET    /v1/customers/{customer}/memories               read.memories   admin agent
POST   /v1/customers/{customer}/memories               change.memories admin agent
GET    /v1/customers/{customer}/memories/{memory}      read.memory     admin agent
PUT    /v1/customers/{customer}/memories/{memory}      change.memory   admin agent
DELETE /v1/customers/{customer}/memories/{memory}      erase.memory    admin agent
POST   /v1/customers/{customer}/forget                 erase.memories  admin
GET    /v1/customers/{customer}/export                 export.customer admin
DELETE /v1/customers/{customer}                        erase.customer  admin
GET    /v1/knowledge                                   read.articles   admin agent service
GET    /v1/knowledge/{source}                          read.article    admin agent service
POST   /v1/knowledge/search                            read.passages   admin agent service
POST   /v1/knowledge                                   change.article  admin
DELETE /v1/knowledge/{source}                          erase.article   admin
POST   /v1/recommendations                             read.recommendations admin agent service
GET    /v1/items                                       read.items      admin agent service
POST   /v1/items                                       change.items    admin
POST   /v1/items/import                                change.items    admin
GET    /v1/items/{item}                                read.item       admin agent service
DELETE /v1/items/{item}                                erase.item      admin
POST   /v1/events                                      change.events   admin agent service
GET    /v1/customers/{customer}/events                 read.events     admin agent
DELETE /v1/customers/{customer}/events/{event}         erase.event     admin agent
GET    /v1/admin/models                                read.models     default:admin
POST   /v1/admin/models/{model}/promote                change.model    default:admin
POST   /v1/admin/models/rollback                       change.model    default:admin
GET    /v1/admin/audit                                 read.audit      admin
GET    /v1/admin/operations                            read.operations admin
GET    /v1/insights                                    read.insights   admin agent
GET    /v1/insights/tenants                            read.tenants    default:admin
GET    /v1/insights/alerts                             read.alerts     admin agent
GET    /v1/insights/alerts/{alert}                     read.alert      admin agent
GET    /v1/insights/documents                          read.documents  admin agent
POST   /v1/insights/documents                          change.documents admin service
DELETE /v1/insights/documents/{document}               erase.document  admin
GET    /v1/key                                         read.key        admin agent service customer
POST   /mcp                                            read.tools      admin agent service
GET    /metrics                                        read.metrics    default:admin default:metrics
GET    /openapi.json                                   read.description admin agent service
"""
_ROWS = [row.split() for row in _TABLE.strip().splitlines()]
MAY = {(method, path): frozenset(roles) for method, path, _, *roles in _ROWS}
ACTIONS = {(method, path): action for method, path, action, *_ in _ROWS}
AHEAD = frozenset({"export.customer", "change.model"})  # entered before they are done
# About nobody, and asked for every few seconds or, by tools, beside a route that is entered: not
# entered, if it is not refused.
UNENTERED = frozenset({"read.metrics", "read.tools"})
# What an open page reads again every few seconds: entered once, if it is not refused.
WATCHED = frozenset(
    {"read.alerts", "read.insights", "read.messages", "read.operations", "read.queue"}
)


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

    @property
    def actor(self) -> str:
        """What they are called in the audit log."""
        return self.key or self.role

    def scope(self, customer: str | None = None, session: str | None = None) -> Scope:
        """Whose memory they ask for; the only place where a route gets a scope from.

        The audit log is told, too.

        Args:
            customer: who is asked for; a customer's own token may leave it out.
            session: of the customer's; else the one that is called "default".

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
        scope = Scope(whose, "default" if session is None else session, self.tenant)
        if (deed := current.get()) is not None:
            deed.customer, deed.session = whose, session
        return scope
