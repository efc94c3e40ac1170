"""MemoryMiddleware: LangChain's agents with a customer's memory.

Before the model is asked the customer's message is committed and the prompt laid out, after the
agent the answer is committed, with the calls of tools before it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables.config import run_in_executor
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from memory.conversation import ConversationMemory
from memory.errors import InvalidInput, MemoryServiceError
from memory.history import said_in
from memory.incoming import instructions, joined, place, question, scope_of, started
from memory.layout import Layout
from memory.steps import answer_after, expanded, paired, shown, taken
from memory.turns import LEASE_SECONDS
from memory.types import Pace, Scope, Turn

MakeMemory = Callable[[Scope], ConversationMemory]

_HELD = 1_000  # runs that have not ended, as far as it is known

_logger = logging.getLogger(__name__)


@dataclass
class _Run:
    """An agent that answers a customer's message."""

    memory: ConversationMemory
    turn: Turn
    layout: Layout | None = None
    asked: Sequence[BaseMessage] = ()  # the prompt up to the question
    tokens: int = 0  # that these take
    began: float = field(default_factory=time.monotonic)


class MemoryMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Gives an agent the memory of the customer whom it answers.

    The model gets the memory's prompt in place of the state's older messages: the agent's system
    text with the summary, the messages since it, each as it was sent, with the calls of tools
    before an answer, and the question with what was recalled for it. What follows the question is
    the agent's own. So a prompt begins with the one before it, within an agent's loop and from one
    question to the next.

    The customer's message is committed before the model is asked, once, however often the agent
    loops or the same state is run again; the answer after the agent. Where the model or a tool
    raises, the message is kept and its turn is ``failed``; run again, it is taken up again. While
    an agent answers, another in the same session is refused (``SessionBusy``). One that ends
    otherwise (cancelled, at a limit of steps, waiting for a person) lets its session go within
    ``LEASE_SECONDS``. In a session that a person has taken over no model is asked: the message
    waits for the person's reply, and the run ends with an empty answer whose
    ``response_metadata`` has the ``status`` ``waiting``.

    Of the state the customer's new messages are taken over, those since the last answer: all are
    stored and given to the model, and the newest is the question; an empty one is refused. System
    messages are the caller's: they stand after the agent's system text and are stored nowhere.
    What was said before there was a memory is given to it by ``ConversationMemory.add_messages``.

    Args:
        memory: of one customer and session; or makes one of a scope, for an agent that answers
            many. Then each run says whose it is: with ``context=Scope("ada", "monday")``
            (``context_schema=Scope``), another context or a mapping with ``customer`` and, as
            wanted, ``session`` and ``tenant``, or with ``config={"configurable": {"customer":
            ...}}``. Where no session is named there, it is the thread's (``thread_id``).
    """

    def __init__(self, memory: ConversationMemory | MakeMemory) -> None:
        super().__init__()
        self._memory = memory
        self._runs: OrderedDict[tuple[Scope, str], _Run] = OrderedDict()
        self._lock = threading.Lock()

    # --- hooks ---------------------------------------------------------------------------

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Commit the customer's message and ask the model with the memory's prompt."""
        scope = self._scope(request.runtime)
        with self._guarded(scope, request.messages):
            prepared = self._prepared(scope, request)
            return _waiting() if prepared is None else handler(prepared)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """The same, off the event loop where rows are read and written."""
        scope = self._scope(request.runtime)
        prepared = await run_in_executor(None, self._prepared, scope, request)
        if prepared is None:
            return _waiting()
        answered: ModelResponse[Any] = await self._aguarded(
            scope, request.messages, partial(handler, prepared)
        )
        return answered

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]
    ) -> Any:
        """Hold the session while a tool runs; where it raises, the turn has failed."""
        with self._guarded(self._scope(request.runtime), _said(request.state)):
            return handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """The same."""
        scope = self._scope(request.runtime)
        return await self._aguarded(scope, _said(request.state), partial(handler, request))

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """Commit the answer."""
        self._answered(self._scope(runtime), state["messages"])

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """The same, off the event loop."""
        await run_in_executor(None, self._answered, self._scope(runtime), state["messages"])

    # --- whose ---------------------------------------------------------------------------

    def _scope(self, runtime: Any) -> Scope:
        """Whose memory a run is to have.

        Raises:
            InvalidInput: nobody has said; or it is not the one customer's.
        """
        named = scope_of(getattr(runtime, "context", None))
        if isinstance(self._memory, ConversationMemory):
            own = self._memory.scope
            if named is not None and named.owner != own.owner:
                msg = (
                    f"this agent has the memory of {own.customer!r} alone, and is run for "
                    f"{named.customer!r}: give MemoryMiddleware what makes a memory of a scope"
                )
                raise InvalidInput(msg)
            return own
        if named is None:
            msg = (
                "whose memory is it? Run the agent with context=Scope(customer, session), or with "
                'config={"configurable": {"customer": ...}}'
            )
            raise InvalidInput(msg)
        return named

    # --- a run ---------------------------------------------------------------------------

    def _begun(self, scope: Scope, messages: Sequence[BaseMessage]) -> _Run | None:
        """The run that answers the newest message of the customer; None if there is none."""
        asked = question(messages)
        if asked is None:
            return None
        name = (scope, str(asked.id))
        with self._lock:
            run = self._runs.get(name)
            earlier = [
                self._runs.pop(old, None)
                for old in [(scope, str(m.id)) for m in messages if isinstance(m, HumanMessage)]
                if old != name
            ]
        for ended in earlier:  # a thread runs one agent at a time: it is over, and nobody said so
            self._end(ended, "stopped")
        if run is not None:
            turns = run.memory.store.turns
            known = turns.get(scope, run.turn.id)
            if known is None or known.status in ("running", "complete", "waiting"):
                turns.renew(scope, run.turn)
                return run
        if isinstance(self._memory, ConversationMemory):
            memory = self._memory
        else:
            memory = self._memory(scope)
        run = _Run(memory, started(memory, messages))
        with self._lock:
            self._runs[name] = run
            while len(self._runs) > _HELD:
                self._runs.popitem(last=False)
        return run

    def _prepared(self, scope: Scope, request: ModelRequest[Any]) -> ModelRequest[Any] | None:
        """What the model is asked, once the customer's message is committed; None if a person is to
        answer it.
        """
        run = self._begun(scope, request.messages)
        if run is None:
            return request
        if run.turn.status == "waiting":
            return None
        at = place(request.messages)
        said = request.messages[at]
        rest = [m for m in request.messages[at + 1 :] if not isinstance(m, SystemMessage)]
        after = [shown(message) for message in paired(rest)]
        laid_out = expanded(self._laid_out(run, said, after), run.turn.generation)
        *before, asked = laid_out
        system = request.system_message
        for told in instructions(request.messages):
            system = joined(system, told)
        if before and isinstance(before[0], SystemMessage):
            system = joined(system, before.pop(0))
        messages: list[Any] = [*before, _with_all(asked, said), *after]
        return request.override(system_message=system, messages=messages)

    def _laid_out(
        self, run: _Run, said: BaseMessage, after: Sequence[BaseMessage]
    ) -> Sequence[BaseMessage]:
        """The prompt up to the question: laid out once, so that it stays the same through the loop,
        and again where what follows it would no longer fit.
        """
        memory = run.memory
        more = taken(after, memory.count_tokens) if after else 0
        limit = memory.context_tokens
        if run.layout is None or (limit is not None and run.tokens + more > limit):
            run.layout = memory.layout(said_in(said), run.turn, after=after)
            run.tokens = run.layout.tokens - more
            run.asked = run.layout.messages[: len(run.layout.messages) - len(after)]
        return run.asked

    def _answered(self, scope: Scope, messages: Sequence[BaseMessage]) -> None:
        """Commit what the agent has answered; the calls and results before it with it."""
        run = self._begun(scope, messages)
        if run is None:
            return
        after = messages[place(messages) + 1 :]
        memory, turn = run.memory, run.turn
        said = str(after[-1].text) if after else ""
        steps = paired(after[:-1] if after and _final(after[-1]) else after)
        answer = None
        if said.strip():
            answer = answer_after(said, steps, turn.generation, memory.count_tokens)
        took = Pace(None, round((time.monotonic() - run.began) * 1000))
        memory.store.turns.finish(
            scope, turn, answer, "complete" if answer else "failed",
            run.layout.rows() if run.layout else None, _usage(after), pace=took,
        )  # fmt: skip
        self._forget(scope, messages)
        memory._digest_later()

    def _end(self, run: _Run | None, status: str) -> None:
        """Let a run's session go without an answer; it has ended otherwise if it is not running."""
        if run is None:
            return
        rows = run.layout.rows() if run.layout else None
        try:
            run.memory.store.turns.finish(run.memory.scope, run.turn, None, status, rows)
        except MemoryServiceError:  # its lease ends by itself
            _logger.warning("could not end turn %s", run.turn.id, exc_info=True)

    def _forget(self, scope: Scope, messages: Sequence[BaseMessage]) -> _Run | None:
        asked = question(messages)
        with self._lock:
            return self._runs.pop((scope, str(asked.id)), None) if asked else None

    # --- what may fail -------------------------------------------------------------------

    @contextmanager
    def _guarded(self, scope: Scope, messages: Sequence[BaseMessage]) -> Iterator[None]:
        """Hold the session for what takes its time; where that raises, end the turn."""
        try:
            with self._held(scope, messages):
                yield
        except BaseException as error:
            self._end(self._forget(scope, messages), _ending(error))
            raise

    async def _aguarded(
        self, scope: Scope, messages: Sequence[BaseMessage], work: Callable[[], Awaitable[Any]]
    ) -> Any:
        try:
            with self._held(scope, messages):
                return await work()
        except BaseException as error:
            ended = run_in_executor(None, self._end, self._forget(scope, messages), _ending(error))
            # Shielded: it is ended also where the run was cancelled.
            await asyncio.shield(ended)
            raise

    @contextmanager
    def _held(self, scope: Scope, messages: Sequence[BaseMessage]) -> Iterator[None]:
        """Renew the lease of the session, from a thread: whoever is waited for may take long."""
        ended = threading.Event()

        def hold() -> None:
            while not ended.wait(LEASE_SECONDS / 3):
                asked = question(messages)
                run = self._runs.get((scope, str(asked.id))) if asked else None
                if run is None:
                    continue
                try:
                    run.memory.renew(run.turn)
                except MemoryServiceError:  # the lease lasts longer than one renewal
                    _logger.warning("could not renew turn %s", run.turn.id, exc_info=True)

        threading.Thread(target=hold, name="memory-lease", daemon=True).start()
        try:
            yield
        finally:
            ended.set()


def _said(state: Any) -> Sequence[BaseMessage]:
    """The messages of an agent's state."""
    found = state if isinstance(state, list) else state["messages"]
    return list(found)


def _waiting() -> ModelResponse[Any]:
    """In place of an answer: a person has taken the session over. It is not stored."""
    return ModelResponse([AIMessage("", response_metadata={"status": "waiting"})])


def _final(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and not message.tool_calls


def _ending(error: BaseException) -> str:
    """What becomes of a turn: somebody stopped it, or it failed."""
    failed = isinstance(error, Exception) and not isinstance(error, GraphBubbleUp)
    return "failed" if failed else "stopped"


def _with_all(asked: BaseMessage, said: BaseMessage) -> BaseMessage:
    """The question as it is laid out, with what it holds beside text (pictures, say), and what the
    messages do that stand before it without an answer.
    """
    others = [
        block
        for content in (asked.content, said.content)
        if not isinstance(content, str)
        for block in content
        if isinstance(block, dict) and block.get("type") != "text"
    ]
    if isinstance(asked.content, str) and not others:
        return asked
    told = {"type": "text", "text": said_in(asked)}
    return asked.model_copy(update={"content": [told, *others]})


def _usage(messages: Sequence[BaseMessage]) -> dict[str, int] | None:
    """The tokens that the model's calls have taken, added up."""
    used = [m.usage_metadata for m in messages if isinstance(m, AIMessage) and m.usage_metadata]
    if not used:
        return None
    return {
        "input_tokens": sum(one["input_tokens"] for one in used),
        "output_tokens": sum(one["output_tokens"] for one in used),
    }
