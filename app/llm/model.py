"""What the service asks of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from memory import MemoryServiceError


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


class Model:
    """A language model that is open: LangChain's chat model and what surrounds it.

    ``context`` is how many tokens a prompt and its answer may have together.
    """

    def __init__(self, chat: BaseChatModel, name: str, context: int) -> None:
        self.chat = chat
        self.name = name
        self.context = context

    def warm(self, messages: Sequence[BaseMessage]) -> None:
        """Let the model read the beginning of a prompt before it is needed; never fails."""

    def check(self) -> str | None:
        """What keeps the model from answering, or None."""
        return None

    def close(self) -> None:
        """Give back what the model holds; it must not be asked any more."""
