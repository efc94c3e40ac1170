"""``memory-service model``: the tuned adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.settings import Settings

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.")]
Llm = Annotated[str | None, typer.Option(help="The model that is served.")]


def list_(data_dir: DataDir = None) -> None:
    """List the tuned adapters, and which is in service."""
    registry = _registry(_settings(data_dir=data_dir))
    now = registry.in_service()
    for card in registry.cards():
        mark = "*" if card.id == now else " "
        rivals = "; ".join(f"{name}: {figures}" for name, figures in card.compared.items())
        typer.echo(f"{mark} {card.id}  {card.base['name']}  {card.figures}  ({rivals})")
    if now is None:
        typer.echo("The base is in service, without an adapter.")


def promote(
    adapter: Annotated[str, typer.Argument(help="As `model list` shows it.")],
    data_dir: DataDir = None,
    llm: Llm = None,
) -> None:
    """Put an adapter into service, if it beats the one there on the held-out part."""
    from app.llm.embedded import base_of

    settings = _settings(data_dir=data_dir, llm=llm)
    _registry(settings).promote(adapter, base_of(settings.llm))
    typer.echo(f"{adapter} is in service; a service that runs takes it up in seconds.")


def rollback(data_dir: DataDir = None) -> None:
    """Put into service again what was there before."""
    adapter = _registry(_settings(data_dir=data_dir)).rollback()
    typer.echo(f"{adapter or 'The base'} is in service again.")


def _settings(**given: Any) -> Settings:
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _registry(settings: Settings) -> Any:
    from app.training.registry import Registry

    return Registry(settings.data_dir / "models")
