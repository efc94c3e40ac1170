"""The support chat: one turn, from the customer's message to the committed answer.

The message is committed before the model is asked, and the answer when the stream ends, however
it ends. What is derived from them is made in the background (``digests``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
from anyio.to_thread import run_sync
from langchain_core.messages import AIMessageChunk, BaseMessage

from app.chains.admission import Admission
from app.chains.asking import PLAIN, Asking
from app.chains.calls import Calls
from app.chains.completions import Completions
from app.chains.digests import Digests
from app.chains.events import Done, Event, Failed, Given, Token
from app.chains.failures import cut, is_outage, is_refusal, model_problem, silent
from app.chains.speech import Speech, Stopped, storable, usage_of
from app.conversation import conversation_memory
from app.llm import Model
from app.llm.openai import OpenAIModel
from app.llm.states import Conversation
from app.metrics import Metrics
from app.places import Leaving, Place, Places
from app.problems import Problem, problem_of
from app.second_source import SecondSource
from app.settings import Settings
from app.templates.answering import AnswerTemplates, Ready
from app.templates.checking import Checked, grounds
from app.templates.choosing import Declined
from app.templates.offering import Offering
from app.templates.passing import Passing
from app.templates.quoting import Quoting
from app.templates.template import UNKNOWN
from app.templates.unknown import asks_anything
from app.understanding.limited import Limited
from app.understanding.reading import MessageReader
from memory import (
    LEASE_SECONDS,
    Breaker,
    ConversationMemory,
    Encoder,
    Knowledge,
    Labels,
    Layout,
    MemoryServiceError,
    MemoryStore,
    Scope,
    Turn,
    Understanding,
)
from memory.steps import expanded
from memory.types import Pace

_logger = logging.getLogger(__name__)

_KEEP_SECONDS = 1.0  # how often what has been said so far is kept
_RENEW_SECONDS = 5.0  # how often a turn under way that says nothing new says that it is one
_LATE_SECONDS = 0.5  # how long an answer that is there waits for the reading of its message
_END_SECONDS = 5.0  # how long the end of the service waits for answers to be stored
_LATER_SECONDS = 0.5  # how often it is tried again to store an answer
_POLL_SECONDS = 0.01  # how often it looks whether they are


class SupportChain:
    """Answers customers with a model and what is remembered of them."""

    def __init__(
        self,
        store: MemoryStore,
        model: Model,
        settings: Settings,
        encoder: Encoder,
        second: SecondSource | None = None,
        understanding: Understanding | None = None,
        templates: Mapping[str, AnswerTemplates] | None = None,
        metrics: Metrics | None = None,
        quoting: Quoting | None = None,
        offering: Offering | None = None,
        *,
        checking: bool = False,
    ) -> None:
        self._store = store
        self._model = model
        self._settings = settings
        self._encoder = encoder
        self._second = second if settings.knowledge_tokens else None
        self._understanding = None if understanding is None else Limited(understanding)
        self._reader = MessageReader(understanding)
        self._templates = templates or {}  # by tenant
        self._quoting = quoting
        self._offering = offering
        self._passing = Passing(self._passed_on) if checking else None
        self._under_way = 0  # turns that are being answered
        self._late: list[asyncio.Task[None]] = []  # answers that are still to be stored
        self._metrics = metrics or Metrics()
        self.digests = Digests(store, model, self.memory, self._metrics)
        self._speech = Speech(settings.llm_timeout, settings.answer_timeout, store.watch)
        # Of all workers together, since it is one model that they ask.
        at_once = max(1, (settings.answers_at_once or model.at_once) // settings.workers)
        waiting = settings.answers_waiting
        waiting = 4 * at_once if waiting is None else -(-waiting // settings.workers)
        self.places = Places(at_once, waiting, settings.answer_wait, model.breaker)
        self.completions = Completions(model, self.places, self._speech, self._metrics)
        self._admission = Admission(self.places, settings.busy_wait, self._answers_itself)

    def memory(self, scope: Scope, asking: Asking = PLAIN) -> ConversationMemory:
        """The memory of a session, whose prompts have room for what a client asks with."""
        return conversation_memory(
            self._store, scope, self._settings, self._encoder, self._model,
            self.knowledge(scope.tenant), self._understanding, asking.instructions, asking.tokens,
        )  # fmt: skip

    def knowledge(self, tenant: str) -> Knowledge:
        """What a tenant has written, for all its customers."""
        return Knowledge(self._store, self._encoder, tenant)

    async def layout(
        self,
        memory: ConversationMemory,
        text: str,
        turn: Turn | None = None,
        after: Sequence[BaseMessage] = (),
    ) -> Layout:
        """The prompt for a message, with what both sources of knowledge and templates have."""
        found = None if self._second is None else await self._second.look_up(text)
        failed = self._second is not None and found is None
        templates = self._templates.get(memory.scope.tenant)
        if templates is not None and self._settings.knowledge_tokens:
            near = await run_sync(templates.near, memory, text)
            found = [*(found or ()), *near] if near else found
        layout = await run_sync(partial(memory.layout, turn=turn, found=found, after=after), text)
        # That there is nothing is known only where all that there is was asked, and says something
        # only of a question: articles have nothing about thanks either.
        if layout.evidence == [] and (failed or not asks_anything(text)):
            return replace(layout, evidence=None)
        return layout

    async def answer(
        self,
        scope: Scope,
        text: str,
        idempotency_key: str | None = None,
        asking: Asking = PLAIN,
    ) -> AsyncGenerator[Event, None]:
        """Answer a message: ``Given``, ``Token``..., then one of ``Done`` and ``Failed``.

        When the consumer goes away the model is stopped, and what was said so far is kept.

        Raises:
            SessionBusy, TurnConflict, TurnPassed, InvalidInput, StoreError: before the turn has
                begun; then nothing was stored.
            Overloaded, CircuitOpen: likewise.
        """
        began = time.monotonic()
        memory = self.memory(scope, asking)
        turn, place = await self._admitted(memory, text, idempotency_key)
        try:
            if turn.status == "waiting":  # for a person, who answers later
                self._metrics.turn_waits()
                self.digests.later(memory, at_once=not self._under_way)
                yield Given(turn, [], None, None)
                yield Done(turn, [], None, None)
                return
            if turn.status == "complete":
                self._metrics.turn_again()
                for event in await run_sync(_replay, memory, turn):
                    yield event
                return
            answering = self._turn(memory, text, turn, place, began, asking)
            async with contextlib.aclosing(answering) as events:
                async for event in events:
                    yield event
        finally:
            if place is not None:
                place.leave()

    async def _admitted(
        self, memory: ConversationMemory, text: str, idempotency_key: str | None
    ) -> tuple[Turn, Place | None]:
        """A turn that has begun, with its place before the model; see ``answer``."""
        with self._store.watch.step("admit"):
            place = await self._admission.place(memory, text, idempotency_key)
            try:
                return await self._admission.start(memory, text, idempotency_key, place), place
            except BaseException:
                if place is not None:
                    place.leave()
                raise

    async def _turn(
        self,
        memory: ConversationMemory,
        text: str,
        turn: Turn,
        place: Place | None,
        began: float,
        asking: Asking,
    ) -> AsyncGenerator[Event, None]:
        """Answer a turn that has begun; without a ``place`` if no model was to be needed.

        It is as late as it is for who asked, at the time ``began``.
        """
        step = self._store.watch.step
        scope = memory.scope
        said: list[str] = []
        calls = Calls()
        first: int | None = None  # milliseconds to the first piece of the answer
        usage: dict[str, Any] = {}
        layout: Layout | None = None
        labels: Labels | None = None
        failure: Problem | None = None
        left: Problem | None = None  # why it was stopped, if not because its client has gone
        late: Place | None = None  # that was not thought to be needed
        finished: Turn | None = None
        asked = False
        checked: Checked | None = None
        finish_reason: str | None = None
        status, by = "stopped", "model"
        self._under_way += 1
        holding = asyncio.create_task(self._hold(memory, turn, said))
        # Beside the layout, which takes longer: the first token does not wait for it.
        reading = self._reader.begin(text)
        try:
            with step("load"):
                layout = await self.layout(memory, text, turn, asking.after)
            labels = await reading.within(_LATE_SECONDS if self._may_do_without(scope) else 0)
            ready = None
            if not asking.of_the_model:
                ready = await self._without_model(memory, text, labels, layout, turn)
            layout = layout if ready is None else ready.layout
            if ready is None and place is None:
                late = place = self.places.enter(beyond=True)
                await late.take()
            elif ready is not None and place is not None:
                place.leave()
            yield Given(turn, layout.recalled, layout.cited, labels)
            # Closed here and now when the client leaves: the model is to stop at once.
            asked = ready is None
            by = "model" if asked else "template"
            answering = self._said(layout, scope, turn, asking) if ready is None else ready.chunks()
            if asked and self._passing is not None and not asking.of_a_client:
                checked = await run_sync(self._checked, memory, text, labels, layout)
                answering = checked.chunks(answering)
            async with contextlib.aclosing(answering) as chunks:
                async for chunk in chunks:
                    if place is not None:
                        place.answers()
                    usage.update(usage_of(chunk))
                    finish_reason = chunk.response_metadata.get("finish_reason") or finish_reason
                    piece = storable(str(chunk.text))
                    called = calls.add(chunk) if asking.tools else []
                    if piece or called:
                        said.append(piece)
                        if first is None:
                            first = _since(began)
                            self._metrics.first_token(by, first / 1000)
                        yield Token(piece, called)
            if checked is not None:
                layout = checked.layout
            if not calls.whole and not "".join(said).strip():
                failure = silent(self._model.name)
            elif isinstance(self._model, OpenAIModel) and not finish_reason:
                failure = cut(self._model.name)
            else:
                status = "calling" if calls.whole else "complete"
        except Stopped:
            pass  # and is stored so
        except Leaving as error:
            left = problem_of(error)
        except Exception as error:
            if asked and place is not None:
                if is_outage(error):
                    place.fails()
                elif is_refusal(error):
                    place.answers()
            failure = model_problem(error, self._model.name, tools=bool(asking.tools))
        finally:
            holding.cancel()
            if late is not None:
                late.leave()
            if failure is not None:
                status = "failed"
            # Shielded: the answer is committed also when the client has gone away.
            with anyio.CancelScope(shield=True):
                pace = Pace(first, _since(began))
                labels = await reading.within(_LATE_SECONDS)
                finish = partial(
                    memory.finish, turn, "".join(said), status, layout, usage, labels, pace,
                    asking.after if status == "complete" else (),
                )  # fmt: skip
                try:
                    with step("save_answer"):
                        finished = await run_sync(finish)
                except MemoryServiceError as error:
                    _logger.exception("the answer of turn %s could not be stored", turn.id)
                    self.digests.fails()
                    self._late.append(asyncio.create_task(self._finish_late(turn, finish)))
                    failure, status = problem_of(error), "failed"
                finally:
                    self._under_way -= 1
                    self._metrics.turn(status, by, pace.took_ms / 1000, usage)
                self.digests.later(memory, at_once=not self._under_way)
        if finished is None and failure is None:
            failure = Problem(
                410, "turn-gone", "Turn gone", "The session was deleted while it was answered."
            )
        failure = failure or left
        if failure is not None:
            self._metrics.problem(failure.name)
            yield Failed(turn, failure)
        else:
            assert finished is not None
            assert layout is not None
            yield Done(
                finished, layout.recalled, layout.cited, finished.question.labels,
                cut=finish_reason == "length", calls=calls.whole,
            )  # fmt: skip

    @property
    def under_way(self) -> int:
        """How many turns are being answered."""
        return self._under_way

    @property
    def breakers(self) -> dict[str, Breaker]:
        """What stands before what is asked over the network, by what that is."""
        retriever = None if self._second is None else self._second.breaker
        found = {"model": self._model.breaker, "retriever": retriever}
        return {name: breaker for name, breaker in found.items() if breaker is not None}

    @property
    def closed(self) -> bool:
        """Whether no turn is begun any more."""
        return self.places.closed

    def close(self) -> None:
        """Begin no turn any more, and send away those that wait; those under way go on."""
        self.places.close()

    def stop(self) -> None:
        """Stop the turns under way: they are stored as ``stopped``, with what was said."""
        self._speech.end()

    async def stop_answer(self, scope: Scope) -> bool:
        """Stop the answer that is under way in a session, wherever that is; False if none is.

        What was said so far is kept: all of it, or if another process answers, what that has kept.
        """
        saying = await run_sync(self._store.turns.saying, scope)
        here = saying.turn if saying is not None and self._speech.stop(saying.turn) else None
        return await run_sync(self._store.turns.stop, scope, here) or here is not None

    async def ended(self) -> None:
        """Wait until no turn is being answered, so that what was said is stored; not for ever."""
        deadline = time.monotonic() + _END_SECONDS
        while self._under_way and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        for task in self._late:
            task.cancel()
        self.digests.end()

    # --- inside --------------------------------------------------------------------------

    async def _answers_itself(self, memory: ConversationMemory, text: str) -> bool:
        """Whether a template answers a message, as far as can be said before it is stored."""
        if not self._may_do_without(memory.scope):
            return False
        await run_sync(memory.check, text)
        reading = self._reader.begin(text)
        layout = await self.layout(memory, text)
        labels = await reading.within(_LATE_SECONDS)
        return await self._without_model(memory, text, labels, layout, None) is not None

    def _may_do_without(self, scope: Scope) -> bool:
        """Whether there is what answers without a model."""
        sources = (self._quoting, self._offering, self._passing)
        return scope.tenant in self._templates or any(one is not None for one in sources)

    def _passed_on(self, tenant: str) -> str | None:
        """What a tenant says where something is passed on, if it has words of its own."""
        templates = self._templates.get(tenant)
        return None if templates is None else templates.templates.passed_on

    def _checked(
        self, memory: ConversationMemory, text: str, labels: Labels | None, layout: Layout
    ) -> Checked:
        """What is to check the model's answer to a message."""
        told = self._passed_on(memory.scope.tenant)
        return Checked(text, labels, layout, grounds(memory, text, layout), told)

    async def _without_model(
        self,
        memory: ConversationMemory,
        text: str,
        labels: Labels | None,
        layout: Layout,
        turn: Turn | None,
    ) -> Ready | None:
        """The answer of a template, an article, what was said or the catalogue, if one answers.

        That nothing is known is said only where none of the others does.
        """
        asked = (memory, text, labels, layout, turn)
        unknown: Ready | None = None
        for source in (self._templates.get(memory.scope.tenant), self._passing):
            if source is None or (found := await self._tried(source.answer, *asked)) is None:
                continue
            if found.layout.template != UNKNOWN:
                return found
            unknown = found
        quoted = offered = None
        if self._quoting is not None and unknown is None:
            quoted = await self._tried(self._quoting.answer, *asked)
        if self._offering is not None:
            offered = await self._tried(partial(self._offering.answer, quoted=quoted), *asked)
        return offered or quoted or unknown

    async def _tried(
        self,
        answer: Callable[..., Ready | Declined | None],
        memory: ConversationMemory,
        text: str,
        labels: Labels | None,
        layout: Layout,
        turn: Turn | None,
    ) -> Ready | None:
        """The answer of one source, if it has one; what goes wrong there costs only that."""
        try:
            with self._store.watch.step("template"):
                found = await run_sync(answer, memory, text, labels, layout, turn)
        except Exception:
            _logger.exception("the templates failed in turn %s", turn and turn.id)
            return None
        return found if isinstance(found, Ready) else None

    def _said(
        self, layout: Layout, scope: Scope, turn: Turn, asking: Asking
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """What the model says; where it has tools, it sees what it called for earlier answers."""
        model = self._model.answering(Conversation(scope.owner, scope.session, turn.generation))
        if asking.choices:
            model = model.bind(**asking.choices)
        messages = layout.messages
        if asking.tools:
            messages = expanded(messages, turn.generation)
        return self._speech.chunks(model, messages, turn.id)

    async def _hold(self, memory: ConversationMemory, turn: Turn, said: list[str]) -> None:
        """Keep the session's lease, and what has been said, while the turn is under way."""
        kept, at = "", time.monotonic()
        while True:
            await asyncio.sleep(_KEEP_SECONDS)
            so_far = "".join(said)
            if so_far == kept and time.monotonic() - at < _RENEW_SECONDS:
                continue
            try:
                if not await run_sync(memory.renew, turn, so_far if so_far.strip() else ""):
                    self._speech.stop(turn.id)  # somebody has, by another process
                kept, at = so_far, time.monotonic()
            except Exception:  # the lease lasts longer than one renewal
                _logger.warning("could not renew the lease of turn %s", turn.id, exc_info=True)

    async def _finish_late(self, turn: Turn, finish: Callable[[], Turn | None]) -> None:
        """Store an answer as soon as the database is there again, if that is soon.

        Until then its session is held; after its lease another turn would end it.
        """
        self._late = [task for task in self._late if not task.done()]
        deadline = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(_LATER_SECONDS)
            try:
                await run_sync(finish)
            except MemoryServiceError:
                continue
            _logger.warning("the answer of turn %s is stored now", turn.id)
            return


def _since(began: float) -> int:
    """Milliseconds since a time of the monotonic clock."""
    return round((time.monotonic() - began) * 1000)


def _replay(memory: ConversationMemory, turn: Turn) -> list[Event]:
    """A turn that was answered before, once more."""
    recalled, evidence = memory.recalled_for(turn), memory.evidence_for(turn)
    labels = turn.question.labels
    reply = turn.answer.text if turn.answer else ""
    return [
        Given(turn, recalled, evidence, labels),
        Token(reply),
        Done(turn, recalled, evidence, labels),
    ]
