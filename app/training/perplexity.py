"""How much a model is surprised by the answers that agents gave."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from app.progress import bar
from app.training.sequences import IGNORED, Sequence


def perplexity(model: Any, sequences: Iterable[Sequence]) -> float:
    """The perplexity of what is taught in the sequences, by token.

    Args:
        model: transformers' or peft's, loaded.
        sequences: of its own tokenizer, at least one.
    """
    import torch

    lost, tokens = 0.0, 0
    with torch.inference_mode():
        for one in bar(sequences, desc="perplexity", unit="sequence"):
            ids = torch.tensor([one.ids], device=model.device)
            labels = torch.tensor(one.labels[1:], device=model.device)
            taught = labels != IGNORED
            logits = model(ids).logits[0, :-1][taught].float()
            wrong = torch.nn.functional.cross_entropy(logits, labels[taught], reduction="sum")
            lost += float(wrong)
            tokens += int(taught.sum())
    return math.exp(min(lost / max(tokens, 1), 700.0))
