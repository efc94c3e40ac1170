"""The command ``memory-service import``."""

from __future__ import annotations

import json
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.console import Database, DataDir, Tenant, settings_given
from app.roles import TENANT
from memory import InvalidInput, open_store


def import_(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file, or a database's URL. See --format.")
    ],
    customer: Annotated[
        str | None, typer.Option(help="Whose it is, where the source does not say.")
    ] = None,
    customer_field: Annotated[
        str | None, typer.Option(help="Where a record says whose it is, such as metadata.user.")
    ] = None,
    session_id: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="What a session_id of LangChain's is made of, such as '{customer}:{session}'.",
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="LangChain's table, if not message_store.")
    ] = None,
    of_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="conversations, langchain, mem0, chatgpt, sharegpt or export; else it is found "
            "by looking.",
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Of times that do not say theirs, such as Europe/Berlin.")
    ] = "UTC",
    at: Annotated[
        str | None, typer.Option(help="When that was said which has no time; else now.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be imported.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Import past conversations and memories; what is there already is left alone.

    From this program's own files, LangChain's tables, mem0, ChatGPT or ShareGPT.
    """
    from app.embeddings import open_embeddings
    from app.exports import import_export, is_export_file
    from app.importing import import_from
    from app.sources.export import of_export
    from app.sources.formats import open_source
    from app.sources.report import Report
    from app.sources.source import Options
    from app.sources.times import time_of
    from app.understanding.opening import open_understanding

    settings = settings_given(data_dir=data_dir, database=database)
    zone = _zone(timezone)
    options = Options(customer, customer_field, session_id, table, zone, time_of(at, zone, "--at"))
    whole = of_format == "export" or (of_format is None and is_export_file(Path(source)))
    found = None if whole else open_source(source, options, of_format)
    report = of_export(Path(source)) if found is None else Report.of(found)
    if not dry_run:
        understanding = open_understanding(settings.understanding)
        with open_store(settings.database_url) as store:
            encoder = open_embeddings(settings.embeddings)
            if found is None:
                import_export(store, settings, encoder, Path(source), tenant, understanding)
                report.new_messages, report.new_memories = report.messages, report.memories
            else:
                report = import_from(store, settings, encoder, found, understanding, tenant, report)
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        for line in report.as_lines():
            typer.echo(line)
        if found is None and not dry_run:
            typer.echo(f"Customer {', '.join(report.customers)} is here with all of the export.")
    if report.bad:
        raise typer.Exit(1)


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"--timezone {name!r} is none that is known: use a name such as Europe/Berlin"
        raise InvalidInput(msg) from error
