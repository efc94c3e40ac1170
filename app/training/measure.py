"""How well a model answers: what the gate compares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Sequence as Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from langchain_core.messages import BaseMessage

from app.progress import bar
from app.training.base import Base
from app.training.card import Figures
from app.training.perplexity import perplexity
from app.training.play import Exchange
from app.training.scores import admits, contains, rouge
from app.training.sequences import Sequence, rendered

REPLY = 64  # tokens of a written reply, at most
_TOGETHER = 8  # answers written at a time


class Asked(NamedTuple):
    """The prompt of a customer who comes back and asks, and the fact; None: it was never said."""

    prompt: list[BaseMessage]
    fact: str | None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models are measured on, all of it kept apart from what they learn.

    The perplexity is of the sequences' labels. The written answers (always the likeliest token)
    to the exchanges are compared with the agents' own by ROUGE-L, and those to what is asked are
    searched for the facts.
    """

    sequences: Sized[Sequence]
    exchanges: Sized[Exchange]
    asked: Sized[Asked] = ()

    def sha256(self) -> str:
        """What tells it from any other: figures compare where it is the same."""
        digest = hashlib.sha256()
        for sequence in self.sequences:
            _digest(digest, sequence.ids, sequence.labels)
        for name, some in (("exchanges", self.exchanges), ("asked", self.asked)):
            for prompt, said in some:
                _digest(digest, name, [f"{one.type}: {one.text}" for one in prompt], said)
        return digest.hexdigest()


def measure(
    base: Base, adapter: Path | None, held_out: HeldOut, *, longest: int = REPLY
) -> Figures:
    """The figures of a base with an adapter (or a whole model's folder, or as it is).

    Args:
        base: the model.
        adapter: None for the base as it is.
        held_out: what it is measured on.
        longest: tokens of a written answer, at most.
    """
    if adapter is not None and not (adapter / "adapter_config.json").exists():
        model = Base(adapter.name, adapter, "").model()
    else:
        model = base.model(adapter)
    tokenizer = base.tokenizer()
    exchanges, asked = held_out.exchanges, held_out.asked
    with torch.no_grad():
        prompts = [one.prompt for one in exchanges] + [one.prompt for one in asked]
        written = _answers(model, tokenizer, prompts, longest)
        lost = perplexity(model, held_out.sequences)
    compared, told = written[: len(exchanges)], written[len(exchanges) :]
    pairs = list(zip(told, [one.fact for one in asked], strict=True))
    return Figures(
        perplexity=lost,
        rouge_l=_share(rouge(compared, [one.answer for one in exchanges])["rougeL"]) or 0.0,
        recalled=_share(contains(answer, fact) for answer, fact in pairs if fact is not None),
        admitted=_share(admits(answer) for answer, fact in pairs if fact is None),
    )


def _share(scores: Iterable[float]) -> float | None:
    """The mean; None of nothing."""
    found = list(scores)
    return sum(found) / len(found) if found else None


def _digest(digest: Any, *given: Any) -> None:
    digest.update(json.dumps(given).encode() + b"\n")


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
