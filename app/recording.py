"""What is written down of who asks: an entry of the audit log for each request with a known key.

A request without a known key leaves none: nobody who has no key can fill the disk.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.roles import TENANT, WATCHED
from app.settings import Settings
from memory import MemoryStore, open_store
from memory.audit import AuditLog
from memory.deeds import Deed, Outcome, current

CONSOLE = "console"
_SAME_SECONDS = 60.0  # looks with less between them are one


class Recording:
    """Enter what a request did: what changes nothing when it ends, what does beside the change.

    What a page that is open looks at every few seconds is entered once: when it was opened.
    """

    def __init__(self, app: ASGIApp, audit: AuditLog) -> None:
        self._app = app
        self._audit = audit
        self._looked: OrderedDict[tuple[str | None, ...], float] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its route says who asks for what (``Guarded``)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome = _outcome(message["status"])
                if outcome == "ok" and deed.action in WATCHED:
                    deed.only_changes = self._goes_on(deed)
                self._audit.end(deed, outcome)
            await send(message)

        with self._audit.doing(Deed(outcome="failed")) as deed:
            await self._app(scope, receive, sent)

    def _goes_on(self, deed: Deed) -> bool:
        """Whether the same key has looked at the same a moment ago."""
        at = time.monotonic()
        while self._looked and next(iter(self._looked.values())) < at - _SAME_SECONDS:
            self._looked.popitem(last=False)
        look = (deed.actor, deed.tenant, deed.action, deed.customer, deed.session)
        before = self._looked.pop(look, None)
        self._looked[look] = at
        return before is not None


@contextmanager
def at_console(store: MemoryStore, tenant: str, action: str, customer: str | None = None,
               what: str | None = None, *, ahead: bool = False) -> Iterator[Deed]:  # fmt: skip
    """What is done in this block is done at the console.

    Args:
        store: with the log.
        tenant: whose customer or article it is.
        action: as those of ``app.roles``.
        customer: to whom it is done.
        what: it is done to, if that is no customer.
        ahead: enter it before it is done, since no transaction of the database holds it.
    """
    with store.audit.doing(Deed(CONSOLE, CONSOLE, tenant, action, customer, what=what)) as deed:
        if ahead:
            store.audit.begin(deed)
        yield deed


@contextmanager
def entered_with_it(action: str, what: str) -> Iterator[None]:
    """What changes a database in this block, one that is not there yet say, enters this there."""
    token = current.set(Deed(CONSOLE, CONSOLE, TENANT, action, what=what))
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def about_models(settings: Settings, model: str | None = None) -> Iterator[None]:
    """Another model is put into service at the console; entered where there is a service's log."""
    if not settings.database_exists:
        yield
        return
    with (
        open_store(settings.database_url) as store,
        at_console(store, TENANT, "change.model", what=model, ahead=True),
    ):
        yield


def _outcome(status: int) -> Outcome:
    if status == 403:
        return "refused"
    if status in (404, 410):
        return "absent"
    return "ok" if status < 400 else "failed"
