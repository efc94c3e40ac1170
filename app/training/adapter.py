"""An adapter's shape, and how it is written: what peft is told, and what it leaves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from peft import AdaLoraConfig, LoraConfig
from safetensors.torch import save_file

from app.training.base import Base
from app.training.llama import MATRICES
from app.training.options import Options

_TARGETS = [name.rpartition(".")[2] for name in MATRICES.values()]


def top_layers(model: Any, options: Options) -> list[int] | None:
    """The layers that are tuned; None is all of them."""
    if options.top_layers is None:
        return None
    layers: int = model.config.num_hidden_layers
    return list(range(max(0, layers - options.top_layers), layers))


def adapter_config(model: Any, sequences: int, options: Options) -> Any:
    """What peft is told: LoRA's shape, or AdaLoRA's with its schedule for so many sequences."""
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    shape: dict[str, Any] = {
        # In a model whose matrices have other names: all of them.
        "target_modules": _TARGETS if names.issuperset(_TARGETS) else "all-linear",
        "lora_alpha": options.alpha,
        "lora_dropout": options.dropout,
        "layers_to_transform": top_layers(model, options),
        "task_type": "CAUSAL_LM",
    }
    if options.method == "lora":
        return LoraConfig(r=options.rank, **shape)
    total = math.ceil(options.epochs * math.ceil(sequences / options.batch))
    total = max(4, min(total, options.steps or total))
    # The ranks are cut from half as many again, between a tenth and seven tenths of the steps.
    return AdaLoraConfig(
        init_r=math.ceil(options.rank * 1.5), target_r=options.rank, total_step=total,
        tinit=max(1, total // 10), tfinal=max(1, total * 3 // 10), deltaT=max(1, total // 50),
        **shape,
    )  # fmt: skip


def save_adapter(model: Any, to: Path, base: Base, options: Options) -> None:
    """Write an adapter as LoRA in float16: half the size, and nothing lost by it.

    AdaLoRA's B(A * E) is LoRA's BA once E is multiplied into A.
    """
    to.mkdir()
    weights: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        if not hasattr(module, "lora_A") or "default" not in module.lora_A:
            continue
        above, below = module.lora_A["default"], module.lora_B["default"]
        if options.method == "adalora":
            scale = module.scaling["default"] / (float(module.ranknum["default"]) + 1e-5)
            pair = (above * module.lora_E["default"] * scale, below)
        else:
            pair = (above.weight, below.weight)
        for letter, numbers in zip("AB", pair, strict=True):
            weights[f"{name}.lora_{letter}.weight"] = numbers.detach().cpu().half().contiguous()
    config = model.peft_config["default"]
    if options.method == "adalora":
        rank = config.init_r
        config = LoraConfig(
            r=rank, lora_alpha=rank, lora_dropout=options.dropout, task_type="CAUSAL_LM",
            target_modules=config.target_modules, layers_to_transform=config.layers_to_transform,
        )  # fmt: skip
    config.base_model_name_or_path = base.name  # not where it lies on this machine
    config.inference_mode = True
    config.save_pretrained(to)
    save_file(weights, to / "adapter_model.safetensors", {"format": "pt"})
