"""How well a model answers: what the gate compares."""

from __future__ import annotations

from collections.abc import Sequence as Sized
from pathlib import Path
from typing import Any

import torch
from rouge_score.rouge_scorer import RougeScorer

from app.progress import bar
from app.training.base import Base
from app.training.perplexity import perplexity
from app.training.play import Exchange
from app.training.registry import Figures
from app.training.sequences import Sequence, rendered

_TOGETHER = 8  # answers written at a time


def measure(
    base: Base,
    adapter: Path | None,
    sequences: Sized[Sequence],
    exchanges: Sized[Exchange],
    *,
    longest: int = 64,
) -> Figures:
    """The figures of a base with an adapter (or a whole model's folder, or as it is).

    Args:
        base: the model.
        adapter: None for the base as it is.
        sequences: whose labels' perplexity is taken.
        exchanges: prompts to answer, with the agents' own answers; the answers written (always
            the likeliest token) are compared with these by ROUGE-L.
        longest: tokens of a written answer, at most.
    """
    if adapter is not None and not (adapter / "adapter_config.json").exists():
        model = Base(adapter.name, adapter, "").model()
    else:
        model = base.model(adapter)
    tokenizer = base.tokenizer()
    with torch.no_grad():
        written = _answers(model, tokenizer, [one.prompt for one in exchanges], longest)
        lost = perplexity(model, sequences)
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    scores = [
        scorer.score(one.answer, answer)["rougeL"].fmeasure
        for one, answer in zip(exchanges, written, strict=True)
    ]
    return Figures(lost, sum(scores) / max(1, len(scores)))


def _answers(model: Any, tokenizer: Any, prompts: Sized[Any], longest: int) -> list[str]:
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    answers: list[str] = []
    for start in bar(range(0, len(prompts), _TOGETHER), desc="answers"):
        texts = [rendered(tokenizer, p, ask=True) for p in prompts[start : start + _TOGETHER]]
        given = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        given = given.to(model.device)
        made = model.generate(
            **given, do_sample=False, max_new_tokens=longest, pad_token_id=tokenizer.pad_token_id
        )
        new = made[:, given["input_ids"].shape[1] :]
        answers += tokenizer.batch_decode(new, skip_special_tokens=True)
    return answers
