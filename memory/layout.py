"""The one place where a prompt is laid out.

From what changes least to what changes most: system text and summary, the messages since the
summary, and last what was recalled for this question together with the question. A message is
written as it was sent, with what was recalled for it then, so that every prompt up to the next
fold begins with the one before it, and a model's server reads only what is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    merge_message_runs,
)

from memory.history import MESSAGE_OVERHEAD, in_prompt, to_langchain
from memory.marks import inert
from memory.readers import cited, lines
from memory.transcript import Said
from memory.types import CountTokens, Evidence, Message, Recalled
from memory.wording import ENGLISH, Wording


class Beside(NamedTuple):
    """What stands beside a question: what was recalled, and passages by the numbers they have."""

    recalled: Sequence[Recalled] = ()
    evidence: Sequence[tuple[int, Evidence]] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.recalled or self.evidence)


@dataclass(frozen=True, slots=True)
class Layout:
    """A prompt and what it was made of; ``evidence`` is None where none was looked for.

    ``template`` names the answer template that answers in the model's place, if one does.
    """

    messages: list[BaseMessage]
    summary: str
    window: list[Said]
    recalled: list[Recalled]
    tokens: int
    evidence: list[Evidence] | None = None
    template: str | None = None

    @property
    def cited(self) -> list[tuple[int, Evidence]] | None:
        """The passages by the numbers that they have in the prompt."""
        return None if self.evidence is None else list(enumerate(self.evidence, 1))

    def rows(self) -> dict[str, Any] | None:
        """What to keep with the turn, so that its part of the prompt can be laid out again.

        Ids, not texts, so that it can be forgotten; of what another source has found, which keeps
        its own, the text.
        """
        if not self.recalled and self.cited is None and self.template is None:
            return None
        kept: dict[str, Any] = {
            "records": [
                {"id": r.id, "score": round(r.score, 6), "why": r.why} for r in self.recalled
            ]
        }
        if self.cited is not None:
            kept["evidence"] = [
                {"number": number, "score": round(e.score, 6), "why": e.why}
                | ({"id": e.id} if e.id else {"source": e.source, "title": e.title, "text": e.text})
                for number, e in self.cited
            ]
        if self.template is not None:
            kept["template"] = self.template
        return kept


def lay_out(
    system: str,
    summary: str,
    window: Sequence[Said],
    recalled: list[Recalled],
    question: str | None,
    again: Callable[[dict[str, Any]], Beside],
    count_tokens: CountTokens,
    evidence: list[Evidence] | None = None,
    words: Wording = ENGLISH,
    after: Sequence[BaseMessage] = (),
    retold: Callable[[str, str], str] | None = None,
) -> Layout:
    """Lay out a prompt.

    Args:
        system: what the model is told to be; may be empty.
        summary: of what was said before the window; may be empty.
        window: the messages since the summary, oldest first.
        recalled: what was found for the question.
        question: what the customer says now; None for the prompt's beginning alone.
        again: gives what stood beside an earlier question, from what was kept with its turn,
            without what holds no longer.
        count_tokens: tokens of a text.
        evidence: passages that were found for the question; None if none were looked for.
        words: the memory's own.
        after: what follows the question already: the model's calls of tools with their results.
        retold: gives an answer as it stands here, by the template that answered and its text.
    """
    messages: list[BaseMessage] = []
    # One system message, first: many chat templates take no other.
    told = summary and f"{words.summary}\n{inert(summary)}"
    head = "\n\n".join(filter(None, (system, told)))
    tokens = 0
    if head:
        messages.append(SystemMessage(head))
        tokens += count_tokens(head) + MESSAGE_OVERHEAD
    for said in window:
        if said.message.role == "system":  # of the past, perhaps imported: no instruction any more
            continue
        before = again(said.recalled) if said.recalled else Beside()
        message = in_prompt(_shown(said, retold, count_tokens), count_tokens)
        tokens += message.tokens
        if before and message.data is None:
            shown = block(before, words)
            messages.append(asked(said.message.text, shown))
            tokens += tokens_of(shown, count_tokens)
        else:
            messages.append(to_langchain(message))
    if question is not None:
        shown = block(Beside(recalled, list(enumerate(evidence or (), 1))), words)
        messages.append(asked(question, shown))
        tokens += tokens_of(shown, count_tokens) + count_tokens(inert(question)) + MESSAGE_OVERHEAD
    if any(a.type == b.type for a, b in pairwise(messages)):
        # A turn without an answer leaves two questions in a row; strict templates refuse that.
        *_, last = messages
        messages = merge_message_runs(messages)
        messages[-1].additional_kwargs = last.additional_kwargs  # not of all questions in a row
    messages += after
    tokens += taken(after, count_tokens)
    return Layout(messages, summary, list(window), recalled, tokens, evidence)


def _shown(
    said: Said, retold: Callable[[str, str], str] | None, count_tokens: CountTokens
) -> Message:
    """A message as it was said, or an answer as it is told."""
    message = said.message
    if retold is None or said.template is None or message.data is not None:
        return message
    text = retold(said.template, message.text)
    if text == message.text:
        return message
    return replace(message, text=text, tokens=count_tokens(text) + MESSAGE_OVERHEAD)


def taken(after: Sequence[BaseMessage], count_tokens: CountTokens) -> int:
    """Tokens of what follows a question: the model's calls of tools with their results."""
    return sum(count_tokens(written(one)) + MESSAGE_OVERHEAD for one in after)


def written(message: BaseMessage) -> str:
    """What a message takes of a prompt: its text, and the tools that it calls."""
    if not isinstance(message, AIMessage):
        return str(message.text)
    calls = [*message.tool_calls, *message.invalid_tool_calls]
    return f"{message.text}{json.dumps(calls, ensure_ascii=False)}"


def asked(question: str, beside: str) -> HumanMessage:
    """A question with the ``block`` beside it; ``said`` keeps the customer's own words."""
    shown = inert(question)
    if not beside and shown == question:
        return HumanMessage(question)
    text = f"{beside}\n\n{shown}" if beside else shown
    return HumanMessage(text, additional_kwargs={"said": question})


def tokens_of(shown: str, count_tokens: CountTokens) -> int:
    """The tokens that a ``block`` takes beside a question, with the breaks after its lines.

    Line by line: most of them were counted for an earlier prompt, or when they were chosen.
    """
    return sum(count_tokens(line) + 1 for line in shown.split("\n")) + 1 if shown else 0


def block(beside: Beside, words: Wording = ENGLISH) -> str:
    """What was recalled and found, fenced: somebody wrote it once, nobody asks it now.

    Empty, where there is nothing.
    """
    parts: list[str] = []
    if beside.recalled:
        parts += ("<memory>", *lines(beside.recalled, words), "</memory>")
    if beside.evidence:
        passages = (cited(number, e) for number, e in beside.evidence)
        parts += ("<knowledge>", words.cite, *passages, "</knowledge>")
    return "\n".join(parts)
