"""Erase many customers, and look into every file: ``python -m tests.erasure --customers 200``.

Each customer has words that nobody else has. Afterwards those of whoever was erased are to be in no
file of the data folder, of Postgres in no dump and in no file of the cluster but its write-ahead
log, and everybody else's are to be there still. Exit code 1 if it is otherwise.
"""

from __future__ import annotations

import argparse
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import sqlalchemy as sa

from app.main import create_app
from app.settings import Settings
from memory import MemoryStore
from tests.app.conftest import KEY, serving

_WORD = re.compile(rb"zq[0-9a-f]{12}", re.IGNORECASE)


def word() -> str:
    """A word that nobody else has."""
    return f"zq{secrets.token_hex(6)}"


@dataclass
class Customer:
    """Somebody, with the words that were said about and by them."""

    name: str = field(default_factory=word)
    words: list[str] = field(default_factory=lambda: [word() for _ in range(7)])

    def live(self, client: httpx.Client) -> None:
        """Leave something everywhere: turns, folds, facts, a note, a correction, a rating; and ask
        for what leaves nothing: what is recalled, a summary, an answer, an export.
        """
        mine = f"/v1/customers/{self.name}"
        for number, one in enumerate(self.words[:4]):
            said = f"The {one} came broken. My order number is {one.upper()}. {'Please help. ' * 9}"
            body = {
                "customer": self.name, "session": f"s{number // 3}", "message": said,
                "idempotency_key": f"key of {self.name} {number}", "stream": number % 2 == 1,
            }  # fmt: skip
            client.post("/v1/chat", json=body).raise_for_status()
        note = client.post(f"{mine}/memories", json={"text": f"They like {self.words[4]}"})
        place = f"{mine}/memories/{note.json()['id']}"
        client.put(place, json={"text": f"They like {self.words[5]}"}).raise_for_status()
        client.put(f"{mine}/sessions/s0/rating", json={"rating": "good"}).raise_for_status()
        client.post(f"{mine}/recall", json={"query": self.words[0]}).raise_for_status()
        summed = {"customer": self.name, "session": "s0", "how": "both"}
        client.post("/v1/summaries", json=summed).raise_for_status()
        asked = {"customer": self.name, "question": f"Who has {self.words[1]}?", "how": "model"}
        client.post("/v1/answers", json=asked).raise_for_status()
        did = {"customer": self.name, "events": [{"item": self.words[3], "kind": "viewed"}]}
        client.post("/v1/events", json=did).raise_for_status()
        client.post("/v1/recommendations", json={"customer": self.name}).raise_for_status()
        known = [{"source": f"Where is {self.words[6]}?", "target": f"Onde está {self.words[6]}?"}]
        both = {"customer": self.name, "source": "en", "target": "pt"}
        client.post("/v1/translation-memory", json=both | {"units": known}).raise_for_status()
        said = {"text": f"Here is {self.words[6]}.", **both}
        client.post("/v1/translate", json=said).raise_for_status()
        client.put(f"{mine}/sessions/s1/handover").raise_for_status()
        sent = {"text": f"I have {self.words[6]}.", "source": "en", "target": "pt"}
        sent["translation"] = f"Tenho {self.words[6]}."
        client.post(f"{mine}/sessions/s1/replies", json=sent).raise_for_status()
        client.get(f"{mine}/export").raise_for_status()


@dataclass
class Found:
    """What was looked at, and which words stand there."""

    bytes: int = 0
    files: int = 0
    words: set[str] = field(default_factory=set)

    def read(self, content: bytes) -> None:
        """Look through one file."""
        self.bytes += len(content)
        self.files += 1
        self.words |= {one.decode().lower() for one in _WORD.findall(content)}


def look(folder: Path, url: str | None, store: MemoryStore) -> Found:
    """Look into every file of a data folder, or of a Postgres cluster, and a dump of it."""
    found = Found()
    if url is None:
        for path in _files(folder):
            found.read(path.read_bytes())
        return found
    store.scrub()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CHECKPOINT")
        cluster = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
        program = connection.exec_driver_sql(
            "SELECT setting || '/pg_dump' FROM pg_config WHERE name = 'BINDIR'"
        ).scalar_one()
    engine.dispose()
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    found.read(
        subprocess.run([program, f"--dbname={address}"], check=True, capture_output=True).stdout
    )
    for path in _files(cluster):
        if path.relative_to(cluster).parts[0] != "pg_wal":
            found.read(path.read_bytes())
    return found


def erase_half(folder: Path, url: str | None, customers: int) -> tuple[str, bool]:
    """Let customers live, erase every other one, and look.

    Returns:
        What was found, in a line, and whether it is as it has to be.
    """
    people = [Customer() for _ in range(customers)]
    settings = Settings(
        data_dir=folder, database=url, api_key=KEY, llm="fake:echo", understanding="off",
        rate_customer="off", prompt_tokens=400, summary_tokens=80,
    )  # fmt: skip
    app = create_app(settings)
    headers = {"Authorization": f"Bearer {KEY}"}
    with serving(app) as address, httpx.Client(
        base_url=address, headers=headers, timeout=120
    ) as client:  # fmt: skip
        for one in people:
            one.live(client)
        app.state.store.wait()
        gone, stay = people[::2], people[1::2]
        for one in gone:
            client.delete(f"/v1/customers/{one.name}").raise_for_status()
        app.state.store.wait()
        found = look(folder, url, app.state.store)
    # The fifth was in a note that a person has corrected: the others' is gone, too.
    kept = {each for one in stay for each in (one.name, *one.words[:4], *one.words[5:])}
    lost = kept - found.words
    left = {each for one in gone for each in (one.name, *one.words)} & found.words
    said = (
        f"{len(gone)} customers erased of {customers}, {len(gone) * 8} words looked for in "
        f"{found.bytes} bytes of {found.files} files: {len(left)} found, "
        f"{len(lost)} of the others' missing"
    )
    return said, not left and not lost


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def main() -> int:
    """Do it, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.erasure", description=__doc__)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--backend", choices=["sqlite", "postgres"], default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="erasure-") as folder:
        if given.backend == "sqlite":
            said, well = erase_half(Path(folder), None, given.customers)
        else:
            from tests.crash.postgres import Postgres

            server = Postgres()
            try:
                said, well = erase_half(Path(folder), server.url, given.customers)
            finally:
                server.close()
    print(said)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
