"""How well answers are like those that agents gave: perplexity, BLEU, ROUGE."""

from __future__ import annotations

from collections import abc
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
import sacrebleu
from langchain_core.messages import BaseMessage

from app.evaluation.candidates import Candidate
from app.evaluation.recall import Figure, bootstrap
from app.evaluation.report import aligned
from app.settings import Settings
from app.training.dialogues import Dialogue
from app.training.play import Exchange, play
from app.training.scores import rouge
from app.training.sequences import IGNORED, Sequence, sequences
from memory import Encoder, MemoryServiceError

ROUGE = ("rouge1", "rouge2", "rouge3", "rougeL")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a candidate answered, with or without memory in the prompt, and how well.

    ``perplexity`` is of the agents' own answers, over ``tokens`` of the candidate's tokenizer;
    None where the model cannot be loaded with torch. BLEU is 0 to 100, ROUGE's F-measures 0 to 1.
    """

    system: str
    memory: bool
    answers: list[str]
    bleu: float
    rouge: dict[str, Figure]
    rouge_l: list[float]  # of each answer
    perplexity: float | None
    tokens: int | None
    seconds: float  # for the answers; a prompt that came before is not answered again


def measure(
    candidates: abc.Sequence[Candidate],
    dialogues: abc.Sequence[Dialogue],
    settings: Settings,
    encoder: Encoder,
    *,
    perplexity: bool = True,
    seed: int = 0,
) -> tuple[dict[bool, list[Exchange]], list[Answered], dict[str, str]]:
    """Let every candidate answer every question, with memory in the prompt and without.

    One that cannot be used takes nothing from the others.

    Args:
        candidates: who answers.
        dialogues: held out ones.
        settings: the service's, which lay out the prompts.
        encoder: that memory embeds with.
        perplexity: whether to take it where it can be.
        seed: of the intervals.

    Returns:
        The exchanges with memory and without, what was answered, and of each candidate that
        could not be used why.
    """
    asked: dict[bool, list[Exchange]] = {True: [], False: []}
    plain = play(dialogues, settings, memory=False)
    for (_, some), (_, alone) in zip(
        play(dialogues, settings, encoder=encoder), plain, strict=True
    ):
        asked[True] += some
        asked[False] += alone[: len(some)]  # the same questions
    found: list[Answered] = []
    failed: dict[str, str] = {}
    for candidate in candidates:
        try:
            of_torch = _perplexities(candidate, dialogues, settings, encoder) if perplexity else {}
            found += list(_answered(candidate, asked, of_torch, seed))
        except MemoryServiceError as error:
            failed[candidate.name] = str(error)
    return asked, found, failed


def _answered(
    candidate: Candidate,
    asked: dict[bool, list[Exchange]],
    of_torch: dict[bool, tuple[float, int]],
    seed: int,
) -> abc.Iterator[Answered]:
    known: dict[str, str] = {}
    for memory, exchanges in asked.items():
        began = perf_counter()
        prompts = {_words(exchange.prompt): exchange.prompt for exchange in exchanges}
        fresh = [words for words in prompts if words not in known]
        made = candidate.answer([prompts[words] for words in fresh])
        known.update(zip(fresh, made, strict=True))
        seconds = perf_counter() - began
        answers = [known[_words(exchange.prompt)] for exchange in exchanges]
        references = [exchange.answer for exchange in exchanges]
        scores = rouge(answers, references, ROUGE)
        lost, tokens = of_torch.get(memory, (None, None))
        figures = {name: bootstrap(np.array(each), seed) for name, each in scores.items()}
        yield Answered(
            system=candidate.name, memory=memory, answers=answers,
            bleu=bleu(answers, references), rouge=figures, rouge_l=scores["rougeL"],
            perplexity=lost, tokens=tokens, seconds=seconds,
        )  # fmt: skip


def _words(prompt: list[BaseMessage]) -> str:
    return "\0".join(f"{message.type}:{message.text}" for message in prompt)


def bleu(answers: abc.Sequence[str], references: abc.Sequence[str]) -> float:
    """Corpus BLEU as sacrebleu has it, 0 to 100."""
    return float(sacrebleu.corpus_bleu(list(answers), [list(references)]).score)


def _perplexities(
    candidate: Candidate, dialogues: abc.Sequence[Dialogue], settings: Settings, encoder: Encoder
) -> dict[bool, tuple[float, int]]:
    """The perplexity of the agents' answers with memory and without, and over how many tokens."""
    if candidate.torch is None:
        return {}
    from app.training.perplexity import perplexity

    model, tokenizer = candidate.torch()
    found = {}
    known: list[Sequence] | None = None
    for memory in (True, False):
        made = list(sequences(dialogues, tokenizer, settings, memory=memory, encoder=encoder))
        if made != known:  # with one exchange a dialogue they are the same
            tokens = sum(label != IGNORED for one in made for label in one.labels)
            figure = (perplexity(model, made), tokens)
        known, found[memory] = made, figure
    return found


# --- what was measured -----------------------------------------------------------------------


def report(answered: abc.Sequence[Answered], **about: Any) -> dict[str, Any]:
    """Everything that was measured, ready for JSON.

    ``{..., "replies", "systems": [{"system", "memory", "perplexity", "tokens", "bleu", "rouge":
    {name: {"mean", "low", "high"}}, "seconds"}]}``
    """
    return {
        **about,
        "replies": len(answered[0].answers),
        "systems": [
            {
                "system": one.system,
                "memory": one.memory,
                "perplexity": one.perplexity,
                "tokens": one.tokens,
                "bleu": one.bleu,
                "rouge": {name: asdict(figure) for name, figure in one.rouge.items()},
                "seconds": one.seconds,
            }
            for one in answered
        ],
    }


def table(made: dict[str, Any]) -> str:
    """A report as text, a row for each candidate and kind of prompt."""
    rows = [["system", "memory", "perplexity", "BLEU", "ROUGE-1", "ROUGE-2", "ROUGE-3", "ROUGE-L"]]
    for one in made["systems"]:
        lost = one["perplexity"]
        rows.append(
            [one["system"], "yes" if one["memory"] else "no", "" if lost is None else f"{lost:.2f}",
             f"{one['bleu']:.2f}", *(f"{one['rouge'][name]['mean']:.3f}" for name in ROUGE[:3]),
             _shown(one["rouge"]["rougeL"])]
        )  # fmt: skip
    return "\n".join(
        [
            f"{made['replies']:,} answers in {made['dialogues']:,} dialogues of {made['data']} "
            f"({made['part']})",
            "",
            *aligned(rows),
            "",
            "± is half of the 95% bootstrap interval over answers; perplexity compares between "
            "models of one tokenizer only",
        ]
    )


def _shown(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} ±{(figure['high'] - figure['low']) / 2:.3f}"
