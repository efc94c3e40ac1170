"""The schema, as numbered steps that run at open, each once, under a lock.

Every key begins with (tenant, customer), so a customer's rows lie together and no query can
reach past its scope. Times are microseconds since 1970, UTC. JSON is stored as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.clock import now, to_stamp
from memory.customers import WHERE, key, new_audit_key
from memory.database import Database
from memory.desk import WAS_PASSED_ON
from memory.errors import NotADatabase, SchemaTooNew
from memory.labels import ASKS_FOR_PERSON, NEGATIVE

_TABLES = """
CREATE TABLE customers (
    tenant TEXT NOT NULL, customer TEXT NOT NULL,
    seq BIGINT NOT NULL,          -- last number given to a row of this customer
    generation BIGINT NOT NULL,   -- moves when something remembered is changed or taken away
    written BIGINT NOT NULL,      -- messages up to here have been turned into records
    embedded BIGINT NOT NULL,     -- records up to here have vectors
    PRIMARY KEY (tenant, customer)
) {clustered};
CREATE TABLE sessions (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, session TEXT NOT NULL,
    created BIGINT NOT NULL, updated BIGINT NOT NULL,
    messages BIGINT NOT NULL, tokens BIGINT NOT NULL,
    lease TEXT, lease_until BIGINT,   -- the turn that is being answered
    PRIMARY KEY (tenant, customer, session)
) {clustered};
CREATE TABLE messages (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, seq BIGINT NOT NULL,
    session TEXT NOT NULL, id TEXT NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
    at BIGINT NOT NULL, tokens BIGINT NOT NULL, turn TEXT, data TEXT,
    forgotten INTEGER NOT NULL DEFAULT 0,   -- kept in the transcript, never in a prompt
    PRIMARY KEY (tenant, customer, seq)
) {clustered};
CREATE INDEX messages_by_session ON messages (tenant, customer, session, seq);
CREATE TABLE turns (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, id TEXT NOT NULL,
    session TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL,
    question BIGINT NOT NULL, answer BIGINT,   -- seq of the messages
    key TEXT, body TEXT,                       -- idempotency key, hash of what came with it
    recalled TEXT, usage TEXT,
    PRIMARY KEY (tenant, customer, id)
) {clustered};
CREATE UNIQUE INDEX turns_by_key ON turns (tenant, customer, key) WHERE key IS NOT NULL;
CREATE TABLE records (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, seq BIGINT NOT NULL,
    id TEXT NOT NULL, session TEXT NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
    at BIGINT NOT NULL, messages TEXT NOT NULL, terms TEXT NOT NULL,
    superseded_by TEXT, valid_to BIGINT, expires_at BIGINT,
    PRIMARY KEY (tenant, customer, seq)
) {clustered};
CREATE UNIQUE INDEX records_by_id ON records (tenant, customer, id);
CREATE TABLE vectors (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, seq BIGINT NOT NULL,
    vector {blob} NOT NULL,   -- float16, unit length
    PRIMARY KEY (tenant, customer, seq)
) {clustered};
CREATE TABLE segments (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, session TEXT NOT NULL,
    first BIGINT NOT NULL, last BIGINT NOT NULL, sentences TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (tenant, customer, session, last)
) {clustered};
CREATE TABLE summaries (
    tenant TEXT NOT NULL, customer TEXT NOT NULL, session TEXT NOT NULL,
    version BIGINT NOT NULL, watermark BIGINT NOT NULL, text TEXT NOT NULL,
    tokens BIGINT NOT NULL, source TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (tenant, customer, session, version)
) {clustered};
"""


def m001_create_tables(connection: Connection) -> None:
    """Messages, turns, records, vectors, summaries."""
    ours = set(re.findall(r"CREATE TABLE (\w+)", _TABLES))
    if taken := sorted(ours.intersection(sa.inspect(connection).get_table_names())):
        msg = (
            f"the database belongs to another program, which has its own {', '.join(taken)} "
            "in it: open a database, or on Postgres a schema, that is empty"
        )
        raise NotADatabase(msg)
    sqlite = connection.dialect.name == "sqlite"
    script = _TABLES.format(
        # WITHOUT ROWID keeps a customer's rows on neighbouring pages however many
        # customers write in turn.
        clustered="WITHOUT ROWID" if sqlite else "",
        blob="BLOB" if sqlite else "BYTEA",
    )
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(text(statement))


def m002_add_facts(connection: Connection) -> None:
    """A record may fill a slot, be pinned, and come from a model or a person."""
    for column in (
        "slot TEXT",  # what a fact is about: 'order_number', 'email', ...
        "value TEXT",  # what it says of that, in a form that compares
        "source TEXT NOT NULL DEFAULT 'message'",  # 'message', 'model' or 'person'
        "pinned INTEGER NOT NULL DEFAULT 0",  # no policy forgets it
    ):
        connection.execute(text(f"ALTER TABLE records ADD COLUMN {column}"))
    connection.execute(
        text(
            "CREATE INDEX records_by_slot ON records (tenant, customer, slot) "
            "WHERE slot IS NOT NULL"
        )
    )


def m003_keep_what_is_being_said(connection: Connection) -> None:
    """An answer under way is kept beside its lease, for when its process is killed."""
    connection.execute(text("ALTER TABLE sessions ADD COLUMN saying TEXT"))


def m004_add_forgetting(connection: Connection) -> None:
    """The last facts of a slot are found at once; a customer is swept once a day."""
    connection.execute(text("DROP INDEX records_by_slot"))
    connection.execute(
        text(
            "CREATE INDEX records_by_slot ON records (tenant, customer, slot, at) "
            "WHERE slot IS NOT NULL"
        )
    )
    connection.execute(
        text(
            "CREATE INDEX records_replaced ON records (tenant, customer, superseded_by) "
            "WHERE superseded_by IS NOT NULL"
        )
    )
    connection.execute(text("ALTER TABLE customers ADD COLUMN swept BIGINT NOT NULL DEFAULT 0"))


def m005_add_speaker(connection: Connection) -> None:
    """Who said a record's words, by name."""
    connection.execute(text("ALTER TABLE records ADD COLUMN speaker TEXT"))


def m006_mark_notes(connection: Connection) -> None:
    """What a person has added by hand was said by nobody: it had the agent's role."""
    connection.execute(
        text("UPDATE records SET role = 'note' WHERE source = 'person' AND messages = '[]'")
    )


def m007_add_rating(connection: Connection) -> None:
    """How well the agent did in a session: 'good', 'bad', or not said."""
    connection.execute(text("ALTER TABLE sessions ADD COLUMN rating TEXT"))


def m008_add_articles(connection: Connection) -> None:
    """What the company has written; the passages are records of the tenant's own scope."""
    connection.execute(
        text(
            "CREATE TABLE articles ("
            "tenant TEXT NOT NULL, source TEXT NOT NULL, version BIGINT NOT NULL, "
            "seq BIGINT NOT NULL, "  # orders the articles of a tenant, as records are ordered
            "title TEXT NOT NULL, hash TEXT NOT NULL, passages TEXT NOT NULL, "
            "added BIGINT NOT NULL, replaced BIGINT, "  # when the next version came
            "PRIMARY KEY (tenant, source, version))"
        )
    )
    connection.execute(
        text("CREATE INDEX articles_in_force ON articles (tenant, seq) WHERE replaced IS NULL")
    )


def m009_add_labels(connection: Connection) -> None:
    """What a classifier has read in a customer's message."""
    connection.execute(text("ALTER TABLE messages ADD COLUMN labels TEXT"))
    # Messages up to here were read; those from before there was a classifier are read late.
    connection.execute(
        text("ALTER TABLE customers ADD COLUMN understood BIGINT NOT NULL DEFAULT 0")
    )


def m010_add_keys(connection: Connection) -> None:
    """The keys of those who may ask; the one that there was is the first of them."""
    connection.execute(
        text(
            "CREATE TABLE api_keys ("
            "id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, "
            "tenant TEXT NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, "
            "created BIGINT NOT NULL, expires BIGINT, used BIGINT, revoked BIGINT)"
        )
    )
    connection.execute(
        text(
            "INSERT INTO api_keys (id, hash, tenant, role, name, created) "
            "SELECT 'first', value, 'default', 'admin', 'the first key', :now "
            "FROM meta WHERE name = 'api_key_sha256'"
        ),
        {"now": to_stamp(now())},
    )
    connection.execute(text("DELETE FROM meta WHERE name = 'api_key_sha256'"))


def m011_add_receipts(connection: Connection) -> None:
    """What erasures took, without a word of it."""
    connection.execute(
        text(
            "CREATE TABLE receipts ("
            "number BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, "
            "at BIGINT NOT NULL, deleted TEXT NOT NULL, elsewhere TEXT NOT NULL, "
            "previous TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)"
        )
    )


_AUDIT_COLUMNS = (
    "at BIGINT NOT NULL, tenant TEXT NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, "
    "action TEXT NOT NULL, customer TEXT, session TEXT, what TEXT, outcome TEXT NOT NULL"
)
_APPEND_ONLY = {
    # REPLACE, too, deletes, and no trigger sees that: nothing is put where something is.
    "sqlite": [
        "CREATE TRIGGER audit_at_the_end BEFORE INSERT ON audit "
        "WHEN NEW.number <= (SELECT MAX(number) FROM audit) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        "CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        "CREATE TRIGGER audit_kept BEFORE DELETE ON audit "
        "WHEN OLD.number > (SELECT COALESCE(MAX(number), 0) FROM audit_cuts) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' THEN "
        "IF OLD.number <= (SELECT COALESCE(MAX(number), 0) FROM audit_cuts) THEN "
        "RETURN OLD; END IF; END IF; "
        "RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_is_kept()",
        "CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept()",
        # Where entries wait for their places in the chain; on SQLite none waits.
        f"CREATE TABLE audit_unsealed (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        f"{_AUDIT_COLUMNS})",
    ],
}


def m012_add_audit(connection: Connection) -> None:
    """Who did what to whose memory: a chain of entries that is only ever added to."""
    number = "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
    for statement in (
        f"CREATE TABLE audit (number {number} PRIMARY KEY, {_AUDIT_COLUMNS}, "
        "previous TEXT NOT NULL, hash TEXT NOT NULL)",
        # Up to where its beginning was cut off; only there may entries be deleted.
        "CREATE TABLE audit_cuts (number BIGINT PRIMARY KEY, hash TEXT NOT NULL)",
        *_APPEND_ONLY[connection.dialect.name],
        "ALTER TABLE customers ADD COLUMN audit_key TEXT",
    ):
        connection.exec_driver_sql(statement)
    owners = connection.execute(text("SELECT tenant, customer FROM customers")).all()
    for tenant, customer in owners:
        connection.execute(
            text(f"UPDATE customers SET audit_key = :audit_key {WHERE}"),
            key((tenant, customer), audit_key=new_audit_key()),
        )


def m013_say_more_in_receipts(connection: Connection) -> None:
    """Who was erased, as only a backup from before can tell; and what retention took, and why."""
    for column in ("subject TEXT", "report TEXT"):
        connection.execute(text(f"ALTER TABLE receipts ADD COLUMN {column}"))


def m014_add_operations(connection: Connection) -> None:
    """How long answers took; and what an operator asks for, by indexes of what is not as it should
    be, which are small while all is well.
    """
    for statement in (
        "ALTER TABLE turns ADD COLUMN first_ms BIGINT",  # to the first piece of the answer
        "ALTER TABLE turns ADD COLUMN took_ms BIGINT",  # to its end
        "CREATE INDEX turns_by_time ON turns (tenant, at, status, first_ms, took_ms)",
        "CREATE INDEX turns_unfinished ON turns (tenant, at) WHERE status <> 'complete'",
        "CREATE INDEX customers_undigested ON customers (tenant, seq) "
        "WHERE seq > written AND seq > embedded",
        "CREATE INDEX messages_negative ON messages (tenant, at, customer, session) "
        f"WHERE {NEGATIVE}",
        "CREATE INDEX audit_undone ON audit (tenant, at, outcome) "
        "WHERE outcome IN ('failed', 'refused')",
    ):
        connection.execute(text(statement))


def m015_share_digests(connection: Connection) -> None:
    """Who digests a customer; and on Postgres, where every process looks for it again and again,
    an index of the sessions that are held.
    """
    for column in ("digester TEXT", "digester_until BIGINT"):
        connection.execute(text(f"ALTER TABLE customers ADD COLUMN {column}"))
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("CREATE INDEX sessions_held ON sessions (lease_until) WHERE lease IS NOT NULL")
        )


def m016_add_rates(connection: Connection) -> None:
    """What was taken of rates, where several services count together; a backup has none of it."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("CREATE UNLOGGED TABLE rates (name TEXT PRIMARY KEY, until FLOAT8 NOT NULL)")
        )


def m017_add_origin(connection: Connection) -> None:
    """Of which session a message is a copy, where a branch holds what was said before it."""
    connection.execute(text("ALTER TABLE messages ADD COLUMN origin TEXT"))


def m018_add_handover(connection: Connection) -> None:
    """Since when a person answers a session, if one does; and how well a turn was answered."""
    connection.execute(text("ALTER TABLE sessions ADD COLUMN handed_over BIGINT"))
    connection.execute(text("ALTER TABLE turns ADD COLUMN rating TEXT"))


def m019_add_documents(connection: Connection) -> None:
    """What a program has filed beside a text: the id that it gave, and its metadata."""
    connection.execute(text("ALTER TABLE records ADD COLUMN document TEXT"))


def m020_add_items(connection: Connection) -> None:
    """What LangGraph's agents keep; and what a memory that one has put says beside its text."""
    blob = "BLOB" if connection.dialect.name == "sqlite" else "BYTEA"
    for statement in (
        "CREATE TABLE items ("
        "tenant TEXT NOT NULL, customer TEXT NOT NULL, "
        "id TEXT NOT NULL, "  # a hash of namespace and key, which may be long
        "namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, "
        "paths TEXT, "  # what of the value is searched; null if nothing
        f"vectors {blob}, "  # float16, unit length, one after the other; null until embedded
        "created BIGINT NOT NULL, updated BIGINT NOT NULL, "
        "ttl BIGINT, expires BIGINT, "  # microseconds, and until when without another look
        "PRIMARY KEY (tenant, customer, id))",
        "CREATE INDEX items_expiring ON items (tenant, expires) WHERE expires IS NOT NULL",
        "ALTER TABLE records ADD COLUMN item TEXT",
    ):
        connection.execute(text(statement))


def m021_find_who_waits(connection: Connection) -> None:
    """Who waits for a person, by indexes that are small while few do."""
    for statement in (
        "CREATE INDEX sessions_handed_over ON sessions (tenant, handed_over) "
        "WHERE handed_over IS NOT NULL",
        "CREATE INDEX messages_asking ON messages (tenant, at, customer, session) "
        f"WHERE {ASKS_FOR_PERSON}",
    ):
        connection.execute(text(statement))


def m022_add_insights(connection: Connection) -> None:
    """What is read in texts, by time; surges in it, and who is still to be told of them."""
    sqlite = connection.dialect.name == "sqlite"
    number = "INTEGER PRIMARY KEY" if sqlite else "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    for statement in (
        "CREATE INDEX messages_read ON messages (tenant, at, labels) WHERE labels IS NOT NULL",
        "CREATE INDEX records_posted ON records (tenant, at) WHERE role = 'post'",
        "CREATE INDEX records_of_products ON records (tenant, at) WHERE slot = 'product'",
        f"CREATE TABLE alerts (number {number}, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, "
        "source TEXT NOT NULL, topic TEXT NOT NULL, opened BIGINT NOT NULL, closed BIGINT, "
        "calm BIGINT, "  # since when it is
        "count BIGINT NOT NULL, usual FLOAT8 NOT NULL, score FLOAT8 NOT NULL)",
        # One at a time, whoever looks.
        "CREATE UNIQUE INDEX alerts_open ON alerts (tenant, source, topic) WHERE closed IS NULL",
        "CREATE INDEX alerts_of_tenant ON alerts (tenant, number)",
        "CREATE TABLE deliveries (alert TEXT NOT NULL, what TEXT NOT NULL, target TEXT NOT NULL, "
        "at BIGINT NOT NULL, due BIGINT, tries BIGINT NOT NULL, told BIGINT, fault TEXT, "
        "PRIMARY KEY (alert, what, target))",
        "CREATE INDEX deliveries_due ON deliveries (due) WHERE due IS NOT NULL",
    ):
        connection.execute(text(statement))


def m023_add_translations(connection: Connection) -> None:
    """What was translated once, found by its form in either direction, and fixed terms."""
    blob = "BLOB" if connection.dialect.name == "sqlite" else "BYTEA"
    for statement in (
        "CREATE TABLE translations ("
        "tenant TEXT NOT NULL, customer TEXT NOT NULL, "
        "id TEXT NOT NULL, back TEXT NOT NULL, "  # hashes of the source's form, and the target's
        "seq BIGINT NOT NULL, "  # by which readers know what has changed
        "source_language TEXT NOT NULL, target_language TEXT NOT NULL, "
        "source TEXT NOT NULL, target TEXT NOT NULL, origin TEXT NOT NULL, term SMALLINT NOT NULL, "
        f"vector {blob}, "  # of the source: float16, unit length; null until embedded
        "created BIGINT NOT NULL, updated BIGINT NOT NULL, "
        "PRIMARY KEY (tenant, customer, id))",
        "CREATE INDEX translations_back ON translations (tenant, customer, back)",
        "CREATE INDEX translations_changed ON translations (tenant, customer, seq)",
    ):
        connection.execute(text(statement))


def m024_add_events(connection: Connection) -> None:
    """What customers did with items."""
    clustered = "WITHOUT ROWID" if connection.dialect.name == "sqlite" else ""
    connection.execute(
        text(
            "CREATE TABLE events ("
            "tenant TEXT NOT NULL, customer TEXT NOT NULL, "
            "seq BIGINT NOT NULL, "  # orders a customer's as they were stored
            "id TEXT NOT NULL, item TEXT NOT NULL, "
            "did TEXT NOT NULL, at BIGINT NOT NULL, "  # bought, viewed, ...
            f"PRIMARY KEY (tenant, customer, seq)) {clustered}"
        )
    )
    connection.execute(text("CREATE UNIQUE INDEX events_by_id ON events (tenant, customer, id)"))


def m025_keep_sentences(connection: Connection) -> None:
    """A summary's sentences: the next is made of these, and not of the whole session's again."""
    # As a segment's; null in one from before, which is made of all segments once more.
    connection.execute(text("ALTER TABLE summaries ADD COLUMN sentences TEXT"))


def m026_find_what_was_passed_on(connection: Connection) -> None:
    """The turns whose answer says that a person is asked, by an index that is small."""
    connection.execute(
        text(f"CREATE INDEX turns_passed_on ON turns (tenant, at) WHERE {WAS_PASSED_ON}")
    )


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    m001_create_tables,
    m002_add_facts,
    m003_keep_what_is_being_said,
    m004_add_forgetting,
    m005_add_speaker,
    m006_mark_notes,
    m007_add_rating,
    m008_add_articles,
    m009_add_labels,
    m010_add_keys,
    m011_add_receipts,
    m012_add_audit,
    m013_say_more_in_receipts,
    m014_add_operations,
    m015_share_digests,
    m016_add_rates,
    m017_add_origin,
    m018_add_handover,
    m019_add_documents,
    m020_add_items,
    m021_find_who_waits,
    m022_add_insights,
    m023_add_translations,
    m024_add_events,
    m025_keep_sentences,
    m026_find_what_was_passed_on,
)


def migrate(database: Database) -> None:
    """Bring the schema up to this code's.

    Raises:
        SchemaTooNew: the database was written by a newer version.
    """
    with database.write() as connection:  # on SQLite this is the lock
        lock_schema(connection)
        make_meta(connection)
        found = connection.execute(
            text("SELECT value FROM meta WHERE name = 'schema_version'")
        ).scalar()
        version = int(found or 0)
        check_version(version)
        take_steps(connection, version, len(MIGRATIONS))


def lock_schema(connection: Connection) -> None:
    """Let nobody else change the schema until the transaction ends; on SQLite nobody can.

    It may take as long as it takes.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(7205759403)"))


def make_meta(connection: Connection) -> None:
    """Make the table that says which version the schema has."""
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    )


def check_version(version: int) -> None:
    """Raise SchemaTooNew if this program does not know a schema of this version."""
    if version > len(MIGRATIONS):
        msg = (
            f"the database has schema version {version}, this program knows "
            f"{len(MIGRATIONS)}: upgrade langchain-memory-service, or open another database"
        )
        raise SchemaTooNew(msg)


def take_steps(connection: Connection, version: int, to: int) -> None:
    """Bring the schema from one version to a later one."""
    for step in MIGRATIONS[version:to]:
        step(connection)
    if version < to:
        connection.execute(
            text(
                "INSERT INTO meta (name, value) VALUES ('schema_version', :v) "
                "ON CONFLICT (name) DO UPDATE SET value = :v"
            ),
            {"v": str(to)},
        )
