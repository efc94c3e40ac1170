"""Tuning a base model on sequences: LoRA by default, AdaLoRA, or the weights themselves.

trl's SFTTrainer does it: it takes token ids with labels as they are. Gradient checkpointing, on by
default there, is for CUDA only: on a CPU it makes it many times slower, and so does bf16 on one
that does not have it.

What is written lies in one folder: ``run.json`` (what is trained, and how), ``checkpoints/``,
``logs/`` (TensorBoard) and, at the end, ``adapter/`` (or ``model/`` after full tuning) and
``losses.json``. Killed at any moment and resumed, it goes on from the last whole checkpoint and
ends with the same losses.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Sequence as Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    EarlyStoppingCallback,
    PrinterCallback,
)
from trl import SFTConfig

from app.training.adapter import adapter_config, save_adapter, top_layers
from app.training.base import Base, as_peft_asks
from app.training.buckets import Buckets
from app.training.callbacks import Allocate, OnLoss, Progress, Whole
from app.training.checkpoints import newest, remove_after
from app.training.folder import writing
from app.training.options import Options
from app.training.sequences import IGNORED
from app.training.trainer import Trainer
from memory import InvalidInput
from memory.weights import written

_KEPT = 3  # checkpoints


class Sequence(Protocol):
    """Token ids, and for each its label: itself where it is taught, else ``IGNORED``."""

    @property
    def ids(self) -> list[int]:
        """The tokens."""

    @property
    def labels(self) -> list[int]:
        """As many."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training.

    ``folder`` is a peft adapter, or a whole model after full tuning; None if the time was up
    before the end, so that it is to be resumed. ``losses`` are the measurements in their order,
    each with its ``step`` and ``loss`` or ``eval_loss`` (nats a token). ``tokens`` were read.
    """

    folder: Path | None
    losses: list[dict[str, float]]
    best_loss: float | None
    steps: int
    seconds: float
    tokens: int


def train(
    sequences_train: Sized[Sequence],
    sequences_dev: Sized[Sequence],
    base: Base,
    out: Path,
    options: Options,
    *,
    resume: bool = False,
    minutes: float | None = None,
    on_loss: OnLoss | None = None,
) -> Trained:
    """Tune ``base`` on sequences.

    Args:
        sequences_train: what is taught.
        sequences_dev: what the validation loss is measured on.
        base: the model.
        out: the folder of this training; it must be new or empty unless it is resumed.
        options: how.
        resume: go on from the last whole checkpoint in ``out``.
        minutes: after so many, keep a checkpoint and end, to be resumed.
        on_loss: called with each validation loss and its step; True ends the training.

    Raises:
        InvalidInput: nothing is taught, ``out`` has another training, or the disk is full.
    """
    for name, given in (("train", sequences_train), ("dev", sequences_dev)):
        if not any(label != IGNORED for one in given for label in one.labels[1:]):
            msg = f"the {name} part has no answer to learn from: give more dialogues"
            raise InvalidInput(msg)
    check_options(options, base)
    with writing(out, "Free some space and run it again with --resume"), as_peft_asks():
        return _train(sequences_train, sequences_dev, base, out, options, resume, minutes, on_loss)


def check_options(options: Options, base: Base) -> None:
    """Raise InvalidInput if a base is too small for what is asked of it."""
    config = AutoConfig.from_pretrained(base.folder)
    for name, given, most in (
        ("rank", options.rank, config.hidden_size),
        ("top_layers", options.top_layers or 1, config.num_hidden_layers),
    ):
        if given > most:
            msg = f"{name} is {given}, more than the {most} that the model has: give a smaller one"
            raise InvalidInput(msg)


# --- inside --------------------------------------------------------------------------------


def _train(
    sequences_train: Sized[Sequence],
    sequences_dev: Sized[Sequence],
    base: Base,
    out: Path,
    options: Options,
    resume: bool,
    minutes: float | None,
    on_loss: OnLoss | None,
) -> Trained:
    run = _run(sequences_train, sequences_dev, base, options)
    checkpoint = _begin(out, run, resume)
    trainer, progress = _trainer(
        sequences_train, sequences_dev, base, out, options, minutes, on_loss
    )
    trainer.add_callback(Whole(run))  # the last, when all else is written
    began = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    finally:
        progress.close()
    folder = None if progress.cut else _save(trainer, out, base, options)
    state = trainer.state
    losses = [
        {key: one[key] for key in ("step", "loss", "eval_loss", "learning_rate") if key in one}
        for one in state.log_history
        if "loss" in one or "eval_loss" in one
    ]
    if folder is not None and trainer.is_world_process_zero():
        with written(out / "losses.json") as part:
            part.write_text(json.dumps(losses, indent=1))
    tokens = sum(len(one.ids) for one in sequences_train) * (state.epoch or 0)
    seconds = time.monotonic() - began
    return Trained(folder, losses, state.best_metric, state.global_step, seconds, round(tokens))


def _run(
    train: Sized[Sequence], dev: Sized[Sequence], base: Base, options: Options
) -> dict[str, Any]:
    """What a training is; one that is resumed must be the same."""
    digest = hashlib.sha256()
    for one in (*train, *dev):
        digest.update(np.array([len(one.ids), *one.ids, *one.labels], np.int64).tobytes())
    return {
        "base": {"name": base.name, "sha256": base.sha256},
        "options": asdict(options),
        "sequences": {"train": len(train), "dev": len(dev), "sha256": digest.hexdigest()},
    }


def _begin(out: Path, run: dict[str, Any], resume: bool) -> Path | None:
    """Note what is trained in ``out``; the checkpoint to go on from, if there is one."""
    note = out / "run.json"
    if not resume and out.exists() and any(out.iterdir()):
        msg = f"{out} is not empty: go on with --resume, or give another --out"
        raise InvalidInput(msg)
    checkpoint, before = newest(out / "checkpoints") or (None, {})
    # Without a checkpoint nothing is lost, whatever else was tried there.
    before = before or (_noted(note) if checkpoint else {})
    if before and (differing := [key for key in run if before.get(key) != run[key]]):
        msg = (
            f"{out} has a training with other {' and '.join(differing)}: resume with what it "
            "began with, or give another --out"
        )
        raise InvalidInput(msg)
    out.mkdir(parents=True, exist_ok=True)
    with written(note) as part:
        part.write_text(json.dumps(run, indent=1))
    remove_after(out / "checkpoints", checkpoint)
    return checkpoint


def _noted(note: Path) -> dict[str, Any]:
    """What a training of which no checkpoint says it is: from when checkpoints did not."""
    try:
        found: dict[str, Any] = json.loads(note.read_text())
    except (OSError, ValueError) as error:
        msg = f"{note} cannot be read ({error}), and nothing else says what is trained there"
        raise InvalidInput(f"{msg}: give another --out") from error
    return found


def _trainer(
    train: Sized[Sequence],
    dev: Sized[Sequence],
    base: Base,
    out: Path,
    options: Options,
    minutes: float | None,
    on_loss: OnLoss | None,
) -> tuple[Any, Progress]:
    cuda = torch.cuda.is_available()
    devices = max(1, int(os.environ.get("WORLD_SIZE", 1)))
    # On a CPU two at a time are as fast as eight, in a quarter of the memory.
    together = math.gcd(options.batch, 8 if cuda else 2)
    full = options.method == "full"
    total = math.ceil(options.epochs * math.ceil(len(train) / options.batch))
    total = min(total, options.steps or total)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / "logs")
    arguments = SFTConfig(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=together,
        per_device_eval_batch_size=together,
        gradient_accumulation_steps=max(1, options.batch // (together * devices)),
        num_train_epochs=options.epochs,
        max_steps=total if options.steps else -1,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=0.05 if total > 1 else 0,  # its first step learns nothing: an only one would
        seed=options.seed,
        data_seed=options.seed,
        bf16=cuda,
        activation_checkpointing=cuda,  # "gradient checkpointing" until transformers 5
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=options.check,
        save_strategy="steps",
        save_steps=options.check,
        save_total_limit=_KEPT,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        disable_tqdm=True,
        report_to=["tensorboard"],
    )
    # On a CPU AdaLoRA's own matrices are not cast to the base's numbers.
    bf16 = not full if cuda else options.method == "lora" and _has_bf16()
    model = AutoModelForCausalLM.from_pretrained(
        base.folder, dtype=torch.bfloat16 if bf16 else torch.float32
    )
    tokenizer = base.tokenizer()
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    progress = Progress(minutes, on_loss)
    callbacks: list[Any] = [progress]
    if options.patience:
        callbacks.append(EarlyStoppingCallback(options.patience))
    if options.method == "adalora":
        callbacks.insert(0, Allocate())
    trainer = Trainer(
        order=Buckets([len(one.ids) for one in train], options.batch, options.seed),
        model=model,
        args=arguments,
        train_dataset=_dataset(train),
        eval_dataset=_dataset(dev),
        processing_class=tokenizer,
        peft_config=None if full else adapter_config(model, len(train), options),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)  # the bar shows the same
    if full and options.top_layers is not None:
        tuned = tuple(f".layers.{i}." for i in top_layers(model, options) or ())
        for name, weight in model.named_parameters():
            weight.requires_grad = any(layer in name for layer in tuned)
    return trainer, progress


def _has_bf16() -> bool:
    """Whether the processor multiplies in bf16 itself: twice as fast, and else much slower."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _dataset(given: Sized[Sequence]) -> Any:
    return Dataset.from_dict(
        {"input_ids": [one.ids for one in given], "labels": [one.labels for one in given]}
    )


def _save(trainer: Any, out: Path, base: Base, options: Options) -> Path:
    """Write the tuned weights; they are there whole or not at all."""
    name = "model" if options.method == "full" else "adapter"
    part = out / f".{name}"
    if trainer.is_world_process_zero():
        shutil.rmtree(part, ignore_errors=True)
        model = trainer.accelerator.unwrap_model(trainer.model)
        if options.method == "full":
            model.save_pretrained(part)
            trainer.processing_class.save_pretrained(part)
        else:
            save_adapter(model, part, base, options)
        shutil.rmtree(out / name, ignore_errors=True)
        part.rename(out / name)
    return out / name
