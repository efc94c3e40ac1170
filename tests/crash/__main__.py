"""Hold the crash contract: ``python -m tests.crash --kills 200``; exit code 1 if it is broken."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.crash.contract import hold, summary
from tests.crash.mutants import MUTANTS
from tests.crash.postgres import Postgres
from tests.crash.power import cut_often


def main() -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.8, help="between two kills, on average")
    parser.add_argument("--backend", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument(
        "--server", action="store_true", help="kill Postgres too: service, server or both"
    )
    parser.add_argument(
        "--workers", type=int, default=1,
        help="of several one is killed, or who started them, or all; with --backend postgres",
    )  # fmt: skip
    parser.add_argument("--power", type=int, metavar="CUTS", help="cut the power instead")
    parser.add_argument("--model", default="fake:echo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, help="a broken service: is it found?")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        found = _run(given, Path(folder))
    print(json.dumps(found, indent=1))
    print(summary(found))
    return 1 if found["faults"] else 0


def _run(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if given.power:
        return cut_often(
            folder, cuts=given.power, seed=given.seed, mutant=given.mutant, progress=progress
        )
    postgres = Postgres() if given.backend == "postgres" else None
    try:
        return hold(
            folder, postgres, kills=given.kills, clients=given.clients, seconds=given.seconds,
            model=given.model, seed=given.seed, mutant=given.mutant, server_dies=given.server,
            workers=given.workers, progress=progress,
        )  # fmt: skip
    finally:
        if postgres is not None:
            postgres.close()


if __name__ == "__main__":
    sys.exit(main())
