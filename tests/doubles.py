"""Plain stand-ins for models: a chat model with a script, a classifier by words."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from memory.testing.words import WordEncoder
from memory.types import Label, Labels

__all__ = ["ScriptedChat", "WordEncoder", "WordReader", "count_words"]


class ScriptedChat(BaseChatModel):
    """Answers with ``answer(messages)`` and keeps what it was asked."""

    answer: Callable[[list[BaseMessage]], str] = lambda messages: f"You said: {messages[-1].text}"
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.answer(messages)))])


def count_words(text: str) -> int:
    """A tokenizer that is quick and easy to reckon with: one token a word."""
    return len(text.split())


_WORDS = {
    "intent": {
        "where": "track_order",
        "refund": "get_refund",
        "hello": "greet",
        "person": "contact_human_agent",
    },
    "topic": {"order": "orders", "refund": "payments"},
    "sentiment": {"angry": "negative", "late": "negative", "thanks": "positive"},
}


class WordReader:
    """A classifier by words: a head's label is the first of its words in the text.

    A text with none of them is out of scope for the head, but of no particular mood.
    """

    def __init__(self, after: float = 0, fails: bool = False) -> None:
        self.after = after  # seconds that it takes
        self.free = threading.Event()  # nothing is read while it is not set
        self.free.set()
        self.fails = fails
        self.asked: list[list[str]] = []  # the texts of each reading

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """What each text is, by each head's name."""
        self.asked.append([*texts])
        time.sleep(self.after)
        self.free.wait(30)
        if self.fails:
            raise RuntimeError(*texts)
        return [{head: self._label(head, text) for head in _WORDS} for text in texts]

    def _label(self, head: str, text: str) -> Label:
        words = re.findall(r"\w+", text.lower())
        found = [label for word, label in _WORDS[head].items() if word in words]
        if head == "sentiment":
            found.append("neutral")
        return Label(found[0], 0.9) if found else Label(None, 0.8)
