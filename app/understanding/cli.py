"""``memory-service train classifier`` and ``memory-service evaluate classifier``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from app.settings import Settings
from app.understanding.options import Options
from app.understanding.tasks import Work, read_tasks
from memory import InvalidInput
from memory.embeddings import WEIGHTS

app = typer.Typer(
    help="Train a classifier, what customers do next, or a network with an external memory.",
    no_args_is_help=True,
)

_ONLY = "label"  # what a head is called that is the only one
_LAYERS = 6  # of the embedded encoder
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@app.callback()
def train() -> None:
    """Train a classifier, what customers do next, or a network with an external memory."""


@app.command("classifier")
def train_classifier(
    data: Annotated[
        list[str],
        typer.Option(
            help='JSONL, {"text", "label"} a line (or .gz); HEAD=FILE for each of several heads.'
        ),
    ],
    name: Annotated[str, typer.Option(help="What the classifier is called.")],
    tune: Annotated[
        str, typer.Option(help="What is tuned: head, top:N layers, lora, or all.")
    ] = "all",
    dev: Annotated[
        list[str] | None,
        typer.Option(help="What it is stopped by; else a share of the data. HEAD=FILE likewise."),
    ] = None,
    dev_share: Annotated[
        float | None, typer.Option(min=0.01, max=0.5, help="That share (0.1).")
    ] = None,
    oos: Annotated[
        str | None, typer.Option(help="The label of texts out of scope (oos, out_of_scope).")
    ] = None,
    scope_cost: Annotated[
        float | None,
        typer.Option(min=0, max=0.5, help="Right answers the threshold may cost (0.005)."),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(min=0.01, max=1000, help="How often all of it is read.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-12, max=1, help="At its highest.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Texts a step.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Epochs without a better macro-F1 until it ends.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of split, order and dropout.")] = None,
    licence: Annotated[
        list[str] | None,
        typer.Option(help="Of the data, for the card: one, or one for each --data."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make; else NAME in the data folder.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database.")] = None,
) -> None:
    """Tune the embedded encoder to tell any labels apart; several heads share one encoder."""
    if not _NAME.fullmatch(name):
        msg = f"--name {name!r}: use small letters, digits, - and _"
        raise InvalidInput(msg)
    files = _by_head(data, "--data")
    licences = (licence or []) * (len(files) if len(licence or []) == 1 else 1)
    if licences and len(licences) != len(files):
        msg = f"there are {len(licences)} --licence for {len(files)} --data: give one, or one each"
        raise InvalidInput(msg)
    given = {
        "epochs": epochs, "learning_rate": learning_rate, "batch": batch, "patience": patience,
        "dev_share": dev_share, "scope_cost": scope_cost, "seed": seed,
    }  # fmt: skip
    chosen: dict[str, Any] = {key: one for key, one in given.items() if one is not None}
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    work = Work(
        name=name,
        out=out or settings.data_dir / "classifiers" / name,
        data=files,
        dev=_by_head(dev or [], "--dev", files),
        licences=dict(
            zip(files, licences * (len(files) if len(licences) == 1 else 1), strict=False)
        ),
        oos=oos,
        options=replace(Options(tune=tune), **chosen),
    )
    # Before torch is loaded: what is wrong with the options or the data is told at once.
    work.options.top(_LAYERS)
    tasks = read_tasks(work)
    try:
        from app.understanding.classifier import train_classifier
        from app.understanding.report import table

        card = train_classifier(work, tasks, WEIGHTS.installed().parent)
    except ImportError as error:
        raise _not_installed(error) from error
    for head, made in card.figures.items():
        if len(card.figures) > 1:
            typer.echo(f"{head}:")
        typer.echo(table(made))
    typer.echo(
        f"On the dev part, which it was stopped by. It is in {work.out}: measure it on what it has "
        f"not seen with `memory-service evaluate classifier --model {work.out} --data FILE`"
    )


def evaluate(
    model: Annotated[Path, typer.Option(help="A classifier's folder.")],
    data: Annotated[Path, typer.Option(help='JSONL, {"text", "label"} a line (or .gz).')],
    head: Annotated[str | None, typer.Option(help="Which of several heads.")] = None,
    oos: Annotated[
        str | None, typer.Option(help="The label of texts out of scope (the head's own, or oos).")
    ] = None,
    among: Annotated[
        bool,
        typer.Option("--among", help="Choose among the data's labels only, if it has but some."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the confusion matrix, a PNG.")] = None,
) -> None:
    """How well a classifier tells labels apart, and what is out of its scope."""
    from app.evaluation.plot import check_plot
    from app.understanding.card import head_of
    from app.understanding.heads import Heads
    from app.understanding.labelled import read_examples

    if plot is not None:
        check_plot(plot)
    heads = Heads(model)
    head = head_of(heads.card.heads, head)
    examples = read_examples(data, head)
    try:
        from app.understanding.classifier import evaluate_classifier
        from app.understanding.report import draw, report, table
    except ImportError as error:
        raise _not_installed(error) from error
    truth, read = evaluate_classifier(heads, examples, head, oos, among=among)
    made = report(truth, read)
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False) if as_json else table(made))
    if plot is not None:
        draw(truth, read, plot)


def _by_head(
    given: Sequence[str], option: str, known: Mapping[str, Path] | None = None
) -> dict[str, Path]:
    """Files by their heads: ``HEAD=FILE``, or one ``FILE`` for the only head.

    Raises InvalidInput if a head is named twice, badly, or is not known.
    """
    found: dict[str, Path] = {}
    for one in given:
        head, equals, file = one.partition("=")
        if not equals or Path(one).is_file():
            head, file = _ONLY, one
        if not _NAME.fullmatch(head):
            msg = f"{option} {one}: call a head with small letters, digits, - and _"
            raise InvalidInput(msg)
        if head in found:
            msg = f"{option} is given twice for one head: say HEAD=FILE for each of several heads"
            raise InvalidInput(msg)
        if known is not None and head not in known:
            msg = f"{option} {one}: there is no head {head!r}; --data has {', '.join(known)}"
            raise InvalidInput(msg)
        found[head] = Path(file)
    return found


def _not_installed(error: ImportError) -> InvalidInput:
    return InvalidInput(
        f"{error.name} is not installed: pip install 'langchain-memory-service[train]'"
    )
