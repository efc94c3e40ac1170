"""``memory-service evaluate``: how well it works on your own data."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.settings import Settings
from memory import Encoder, InvalidInput

if TYPE_CHECKING:
    from app.evaluation.systems import System
    from app.training.card import Card

app = typer.Typer(help="How well it works on your own data.", no_args_is_help=True)


class Part(StrEnum):
    """Which of a file's dialogues are measured on."""

    ALL = "all"
    TEST = "test"


class Count(StrEnum):
    """How the tokens of a budget are counted."""

    LINES = "lines"
    CHARS = "chars"


@app.command()
def recall(
    data: Annotated[
        Path, typer.Option(help="Folder with conversations.jsonl and questions.jsonl (or .gz).")
    ],
    budget: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Tokens to recall; may be repeated (500, 1000 and 2000)."),
    ] = None,
    count: Annotated[
        Count,
        typer.Option(
            help="Tokens of the prompt's lines, or characters / 4.2 + 4 a message to compare."
        ),
    ] = Count.LINES,
    against: Annotated[str, typer.Option(help="Measure beside it: langchain, mem0.")] = "",
    mem0_python: Annotated[
        Path | None, typer.Option(help="The Python of an environment that has mem0.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="A random sample of so many questions.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample and the intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw recall against budget, a PNG.")] = None,
) -> None:
    """How much of what answers a question is recalled."""
    from app.embeddings import open_embeddings
    from app.evaluation import plot as plotting
    from app.evaluation import report
    from app.evaluation.dialogues import read_dialogues
    from app.evaluation.recall import BUDGETS, COSTS, measure, sample

    if plot is not None:
        plotting.check_plot(plot)
    budgets = sorted(set(budget or BUDGETS))
    settings = Settings()
    dialogues = read_dialogues(data)
    if limit is not None:
        dialogues = sample(dialogues, limit, seed)
    encoder = open_embeddings(settings.embeddings)
    with ExitStack() as stack:
        systems = [
            stack.enter_context(closing(system))
            for system in _systems(against, settings, encoder, mem0_python)
        ]
        measured = measure(systems, dialogues, COSTS[count])
    made = report.report(
        measured, dialogues, budgets, count=count, seed=seed, embeddings=encoder.name
    )
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False) if as_json else report.table(made))
    if plot is not None:
        plotting.plot(measured, budgets, seed, plot)


@app.command()
def knowledge(
    data: Annotated[Path, typer.Option(help="Folder with articles and questions.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="A random sample of so many questions.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample and the intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """How well articles are found that answer a question, beside BM25 and dense alone."""
    from app.embeddings import open_embeddings
    from app.evaluation.corpora import read_corpus
    from app.evaluation.knowledge import measure, table

    made = measure(read_corpus(data), open_embeddings(Settings().embeddings), limit, seed)
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False) if as_json else table(made))


@app.command()
def answers(
    data: Annotated[
        Path, typer.Option(help="Folder with conversations and questions, some without answers.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """How often "not known" is said where no answer is, and where one is."""
    from app.embeddings import open_embeddings
    from app.evaluation.answers import measure, table
    from app.evaluation.dialogues import read_dialogues

    settings = Settings()
    encoder = open_embeddings(settings.embeddings)
    made = measure(read_dialogues(data), settings, encoder)
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False) if as_json else table(made))


@app.command()
def reply(
    data: Annotated[Path, typer.Option(help="JSONL, one dialogue a line (or .gz).")],
    model: Annotated[
        list[str] | None,
        typer.Option(help="An address as --llm takes it, or a tuned adapter; may be repeated."),
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="Dialogues whose answers the nearest answer is taken from.")
    ] = None,
    part: Annotated[
        Part | None,
        typer.Option(
            help="Of the data: all, or what finetune keeps apart (where an adapter has learnt it)."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="A random sample of so many dialogues.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of split, sample and intervals.")] = 0,
    perplexity: Annotated[bool, typer.Option(help="Take it where torch has the model.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write examples, a page to look at.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the adapters.")] = None,
) -> None:
    """How like the agents' own a model's answers are, with memory in the prompt and without."""
    from app.embeddings import open_embeddings
    from app.training.dialogues import read_dialogues
    from app.training.splits import sample, split

    # Before anything is loaded or measured: what is wrong with what was given.
    dialogues = list(read_dialogues([data]))
    answers = [] if train is None else list(read_dialogues([train]))
    if train is not None and not answers:
        msg = f"--train {train} has no dialogue to take answers from: give another, or leave it out"
        raise InvalidInput(msg)
    try:
        from app.evaluation import replies
        from app.evaluation.candidates import Candidate, NearestAnswer, open_candidate
        from app.evaluation.examples import check_page, write_page
    except ImportError as error:
        msg = f"{error.name} is not installed: pip install 'langchain-memory-service[train]'"
        raise InvalidInput(msg) from error
    if html is not None:
        check_page(html)
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    candidates: list[Candidate] = [open_candidate(one, settings) for one in model or ["embedded:"]]
    card = learnt(data, [one.name for one in candidates], settings)
    if part is None:
        part = Part.TEST if card else Part.ALL
    if part is Part.TEST:
        parts = split(dialogues, card.options.get("seed", seed) if card else seed)
        dialogues, answers = parts.test, answers or parts.train
    if not dialogues:
        msg = f"{data} has no dialogue to measure on in the part {part.value}: give more"
        raise InvalidInput(msg)
    dialogues = sample(dialogues, limit, seed)
    encoder = open_embeddings(settings.embeddings)
    if answers:
        candidates.append(NearestAnswer(answers, encoder))
    asked, answered, failed = replies.measure(
        candidates, dialogues, settings, encoder, perplexity=perplexity, seed=seed
    )
    if not answered:
        raise InvalidInput("; ".join(failed.values()))
    made = replies.report(
        answered, data=data.name, part=part.value, dialogues=len(dialogues), seed=seed,
        failed=failed,
    )  # fmt: skip
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False) if as_json else replies.table(made))
    if html is not None:
        write_page(html, replies.table(made), asked, answered)
    for why in failed.values():
        typer.secho(f"memory-service: {why}", fg="red", err=True)
    if failed:
        raise typer.Exit(1)


def learnt(data: Path, names: list[str], settings: Settings) -> Card | None:
    """The card of an adapter of these names, or addresses, that was tuned on this very file."""
    from app.training.registry import Registry
    from memory.weights import sha256

    named = {Path(name.rpartition("#")[2]).name for name in names}
    cards = [card for card in Registry(settings.data_dir / "models").cards() if card.id in named]
    if not cards or not data.is_file():
        return None
    checksum = sha256(data)
    found = (c for c in cards if any(one.get("sha256") == checksum for one in c.data))
    return next(found, None)


def _systems(
    against: str, settings: Settings, encoder: Encoder, mem0_python: Path | None
) -> list[System]:
    from app.evaluation.systems import LangChain, Mem0, Ours

    found: list[System] = [Ours(settings, encoder)]
    for name in filter(None, (part.strip() for part in against.split(","))):
        match name:
            case "langchain":
                found.append(LangChain(encoder))
            case "mem0":
                found.append(Mem0(mem0_python))
            case _:
                msg = f"--against {name!r} is not known: use langchain, mem0, or both with a comma"
                raise InvalidInput(msg)
    return found
