"""What LangChain's and LangGraph's own classes, and ours, fail of the published contracts.

``python -m tests.peers``
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest

CLASSES = Path(__file__).with_name("contracts.py")
FROM = ("langchain-classic", "langchain-community", "langchain-core", "langgraph-checkpoint",
        "langgraph-checkpoint-sqlite")  # fmt: skip


class Results:
    """What came of each test, by class and by what the test promises."""

    def __init__(self) -> None:
        self.failed: dict[str, dict[str, str]] = defaultdict(dict)
        self.passed: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test by its name without parameters."""
        _, name, test = report.nodeid.split("::")
        name, test = name.removeprefix("Test"), test.partition("[")[0].removeprefix("test_")
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message.splitlines()[0] if crash is not None else report.when
            self.failed[name].setdefault(test.replace("_", " "), str(reason))
        elif report.when == "call" and report.passed:
            self.passed[name].add(test.replace("_", " "))

    def table(self) -> str:
        """As Markdown: how many promises are kept of those that were tried, and which are not."""
        lines = ["| class | keeps | does not keep |", "|---|---|---|"]
        for name in dict.fromkeys((*self.passed, *self.failed)):
            broken = self.failed[name]
            kept = len(self.passed[name] - broken.keys())
            lines.append(
                f"| `{name}` | {kept} of {kept + len(broken)} | {'; '.join(sorted(broken))} |"
            )
        return "\n".join(lines)


def main() -> int:
    """Try all of them, and print what they fail. Exit code 1 if one of ours does."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--why", action="store_true", help="say of each failure what was seen")
    parser.add_argument("-k", default="", help="only these, as pytest selects")
    given = parser.parse_args()
    results = Results()
    with redirect_stdout(StringIO()):
        pytest.main([str(CLASSES), "-qq", "--tb=short", "-k", given.k], plugins=[results])
    print(", ".join(f"{package} {version(package)}" for package in FROM), end="\n\n")
    print(results.table())
    if given.why:
        for name, broken in results.failed.items():
            for promise, reason in sorted(broken.items()):
                print(f"\n{name}: {promise}\n    {reason}")
    return int(any(broken for name, broken in results.failed.items() if name.startswith("Our")))


if __name__ == "__main__":
    sys.exit(main())
