"""The network that is tuned: all-MiniLM-L6-v2 with linear heads over its vector.

A text's vector is the mean over its tokens, of unit length, as the embedded model has it; a head
is a matrix and a bias over that. So what is tuned runs on ``memory.minilm``'s graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from app.understanding.lora import matrices
from memory.minilm import HEAD
from memory.types import Floats
from memory.weights import written


class Network(nn.Module):  # type: ignore[misc]
    """An encoder and its heads.

    Args:
        encoder: a transformers BertModel, or that with peft's adapter.
        heads: of each head the matrix (classes, width) and the bias (classes,).
    """

    def __init__(self, encoder: Any, heads: dict[str, tuple[Floats, Floats]]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict()
        for name, (matrix, bias) in heads.items():
            head = nn.Linear(matrix.shape[1], matrix.shape[0])
            head.load_state_dict({"weight": torch.tensor(matrix), "bias": torch.tensor(bias)})
            self.heads[name] = head

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, head: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """The loss of a batch whose texts belong to several heads, and the classes it finds.

        Args:
            input_ids: (n, t)
            attention_mask: (n, t)
            head: (n,), the place of each text's head among the heads.
            labels: (n,), its class there.
        """
        read = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        total = (read * attention_mask.unsqueeze(-1)).sum(1)
        vectors = functional.normalize(total, dim=-1)
        loss = vectors.new_zeros(())
        found = torch.zeros_like(labels)
        for place, layer in enumerate(self.heads.values()):
            own = head == place
            if own.any():
                scores = layer(vectors[own])
                loss = loss + functional.cross_entropy(scores, labels[own], reduction="sum")
                found[own] = scores.argmax(-1)
        return {"loss": loss / len(labels), "found": found}

    def save(self, to: Path) -> None:
        """Write everything as ``memory.minilm`` reads it; with peft's adapter, that and the heads.

        The one is a model.safetensors, the other what ``lora.merged`` takes.
        """
        if isinstance(self.encoder, BertModel):
            tensors = {
                name: value
                for name, value in self.encoder.state_dict().items()
                if not name.startswith("pooler.") and value.is_floating_point()
            }
        else:
            tensors = matrices(self.encoder)
        for name, head in self.heads.items():
            tensors |= {f"{HEAD}{name}.{part}": value for part, value in head.state_dict().items()}
        with written(to) as part:  # safetensors makes files that only their owner can read
            save_file({name: value.contiguous() for name, value in tensors.items()}, part)
