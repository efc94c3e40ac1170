"""``memory-service train neural`` and ``memory-service evaluate neural``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memory import InvalidInput

if TYPE_CHECKING:
    from app.neural.model import Card, Trained
    from app.neural.sequences import Score


class TaskKind(StrEnum):
    """What a network learns."""

    COPY = "copy"
    RECALL = "recall"
    SUMMARY = "summary"


class CoreKind(StrEnum):
    """What decodes."""

    LSTM = "lstm"
    TRANSFORMER = "transformer"


def train(
    task: Annotated[TaskKind, typer.Option(help="What it learns.")],
    out: Annotated[Path, typer.Option(help="Folder for its weights and its card.")],
    core: Annotated[CoreKind, typer.Option(help="What decodes.")] = CoreKind.LSTM,
    memory: Annotated[
        bool, typer.Option("--memory/--no-memory", help="With the external memory, or without.")
    ] = True,
    hops: Annotated[int, typer.Option(min=1, max=8, help="How often a step reads.")] = 1,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="For summaries: JSONL of dialogues with summaries; may be repeated."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Batches.")] = 1000,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Sequences a step.")] = 32,
    width: Annotated[
        int | None, typer.Option(min=8, max=4096, help="Of the core (100; of summaries 128).")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, max=1, help="Adam's (0.003; of summaries 0.002).")
    ] = None,
    longest: Annotated[int, typer.Option(min=2, max=1000, help="Sequences to train on.")] = 10,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so many.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of weights and data.")] = 1,
) -> None:
    """Train a network with an external memory, or without one to compare."""
    import torch

    from app.neural.model import CARD, Card, made
    from app.neural.options import Options
    from app.neural.summaries import Summaries, read_examples
    from app.neural.training import train as fit

    summary = task is TaskKind.SUMMARY
    if summary != bool(data):
        msg = "--task summary needs --data FILE" if summary else f"--task {task} makes its own data"
        raise InvalidInput(msg)
    if (out / CARD).exists():
        msg = f"{out} has a network already: give another --out, or delete it"
        raise InvalidInput(msg)
    width = width or (128 if summary else 100)
    if width % 4:
        msg = f"--width {width}: give a multiple of 4"
        raise InvalidInput(msg)
    options = Options(
        task=task.value, core=core.value, memory=memory, hops=hops if memory else 1, width=width,
        longest=longest, steps=steps, batch=batch,
        learning_rate=learning_rate or (2e-3 if summary else 3e-3), seed=seed,
    )  # fmt: skip
    examples = [example for file in data or () for example in read_examples(file)]
    torch.manual_seed(seed)
    trained = made(options, examples)
    card = Card(
        options, data=[file.name for file in data or ()],
        words=trained.vocabulary.known if isinstance(trained, Summaries) else [],
    )  # fmt: skip
    size = sum(one.numel() for one in trained.network.parameters())
    typer.echo(f"{options.name}: {size:,} numbers to train")
    fit(trained, card, out, minutes, lambda step, loss: typer.echo(f"step {step}: loss {loss:.4f}"))
    typer.echo(f"Kept in {out}. Try it: memory-service evaluate neural {out}")


def evaluate(
    models: Annotated[list[Path], typer.Argument(help="Folders of `train neural`.")],
    data: Annotated[
        Path | None, typer.Option(help="For summaries: JSONL of dialogues with summaries.")
    ] = None,
    lengths: Annotated[str, typer.Option(help="Of the sequences to be tried.")] = "10,20,40",
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many dialogues.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Print so many summaries.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw losses and figures: a PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Say how well networks do what they were trained for."""
    from app.evaluation.plot import check_plot
    from app.neural.figures import draw
    from app.neural.model import load

    if plot is not None:
        check_plot(plot)
    loaded = [load(folder) for folder in models]
    tasks = {card.options.task for _, card in loaded}
    if len(tasks) > 1:
        msg = f"these were trained for {' and '.join(sorted(tasks))}: compare those of one task"
        raise InvalidInput(msg)
    (task,) = tasks
    if (task == "summary") != (data is not None):
        msg = "--data is for summaries" if data else "these write summaries: give --data FILE"
        raise InvalidInput(msg)
    found: dict[str, dict[str, Any]] = {}
    drawn: dict[str, tuple[Card, dict[int, Score]]] = {}
    for folder, (trained, card) in zip(models, loaded, strict=True):
        name = (
            card.options.name
            if card.options.name not in found
            else f"{card.options.name} ({folder.name})"
        )
        found[name], scores = _figures(trained, data, _lengths(lengths), limit, show)
        drawn[name] = (card, scores)
    if plot is not None:
        draw(drawn, task, plot)
    typer.echo(json.dumps(found, indent=1) if as_json else _table(found))


def _figures(
    trained: Trained, data: Path | None, lengths: list[int], limit: int | None, show: int
) -> tuple[dict[str, Any], dict[int, Score]]:
    from app.neural.figures import at_lengths, of_summaries, summarised
    from app.neural.sequences import Sequences
    from app.neural.summaries import read_examples

    if isinstance(trained, Sequences):
        scores = at_lengths(trained, lengths)
        named = {
            f"{what} at {length}": value
            for length, score in scores.items()
            for what, value in score._asdict().items()
        }
        return named, scores
    assert data is not None
    examples = read_examples(data)[:limit]
    said = summarised(trained, [example.dialogue for example in examples])
    for summary, example in list(zip(said, examples, strict=True))[:show]:
        typer.echo(f"- {summary}\n  (a person: {example.summaries[0]})")
    return of_summaries(said, examples), {}


def _lengths(given: str) -> list[int]:
    try:
        lengths = sorted({int(one) for one in given.split(",")})
    except ValueError:
        lengths = []
    if not lengths or lengths[0] < 2 or lengths[-1] > 10_000:
        msg = f"--lengths {given!r}: give numbers from 2 to 10000, such as 10,20,40"
        raise InvalidInput(msg)
    return lengths


def _table(found: dict[str, dict[str, Any]]) -> str:
    """Networks by their figures, as GitHub's Markdown."""
    names = list(next(iter(found.values())))
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    lines += [
        f"| {network} | {' | '.join(f'{figures[n]:.3f}' for n in names)} |"
        for network, figures in found.items()
    ]
    return "\n".join(lines)
