"""Plain stand-ins for models: an encoder without weights and a chat model with a script."""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from memory.types import Floats, Label, Labels


class WordEncoder:
    """A bag of words as a unit vector: every word has a direction of its own, fixed by its hash."""

    def __init__(self, dimension: int = 64, name: str = "words") -> None:
        self.name = name
        self.dimension = dimension
        self.asked: list[str] = []  # every text that was ever encoded
        self._directions: dict[str, Floats] = {}

    def encode(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors in their order, of unit length."""
        self.asked.extend(texts)
        found = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                found[row] += self._direction(word)
        return found / np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)

    def _direction(self, word: str) -> Floats:
        direction = self._directions.get(word)
        if direction is None:
            generator = np.random.default_rng(zlib.crc32(word.encode("utf-8", "replace")))
            direction = generator.standard_normal(self.dimension).astype(np.float32)
            self._directions[word] = direction
        return direction


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
    "intent": {"where": "track_order", "refund": "get_refund", "hello": "greet"},
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
