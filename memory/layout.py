"""The one place where a prompt is laid out.

From what changes least to what changes most: system text and summary, the messages since the
summary, and last what was recalled for this question together with the question. A message is
written as it was sent, with what was recalled for it then, so that every prompt up to the next
fold begins with the one before it, and a model's server reads only what is new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, merge_message_runs

from memory.history import MESSAGE_OVERHEAD, to_langchain
from memory.readers import line
from memory.transcript import Said
from memory.types import CountTokens, Recalled

# What was said may not end the fence around it: its brackets are replaced, not taken out, since
# what is left around a gap could make another.
_FENCE = re.compile(r"<(?=\s*/?\s*memory\b)", re.IGNORECASE)
SUMMARY_HEADING = "Summary of the conversation so far:"


@dataclass(frozen=True, slots=True)
class Layout:
    """A prompt and what it was made of."""

    messages: list[BaseMessage]
    summary: str
    window: list[Said]
    recalled: list[Recalled]
    tokens: int

    def recalled_rows(self) -> dict[str, Any] | None:
        """What to keep with the turn, so that its part of the prompt can be laid out again."""
        return rows_of(self.recalled)


def lay_out(
    system: str,
    summary: str,
    window: Sequence[Said],
    recalled: list[Recalled],
    question: str | None,
    again: Callable[[dict[str, Any]], list[Recalled]],
    count_tokens: CountTokens,
) -> Layout:
    """Lay out a prompt.

    Args:
        system: what the model is told to be; may be empty.
        summary: of what was said before the window; may be empty.
        window: the messages since the summary, oldest first.
        recalled: what was found for the question.
        question: what the customer says now; None for the prompt's beginning alone.
        again: gives the records that were recalled for an earlier turn, from what was kept
            with it, without those that hold no longer.
        count_tokens: tokens of a text.
    """
    messages: list[BaseMessage] = []
    # One system message, first: many chat templates take no other.
    head = "\n\n".join(filter(None, (system, summary and f"{SUMMARY_HEADING}\n{summary}")))
    tokens = 0
    if head:
        messages.append(SystemMessage(head))
        tokens += count_tokens(head) + MESSAGE_OVERHEAD
    for said in window:
        before = again(said.recalled) if said.recalled else []
        tokens += said.message.tokens
        if before and said.message.data is None:
            messages.append(asked(said.message.text, before))
            tokens += count_tokens(block(before))
        else:
            messages.append(to_langchain(said.message))
    if question is not None:
        messages.append(asked(question, recalled))
        tokens += count_tokens(str(messages[-1].content)) + MESSAGE_OVERHEAD
    if any(a.type == b.type for a, b in pairwise(messages)):
        # A turn without an answer leaves two questions in a row; strict templates refuse that.
        *_, last = messages
        messages = merge_message_runs(messages)
        messages[-1].additional_kwargs = last.additional_kwargs  # not of all questions in a row
    return Layout(messages, summary, list(window), recalled, tokens)


def asked(question: str, recalled: list[Recalled]) -> HumanMessage:
    """A question with what was recalled for it; ``said`` keeps the customer's own words."""
    if not recalled:
        return HumanMessage(question)
    return HumanMessage(f"{block(recalled)}\n\n{question}", additional_kwargs={"said": question})


def block(recalled: list[Recalled]) -> str:
    """What was recalled, fenced: it is what somebody said once, not what is asked now."""
    lines = (_FENCE.sub("‹", line(r)) for r in recalled)
    return "\n".join(("<memory>", *lines, "</memory>"))


def rows_of(recalled: list[Recalled]) -> dict[str, Any] | None:
    """What was recalled as it is kept with a turn: ids, not texts, so that it can be forgotten."""
    if not recalled:
        return None
    return {"records": [{"id": r.id, "score": round(r.score, 6), "why": r.why} for r in recalled]}
