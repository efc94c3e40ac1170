"""The crash contract: what was acknowledged is there, once and in order, however often it dies."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from memory import LEASE_SECONDS, open_store
from tests.crash.checks import compare, derived, not_recalled, reader
from tests.crash.clients import Client
from tests.crash.postgres import Postgres
from tests.crash.served import HEADERS, Served
from tests.crash.writes import Writer, compare_writes, stored, without_entry

_SLACK = 30.0  # a busy machine's
_RECALLED = 40  # turns whose number is asked for at the end


def hold(
    folder: Path,
    postgres: Postgres | None = None,
    *,
    kills: int = 200,
    clients: int = 5,
    seconds: float = 0.8,
    model: str = "fake:echo",
    seed: int = 1,
    mutant: str | None = None,
    server_dies: bool = False,
    workers: int = 1,
    lease: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Let clients talk to a service that is killed again and again, and compare.

    Args:
        folder: the service's data folder.
        postgres: has the database; None is a SQLite file in the folder.
        kills: how often it is killed.
        clients: how many talk at a time.
        seconds: how long it lives on average once it is ready; the moment is random.
        model: the language model's address.
        seed: of the kills and of what is said; the threads' order is the machine's.
        mutant: how the service is broken; None is as it is.
        server_dies: kill Postgres too: the service, the server, or both, by chance.
        workers: processes that serve; of several one is killed, or who has started them, or all.
        lease: seconds that a session is held for whoever is gone, if not as many as ever.
        progress: is told how far it is.

    Returns:
        The counts; ``faults`` has what is wrong, ``details`` where.
    """
    url = f"sqlite:///{folder / 'memory.db'}" if postgres is None else postgres.url
    served = Served(folder, mutant, database=url, llm=model, workers=workers, lease=lease)
    held = LEASE_SECONDS if lease is None else lease
    fates = ["worker", "starter", "service"] if workers > 1 else ["service"]
    fates += ["server", "both"] if server_dies else []
    chance, up, over = random.Random(seed), threading.Event(), threading.Event()
    talking = [
        Client(
            f"KX{n}", served.address, seed, up, clients + 2,
            echo=model == "fake:echo", outages=server_dies, leaves=workers > 1,
        )
        for n in range(clients)
    ]  # fmt: skip
    writer = Writer(served.address, seed, up, excused=server_dies or workers > 1)
    threads = [threading.Thread(target=one.run, args=(over.is_set,)) for one in (*talking, writer)]
    faults, details, starts = Counter[str](), [], []
    checked, died = 0.0, Counter[str]()

    def check(http: httpx.Client, since: float, *, settled: bool) -> None:
        sent = [turn for client in talking for turn in list(client.sent)]
        lately = {
            (turn.customer, turn.session)
            for turn in sent
            if turn.open or max(turn.at, turn.answered or 0) > since
        }
        found, where = compare(
            reader(http),
            [turn for turn in sent if (turn.customer, turn.session) in lately],
            settled=settled,
        )
        written = [replace(one) for one in list(writer.batches)]
        lost, there = compare_writes(stored(url), written)
        faults.update(found + lost)
        details.extend([*where, *there])

    with httpx.Client(base_url=served.address, headers=HEADERS, timeout=120) as http:
        try:
            starts.append(served.start())
            for thread in threads:
                thread.start()
            for number in range(kills):
                for client in talking:
                    client.round = number
                up.set()
                time.sleep(chance.random() * 2 * seconds)
                up.clear()
                # Each at least once, where there are so many.
                dies = fates[number] if number < len(fates) else chance.choice(fates)
                died[dies] += 1
                if dies == "worker":
                    served.kill_worker(chance)
                elif dies == "starter":
                    served.kill_starter()
                elif dies != "server":
                    served.kill()
                if postgres is not None and dies in {"server", "both"}:
                    postgres.kill()
                    postgres.start()
                if dies in {"worker", "server"}:
                    served.wait()
                else:
                    starts.append(served.start())
                began = time.monotonic()
                check(http, checked, settled=False)
                checked = began
                progress(f"{number + 1} kills, {sum(faults.values())} faults")
            over.set()
            up.set()
            for thread in threads:
                thread.join()
            until = time.monotonic() + 2 * held + 60
            for client in talking:
                client.finish(until)
            writer.finish(url, until)
            while _lagging(url) and time.monotonic() < until:
                time.sleep(0.2)
            check(http, -1.0, settled=True)
            sent = [turn for client in talking for turn in client.sent]
            told = [turn for turn in sent if turn.reply is not None]
            missing = not_recalled(http, chance.sample(told, min(_RECALLED, len(told))))
        finally:
            over.set()
            up.set()
            for thread in threads:
                if thread.is_alive():
                    thread.join()
            for client in (*talking, writer):
                client.close()
            served.stop()
    found, where = derived(url)
    faults.update(found + without_entry(url, writer.batches))
    faults["not recalled"] += len(missing)
    faults["unexpected"] += sum(len(one.unexpected) for one in (*talking, writer))
    faults["not answered in the end"] += sum(turn.open for turn in sent)
    faults["not written in the end"] += sum(not one.acknowledged for one in writer.batches)
    busy = max((turn.busy for turn in sent), default=0.0)
    faults["held longer than its lease"] += busy > held + _SLACK
    details += [*where, *missing, *(what for one in (*talking, writer) for what in one.unexpected)]
    return {
        "kills": kills,
        "died": dict(died),
        "clients": clients,
        "model": model,
        "database": url.partition(":")[0],
        "sessions": len({(turn.customer, turn.session) for turn in sent}),
        "turns": len(sent),
        "acknowledged": len(told),
        "cut": sum(turn.cuts for turn in sent),
        "retried": sum(turn.tries > 1 for turn in sent),
        "replayed": sum(client.replays for client in talking),
        "hung_up": sum(turn.hang_up and turn.reply is None for turn in sent),
        "writes": len(writer.batches),
        "written_again": sum(one.tries > 1 for one in writer.batches),
        "passed": sum(turn.passed for turn in sent),
        "losses": faults["losses"],
        "doubles": faults["doubles"],
        "out_of_order": faults["out of order"],
        "faults": dict(+faults),
        "details": details[:50],
        "longest_busy_s": round(busy, 1),
        "median_start_s": round(sorted(starts)[len(starts) // 2], 2),
    }


def summary(found: dict[str, Any]) -> str:
    """What was found, in a line."""
    if "cuts" in found:
        what = "{cuts} power cuts, {changes} changes of files, {syncs} syncs"
    else:
        died = ", ".join(f"{count} of the {what}" for what, count in found["died"].items())
        what = f"{{kills}} kills ({died}), {{cut}} connections cut, {{retried}} retried"
    faults = ", ".join(f"{count} {kind}" for kind, count in found["faults"].items())
    told = "{turns} turns, {acknowledged} acknowledged"
    told += ", {writes} other writes" if "writes" in found else ""
    return f"{what}, {told}: ".format(**found) + (faults or "no fault")


def _lagging(url: str) -> bool:
    """Whether a digest has something left to do."""
    with open_store(url) as store:
        return bool(store.lagging())
