"""Ask the service everything: ``python -m tests.fuzz --cases 20000``; exit code 1 for a fault."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.crash.postgres import Postgres
from tests.fuzz import hunt, raw


def main() -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="by the description")
    parser.add_argument("--raw", type=int, default=2_000, help="bytes that may be no HTTP at all")
    parser.add_argument("--backend", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    server = Postgres() if given.backend == "postgres" else None
    try:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            url = None if server is None else server.url
            found = hunt.long(Path(folder), url, given.cases, given.seed, progress)
            sent = raw.long(Path(folder) / "raw", url, given.raw, given.seed)
    finally:
        if server is not None:
            server.close()
    for fault in (*found.faults, *sent.faults):
        print(fault)
    print(json.dumps({
        "backend": given.backend,
        "cases": found.cases, "phases": found.by_phase, "asked by": found.by_asking,
        "routes": len(found.routes), "statuses": dict(sorted(found.statuses.items())),
        "faults": len(found.faults),
        "raw": {
            "sent": sent.sent, "statuses": dict(sorted(sent.statuses.items())),
            "faults": len(sent.faults),
        },
    }, indent=1))  # fmt: skip
    return 1 if found.faults or sent.faults else 0


if __name__ == "__main__":
    sys.exit(main())
