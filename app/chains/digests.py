"""When customers are digested: in the background, and turns come first.

What a turn, an earlier process or a failure has left undone is found again in the rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from anyio.to_thread import run_sync

from app.llm import Model
from app.llm.states import Conversation
from app.metrics import Metrics
from memory import LEASE_SECONDS, ConversationMemory, MemoryServiceError, MemoryStore, Scope
from memory.customers import Owner
from memory.deeds import SERVICE, Deed

_logger = logging.getLogger(__name__)

_ROOM_SECONDS = 3.0  # how long a digest makes room for turns
_PAUSE_SECONDS = 0.25  # ... and waits for more of them: one digest of several costs little more
_MENDS = 2  # looks after a failure: at the first one a lease may still be alive


class Digests:
    """The digests of a service's customers, each one when its time has come."""

    def __init__(
        self,
        store: MemoryStore,
        model: Model,
        memory: Callable[[Scope], ConversationMemory],
        metrics: Metrics,
    ) -> None:
        """Digest nothing yet; ``memory`` gives a session's."""
        self._store = store
        self._model = model
        self._memory = memory
        self._metrics = metrics
        self._waiting: dict[Scope, ConversationMemory] = {}
        self._timer: asyncio.TimerHandle | None = None  # when they will be digested
        self._mends = 1  # how often it is still looked whether something was left undone

    def later(self, memory: ConversationMemory, *, at_once: bool) -> None:
        """Digest what a turn has left: soon, or ``at_once`` where nobody is being answered.

        Several may wait by then, and all are digested together, after a pause.
        """
        self._waiting[memory.scope] = memory
        if at_once:
            self._now()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_ROOM_SECONDS, self._now)

    def rest(self, *, left_behind: bool = False) -> None:
        """In the background, digest what an earlier process, or a failure, left undone.

        With ``left_behind`` only of those of whom it was undone at the last look, too: others are
        about to be digested by whoever has answered them.
        """

        def rest() -> None:
            digesting = self._store.digesting
            found = digesting.left_behind() if left_behind else self._store.lagging()
            self._next(iter(found))

        self._store.in_background("rest", rest)

    def changed(self, scope: Scope) -> None:
        """In the background, digest what a person has added or put right in a customer's memory."""
        owners = iter([scope.owner])
        self._store.in_background(("changed", scope.owner), partial(self._next, owners))

    def fails(self) -> None:
        """The database has failed: it is looked again, later, what that has left undone."""
        self._mends = _MENDS

    async def mend(self) -> None:
        """End turns that were cut off, once no lease of theirs can be alive, and digest the rest.

        Those of a dead process, at the start: one that opens the database alone has ended them
        already, but others may use it too. Later, what a failure of the database has left; and
        where other processes share it, again and again, since any of them may die.
        """
        while True:
            await asyncio.sleep(LEASE_SECONDS + 1)
            left_behind = not self._mends
            if left_behind and not self._store.shared:
                continue
            self._mends = max(self._mends - 1, 0)
            try:
                late = LEASE_SECONDS if left_behind else 0.0
                ended = await run_sync(partial(self._store.turns.settle, late=late))
            except MemoryServiceError:
                _logger.warning("could not settle the turns that were cut off", exc_info=True)
                self.fails()
            else:
                self._metrics.turns_ended(ended)
                self.rest(left_behind=left_behind)

    def end(self) -> None:
        """Begin no digest any more: the next process does, from the rows."""
        if self._timer is not None:
            self._timer.cancel()

    def _now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for memory in self._waiting.values():
            digest = partial(self._digest, memory)
            self._store.in_background(("digest", memory.scope), digest, after=_PAUSE_SECONDS)
        self._waiting.clear()

    def _next(self, owners: Iterator[Owner]) -> None:
        """Digest one of some customers; what turns leave to digest comes before the next."""
        owner = next(owners, None)
        if owner is None:
            return
        memory = self._memory(Scope(tenant=owner[0], customer=owner[1]))
        try:
            with self._forgetting(memory), self._again_if_it_fails():
                memory.vector.digest(wait=False)
        finally:
            self._store.in_background("rest", partial(self._next, owners))

    def _digest(self, memory: ConversationMemory) -> None:
        before = memory.summary.current().version
        with self._forgetting(memory), self._again_if_it_fails():
            memory.digest(wait=False)
        if memory.summary.current().version != before:
            # The fold has changed the prompt's beginning: it is read before it is needed.
            scope = memory.scope
            generation = self._store.records.state(scope.owner).generation
            conversation = Conversation(scope.owner, scope.session, generation)
            self._model.warm(memory.beginning(), conversation)

    @contextlib.contextmanager
    def _again_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.fails()
            raise

    def _forgetting(self, memory: ConversationMemory) -> AbstractContextManager[object]:
        """What a digest forgets by policy, the service itself forgets."""
        tenant, customer = memory.scope.owner
        by_policy = Deed(
            SERVICE, SERVICE, tenant, "erase.memories", customer, what="policy", only_changes=True
        )
        return self._store.audit.doing(by_policy)
