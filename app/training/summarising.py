"""What a model learns of summaries that people have written: the service's own question for one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from app.chains.summaries import MAX_TOKENS, MOST_TOKENS, ask, prompt
from app.settings import Settings
from app.training.dialogues import Dialogue
from app.training.play import Exchange, day_of
from app.training.scores import rouge
from memory import Message, count_tokens
from memory.abstractive import fault

_KINDS = {"customer": "human", "agent": "ai"}

_logger = logging.getLogger(__name__)


def summarised(dialogues: Iterable[Dialogue], settings: Settings) -> Iterator[Exchange]:
    """Each dialogue as ``POST /v1/summaries`` asks for its summary, and the one that is learnt.

    Of several summaries that is the one that agrees the most with the others. One that the service
    would refuse, since it names what nobody said, is not learnt; a dialogue that has no other is
    left out.

    Args:
        dialogues: redacted ones, with their summaries.
        settings: the service's, which lay out the prompts.
    """
    language = None if settings.language == "auto" else settings.language
    left_out = 0
    for dialogue in dialogues:
        messages = _messages(dialogue)
        found: list[Exchange] = []
        for summary in dialogue.summaries:
            # One that is longer than usual is asked for with as many words.
            tokens = max(MAX_TOKENS, count_tokens(summary))
            asked = ask(messages, tokens, settings.context_tokens, language)
            if tokens <= MOST_TOKENS and fault(summary, asked, tokens, count_tokens) is None:
                found.append(Exchange(prompt(asked), summary))
        if found:
            yield found[_typical([one.answer for one in found])]
        else:
            left_out += 1
    if left_out:
        _logger.warning(
            "%d dialogues are left out, whose summaries are too long or name numbers or addresses "
            "that nobody said in them",
            left_out,
        )


def _messages(dialogue: Dialogue) -> list[Message]:
    at = day_of(dialogue, 0)
    return [
        Message(id=str(place), session="", role=_KINDS[said.role], text=said.text, at=at, seq=place)
        for place, said in enumerate(dialogue.turns, 1)
    ]


def _typical(summaries: Sequence[str]) -> int:
    """The place of the summary with the highest mean ROUGE-1 against the others."""
    if len(summaries) < 3:  # two agree with each other equally
        return 0

    def agreement(place: int) -> float:
        others = [*summaries[:place], *summaries[place + 1 :]]
        return sum(rouge([summaries[place]] * len(others), others, ("rouge1",))["rouge1"])

    return max(range(len(summaries)), key=agreement)
