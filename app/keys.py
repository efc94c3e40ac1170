"""``memory-service key``: the keys of those who may ask."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from app.auth import FIRST, create_key, ended_at, reset_key
from app.console import Database, DataDir, Tenant, settings_given
from app.opening import open_existing
from app.recording import at_console
from app.roles import TENANT, KeyRole
from memory import ApiKey, InvalidInput
from memory.clock import now

app = typer.Typer(help="The keys of those who may ask.", no_args_is_help=True)


@app.command()
def create(
    role: Annotated[
        KeyRole,
        typer.Option(
            help="admin: everything; agent: the desk; service: a shop's program; metrics: /metrics."
        ),
    ],
    tenant: Tenant = TENANT,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    expires: Annotated[
        str | None, typer.Option(help="How long it fits, such as 90d, 8w or 12h; else for ever.")
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Make a key and print it, this only time; a service that runs takes it at once."""
    from app.forgetting import span

    lasts = span("--expires", expires)
    settings = settings_given(data_dir=data_dir, database=database)
    with open_existing(settings) as store, at_console(store, tenant, "change.key"):
        key, made = create_key(store, role, tenant, name, lasts)
    until = "" if made.expires is None else f", until {_day(made.expires)}"
    typer.secho(f"Key {made.id}: {role} of {tenant}{until}. Shown only this once:", err=True)
    typer.echo(key)


@app.command("list")
def list_(data_dir: DataDir = None, database: Database = None) -> None:
    """Every key with its tenant, role, last use and end, the oldest first."""
    with open_existing(settings_given(data_dir=data_dir, database=database)) as store:
        found = store.keys.all()
    for key in found:
        used = "never used" if key.used is None else f"used {_day(key.used)}"
        typer.echo(
            f"{key.id:12}  {key.role:7}  {key.tenant}  {used}, {_state(key)}"
            f"{': ' if key.name else ''}{key.name}"
        )


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Let a key fit no longer, from now on."""
    with open_existing(settings_given(data_dir=data_dir, database=database)) as store:
        known = {one.id: one for one in store.keys.all()}
        if key not in known:
            msg = f"there is no key {key!r}: `memory-service key list` shows their ids"
            raise InvalidInput(msg)
        with at_console(store, known[key].tenant, "change.key", what=key):
            store.keys.revoke(key, now())
    typer.echo(f"The key {key} fits no longer.")
    if key == FIRST:
        typer.echo("`memory-service key reset` makes another first key.")


@app.command()
def reset(data_dir: DataDir = None, database: Database = None) -> None:
    """Make the first key anew and print it; the old one fits no longer, from now on."""
    settings = settings_given(data_dir=data_dir, database=database)
    with open_existing(settings) as store, at_console(store, TENANT, "change.key"):
        typer.echo(reset_key(store))
    (settings.data_dir / "api-key").unlink(missing_ok=True)  # it holds the old one


def _state(key: ApiKey) -> str:
    end = ended_at(key)
    if end is None:
        return "for ever"
    if end > now():
        return f"until {_day(end)}"
    return f"{'revoked' if end == key.revoked else 'expired'} {_day(end)}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
