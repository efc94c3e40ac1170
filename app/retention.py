"""Retention by the settings: by itself once a day in the service, and from the console."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from anyio.to_thread import run_sync

from app.console import Database, DataDir, settings_given
from app.opening import open_existing
from app.recording import at_console
from app.roles import TENANT
from app.settings import Settings
from memory import InvalidInput, MemoryServiceError, MemoryStore, Retention
from memory.retention import Report

_LOOK_SECONDS = 600.0  # how often it is looked whether a day has passed
_SHARE = 4  # a sweep pauses for so many times as long as its last transaction took

_logger = logging.getLogger(__name__)


def retention_of(settings: Settings) -> Retention:
    """How long the settings say that each kind is kept."""
    names = ("messages", "memories", "summaries", "recalled", "articles", "keys", "audit")
    return Retention.days(**{name: getattr(settings, f"retain_{name}_days") for name in names})


async def retain_daily(store: MemoryStore, policy: Retention) -> None:
    """Sweep once a day, for as long as the service runs; what was cut off goes on later.

    Of several processes on one Postgres one does.
    """
    while policy:
        try:
            if await run_sync(store.retaining.claim, policy):
                await sweep_beside(store, policy)
        except MemoryServiceError:  # a full disk, say: it is tried again
            _logger.exception("retention goes on later")
        await asyncio.sleep(_LOOK_SECONDS)


async def sweep_beside(store: MemoryStore, policy: Retention) -> None:
    """Delete what is older than it may be, and leave most of the time to those who chat."""
    steps = store.retain(policy)
    while True:
        began = time.monotonic()
        if await run_sync(next, steps, None) is None:
            return
        await asyncio.sleep((time.monotonic() - began) * _SHARE)  # others have the rest of the time


def retain(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Delete what is older than MEMORY_SERVICE_RETAIN_..._DAYS, now, and report it."""
    settings = settings_given(data_dir=data_dir, database=database)
    policy = retention_of(settings)
    if not policy:
        msg = "nothing has an end: set MEMORY_SERVICE_RETAIN_MESSAGES_DAYS, or another of them"
        raise InvalidInput(msg)
    with open_existing(settings) as store:
        report = store.retaining.preview(policy)
        if not dry_run:
            known = len(store.receipts.all())
            with at_console(store, TENANT, "erase.retention"):
                for _ in store.retain(policy):
                    pass
            store.wait()
            taken = {r.tenant: r.deleted for r in store.receipts.all()[known:] if r.report}
            report = report._replace(deleted=taken)
    for line in _lines(report, policy, as_json=as_json, dry_run=dry_run):
        typer.echo(line)


def _lines(report: Report, policy: Retention, *, as_json: bool, dry_run: bool) -> Iterator[str]:
    if as_json:
        told: dict[str, Any] = {"dry_run": dry_run, "days": policy.stated(), **report._asdict()}
        yield json.dumps(told, default=lambda at: at.isoformat())
        return
    gone = "would go" if dry_run else "gone"
    for tenant in sorted({*report.deleted, *report.oldest}):
        counts = report.deleted.get(tenant, {})
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"
        kept = report.oldest.get(tenant, {})
        oldest = ", ".join(f"{kind} {at:%Y-%m-%d}" for kind, at in sorted(kept.items())) or "none"
        yield f"{tenant}: {gone}: {said}; oldest left: {oldest}"
    if not report.deleted:
        yield "Nothing is older than it may be."
