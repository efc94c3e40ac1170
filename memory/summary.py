"""SummaryMemory: the older part of a session in few words, never lost, never made from an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from memory.base import StoredMemory
from memory.extractive import Sentence, condense, extract, render
from memory.history import in_prompt
from memory.marks import on_one_line
from memory.summaries import CUT, STALE, Segment, Summary
from memory.transcript import Said
from memory.types import Message

_logger = logging.getLogger(__name__)

_SPEAKER = {"human": "Customer", "ai": "Agent"}
_WORD = re.compile(r"[\w@%+#=&?./:-]+")
_REBUILD = 40  # messages a segment, when segments are made again
_TASK = (
    "Summarise this customer-service conversation in at most {words} words. Keep names, numbers, "
    "dates, what the customer wants and what the agent promised. Write only the summary."
)
_NOT_A_SUMMARY = re.compile(
    r"^\W*(error\b|exception\b|traceback\b|http\s*\d{3}|\{\s*\"error|internal server error"
    r"|rate limit|service unavailable|as an ai\b|i('| a)m sorry|i can(no|')t (help|assist))",
    re.IGNORECASE,
)


class SummaryMemory(StoredMemory):
    """A running summary of the session within ``max_tokens``.

    When the messages since the last fold take more than ``window_tokens``, the older of them,
    down to half of that, are folded: each fold keeps its best sentences as a segment, and the
    summary is the best of all segments, in order. With ``llm`` the model writes the summary;
    what it writes is checked, and the extractive one is kept if it is no summary.
    """

    memory_key: str = "summary"
    max_tokens: int = 200
    window_tokens: int = 1000
    llm: BaseChatModel | None = None

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The summary of all that was said so far, the messages since the last fold included."""
        summary = self.current()
        recent = [said.message for said in self.window(summary)]
        text = summary.text
        if recent:
            kept = self._sentences()
            sentences = [*kept, *extract(recent, self.max_tokens, self.count_tokens, kept)]
            text = render(condense(sentences, self.max_tokens, self.count_tokens))
        if self.return_messages:
            return {self.memory_key: [SystemMessage(text)] if text else []}
        return {self.memory_key: text}

    def current(self) -> Summary:
        """The summary in force; what it covers is up to its watermark."""
        summary = self.store.summaries.latest(self.scope)
        if summary.source == STALE:
            return self._rebuilt(summary)
        return self._joined(summary) if summary.source == CUT else summary

    def window(self, summary: Summary) -> list[Said]:
        """The messages that the summary does not cover, oldest first."""
        return self.store.transcript.window(self.scope, after=summary.watermark)

    def _digestion(self) -> Iterator[None]:
        """Fold what has left the window."""
        self.fold()
        yield

    def fold(self, most: int | None = None, *, by_model: bool = True) -> bool:
        """Fold the older messages if the window holds more than ``most`` tokens.

        Without ``by_model`` no model is asked for the summary: somebody is waiting for it.

        Returns:
            Whether there is a new version of the summary.
        """
        most = self.window_tokens if most is None else most
        generation = self.store.records.state(self.scope.owner).generation
        summary = self.current()
        window = self.window(summary)
        costs = self.costs(window)
        if sum(costs) <= most:
            return False
        folded = [said.message for said in window[: _cut(window, costs, most // 2)]]
        if not folded:
            return False
        kept = self._sentences()
        fresh = extract(folded, self.max_tokens, self.count_tokens, kept)
        segment = _segment(folded, fresh)
        after = self._made([*kept, *fresh], summary, folded, by_model)
        added = self.store.summaries.add(self.scope, summary, [segment], after, generation)
        if added:
            self.store.watch.happened("fold")
        return added

    def costs(self, window: list[Said]) -> list[int]:
        """Tokens that each message takes in a prompt; subclasses may know of more."""
        return [in_prompt(said.message, self.count_tokens).tokens for said in window]

    def _made(
        self, sentences: list[Sentence], before: Summary, folded: list[Message], by_model: bool
    ) -> Summary:
        text = render(condense(sentences, self.max_tokens, self.count_tokens))
        source = "extractive"
        if by_model and self.llm is not None and (written := self._by_model(before, folded)):
            text, source = written, "model"
        return Summary(before.version + 1, folded[-1].seq, text, self.count_tokens(text), source)

    def _by_model(self, before: Summary, folded: list[Message]) -> str | None:
        assert self.llm is not None
        # A line a message: with a line break of his own a customer could write the agent's.
        said = "\n".join(f"{_SPEAKER.get(m.role, m.role)}: {on_one_line(m.text)}" for m in folded)
        task = _TASK.format(words=self.max_tokens * 2 // 3)
        content = f"{before.text}\n\n{said}" if before.text else said
        try:
            answer = self.llm.invoke([SystemMessage(task), HumanMessage(content)])
        except Exception as error:  # whatever it was: the extractive summary is kept
            # Not its text: it may repeat the prompt.
            _logger.warning("the model could not summarise: %s", type(error).__name__)
            return None
        # Without empty lines: past one, what was summed up could look like another instruction.
        text = "\n".join(filter(None, map(str.strip, str(answer.text).splitlines())))
        if fault := self._fault(text, task) or _unsaid(text, content):
            _logger.warning("the model's summary is %s: not used", fault)
            return None
        return text

    def _fault(self, text: str, task: str) -> str | None:
        if not text:
            return "empty"
        if self.count_tokens(text) > self.max_tokens:
            return "too long"
        if _NOT_A_SUMMARY.search(text):
            return "an error text"
        if task[:40].lower() in text.lower():
            return "the prompt itself"
        return None

    def _sentences(self) -> list[Sentence]:
        return [
            s for segment in self.store.summaries.segments(self.scope) for s in segment.sentences
        ]

    def _joined(self, cut: Summary) -> Summary:
        """Make the summary again from the segments that are left."""
        generation = self.store.records.state(self.scope.owner).generation
        return self._put(cut, [], self._sentences(), generation)

    def _rebuilt(self, stale: Summary) -> Summary:
        """Make segments and summary again from the messages that are still remembered."""
        generation = self.store.records.state(self.scope.owner).generation
        covered = [
            said.message
            for said in self.store.transcript.window(self.scope)
            if said.message.seq <= stale.watermark
        ]
        segments = []
        sentences: list[Sentence] = []
        for start in range(0, len(covered), _REBUILD):
            part = covered[start : start + _REBUILD]
            kept = extract(part, self.max_tokens, self.count_tokens, sentences)
            segments.append(_segment(part, kept))
            sentences += kept
        return self._put(stale, segments, sentences, generation)

    def _put(
        self,
        before: Summary,
        segments: list[Segment],
        sentences: list[Sentence],
        generation: int,
    ) -> Summary:
        """Put a summary of these sentences in the place of one that has none."""
        text = render(condense(sentences, self.max_tokens, self.count_tokens))
        made = Summary(
            before.version + 1, before.watermark, text, self.count_tokens(text), "extractive"
        )
        if self.store.summaries.add(self.scope, before, segments, made, generation):
            return made
        return self.store.summaries.latest(self.scope)


def _unsaid(text: str, content: str) -> str | None:
    """What is wrong with a summary that names what it was not made of."""
    return None if _named(text) <= _named(content) else "of numbers or addresses not said"


def _named(text: str) -> set[str]:
    """The numbers of three digits and more, e-mail and web addresses in a text."""
    return {
        word.strip(".:-?#/")
        for word in _WORD.findall(text.casefold())
        if "@" in word or "://" in word or "www." in word or sum(map(str.isdigit, word)) >= 3
    }


def _segment(messages: list[Message], kept: list[Sentence]) -> Segment:
    return Segment(messages[0].seq, messages[-1].seq, kept, min(m.at for m in messages))


def _cut(window: list[Said], costs: list[int], keep: int) -> int:
    """How many messages to fold so that at most ``keep`` tokens stay; whole turns only."""
    left = sum(costs)
    for i, (said, cost) in enumerate(zip(window, costs, strict=True)):
        if said.status == "running" or (left <= keep and said.message.role == "human"):
            return i
        left -= cost
    return len(window)
