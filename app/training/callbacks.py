"""What happens beside the steps of a training: a bar, checkpoints marked whole, AdaLoRA's ranks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from typing_extensions import override

from app.progress import bar
from app.training.checkpoints import mark

OnLoss = Callable[[float, int], bool]  # a validation loss and its step; True ends the training
_ALLOCATOR = "allocator.pt"  # what AdaLoRA knows of its ranks, which peft does not keep


class Progress(TrainerCallback):  # type: ignore[misc]
    """A bar with losses and the time left; and the end of the time given."""

    def __init__(self, minutes: float | None, on_loss: OnLoss | None) -> None:
        self.cut = False  # ended before its time
        self._until = time.monotonic() + minutes * 60 if minutes is not None else math.inf
        self._on_loss = on_loss
        self._bar: Any = None

    @override
    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_more: Any) -> None:
        self._bar = bar(
            total=state.max_steps, initial=state.global_step, desc="training", unit="step",
            disable=not state.is_world_process_zero,
        )  # fmt: skip

    @override
    def on_step_end(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        self._bar.update(1)
        if time.monotonic() >= self._until and state.global_step < state.max_steps:
            control.should_save = True

    @override
    def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any, **_more: Any) -> None:
        shown = {
            name: f"{logs[key]:.3f}"
            for key, name in (("loss", "loss"), ("eval_loss", "dev"))
            if key in logs
        }
        if shown and self._bar is not None:
            self._bar.set_postfix(shown, refresh=False)

    @override
    def on_evaluate(self, _args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        if self._on_loss is not None and self._on_loss(metrics["eval_loss"], state.global_step):
            control.should_training_stop = True

    @override
    def on_save(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        # Only now: a checkpoint that says "stop" would stop whoever resumes from it.
        over = control.should_training_stop or state.global_step >= state.max_steps
        if time.monotonic() >= self._until and not over:
            self.cut = control.should_training_stop = True

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()


class Whole(TrainerCallback):  # type: ignore[misc]
    """Marks a checkpoint when all of it is written, by whichever process."""

    def __init__(self, run: dict[str, Any]) -> None:
        self._run = run

    @override
    def on_save(self, args: Any, state: Any, _control: Any, **_more: Any) -> None:
        args.distributed_state.wait_for_everyone()
        if state.is_world_process_zero:
            mark(Path(args.output_dir, f"checkpoint-{state.global_step}"), self._run)


class Allocate(TrainerCallback):  # type: ignore[misc]
    """AdaLoRA's share of a step, and its memory of the steps before in the checkpoints.

    The ranks that it has chosen are kept here, and not in the model's configuration: there they
    make peft write matrices of other shapes than it can read again.
    """

    _KEPT = ("ipt", "exp_avg_ipt", "exp_avg_unc")

    def __init__(self) -> None:
        self._ranks: Any = None

    @override
    def on_train_begin(self, args: Any, state: Any, _control: Any, model: Any, **_: Any) -> None:
        kept = Path(args.output_dir, f"checkpoint-{state.global_step}", _ALLOCATOR)
        if kept.exists():
            found = torch.load(kept, weights_only=True)
            self._ranks = found.pop("ranks")
            for name, numbers in found.items():
                setattr(model.base_model.rankallocator, name, numbers)

    @override
    def on_optimizer_step(self, _args: Any, state: Any, _c: Any, model: Any, **_: Any) -> None:
        config = model.peft_config["default"]
        config.rank_pattern = self._ranks
        model.base_model.update_and_allocate(state.global_step)
        self._ranks, config.rank_pattern = config.rank_pattern, None

    @override
    def on_save(self, args: Any, state: Any, _control: Any, model: Any, **_: Any) -> None:
        allocator = model.base_model.rankallocator
        to = Path(args.output_dir, f"checkpoint-{state.global_step}", _ALLOCATOR)
        kept = {name: getattr(allocator, name) for name in self._KEPT}
        torch.save({**kept, "ranks": self._ranks}, to)
