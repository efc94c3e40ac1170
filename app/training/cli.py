"""``memory-service finetune`` and ``memory-service model``: tuning on your own dialogues."""

from __future__ import annotations

import shlex
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.recording import about_models, at_console
from app.roles import TENANT
from app.settings import Settings
from memory import InvalidInput

if TYPE_CHECKING:
    from app.training.finetune import Work
    from app.training.registry import Registry

_FACTS = 40  # that made-up customers ask for, to measure what is recalled
DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.")]
Llm = Annotated[str | None, typer.Option(help="The model that is served.")]


class Method(StrEnum):
    """What is tuned."""

    LORA = "lora"
    ADALORA = "adalora"
    FULL = "full"


class Task(StrEnum):
    """What is learnt of the dialogues."""

    REPLY = "reply"
    SUMMARY = "summary"


class Own(StrEnum):
    """Which of the service's own sessions are learnt."""

    GOOD = "good"
    ALL = "all"


def finetune(
    data: Annotated[
        list[Path] | None, typer.Option(help="JSONL, one dialogue a line; may be repeated.")
    ] = None,
    task: Annotated[
        Task, typer.Option(help="What it learns: the agent's replies, or the dialogues' summaries.")
    ] = Task.REPLY,
    from_service: Annotated[
        Own | None, typer.Option(help="The service's own sessions too: those rated good, or all.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="A Hugging Face name or folder, or a GGUF file; else the embedded one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of this training; else in the data folder.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in it.")] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many, to be resumed.")
    ] = None,
    method: Annotated[Method, typer.Option(help="What is tuned.")] = Method.LORA,
    rank: Annotated[int | None, typer.Option(min=1, help="Of LoRA's matrices.")] = None,
    top_layers: Annotated[
        int | None, typer.Option(min=1, help="Tune only the uppermost so many layers.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-12, max=1, help="At its highest.")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0, max=100, help="AdamW's.")] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=0.9, help="LoRA's.")] = None,
    epochs: Annotated[
        float | None, typer.Option(min=0.001, max=1000, help="How often all of it is read.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="At most so many steps.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=65_536, help="Sequences a step.")] = None,
    check: Annotated[
        int | None, typer.Option(min=1, help="Steps from one checkpoint to the next.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=0, help="Checkpoints without a better loss until it ends.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Of split, order and weights.")
    ] = None,
    search: Annotated[
        int, typer.Option(min=0, help="Try so many choices of hyperparameters first.")
    ] = 0,
    search_minutes: Annotated[
        float | None, typer.Option(min=0, help="But no longer than this.")
    ] = None,
    examples: Annotated[
        int, typer.Option(min=1, help="Answers that are written to be compared.")
    ] = 48,
    returning: Annotated[
        int,
        typer.Option(min=0, help="Made-up customers who come back, to learn to read memory from."),
    ] = 100,
    limit: Annotated[
        int | None, typer.Option(min=1, help="A random sample of so many dialogues of each file.")
    ] = None,
    licence: Annotated[
        list[str] | None,
        typer.Option(help="Of the data, for the card: one, or one for each --data."),
    ] = None,
    data_dir: DataDir = None,
    database: Annotated[str | None, typer.Option(help="With --from-service: of which.")] = None,
    tenant: Annotated[
        str, typer.Option(help="With --from-service: whose sessions; no other's are learnt.")
    ] = TENANT,
) -> None:
    """Tune a model on dialogues, to reply or to summarise them; it is kept with its figures.

    It is served when it is promoted; one for summaries by a setting.
    """
    settings = _settings(data_dir=data_dir, database=database)
    if not data and from_service is None:
        msg = "what is to be learnt? Give --data FILE, or --from-service good"
        raise InvalidInput(msg)
    summarised = task is Task.SUMMARY
    if summarised and from_service is not None:
        msg = "people have written no summaries of the service's own sessions: give --data FILE"
        raise InvalidInput(msg)
    returning = 0 if summarised else returning
    from app.opening import open_existing
    from app.training.dialogues import Dialogue, read_dialogues
    from app.training.dialogues import from_service as own
    from app.training.folder import check_out, finished
    from app.training.splits import check_parts, sample, split

    out = out or settings.data_dir / "training"
    if (told := finished(out, _registry(settings))) is not None:
        if not resume:
            msg = f"{out} has a training already, and {told}. Give another --out"
            raise InvalidInput(msg)
        typer.echo(f"There is nothing to go on with in {out}: {told}.")
        return
    files = data or []
    licences = licence or []
    if len(licences) > 1 and len(licences) != len(files):
        msg = f"there are {len(licences)} --licence for {len(files)} --data: give one, or one each"
        raise InvalidInput(msg)
    licences = licences * len(files) if len(licences) == 1 else licences
    # Before torch is loaded: what is wrong with the data or the folder is told at once.
    dialogues: list[Dialogue] = []
    for file in files:
        found = list(read_dialogues([file], summarised=summarised))
        dialogues += sample(found, limit, seed or 0)
    if from_service is not None:
        with (
            open_existing(settings) as store,
            at_console(store, tenant or "", "read.dialogues"),
        ):
            dialogues += own(store, rated_only=from_service is Own.GOOD, tenant=tenant)
    check_parts(split(dialogues, seed or 0))
    check_out(out, resume=resume)
    try:
        from app.training.card import thin
        from app.training.finetune import Work
        from app.training.finetune import finetune as run
        from app.training.options import Options
    except ImportError as error:
        msg = f"{error.name} is not installed: pip install 'langchain-memory-service[train]'"
        raise InvalidInput(msg) from error

    given: dict[str, Any] = {
        "rank": rank, "top_layers": top_layers, "learning_rate": learning_rate,
        "weight_decay": weight_decay, "dropout": dropout, "epochs": epochs, "steps": steps,
        "batch": batch, "check": check, "patience": patience, "seed": seed,
    }  # fmt: skip
    chosen = {name: one for name, one in given.items() if one is not None}
    options = replace(Options(method=method.value), **chosen)
    if rank is not None:
        options = replace(options, alpha=2 * rank)
    work = Work(
        files, base, out, options, resume, minutes,
        search, search_minutes, examples, returning, _FACTS if returning else 0, licences,
        task.value,
    )  # fmt: skip
    try:
        card = run(work, dialogues, _registry(settings), settings)
    except KeyboardInterrupt:
        typer.echo(
            f"\nStopped: what was learnt up to the last checkpoint is kept in {out}. Go on with "
            "the same command and --resume.",
            err=True,
        )
        raise typer.Exit(130) from None
    if card is None and (work.out / "adapter").exists():
        return  # another of the processes that trained together tells of it
    if card is None:
        typer.echo(f"The time is up: go on with the same command and --resume ({work.out}).")
        return
    typer.echo(f"{card.id}: {card.figures} on what was held out")
    for name, figures in card.compared.items():
        typer.echo(f"  {name}: {figures}")
    rival = next(reversed(card.compared.values()))  # what is in service, or the base
    if (few := thin(card.counts)) is not None:
        typer.echo(f"That rests on {few}: it is kept and not promoted. Give more dialogues.")
    elif not card.figures.beats(rival):
        against = "the base" if summarised else "what is in service"
        typer.echo(f"It does not beat {against}: it is kept and not promoted.")
    else:
        typer.echo(how_to_serve(card.id, work, settings, data_dir))


def how_to_serve(adapter: str, work: Work, settings: Settings, data_dir: Path | None) -> str:
    """What to do next with an adapter that may be served: the command, ready to be copied.

    Args:
        adapter: its id.
        work: which made it.
        settings: with the folder of the adapters.
        data_dir: that folder, if it was given and has to be given again.
    """
    if work.options.method == "full":
        return f"Serve it with --llm huggingface:{work.out / 'model'}"
    words = ["memory-service", "model", "promote", adapter]
    if data_dir is not None:
        words += ["--data-dir", str(data_dir)]
    if work.base is not None and not work.base.endswith(".gguf"):
        folder = settings.data_dir / "models" / adapter
        return f"Serve it with --llm {shlex.quote(f'huggingface:{work.base}#{folder}')}"
    llm = [] if work.base is None else ["--llm", f"embedded:{work.base}"]
    if work.task == "summary":
        with_base = f" and {shlex.join(llm)}" if llm else ""
        return f"Serve it with MEMORY_SERVICE_SUMMARY_ADAPTER={adapter}{with_base}"
    words += llm
    return f"Put it into service with: {shlex.join(words)}"


def list_(data_dir: DataDir = None) -> None:
    """List the tuned adapters; a star is in service with its base, an exclamation mark amiss."""
    registry = _registry(_settings(data_dir=data_dir))
    cards, faults, served = registry.cards(), registry.faults(), registry.served()
    for card in cards:
        now = served.get(card.base["sha256"]) == card.id
        trouble = registry.trouble(card.base["sha256"]) if now else None
        mark = " " if not now else "*" if trouble is None else "!"
        rivals = "; ".join(f"{name}: {figures}" for name, figures in card.compared.items())
        what = "" if card.task == "reply" else "  of summaries:"
        typer.echo(f"{mark} {card.id}  {card.base['name']}{what}  {card.figures}  ({rivals})")
        if trouble is not None:
            typer.echo(f"    is in service and does not answer: {trouble}")
    for adapter, fault in faults.items():
        typer.echo(f"! {adapter}  {fault}")
    if not cards and not faults:
        typer.echo("There is none: `memory-service finetune` makes one.")


def promote(
    adapter: Annotated[str, typer.Argument(help="As `model list` shows it.")],
    data_dir: DataDir = None,
    llm: Llm = None,
) -> None:
    """Put an adapter into service, if it beats the one there on the held-out part."""
    from app.llm.embedded import base_of

    settings = _settings(data_dir=data_dir, llm=llm)
    with about_models(settings, adapter):
        _registry(settings).promote(adapter, base_of(settings.llm))
    typer.echo(f"{adapter} is in service; a service that runs takes it up in seconds.")


def rollback(data_dir: DataDir = None, llm: Llm = None) -> None:
    """Put into service again what was there before; what cannot be served is passed over."""
    from app.llm.embedded import base_of

    settings = _settings(data_dir=data_dir, llm=llm)
    with about_models(settings):
        adapter, passed_over = _registry(settings).rollback(base_of(settings.llm))
    for name, why in passed_over.items():
        typer.echo(f"{name} is passed over: {why}")
    typer.echo(f"{adapter or 'The base'} is in service again.")


def _settings(**given: Any) -> Settings:
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _registry(settings: Settings) -> Registry:
    from app.training.registry import Registry

    return Registry(settings.data_dir / "models")
