"""Runs a benchmark as a process of its own, within a time, whatever becomes of it."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[2]
GRACE = 10  # seconds to stop what it has started, once its time is over


@dataclass(frozen=True)
class Benchmark:
    """What is run, and how.

    ``data`` are files of public collections, as they are named inside a folder of such; without
    them it is skipped, or run without ``--data`` where it can do something without.
    """

    name: str
    program: tuple[str, ...]  # Python's arguments: "-m", "tests.benchmarks.turn"
    quick: tuple[str, ...] = ()  # further ones for the small form
    limit: float = 3600  # seconds
    quick_limit: float = 600
    data: tuple[str, ...] = ()
    without_data: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of it; ``report`` is what it has found, as it was written."""

    name: str
    status: Literal["done", "failed", "timed out", "skipped"]
    seconds: float = 0.0
    cpu: float = 0.0  # of all processes that it started and waited for
    reason: str = ""  # why it was skipped, or the end of what it printed before it failed
    printed: str = ""
    report: dict[str, Any] | None = None


def run(benchmark: Benchmark, folder: Path, *, quick: bool, data: Sequence[Path]) -> Outcome:
    """Run it; what it finds lies in ``folder``, as NAME.json, and what it prints, as NAME.txt."""
    found = [_find(name, data) for name in benchmark.data]
    missing = [name for name, path in zip(benchmark.data, found, strict=True) if path is None]
    if missing and not benchmark.without_data:
        reason = f"needs --data with {', '.join(missing)}"
        return Outcome(benchmark.name, "skipped", reason=reason)
    there = [str(path) for path in found if path is not None]
    written, log = folder / f"{benchmark.name}.json", folder / f"{benchmark.name}.txt"
    command = [
        sys.executable, *benchmark.program, *(benchmark.quick if quick else ()),
        *(["--data", *there] if there else []), "--json", str(written),
    ]  # fmt: skip
    limit = benchmark.quick_limit if quick else benchmark.limit
    began, used = time.monotonic(), _cpu()
    with log.open("w", encoding="utf-8") as output:
        print("$", shlex.join(["python", *command[1:]]), file=output, flush=True)
        status = _finish(command, output, limit)
    took = time.monotonic() - began, _cpu() - used
    printed = log.read_text(encoding="utf-8", errors="replace")
    if status is None:
        reason = f"took longer than {limit:.0f} s"
        return Outcome(benchmark.name, "timed out", *took, reason, printed)
    if status or not written.exists():
        reason = "\n".join(printed.splitlines()[-3:]) if status else "wrote no JSON"
        return Outcome(benchmark.name, "failed", *took, reason, printed)
    report = json.loads(written.read_text(encoding="utf-8"))
    return Outcome(benchmark.name, "done", *took, printed=printed, report=report)


def _cpu() -> float:
    """Seconds of all processes that have ended below this one."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def _finish(command: Sequence[str], output: Any, limit: float) -> int | None:
    """The exit status of a command, None of one that had to be ended."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        start_new_session=True,  # so that what it has started can be ended with it
    )  # fmt: skip
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)  # so that it stops its services, and cleans up
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _find(name: str, given: Sequence[Path]) -> Path | None:
    """The file of that name: given itself, or inside a folder that is given."""
    for path in given:
        if path.is_dir() and (path / name).is_file():
            return (path / name).resolve()
        if path.is_file() and path.resolve().as_posix().endswith(f"/{name}"):
            return path.resolve()
    return None
