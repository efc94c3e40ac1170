"""A power cut: what one service did to its files, cut at many moments.

One run of the service is recorded, with what its clients were told and when. Then, for each cut,
the folder is made as the disk could have it, and opened by the service's own store.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from memory import MemoryStore, Scope, StoreError, open_store
from tests.crash.checks import compare
from tests.crash.clients import Client, Sent
from tests.crash.disk import Change, Disk, changes
from tests.crash.served import HEADERS, Served

_NAME, _ERASED = "memory.db", "Quarkwright"  # who is erased, and what they say each time
_SESSIONS = 5
_A_RECORDING, _TURNS = 1000, 40  # cuts of one, and what each client says


@dataclass
class Recorded:
    """What a service did to its files, and what its clients know."""

    changes: list[Change]
    sent: list[Sent]
    erased: float  # when the receipt was there


def recorder(folder: Path) -> Path:
    """Build what writes down the changes of files.

    Raises:
        OSError: there is no C compiler.
        subprocess.CalledProcessError: it cannot build it here.
    """
    built = folder / "power.so"
    source = Path(__file__).with_name("power.c")
    command = ["cc", "-shared", "-fPIC", "-pthread", "-o", str(built), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return built


def record(
    folder: Path, *, turns: int, clients: int = 3, seed: int = 1, mutant: str | None = None
) -> Recorded:
    """Let a service work for a while, end it, and say what it did.

    Args:
        folder: an empty one; the service gets one in it.
        turns: what each client says; then a customer is erased, and each says one more.
        clients: how many at a time.
        seed: of what is said.
        mutant: how the service is broken.
    """
    data, log = folder / "data", folder / "changes"
    data.mkdir()
    environment = {
        "LD_PRELOAD": str(recorder(folder)), "POWER_FOLDER": str(data), "POWER_LOG": str(log)
    }  # fmt: skip
    served = Served(
        data, mutant, environment, llm="fake:echo", understanding="off", prompt_tokens=400,
        summary_tokens=80,
    )  # fmt: skip
    up = threading.Event()
    talking = [
        Client(f"KX{n}", served.address, seed, up, _SESSIONS, echo=True) for n in range(clients)
    ]
    with httpx.Client(base_url=served.address, headers=HEADERS, timeout=120) as http:
        try:
            served.start()
            up.set()
            threads = [
                threading.Thread(target=one.run, args=(partial(_said, one, turns),))
                for one in talking
            ]
            for thread in threads:
                thread.start()
            for n in range(3):
                said = {"customer": _ERASED, "session": "s", "message": f"{_ERASED} {n}"}
                http.post("/v1/chat", json=said).raise_for_status()
            for thread in threads:
                thread.join()
            http.delete(f"/v1/customers/{_ERASED}").raise_for_status()
            erased = time.monotonic()
            for client in talking:
                client.run(partial(_said, client, turns + 1))
        finally:
            for client in talking:
                client.close()
            served.stop()
    done = list(changes(log))
    assert any(change.kind == "W" for change in done), "nothing was written down"
    return Recorded(done, [turn for client in talking for turn in client.sent], erased)


def _said(client: Client, turns: int) -> bool:
    """Whether a client has said so much, and has an answer to it."""
    return len(client.sent) >= turns and not any(turn.open for turn in client.sent[-3:])


def cut(
    recorded: Recorded,
    folder: Path,
    *,
    cuts: int,
    seed: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Cut the power at random moments of what was recorded, and compare.

    Returns:
        The counts; ``faults`` has what is wrong, ``details`` where.
    """
    chance = random.Random(seed)
    places = Counter(chance.choices(range(len(recorded.changes)), k=cuts))
    # Some when the receipt has just been given: the next commit would sync the log.
    places[sum(change.at < recorded.erased for change in recorded.changes) - 1] += cuts // 10
    places.subtract(chance.choices(list(places.elements()), k=cuts // 10))
    disk, faults, details = Disk(), Counter[str](), []
    acknowledged = states = 0
    ends = [change.at for change in recorded.changes[1:]] + [float("inf")]
    for number, (change, end) in enumerate(zip(recorded.changes, ends, strict=True)):
        disk.apply(change)
        for _ in range(places[number]):
            # What happens to the files next is not there; all that was told until then was told.
            sent = [_as_known(turn, end) for turn in recorded.sent]
            acknowledged = max(acknowledged, sum(turn.reply is not None for turn in sent))
            states += 1
            there = folder / "cut"
            there.mkdir()
            left = disk.after_a_cut(chance)
            for name, content in left.items():
                (there / name).parent.mkdir(exist_ok=True)
                (there / name).write_bytes(content)
            erased = end > recorded.erased
            found, where = _wrong(there / _NAME, sent, left, erased=erased)
            faults.update(found)
            details += [f"after {number + 1} changes: {what}" for what in where]
            shutil.rmtree(there)
            if states % 100 == 0:
                progress(f"{states} power cuts, {sum(faults.values())} faults")
    return {
        "cuts": states,
        "changes": len(recorded.changes),
        "syncs": sum(change.kind == "S" for change in recorded.changes),
        "turns": len(recorded.sent),
        "acknowledged": acknowledged,
        "faults": +faults,
        "details": details[:50],
    }


def cut_often(
    folder: Path, *, cuts: int, seed: int, mutant: str | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Record and cut, a thousand cuts a recording; returns the counts of all, as ``cut`` does."""
    found: dict[str, Any] = {"faults": Counter(), "details": []}
    for number in range(-(-cuts // _A_RECORDING)):
        here = folder / str(number)
        here.mkdir()
        recorded = record(here, turns=_TURNS, seed=seed + number, mutant=mutant)
        some = min(_A_RECORDING, cuts - number * _A_RECORDING)
        one = cut(recorded, here, cuts=some, seed=seed + number, progress=progress)
        found = {
            name: found[name] + value if name in found else value for name, value in one.items()
        }
        shutil.rmtree(here)
    return found


def _as_known(turn: Sent, at: float) -> Sent:
    """What a client knew of a turn at a moment."""
    return replace(
        turn,
        turn=turn.turn if turn.known is not None and turn.known < at else None,
        reply=turn.reply if turn.answered is not None and turn.answered < at else None,
        passed=False,
    )


def _wrong(
    path: Path, sent: list[Sent], left: dict[str, bytes], *, erased: bool
) -> tuple[Counter[str], list[str]]:
    faults, details = Counter[str](), []
    try:
        with open_store(f"sqlite:///{path}") as store:
            store.turns.settle(alone=True)
            faults, details = compare(_reader(store), sent, settled=True)
            with store.database.read() as connection:
                whole = connection.execute(sa.text("PRAGMA integrity_check")).scalar()
            faults["damaged"] += whole != "ok"
            back = erased and (Scope(_ERASED).owner in store.owners())
    except StoreError as error:
        return Counter(damaged=1), [str(error)]
    # Its name is in the customers' addresses, its words in every column that can have them.
    in_files = [name for name, content in left.items() if _ERASED.encode() in content]
    if erased and (back or in_files):
        faults["erased is back"] += 1
        details.append(f"the erased customer is in {in_files or 'the rows'}")
    return +faults, details


def _reader(store: MemoryStore) -> Callable[[str, str], list[dict[str, Any]]]:
    def read(customer: str, session: str) -> list[dict[str, Any]]:
        return [
            {
                "role": one.message.role,
                "text": one.message.text,
                "turn": one.message.turn,
                "status": one.status,
            }
            for one in store.transcript.window(Scope(customer, session))
        ]

    return read
