"""The summary inside a conversation's memory: its window holds what stood beside questions too."""

from __future__ import annotations

from memory.clock import now
from memory.earlier import beside_again
from memory.knowledge import Knowledge
from memory.layout import block, tokens_of
from memory.summaries import NO_SUMMARY, Summary
from memory.summary import SummaryMemory
from memory.transcript import Said
from memory.vector import VectorMemory
from memory.wording import wording


class Folding(SummaryMemory):
    """A summary memory whose window holds, beside the messages, what was recalled for them.

    What the policy has outlived is not in it, before it is forgotten.
    """

    vector: VectorMemory
    knowledge: Knowledge | None

    def window(self, summary: Summary) -> list[Said]:
        """The messages that the summary does not cover and the policy keeps, oldest first."""
        found = super().window(summary)
        since = self.vector.policy.since(now())
        return found if since is None else [said for said in found if said.message.at > since]

    def costs(self, window: list[Said]) -> list[int]:
        """Tokens that each message takes in a prompt, with what stood beside it."""
        words = wording(self.spoken(NO_SUMMARY, (said.message for said in window)))
        with self.vector.index() as index:
            again = beside_again(index, self.vector.policy, self.knowledge)
            return [
                tokens + tokens_of(block(again(said.recalled), words), self.count_tokens)
                if said.recalled
                else tokens
                for said, tokens in zip(window, super().costs(window), strict=True)
            ]

    def folds(self, window: list[Said]) -> bool:
        """Whether the next digest will fold, and needs no model for it."""
        return self.llm is None and self.outgrown(window)
