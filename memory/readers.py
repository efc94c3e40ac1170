"""Readers: what was recalled, as text or messages for a prompt, within a token budget.

Only what is stored is written, nothing that depends on the time of reading: the same records
give the same text in every prompt, so that a prompt keeps its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from langchain_core.messages import BaseMessage, SystemMessage

from memory.marks import on_one_line
from memory.types import CountTokens, Evidence, Recalled
from memory.wording import ENGLISH, Wording

_SHORTEST = 12  # tokens; hardly a line is shorter
_MISSES = 4  # counting tokens takes time, and those after so many misses matter little


def as_text(
    recalled: list[Recalled], budget: int, count_tokens: CountTokens, words: Wording = ENGLISH
) -> str:
    """One line a record, the best first, as many as fit into the budget."""
    return "\n".join(said for _, said in _fitting(recalled, budget, count_tokens, words))


def as_messages(
    recalled: list[Recalled], budget: int, count_tokens: CountTokens, words: Wording = ENGLISH
) -> list[BaseMessage]:
    """One system message a record, in the order in which they were said."""
    kept = _fitting(recalled, budget, count_tokens, words, listed=False)
    return [SystemMessage(said) for _, said in sorted(kept, key=lambda k: (k[0].at, k[0].id))]


UNEXPLAINED = (as_text, as_messages)  # say nothing of why a record was found


def fitting(
    recalled: list[Recalled], budget: int, count_tokens: CountTokens, words: Wording = ENGLISH
) -> list[Recalled]:
    """The best records whose lines fit into the budget; a few that are too long are passed over."""
    return [r for r, _ in _fitting(recalled, budget, count_tokens, words)]


def citable(found: list[Evidence], budget: int, count_tokens: CountTokens) -> list[Evidence]:
    """The best passages whose lines fit into the budget; what is too long is passed over."""
    kept: list[Evidence] = []
    for evidence in found:
        cost = count_tokens(cited(len(kept) + 1, evidence)) + 1
        if cost <= budget:
            kept.append(evidence)
            budget -= cost
    return kept


def cited(number: int, evidence: Evidence) -> str:
    """A passage as it stands in a prompt: its number, title and text."""
    said, title = on_one_line(evidence.text), on_one_line(evidence.title)
    shown = said if not title or said.startswith(title) else f"{title}: {said}"
    return f"[{number}] {shown}"


def _fitting(
    recalled: list[Recalled],
    budget: int,
    count_tokens: CountTokens,
    words: Wording,
    *,
    listed: bool = True,
) -> list[tuple[Recalled, str]]:
    """What fits, each with its line; ``listed`` lines stand below each other in this order."""
    kept: list[tuple[Recalled, str]] = []
    misses = 0
    for r in recalled:
        said = line(r, words, kept[-1][0] if listed and kept else None)
        cost = count_tokens(said) + 1  # the line break
        if cost <= budget:
            kept.append((r, said))
            budget -= cost
        else:
            misses += 1
        if budget < _SHORTEST or misses == _MISSES:
            break
    return kept


def most(budget: int) -> int:
    """More records than fit into a budget, with some to pass over."""
    return budget // _SHORTEST + 2 * _MISSES


def lines(recalled: Sequence[Recalled], words: Wording = ENGLISH) -> Iterator[str]:
    """Records as they stand in a prompt below each other, a line each."""
    above: Recalled | None = None
    for r in recalled:
        yield line(r, words, above)
        above = r


def line(recalled: Recalled, words: Wording = ENGLISH, above: Recalled | None = None) -> str:
    """A record as it stands in a prompt: who, when, what.

    A day that a message means is that day alone where the message stands ``above`` it.

    In this order and these words a model of 135 million parameters answers from it; with the
    date first it takes the date for what was asked.
    """
    text = recalled.text
    if recalled.slot is not None:
        if above is not None and _dates(recalled, above):
            text = text.partition(": ")[0]
        text = words.fact(text)
    return f"- {words.lead(recalled.role, recalled.at)}{on_one_line(text)}"


def _dates(fact: Recalled, message: Recalled) -> bool:
    """Whether a fact says only which day a message means."""
    return (
        fact.slot == "date"
        and message.slot is None
        and (message.session, message.messages) == (fact.session, fact.messages)
    )
