"""``memory-service knowledge``: what the company has written, for all customers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.console import Database, DataDir, Tenant, settings_given
from app.opening import open_existing
from app.recording import at_console
from app.roles import TENANT
from memory import InvalidInput, Knowledge, check_name, open_store

app = typer.Typer(help="What the company has written, for all customers.", no_args_is_help=True)

_PAGE = 500  # articles read at a time
_SHOWN = 200  # characters of a passage


@app.command()
def add(
    files: Annotated[
        list[Path],
        typer.Argument(help="Markdown, HTML, CSV, JSONL (FAQ pairs), plain text, PDF or DOCX."),
    ],
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Add files, all of them or none; a path that was added before gets a new version."""
    from tqdm import tqdm

    from app.knowledge.documents import read_article

    articles = [read_article(f) for f in tqdm(files, unit="file", disable=None, leave=False)]
    with _open(tenant, data_dir, database, "change.article", fresh=True) as knowledge:
        before = [knowledge.versions(article.source)[:1] for article in articles]
        for article, known in zip(knowledge.put(articles), before, strict=True):
            unchanged = known and known[0].version == article.version
            typer.echo(
                f"{article.source}: version {article.version}, {len(article.passages)} passages"
                f"{' (as it was)' if unchanged else ''}"
            )


@app.command("list")
def list_(tenant: Tenant = TENANT, data_dir: DataDir = None, database: Database = None) -> None:
    """The articles in force, the newest first."""
    with _open(tenant, data_dir, database, "read.articles") as knowledge:
        before = None
        while page := knowledge.articles(_PAGE, before):
            for article in page:
                typer.echo(
                    f"{article.added_at:%Y-%m-%d}  {article.source}  version {article.version}, "
                    f"{len(article.passages)} passages: {article.title}"
                )
            before = page[-1].seq


@app.command()
def remove(
    source: Annotated[str, typer.Argument(help="As `list` shows it.")],
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Delete an article with all its versions."""
    with _open(tenant, data_dir, database, "erase.article") as knowledge:
        if knowledge.remove(source) is None:
            msg = f"there is no article {source!r}: `memory-service knowledge list` shows them"
            raise InvalidInput(msg)
    typer.echo(f"{source} is gone.")


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="A question, as a customer asks it.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many passages.")] = 5,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """The passages that bear on a question, best first."""
    with _open(tenant, data_dir, database, "read.passages") as knowledge:
        passages = knowledge.search(text, limit)
        for found in passages:
            typer.secho(f"{found.score:.2f}  {found.title} ({found.source}): {found.why}", dim=True)
            typer.echo(f"      {' '.join(found.text.split())[:_SHOWN]}")
    if not passages:
        typer.echo("Nothing was found.", err=True)


@contextmanager
def _open(
    tenant: str, data_dir: Path | None, database: str | None, action: str, *, fresh: bool = False
) -> Iterator[Knowledge]:
    """The knowledge in a database, which is made if ``fresh`` says so, for an action."""
    from app.embeddings import open_embeddings

    check_name("tenant", tenant)
    settings = settings_given(data_dir=data_dir, database=database)
    with (
        open_store(settings.database_url) if fresh else open_existing(settings) as store,
        at_console(store, tenant, action),
    ):
        yield Knowledge(store, open_embeddings(settings.embeddings), tenant)
