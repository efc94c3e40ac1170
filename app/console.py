"""What the commands of the console share: options, and the settings that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.logs import log_at
from app.settings import Settings, mistyped

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.")]
Database = Annotated[str | None, typer.Option(help="sqlite:///file.db or postgresql+psycopg://...")]
Tenant = Annotated[str, typer.Option(help="Whose: a company, where several share the service.")]


def settings_given(**given: Any) -> Settings:
    """The settings with the options that were given, and the logging they ask for.

    Variables of the environment that look like settings and are none are told of.
    """
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    log_at(settings.log_level, settings.log_format)
    for fault in mistyped():
        typer.secho(f"memory-service: {fault}", fg="yellow", err=True)
    return settings
