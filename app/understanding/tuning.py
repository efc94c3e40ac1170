"""Tuning the embedded encoder to classify: its heads alone, its upper layers, LoRA, or all of it.

Heads are fitted first, by logistic regression on the vectors of the encoder as it is; only then
are both tuned together. A head that begins at random first spoils what the encoder knows
(Kumar et al. 2022, https://arxiv.org/abs/2202.10054), and takes twice the epochs.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from tokenizers import Tokenizer
from transformers import (
    BertModel,
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from app.training.buckets import Buckets, Ordered
from app.training.callbacks import Progress
from app.understanding.labelled import Example
from app.understanding.network import Network
from app.understanding.options import Options
from app.understanding.tasks import Task
from memory import minilm
from memory.embeddings import MAX_TOKENS, VECTORS
from memory.embeddings import Network as Runtime
from memory.types import Floats

_INVERSE_PENALTY = 10.0  # of the logistic regression; vectors have unit length
_LORA_MATRICES = ["query", "key", "value", "dense"]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The network, with peft's adapter for LoRA, and what was measured on the way."""

    network: Network
    history: list[dict[str, float]]


def tune(tasks: Mapping[str, Task], base: Path, options: Options) -> Tuned:
    """Tune the encoder in the folder ``base`` and a head for each task.

    Raises InvalidInput if the options do not go with the encoder.
    """
    encoder = BertModel.from_pretrained(base, dtype=torch.float32)
    encoder.pooler = None  # nothing here asks for it
    top = options.top(encoder.config.num_hidden_layers)
    set_seed(options.seed)
    heads = _fit_heads(tasks, base)
    if options.tune == "head":
        return Tuned(Network(encoder, heads), [])
    if top is not None:
        _freeze_below(encoder, encoder.config.num_hidden_layers - top)
    if options.tune == "lora":
        encoder = _with_lora(encoder, options)
    network = Network(encoder, heads)
    history = _train(network, tasks, base, options)
    return Tuned(network.eval(), history)


# --- inside --------------------------------------------------------------------------------


def _fit_heads(tasks: Mapping[str, Task], base: Path) -> dict[str, tuple[Floats, Floats]]:
    """Each head's matrix and bias, by logistic regression on the vectors of the base."""
    runtime = Runtime(minilm.graph(base / "model.safetensors"), base)
    heads = {}
    for name, task in tasks.items():
        vectors = runtime.run([one.text for one in task.parts.train])[VECTORS]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it goes on with what it has
            fitted = LogisticRegression(C=_INVERSE_PENALTY, max_iter=200).fit(
                vectors, _classes(task.parts.train, task.labels)
            )
        matrix, bias = fitted.coef_.astype(np.float32), fitted.intercept_.astype(np.float32)
        if len(matrix) == 1:  # two classes: a score for the second, and none for the first
            matrix, bias = np.stack([-matrix[0], matrix[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
        heads[name] = (matrix, bias)
    return heads


def _classes(examples: Sequence[Example], labels: Sequence[str]) -> list[int]:
    place = {label: number for number, label in enumerate(labels)}
    return [place[one.label] for one in examples]


def _freeze_below(encoder: Any, layer: int) -> None:
    encoder.embeddings.requires_grad_(False)
    encoder.encoder.layer[:layer].requires_grad_(False)


def _with_lora(encoder: Any, options: Options) -> Any:
    from peft import LoraConfig, get_peft_model

    from app.training.base import as_peft_asks

    config = LoraConfig(
        r=options.rank, lora_alpha=2 * options.rank, lora_dropout=options.dropout,
        target_modules=_LORA_MATRICES,
    )  # fmt: skip
    with as_peft_asks():
        return get_peft_model(encoder, config)


def _train(
    network: Network, tasks: Mapping[str, Task], base: Path, options: Options
) -> list[dict[str, float]]:
    """Train in place, and keep the weights of the epoch that was best on the dev parts."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    train, dev = (_rows(tasks, part, tokenizer) for part in (0, 1))
    cuda = torch.cuda.is_available()
    progress = Progress(None, None)
    with tempfile.TemporaryDirectory(prefix="memory-service-") as scratch:
        trainer = _Trainer(
            order=Buckets([len(one["input_ids"]) for one in train], options.batch, options.seed),
            model=network,
            args=TrainingArguments(
                output_dir=scratch,
                per_device_train_batch_size=options.batch,
                per_device_eval_batch_size=options.batch,
                num_train_epochs=options.epochs,
                learning_rate=options.rate(),
                weight_decay=options.weight_decay,
                lr_scheduler_type="linear",
                warmup_steps=0.1,
                seed=options.seed,
                bf16=cuda,  # on a CPU it is many times slower
                use_cpu=not cuda,
                dataloader_pin_memory=cuda,
                logging_steps=20,
                eval_strategy="epoch",
                save_strategy="epoch",
                save_total_limit=1,
                save_only_model=True,
                load_best_model_at_end=True,
                metric_for_best_model="macro_f1",
                label_names=["labels", "head"],
                remove_unused_columns=False,
                disable_tqdm=True,
                report_to=[],
            ),
            data_collator=_padded,
            train_dataset=train,
            eval_dataset=sorted(dev, key=lambda one: len(one["input_ids"])),
            compute_metrics=_measure,
            callbacks=[progress, EarlyStoppingCallback(options.patience)],
        )
        trainer.remove_callback(PrinterCallback)  # the bar shows the same
        try:
            trainer.train()
        finally:
            progress.close()
    return list(trainer.state.log_history)


def _rows(tasks: Mapping[str, Task], part: int, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """The examples of all tasks, in train (0) or dev (1), as the network takes them."""
    return [
        {"input_ids": read.ids, "head": place, "labels": label}
        for place, task in enumerate(tasks.values())
        for read, label in zip(
            tokenizer.encode_batch_fast([one.text for one in task.parts[part]]),
            _classes(task.parts[part], task.labels),
            strict=True,
        )
    ]


class _Trainer(Ordered, Trainer):  # type: ignore[misc]
    """A Trainer that reads the examples in the order of buckets, with little padding."""


def _padded(examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch: ids and mask (n, t), padded with the tokenizer's [PAD], which is 0 in BERT's."""
    rows = [torch.tensor(one["input_ids"]) for one in examples]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return {
        "input_ids": ids,
        "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
        "head": torch.tensor([one["head"] for one in examples]),
        "labels": torch.tensor([one["labels"] for one in examples]),
    }


def _measure(predicted: Any) -> dict[str, float]:
    """Macro-F1 and accuracy, each the mean over the heads."""
    found, (labels, head) = predicted.predictions, predicted.label_ids
    rows = [(labels[head == one], found[head == one]) for one in np.unique(head)]
    return {
        "macro_f1": float(np.mean([f1_score(*row, average="macro") for row in rows])),
        "accuracy": float(np.mean([(true == said).mean() for true, said in rows])),
    }
