"""What the service asks of a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from app.llm.states import Conversation, States
from memory import Breaker, MemoryServiceError
from memory.customers import Owner


class UnusableModel(MemoryServiceError, ValueError):
    """A model's address cannot be used as it is; the message says which can."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How a model is opened; what does not concern a kind of model is ignored by it."""

    api_key: str | None
    timeout: float  # seconds a model may be silent
    max_tokens: int | None  # of one answer
    temperature: float | None
    threads: int | None  # for reading prompts; None: one for each core
    context: int  # tokens
    slots: int  # answers at a time
    # Of a base, by its sha256: the GGUF file of the adapter that it is to be served with.
    adapter: Callable[[str], Path | None] = lambda _: None
    states: States | None = None  # what was read of conversations, where it is kept
    summaries: Callable[[str], Path | None] = lambda _: None  # of the one that writes summaries


class Model:
    """A language model that is open: LangChain's chat model and what surrounds it.

    ``context`` is how many tokens a prompt and its answer may have together. ``base`` is the
    sha256 of the model whose adapters it takes, None if it takes none, and ``adapter`` the file of
    the one that answers, None if the base does. ``at_once`` is how many answers it writes well at
    a time, and ``breaker`` stands before its server, where that is elsewhere. It may be given a
    client's tools, and be told the form of its answer, if it takes them.
    """

    base: str | None = None
    adapter: Path | None = None
    at_once = 32
    takes_tools = False
    takes_formats = False
    breaker: Breaker | None = None

    def __init__(self, chat: BaseChatModel, name: str, context: int) -> None:
        self.chat = chat
        self.name = name
        self.context = context

    def answering(self, conversation: Conversation) -> Runnable[Any, Any]:  # noqa: ARG002
        """The chat model, told whose prompts it gets: it may have read the most of them."""
        return self.chat

    def summarising(self) -> Runnable[Any, Any]:
        """The chat model, with the adapter that is to write summaries if there is one."""
        return self.chat

    def warm(
        self, messages: Sequence[BaseMessage], conversation: Conversation | None = None
    ) -> None:
        """Let the model read the beginning of a prompt before it is needed; never fails."""

    def drop(self, owner: Owner) -> None:
        """Let go of what was read of a customer's conversations; never fails."""

    def adapt(self, adapter: Path | None) -> None:  # noqa: ARG002 - for those that do
        """Answer with an adapter from now on, None being the base; what is under way goes on.

        Raises:
            UnusableModel: it takes no adapters, or not this one; then it goes on as it was.
        """
        msg = (
            f"the model {self.name} takes no adapters while it is served: the embedded one does; "
            "for another start the service with --llm huggingface:BASE#ADAPTER, or vLLM"
        )
        raise UnusableModel(msg)

    def check(self) -> str | None:
        """What keeps the model from answering, or None."""
        return None

    def close(self) -> None:
        """Give back what the model holds; it must not be asked any more."""
