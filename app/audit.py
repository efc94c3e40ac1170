"""``memory-service audit``: who did what to whose memory, and whether the log is whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.console import Database, DataDir, settings_given
from app.opening import open_existing
from app.roles import TENANT
from memory import InvalidInput, MemoryStore
from memory.clock import now
from memory.deeds import Entry

app = typer.Typer(help="Who read, changed, exported or erased whose memory.", no_args_is_help=True)

_PAGE = 1000
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def verify(
    last: Annotated[
        str | None,
        typer.Option(help="A hash that was printed before: what came after it must be there."),
    ] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Check that no entry was changed, taken away, moved or put in; exit code 1 if one was.

    Keep the hash that it prints somewhere else: that the end was cut off shows only by it.
    """
    import json

    if last is not None and not last.strip():
        msg = "--last is empty: give the hash that was printed before, or leave it out"
        raise InvalidInput(msg)
    with open_existing(settings_given(data_dir=data_dir, database=database)) as store:
        found = store.audit.verify(last)
    if as_json:
        typer.echo(
            json.dumps(
                {"entries": found.entries, "number": found.end.number, "hash": found.end.hash,
                 "unsealed": found.unsealed, "fault": found.fault}
            )
        )  # fmt: skip
    elif found.fault is not None:
        typer.secho(f"The audit log is not whole: {found.fault}.", fg="red")
    elif found.end.number == 0:
        typer.secho(
            "The audit log is empty: nothing was done yet, or all of it was taken away. A hash "
            "that was printed before tells which (--last).", fg="yellow",
        )  # fmt: skip
    else:
        typer.echo(f"{found.entries} entries, whole up to {found.end.number}: {found.end.hash}")
        if found.unsealed:
            typer.echo(f"{found.unsealed} more have no place in the chain yet: ask again soon.")
    raise typer.Exit(0 if found.fault is None else 1)


@app.command("list")
def list_(
    since: Annotated[
        str | None, typer.Option(help="From 2026-05-04, or of the last 7d, 8w or 12h.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Such as read.messages, or read for all such.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="A key's id, console or service.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="done, begun, ok, refused, absent or failed.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option(help="What was done to one customer; not of one who was erased.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only of a company's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: Json = False,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """The entries, the newest first; with --json one a line."""
    import json

    begins = None if since is None else _begin(since)
    with open_existing(settings_given(data_dir=data_dir, database=database)) as store:
        whose = None
        if customer is not None:
            tenant = tenant or TENANT
            whose = store.audit.pseudonym((tenant, customer))
            if whose is None:
                msg = (
                    f"there is no customer {customer!r} of the tenant {tenant!r}: of one who was "
                    "erased nobody can say which entries were about them"
                )
                raise InvalidInput(msg)
        asked = {"tenant": tenant, "since": begins, "action": action, "actor": actor,
                 "outcome": outcome, "customer": whose}  # fmt: skip
        for shown, one in enumerate(_entries(store, limit + 1, asked)):
            if shown == limit:
                typer.echo(f"There are more: these are the last {limit} (--limit).", err=True)
            elif as_json:
                typer.echo(json.dumps({**one._asdict(), "at": one.at.isoformat()}))
            else:
                typer.echo(_line(one))


def _entries(store: MemoryStore, limit: int, asked: dict[str, Any]) -> Iterator[Entry]:
    before = None
    while limit > 0 and (page := store.audit.entries(min(limit, _PAGE), before, **asked)):
        yield from page
        limit, before = limit - len(page), page[-1].number


def _line(one: Entry) -> str:
    who = f"{one.actor} ({one.role})" if one.actor != one.role else one.actor
    about = " ".join(
        f"{name} {value}"
        for name, value in (("customer", one.customer), ("session", one.session), ("of", one.what))
        if value is not None
    )
    return (
        f"{one.number}  {one.at:%Y-%m-%d %H:%M:%S}  {one.tenant}  {who}  {one.action}  "
        f"{one.outcome}  {about}"
    ).rstrip()


def _begin(since: str) -> datetime:
    """When something began, given as a time or as a span up to now."""
    from app.forgetting import span

    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        lasts = span("--since", since)
        assert lasts is not None
        return now() - lasts
    return at if at.tzinfo else at.replace(tzinfo=UTC)
