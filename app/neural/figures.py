"""How well trained networks do, in numbers and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.neural.model import Card
from app.neural.sequences import Score, Sequences
from app.neural.summaries import Example, Summaries

LENGTHS = (10, 20, 40)
_AT_ONCE = 50  # dialogues
ROUGE = ("rouge1", "rouge2", "rougeL")


def at_lengths(trained: Sequences, lengths: Sequence[int] = LENGTHS) -> dict[int, Score]:
    """How well a network does at each length."""
    return {length: trained.score(length) for length in lengths}


def summarised(trained: Summaries, dialogues: Sequence[str]) -> list[str]:
    """The network's summary of each dialogue."""
    return [
        summary
        for start in range(0, len(dialogues), _AT_ONCE)
        for summary in trained.summarise(dialogues[start : start + _AT_ONCE])
    ]


def of_summaries(summaries: Sequence[str], examples: Sequence[Example]) -> dict[str, float]:
    """ROUGE-1, -2 and -L, 0 to 1, against each person's summary, averaged; and BLEU, 0 to 100.

    BLEU is sacrebleu's, of the corpus, with every person's summary as a reference.
    """
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu import corpus_bleu

    scorer = RougeScorer(list(ROUGE), use_stemmer=True)
    found = dict.fromkeys(ROUGE, 0.0)
    for summary, example in zip(summaries, examples, strict=True):
        for reference in example.summaries:
            each = scorer.score(reference, summary)
            for name in ROUGE:
                found[name] += each[name].fmeasure / len(example.summaries) / len(examples)
    most = max(len(e.summaries) for e in examples)
    # None where somebody has fewer, which sacrebleu takes and its types do not know.
    references: Any = [
        [e.summaries[i].lower() if i < len(e.summaries) else None for e in examples]
        for i in range(most)
    ]
    found["bleu"] = corpus_bleu([s.lower() for s in summaries], references).score
    return found


def draw(found: Mapping[str, tuple[Card, Mapping[int, Score]]], task: str, file: Path) -> None:
    """Write a PNG: the losses of several networks, and how well they do at lengths."""
    from matplotlib.figure import Figure

    with_scores = any(scores for _, scores in found.values())
    figure = Figure(figsize=(9 if with_scores else 5, 3.6), layout="constrained")
    panels = figure.subplots(1, 2 if with_scores else 1, squeeze=False)[0]
    for name, (card, scores) in found.items():
        steps, losses = zip(*card.losses, strict=True) if card.losses else ((), ())
        (line,) = panels[0].plot(steps, losses, label=name)
        if scores:
            share = [score.bits for score in scores.values()]
            panels[1].plot(list(scores), share, "o-", color=line.get_color(), label=name)
    panels[0].set_xlabel("steps")
    panels[0].set_ylabel("training loss")
    panels[0].legend(fontsize=7)
    if with_scores:
        longest = max(card.options.longest for card, _ in found.values())
        panels[1].axvline(longest, color="grey", linestyle=":", linewidth=1)
        panels[1].axhline(0.5, color="grey", linewidth=0.5)
        panels[1].set_xlabel(f"length (trained up to {longest})")
        panels[1].set_ylabel("share of the bits that are right")
        panels[1].set_ylim(0.45, 1.02)
    for panel in panels:
        panel.grid(alpha=0.3)
    figure.suptitle(task)
    figure.savefig(file, dpi=120)
