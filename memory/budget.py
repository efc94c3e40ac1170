"""What a prompt may take, and what is left out of one that would take more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import dropwhile
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from memory.errors import InvalidInput
from memory.language import Language
from memory.layout import Layout, taken
from memory.transcript import Said
from memory.types import CountTokens, Evidence, Recalled

QUESTION_TOKENS = 100  # set aside for the question
RECENT_TOKENS = 100  # left to recent messages, however long the question or the system text is


class Parts(NamedTuple):
    """What a prompt is made of beside the system text and the question."""

    summary: str
    window: list[Said]
    recalled: list[Recalled]
    language: Language | None
    evidence: list[Evidence] | None = None
    after: Sequence[BaseMessage] = ()


class Budget(NamedTuple):
    """``tokens`` are what a prompt should take, ``context`` what it must never exceed, or None."""

    tokens: int
    context: int | None
    count_tokens: CountTokens

    def fits(self, layout: Layout, after: Sequence[BaseMessage]) -> bool:
        """Whether a prompt takes no more than it may, with what follows its question."""
        most = self.tokens + taken(after, self.count_tokens)
        return layout.tokens <= most and not self.crowded(layout)

    def crowded(self, layout: Layout) -> bool:
        """Whether a prompt takes more than it ever may."""
        return self.context is not None and layout.tokens > self.context

    def check(self, tokens: int) -> None:
        """Raise InvalidInput if what nothing can be left out of is longer than the context."""
        if self.context is not None and tokens > self.context:
            msg = (
                f"the message is too long for the model: with its instructions it takes {tokens} "
                f"tokens of {self.context}. Send a shorter one"
            )
            raise InvalidInput(msg)

    def shortened(
        self,
        parts: Parts,
        lay_out: Callable[[Parts], Layout],
        costs: Callable[[list[Said]], Sequence[int]],
    ) -> Layout:
        """The prompt without the oldest turns, until few are left or it fits.

        For the context without these, what was recalled, passages and the summary, too.

        Args:
            parts: what it is made of.
            lay_out: makes the prompt.
            costs: the tokens that each message of a window takes.

        Raises:
            InvalidInput: the question, with what follows it, is longer than the context.
        """
        layout = lay_out(parts)
        while not self.fits(layout, parts.after):
            crowded = self.crowded(layout)
            if parts.window and (crowded or sum(costs(parts.window)) > RECENT_TOKENS):
                parts = parts._replace(window=later(parts.window))
            elif not crowded:
                break
            elif parts.recalled:
                parts = parts._replace(recalled=parts.recalled[: len(parts.recalled) // 2])
            elif parts.evidence:
                fewer = parts.evidence[: len(parts.evidence) // 2]
                parts = parts._replace(evidence=fewer or None)
            elif parts.summary:
                parts = parts._replace(summary="")
            else:
                self.check(layout.tokens)
            layout = lay_out(parts)
        return layout


def later(window: list[Said]) -> list[Said]:
    """A window without the oldest quarter; it begins with a question, as many templates want."""
    rest = window[max(len(window) // 4, 1) :]
    return list(dropwhile(lambda said: said.message.role != "human", rest))
