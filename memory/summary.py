"""SummaryMemory: the older part of a session in few words, never lost, never made from an error."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from memory.abstractive import fault, plain, task
from memory.base import StoredMemory
from memory.extractive import Sentence, condense, extract, render
from memory.history import in_prompt
from memory.language import Language, language_of, spoken
from memory.rereading import rereading
from memory.summaries import CUT, STALE, Segment, Summary
from memory.transcript import Said
from memory.types import Message
from memory.wording import Wording, wording, written_in

_logger = logging.getLogger(__name__)

_REBUILD = 40  # messages a segment, when segments are made again


class SummaryMemory(StoredMemory):
    """A running summary of the session within ``max_tokens``.

    When the messages since the last fold take more than ``window_tokens``, the older of them,
    down to half of that, are folded: each fold keeps its best sentences as a segment, and the
    summary is the best of these and of the last summary's, in order, so that a fold takes as long
    however long the session is. With ``llm`` the model writes the summary; what it writes is
    checked, and the extractive one is kept if it is no summary. It is in the ``language`` of the
    conversation, if that is not fixed.
    """

    memory_key: str = "summary"
    max_tokens: int = 200
    window_tokens: int = 1000
    llm: BaseChatModel | None = None
    language: Literal["auto", "en", "zh"] = "auto"

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The summary of all that was said so far, the messages since the last fold included."""
        summary = self.current()
        recent = [said.message for said in self.window(summary)]
        text = summary.text
        if recent:
            words = wording(self.spoken(summary, recent))
            text = render(self._best(self._kept(summary), recent, words)[0], words)
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

    def spoken(
        self, summary: Summary, since: Iterable[Message], question: str | None = None
    ) -> Language | None:
        """The language in which the customer goes on: since the summary, and in the question.

        It is told from these alone, so it is the same in each prompt until something is said that
        changes it.
        """
        if self.language != "auto":
            return self.language
        texts = [message.text for message in since if message.role == "human"]
        before = written_in(summary.text) or language_of(summary.text)
        return spoken(texts if question is None else [*texts, question], before)

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
        with self.store.database.read():  # one state of the rows
            generation = self.store.records.state(self.scope.owner).generation
            summary = self.current()
            window = self.window(summary)
            costs = self.costs(window)
        if sum(costs) <= most:
            return False
        folded = [said.message for said in window[: _cut(window, costs, most // 2)]]
        if not folded:
            return False
        words = wording(self.spoken(summary, (said.message for said in window)))
        best, fresh = self._best(self._kept(summary), folded, words)
        written = self._by_model(summary, folded, words) if by_model else None
        made, source = (written, "model") if written else (render(best, words), "extractive")
        after = self._version(summary, folded[-1].seq, made, source)
        segment = _segment(folded, fresh)
        added = self.store.summaries.add(self.scope, summary, [segment], after, best, generation)
        if added:
            self.store.watch.happened("fold")
        return added

    def outgrown(self, window: list[Said]) -> bool:
        """Whether messages take more than ``window_tokens``."""
        return sum(self.costs(window)) > self.window_tokens

    def costs(self, window: list[Said]) -> list[int]:
        """Tokens that each message takes in a prompt; subclasses may know of more."""
        return [in_prompt(said.message, self.count_tokens).tokens for said in window]

    def _kept(self, summary: Summary) -> list[Sentence]:
        return self.store.summaries.sentences(self.scope, summary.version)

    def _best(
        self, kept: list[Sentence], messages: list[Message], words: Wording
    ) -> tuple[list[Sentence], list[Sentence]]:
        """The best of a summary's sentences and of more messages; and what is kept of these."""
        with rereading({}):  # most is looked at twice
            fresh = extract(messages, self.max_tokens, self.count_tokens, kept, words)
            best = condense([*kept, *fresh], self.max_tokens, self.count_tokens, words=words)
        return best, fresh

    def _version(self, before: Summary, watermark: int, made: str, source: str) -> Summary:
        return Summary(before.version + 1, watermark, made, self.count_tokens(made), source)

    def _by_model(self, before: Summary, folded: list[Message], words: Wording) -> str | None:
        if self.llm is None:
            return None
        asked = task(folded, self.max_tokens, words, before.text)
        try:
            answer = self.llm.invoke([SystemMessage(asked.told), HumanMessage(asked.content)])
        except Exception as error:  # whatever it was: the extractive summary is kept
            # Not its text: it may repeat the prompt.
            _logger.warning("the model could not summarise: %s", type(error).__name__)
            return None
        text = plain(str(answer.text))
        if wrong := fault(text, asked, self.max_tokens, self.count_tokens):
            _logger.warning("the model's summary is %s: not used", wrong)
            return None
        return text

    def _words(self, held: Language | None) -> Wording:
        return wording(held if self.language == "auto" else self.language)

    def _joined(self, cut: Summary) -> Summary:
        """Make the summary again from the segments that are left."""
        generation = self.store.records.state(self.scope.owner).generation
        left = self._kept(cut)
        held = spoken(s.text for s in left if s.role == "human")
        words = self._words(held)
        best = condense(left, self.max_tokens, self.count_tokens, words=words)
        return self._put(cut, [], best, generation, words)

    def _rebuilt(self, stale: Summary) -> Summary:
        """Make segments and summary again from the messages that are still remembered."""
        generation = self.store.records.state(self.scope.owner).generation
        covered = [
            said.message
            for said in self.store.transcript.window(self.scope)
            if said.message.seq <= stale.watermark
        ]
        held = spoken(message.text for message in covered if message.role == "human")
        words = self._words(held)
        segments = []
        best: list[Sentence] = []
        for start in range(0, len(covered), _REBUILD):
            part = covered[start : start + _REBUILD]
            best, fresh = self._best(best, part, words)
            segments.append(_segment(part, fresh))
        return self._put(stale, segments, best, generation, words)

    def _put(
        self,
        before: Summary,
        segments: list[Segment],
        best: list[Sentence],
        generation: int,
        words: Wording,
    ) -> Summary:
        """Put a summary of these sentences in the place of one that has none."""
        made = self._version(before, before.watermark, render(best, words), "extractive")
        if self.store.summaries.add(self.scope, before, segments, made, best, generation):
            return made
        return self.store.summaries.latest(self.scope)


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
