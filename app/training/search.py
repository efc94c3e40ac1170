"""Trying out hyperparameters: short trainings, the best of which says how the long one is done."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence as Sized
from dataclasses import replace
from pathlib import Path

import optuna

from app.training.base import Base
from app.training.lora import Sequence, train
from app.training.options import Options
from memory.weights import written

_STEPS = 60  # of a trial, at most


def search(
    sequences_train: Sized[Sequence],
    sequences_dev: Sized[Sequence],
    base: Base,
    out: Path,
    options: Options,
    *,
    trials: int,
    minutes: float | None = None,
) -> Options:
    """The options of the trial with the least validation loss, otherwise those given.

    Learning rate, weight decay, dropout and (of LoRA) the rank are tried, by Optuna's TPE with
    the options' seed; the first trial is of the options as they are. A trial that is behind the
    median of those before it is ended.

    Args:
        sequences_train: what is taught.
        sequences_dev: what the validation loss is measured on.
        base: the model.
        out: a folder; ``search.json`` says in it what was tried, and is taken when it is there.
        options: all that is not tried.
        trials: how many.
        minutes: no trial goes on after so many; one is made in any case.
    """
    kept = out / "search.json"
    if kept.exists():
        return replace(options, **json.loads(kept.read_text())["best"])
    until = time.monotonic() + minutes * 60 if minutes is not None else None

    def late() -> bool:
        return until is not None and time.monotonic() >= until

    def tried(trial: optuna.Trial) -> float:
        chosen = replace(
            options,
            steps=min(options.steps or _STEPS, _STEPS),
            patience=0,
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 5e-3, log=True),
            weight_decay=trial.suggest_float("weight_decay", 1e-3, 0.1, log=True),
            dropout=trial.suggest_float("dropout", 0.0, 0.2),
        )
        if options.method != "full":
            rank = trial.suggest_categorical("rank", sorted({4, 8, 16, options.rank}))
            chosen = replace(chosen, rank=rank, alpha=2 * rank)

        def on_loss(loss: float, step: int) -> bool:
            trial.report(loss, step)
            return late() or trial.should_prune()

        folder = out / "search" / str(trial.number)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            made = train(sequences_train, sequences_dev, base, folder, chosen, on_loss=on_loss)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        assert made.best_loss is not None  # it is measured at the end at the latest
        return made.best_loss

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    first = {name: getattr(options, name) for name in ("learning_rate", "weight_decay", "dropout")}
    study.enqueue_trial(first if options.method == "full" else {**first, "rank": options.rank})
    # Not Optuna's own time limit, which may end before a first trial.
    study.optimize(tried, trials, callbacks=[lambda study, _: study.stop() if late() else None])
    best = dict(study.best_params)
    if "rank" in best:
        best["alpha"] = 2 * best["rank"]
    found = [{"loss": one.value, **one.params} for one in study.trials if one.value is not None]
    with written(kept) as part:
        part.write_text(json.dumps({"best": best, "trials": found}, indent=1))
    shutil.rmtree(out / "search", ignore_errors=True)
    return replace(options, **best)
