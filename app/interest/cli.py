"""``memory-service train interest``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.console import Database, DataDir, Tenant, settings_given
from app.embeddings import open_embeddings
from app.opening import open_existing
from app.recording import at_console
from app.roles import TENANT
from memory import Catalogue, InvalidInput

if TYPE_CHECKING:
    from app.interest.training import Learnt


def train(
    tenant: Tenant = TENANT,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so many.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="At most so many steps.")] = None,
    rank: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Of the projection (64).")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, max=1, help="Adam's (0.005).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of weights and data.")] = 0,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Learn from what customers did next; kept, and used, only if it recommends better."""
    from app.interest.histories import histories_of
    from app.interest.trained import Card, folder_of, keep
    from app.interest.training import LEARNT, Options, learn

    settings = settings_given(data_dir=data_dir, database=database)
    chosen: dict[str, Any] = {"steps": steps, "rank": rank, "learning_rate": learning_rate}
    options = Options(seed=seed, **{k: v for k, v in chosen.items() if v is not None})
    encoder = open_embeddings(settings.embeddings)
    with open_existing(settings) as store:
        store.check_embeddings(encoder)
        catalogue = Catalogue(store, encoder, tenant)
        if not catalogue:
            msg = f"the tenant {tenant!r} has no items: POST /v1/items puts them there"
            raise InvalidInput(msg)
        histories = histories_of(store.events.done(tenant), catalogue)
        things, items = sum(map(len, histories.items)), len(histories.texts)
        typer.echo(f"{len(histories)} customers, {things} things done, {items} items")
        learnt = learn(histories, options, minutes, _tell)
        typer.echo(_table(learnt))
        if not learnt.wins:
            typer.echo("It does not surely beat texts as they are and popularity: it is not kept.")
            return
        card = Card(
            tenant, datetime.now(UTC).isoformat(timespec="seconds"), encoder.name,
            encoder.dimension, learnt.alone, learnt.beside, len(learnt.figures[LEARNT].hits),
            {name: {"hr": s.hr, "ndcg": s.ndcg} for name, s in learnt.figures.items()},
            asdict(options), learnt.steps,
        )  # fmt: skip
        folder = folder_of(settings.data_dir, tenant)
        with at_console(store, tenant, "change.interest", ahead=True):
            keep(learnt.projection, card, folder)
    if learnt.beside is None:
        typer.echo(
            "It does not surely add to what others did: where that is known, texts count as before."
        )
    typer.echo(f"Kept in {folder}: a service over this data folder uses it from now on.")


def _tell(step: int, loss: float, ndcg: float) -> None:
    typer.echo(f"step {step}: loss {loss:.3f}, NDCG@10 {ndcg:.4f}")


def _table(learnt: Learnt) -> str:
    """How well each way ranks what was kept apart."""
    width = max(map(len, learnt.figures))
    lines = [f"{'':{width}}  HR@10  NDCG@10"]
    lines += [f"{n:{width}}  {s.hr:.3f}    {s.ndcg:.3f}" for n, s in learnt.figures.items()]
    return "\n".join(lines)
