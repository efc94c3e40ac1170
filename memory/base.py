"""StoredMemory: what every memory class here shares. The only import of langchain_classic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Self

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import BaseMessage, get_buffer_string
from pydantic import ConfigDict, Field

from memory.errors import InvalidInput
from memory.history import MESSAGE_OVERHEAD, from_langchain, says_nothing, to_langchain
from memory.store import MemoryStore
from memory.tokens import count_tokens as embedded_tokens
from memory.transcript import make_message
from memory.types import CountTokens, Message, Scope, Turn


class StoredMemory(BaseMemory):
    """A LangChain memory over a MemoryStore.

    Saving is one transaction and waits for no model: what is derived from the messages is made
    by ``digest``, which ``save_context`` starts in the background unless ``background`` is off.
    The async methods run the sync ones in an executor (BaseMemory's own), so they cannot differ.
    """

    # Frozen: what is made from the scope must not outlive it, or one customer reads another's.
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", frozen=True)

    store: MemoryStore
    scope: Scope
    memory_key: str = "history"
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    count_tokens: CountTokens = Field(default=embedded_tokens)
    background: bool = True

    @property
    def memory_variables(self) -> list[str]:
        """The names that ``load_memory_variables`` fills."""
        return [self.memory_key]

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store a turn; of one whose input is empty the output alone, and nothing if that is too.

        Several memories of one scope in LangChain's CombinedMemory are each given the same two
        dicts: the first of them stores the turn, the others see that it is stored.
        """
        said = self._input(inputs)
        answered = _only(outputs, self.output_key, (), "output")
        if not self._sibling_saved(inputs, outputs):
            question, answer = self._message("human", said), self._message("ai", answered)
            if not says_nothing(question):
                self._save_turn(question, answer)
            elif not says_nothing(answer):  # a greeting, say
                self.store.transcript.add(self.scope, [answer])
            # The dicts themselves are kept, so that their identity cannot pass to others.
            said_now = (self.scope, dict(inputs), dict(outputs))
            self.store.last_saved.turn = (inputs, outputs, said_now, set(self.memory_variables))
        self._digest_later()

    def __copy__(self) -> Self:
        """A copy with nothing made from the fields, which ``model_copy`` may exchange."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def _digest_later(self) -> None:
        if self.background and type(self)._digestion is not StoredMemory._digestion:
            self.store.in_background((type(self), self.scope), partial(self.digest, wait=False))

    def _save_turn(self, question: Message, answer: Message) -> Turn:
        return self.store.turns.save(self.scope, question, answer)

    def _sibling_saved(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> bool:
        last = getattr(self.store.last_saved, "turn", None)
        if (
            last is not None
            and last[0] is inputs
            and last[1] is outputs
            and last[2] == (self.scope, dict(inputs), dict(outputs))
            and last[3].isdisjoint(self.memory_variables)
        ):
            last[3].update(self.memory_variables)
            return True
        return False

    def add_messages(
        self, messages: Sequence[BaseMessage], at: Sequence[datetime] | None = None
    ) -> int:
        """Store past messages; their ids are kept, and those already stored are left out.

        Args:
            messages: oldest first.
            at: when each was said; now, if not given. A time without a zone is taken as UTC.

        Returns:
            How many were stored.

        Raises:
            InvalidInput: not a message each, or not one time for each; none is stored then.
        """
        if not _listed(messages) or (at is not None and not _listed(at)):
            msg = "add_messages takes a list of messages and, in at=, a list of their times"
            raise InvalidInput(msg)
        if at is not None and len(at) != len(messages):
            msg = f"{len(messages)} messages need as many times, not {len(at)}"
            raise InvalidInput(msg)
        stored = self.store.transcript.add(
            self.scope,
            [
                self._past(message, place, at[place] if at is not None else None)
                for place, message in enumerate(messages)
            ],
        )
        self._digest_later()
        return stored

    def digest(self, *, wait: bool = True) -> None:
        """Do now what otherwise runs in the background.

        Of all processes one digests a customer at a time (see ``Digesting``); another is waited
        for, or without ``wait`` left to do it alone: it sees what was stored until it ends.
        """
        self.store.digesting.once(self.scope.owner, self._digestion, wait=wait)

    def _digestion(self) -> Iterator[None]:
        """What a digest does, step by step; this memory derives nothing."""
        yield from ()

    def clear(self) -> None:
        """Delete the session: messages, records, vectors and summaries."""
        self.store.delete_session(self.scope)

    def _input(self, inputs: dict[str, Any]) -> Any:
        return _only(inputs, self.input_key, self.memory_variables, "input")

    def _question(self, inputs: dict[str, Any]) -> str:
        """The input's text; empty where nothing is asked, as in LangChain's own examples."""
        if not inputs.keys() - set(self.memory_variables):
            return ""
        said = self._input(inputs)
        return said if isinstance(said, str) else self._message("human", said).text

    def _message(self, role: str, said: Any) -> Message:
        if isinstance(said, BaseMessage):
            return from_langchain(said, self.count_tokens)
        if isinstance(said, list) and said and isinstance(said[-1], BaseMessage):
            return from_langchain(said[-1], self.count_tokens)
        if not isinstance(said, str):
            msg = f"a memory stores text or messages, not {type(said).__name__}"
            raise InvalidInput(msg)
        return make_message(role, said, self.count_tokens(said) + MESSAGE_OVERHEAD)

    def _past(self, message: Any, place: int, at: Any) -> Message:
        if not isinstance(message, BaseMessage):
            msg = (
                f"message {place} is a {type(message).__name__}: give LangChain messages, such as "
                "HumanMessage('Where is my order?') and AIMessage('On its way.')"
            )
            raise InvalidInput(msg)
        if at is not None and not isinstance(at, datetime):
            msg = (
                f"the time of message {place} is {at!r}: give a datetime, such as "
                "datetime.fromisoformat('2026-05-04T09:30:00Z')"
            )
            raise InvalidInput(msg)
        return from_langchain(message, self.count_tokens, at)

    def _rendered(self, messages: Sequence[Message]) -> str | list[BaseMessage]:
        if self.return_messages:
            return [to_langchain(m) for m in messages]
        return "\n".join(self._line(m) for m in messages)

    def _line(self, message: Message) -> str:
        """A message as LangChain writes it into a text."""
        prefix = {"human": self.human_prefix, "ai": self.ai_prefix}.get(message.role)
        if message.data is None and prefix is not None:  # most are, and a turn waits for this
            return f"{prefix}: {message.text}"
        return get_buffer_string([to_langchain(message)], self.human_prefix, self.ai_prefix)


def _listed(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, (str, bytes))


def _only(values: dict[str, Any], name: str | None, besides: Sequence[str], kind: str) -> Any:
    """The one value that is the input (or output), as LangChain's chains name it."""
    if name is not None:
        if name not in values:
            msg = f"{kind}_key is {name!r}, but the {kind}s are {sorted(values)}"
            raise InvalidInput(msg)
        return values[name]
    candidates = [k for k in values if k not in besides and k != "stop"]
    if kind in candidates:
        return values[kind]
    if len(candidates) != 1:
        msg = f"which of {sorted(candidates)} is the {kind}? Say so with {kind}_key="
        raise InvalidInput(msg)
    return values[candidates[0]]
