"""``memory-service templates``: answer templates, tried before they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import Database, DataDir, Tenant, settings_given
from app.conversation import conversation_memory
from app.opening import open_existing
from app.recording import at_console
from app.roles import TENANT
from app.settings import Settings
from app.templates.answering import AnswerTemplates, open_templates, why_none
from app.templates.choosing import INTENT, Declined
from app.templates.template import FILLABLE, UNKNOWN, Template
from memory import ConversationMemory, InvalidInput, Knowledge, Labels, Scope, open_store

app = typer.Typer(help="Answer templates.", no_args_is_help=True)

_SESSION = "templates-test"  # of messages that are never stored


@app.callback()
def _group() -> None:
    """With one command alone typer would leave its name out."""


@app.command("test")
def try_(
    file: Annotated[Path, typer.Argument(help="YAML, a list of templates.")],
    message: Annotated[
        list[str] | None,
        typer.Option(help="What a customer says; else each template's own examples."),
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="Whose memory fills the slots, and the service's articles.")
    ] = None,
    slot: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, in place of what is remembered.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not lines.")] = False,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Check a file, and say which template answers each message, or why none does.

    Ends with 1 if an example is not seen to be its template's, if the classifier can tell no
    intents, or if the file is wrong.
    """
    from app.embeddings import open_embeddings
    from app.understanding.opening import open_understanding

    settings = settings_given(data_dir=data_dir, database=database)
    given = _slots(slot or [])
    understanding = open_understanding(settings.understanding)
    encoder = open_embeddings(settings.embeddings)
    opened = open_templates(file, understanding, encoder)
    texts, owners = list(message or ()), list[Template | None]()
    for template in () if texts else opened.templates.answers:
        texts += template.examples
        owners += [template] * len(template.examples)
    read = understanding.read(texts) if understanding is not None and texts else []
    with _memory(settings, encoder, customer, tenant) as memory:
        rows = [
            _row(opened, memory, text, labels, owner, given)
            for text, labels, owner in zip_longest(texts, read, owners)
        ]
    report = {
        "file": str(file),
        "templates": len(opened.templates.answers),
        UNKNOWN: opened.templates.unknown is not None,
        "classifier": None if understanding is None else settings.understanding,
        "why_none": why_none(understanding),
        "messages": rows,
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(report)
    able = understanding is None or report["why_none"] is None
    raise typer.Exit(0 if able and all(row.get("right", True) for row in rows) else 1)


def _row(
    opened: AnswerTemplates,
    memory: ConversationMemory,
    text: str,
    labels: Labels | None,
    owner: Template | None,
    given: dict[str, str],
) -> dict[str, Any]:
    """What becomes of a message; ``owner`` is the template whose example it is."""
    near = opened.near(memory, text)
    layout = memory.layout(text, found=near or None)
    found = opened.answer(memory, text, labels, layout, given=given)
    declined = isinstance(found, Declined)
    intent = (labels or {}).get(INTENT)
    row: dict[str, Any] = {
        "message": text,
        "intent": intent and {"label": intent.name, "confidence": intent.confidence},
        "template": None if isinstance(found, Declined) else found.layout.template,
        "text": None if isinstance(found, Declined) else found.text,
        "why_not": found.why if isinstance(found, Declined) else None,
        "near": [one.source for one in near] if declined else [],
    }
    if owner is not None and intent is not None:
        row["expected"] = owner.intent
        row["right"] = intent.name == owner.intent and intent.confidence >= owner.certain
    return row


def _print(report: dict[str, Any]) -> None:
    for row in report["messages"]:
        intent = row["intent"]
        read = f"{intent['label'] or 'out of scope'} {intent['confidence']:.2f}" if intent else "-"
        typer.echo(f"{row['message']}  ({read})")
        if not row.get("right", True):
            typer.secho(f"  not seen to be {row['expected']}: {row['why_not'] or read}", fg="red")
        elif row["template"]:
            typer.echo(f"  {row['template']}: {row['text']}")
        else:
            near = f"; it is given {', '.join(row['near'])}" if row["near"] else ""
            typer.echo(f"  the model answers: {row['why_not']}{near}")
    judged = [row["right"] for row in report["messages"] if "right" in row]
    said = f"{report['file']}: {report['templates']} templates"
    if judged:
        said += f"; {sum(judged)} of {len(judged)} examples are seen to be their template's"
    elif report["why_none"] is not None:
        said += f"; no template answers by itself: {report['why_none']}"
    typer.echo(said)


def _slots(given: list[str]) -> dict[str, str]:
    """Values by their slots. Raises InvalidInput for what is no NAME=VALUE."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not value.strip() or name not in FILLABLE:
            msg = f"--slot {one}: say NAME=VALUE, with a name of {', '.join(FILLABLE)}"
            raise InvalidInput(msg)
        found[name] = value.strip()
    return found


@contextmanager
def _memory(
    settings: Settings, encoder: Any, customer: str | None, tenant: str
) -> Iterator[ConversationMemory]:
    """The customer's memory with the service's articles; without a customer one that is empty."""
    if customer is None:
        with open_store() as store:
            yield conversation_memory(store, Scope("nobody", _SESSION), settings, encoder)
        return
    with open_existing(settings) as store:
        scope = Scope(customer, _SESSION, tenant)
        if not store.records.state(scope.owner).generation:
            msg = f"nothing is stored of a customer {customer!r}: give another --customer"
            raise InvalidInput(msg)
        knowledge = Knowledge(store, encoder, tenant)
        with at_console(store, tenant, "read.prompt", customer):
            yield conversation_memory(store, scope, settings, encoder, knowledge=knowledge)
