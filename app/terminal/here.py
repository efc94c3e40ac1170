"""A service in this process, without an address."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue
from typing import TypeVar

from anyio import CancelScope
from pydantic import BaseModel

from app.chains.events import Done, Failed, Given, Token
from app.chains.support import SupportChain
from app.main import create_app
from app.recording import at_console
from app.roles import TENANT, NoSuchCustomer
from app.routes.chat import answered, given
from app.routes.models import shown
from app.schemas.memories import MemoryItem
from app.schemas.recall import RecalledItem
from app.schemas.sessions import SessionItem
from app.settings import Settings
from memory import InvalidInput, MemoryStore, Scope, check_name
from memory.client import ChatAnswer, Event, ServiceProblem
from memory.client import Given as GivenEvent
from memory.client import Token as TokenEvent
from memory.client.models import Adapters
from memory.client.remembered import DeletedMemory, Memory
from memory.client.results import Recalled, Result, Session

R = TypeVar("R", bound=Result)
_END_SECONDS = 10.0  # how long a stopped answer may take to be stored
_TOKENS = 1000  # of what is recalled
_MOST = 100  # memories that are shown


class Here:
    """The desk before a service of this process; what is done is the console's."""

    def __init__(self, settings: Settings, customer: str, session: str, tenant: str) -> None:
        self.customer = check_name("customer", customer)
        self.session = check_name("session", session)
        self._tenant = tenant
        self._service = create_app(settings)
        self._store: MemoryStore = self._service.state.store
        self._chain: SupportChain = self._service.state.chain
        # In a thread, so that a key that is pressed reaches who reads the answer.
        self._loop = asyncio.new_event_loop()
        self._answering: CancelScope | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def _scope(self) -> Scope:
        return Scope(self.customer, check_name("session", self.session), self._tenant)

    def say(self, text: str) -> Generator[Event, None, None]:
        """See ``Desk``."""
        told: SimpleQueue[Event | BaseException | None] = SimpleQueue()
        ended = threading.Event()
        answer = self._answer(self._scope, text, told.put, ended)
        asyncio.run_coroutine_threadsafe(answer, self._loop)
        try:
            while (event := told.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self._loop.call_soon_threadsafe(self._stop)
            ended.wait(_END_SECONDS)

    async def _answer(
        self,
        scope: Scope,
        text: str,
        tell: Callable[[Event | BaseException | None], None],
        ended: threading.Event,
    ) -> None:
        try:
            with (
                CancelScope() as self._answering,
                at_console(self._store, scope.tenant, "change.turn", scope.customer),
            ):
                async with contextlib.aclosing(self._chain.answer(scope, text)) as events:
                    async for event in events:
                        tell(_told(event))
        except Exception as error:
            tell(error)
        finally:
            tell(None)
            ended.set()

    def _check_known(self) -> None:
        if not self._store.records.state(self._scope.owner).generation:
            raise NoSuchCustomer(self.customer)

    def _stop(self) -> None:
        """Break an answer off, but not what is shielded in it, such as storing it."""
        if self._answering is not None:
            self._answering.cancel()

    def recall(self, query: str) -> Sequence[Recalled]:
        """See ``Desk``."""
        with at_console(self._store, self._tenant, "read.recall", self.customer):
            self._check_known()
            found = self._chain.memory(self._scope).recall(query, _TOKENS)
        return [_as(Recalled, RecalledItem.of(one)) for one in found]

    def memories(self, slot: str | None) -> Sequence[Memory]:
        """See ``Desk``."""
        with at_console(self._store, self._tenant, "read.memories", self.customer):
            self._check_known()
            found = self._chain.memory(self._scope).vector.newest(_MOST, slot=slot)
        return [_as(Memory, MemoryItem.of(one)) for one in found]

    def forget(self, memory: str) -> DeletedMemory:
        """See ``Desk``."""
        with at_console(self._store, self._tenant, "erase.memory", self.customer, memory) as deed:
            taken = self._chain.memory(self._scope).vector.delete(memory)
            if taken is None:
                deed.outcome = "absent"
                msg = f"There is no memory {memory!r}: /memories lists them."
                raise InvalidInput(msg)
        self._chain.digests.changed(self._scope)
        return DeletedMemory(
            deleted={"records": len(taken.records)}, memories=taken.records,
            shortened=taken.shortened, messages=taken.messages,
        )  # fmt: skip

    def sessions(self) -> Sequence[Session]:
        """See ``Desk``."""
        with at_console(self._store, self._tenant, "read.sessions", self.customer):
            found = self._store.transcript.sessions(self._scope.owner)
        return [_as(Session, SessionItem.of(one)) for one in found]

    def model(self) -> str:
        """See ``Desk``."""
        return str(self._service.state.model.name)

    def adapters(self) -> Adapters:
        """See ``Desk``."""
        return _as(Adapters, shown(self._service.state.serving))

    def promote(self, adapter: str) -> Adapters:
        """See ``Desk``."""
        with at_console(self._store, TENANT, "change.model", what=adapter, ahead=True):
            self._service.state.serving.promote(adapter)
        return self.adapters()

    def close(self) -> None:
        """See ``Desk``."""
        asyncio.run_coroutine_threadsafe(self._chain.ended(), self._loop).result(_END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_SECONDS)
        self._loop.close()
        self._service.state.model.close()
        self._store.close()


def _told(event: Given | Token | Done | Failed) -> Event | BaseException:
    """An event as a client is told of it."""
    match event:
        case Given():
            return _as(GivenEvent, given(event))
        case Token(text):
            return TokenEvent(text)
        case Done():
            return _as(ChatAnswer, answered(event))
        case Failed(_, problem):
            return ServiceProblem(problem.status_code, problem.document(), None)


def _as(kind: type[R], said: BaseModel) -> R:
    return kind.model_validate(said.model_dump())
