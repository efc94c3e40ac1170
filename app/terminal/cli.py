"""memory-service chat."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer

from app.console import Database, DataDir, Tenant, settings_given
from app.logs import log_at
from app.roles import TENANT
from app.settings import Settings
from app.translation import Language, speak
from memory import InvalidInput

if TYPE_CHECKING:
    from app.terminal.desk import Desk

Llm = Annotated[str | None, typer.Option(help="embedded:, http(s)://host/v1#model, or fake:echo")]


def chat(
    customer: Annotated[str | None, typer.Option(help="Who is talking; else me.")] = None,
    session: Annotated[str, typer.Option(help="Which conversation.")] = "terminal",
    url: Annotated[
        str | None,
        typer.Option(help="A service that runs; the key is MEMORY_SERVICE_API_KEY."),
    ] = None,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
    llm: Llm = None,
) -> None:
    """Chat in the terminal: /help lists its commands, Ctrl-C stops an answer, Ctrl-D leaves."""
    from app.terminal.conversation import Conversation

    if url is not None and (data_dir or database or llm or tenant != TENANT):
        msg = (
            "--url: the service there has a database, a model and, by the key, a tenant of its "
            "own: leave out --data-dir, --database, --llm and --tenant"
        )
        raise InvalidInput(msg)
    settings = settings_given(data_dir=data_dir, database=database, llm=llm)
    speak(_language(settings))
    if "log_level" not in settings.model_fields_set:
        log_at("warning", settings.log_format)  # what goes well is not said between the answers
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    try:
        with closing(_desk(settings, url, customer, session, tenant)) as desk:
            well = Conversation(desk).run()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if not well and not sys.stdin.isatty():
        raise typer.Exit(1)


def _language(settings: Settings) -> Language:
    """As it is set, else as the terminal's other programs speak (POSIX, Environment Variables)."""
    if settings.language != "auto":
        return settings.language
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next(filter(None, map(os.environ.get, names)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def _desk(
    settings: Settings, url: str | None, customer: str | None, session: str, tenant: str
) -> Desk:
    if url is None:
        from app.terminal.here import Here

        return Here(settings, "me" if customer is None else customer, session, tenant)
    from app.terminal.there import There

    if settings.api_key is None:
        msg = "MEMORY_SERVICE_API_KEY is missing: give the key, or the customer's own token"
        raise InvalidInput(msg)
    return There(url, settings.api_key.get_secret_value(), customer, session)
