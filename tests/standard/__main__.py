"""``python -m tests.standard``: how classes do in LangChain's own suites, as a table.

Arguments are pytest's: ``python -m tests.standard -k VectorStore``.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

SUITES = "langchain_tests."


class Results:
    """What became of each test, by its class."""

    def __init__(self) -> None:
        self.suites: dict[str, str] = {}  # by the class
        self.found: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests of official suites."""
        for item in list(items):
            bases = getattr(item, "cls", None).__mro__ if getattr(item, "cls", None) else ()
            suite = next((one for one in bases if one.__module__.startswith(SUITES)), None)
            if suite is None:
                items.remove(item)
                continue
            self.suites[item.cls.__name__] = suite.__name__

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what a test came to; one that is known to fail has failed."""
        if report.when != "call" and not (report.when == "setup" and report.outcome != "passed"):
            return
        known = hasattr(report, "wasxfail")  # LangChain's FAISS: the table counts it as failed
        outcome = "failed" if known and report.outcome == "skipped" else report.outcome
        self.found[report.nodeid.split("::")[1]][outcome] += 1

    def table(self) -> str:
        """As Markdown."""
        rows = ["| class | suite | passed | failed | skipped |", "|---|---|---|---|---|"]
        for name, counts in self.found.items():
            numbers = " | ".join(str(counts[one]) for one in ("passed", "failed", "skipped"))
            rows.append(f"| `{name.removeprefix('Test')}` | `{self.suites[name]}` | {numbers} |")
        return "\n".join(rows)


def main() -> int:
    """Run the suites and print the table."""
    results = Results()
    quiet = ["-q", "--no-header", "--no-summary"]
    tests = Path(__file__).parents[1]
    folders = [str(tests / name) for name in ("standard", "llm")]
    with contextlib.redirect_stdout(sys.stderr):  # the table alone is for who reads it
        code = pytest.main([*folders, *quiet, *sys.argv[1:]], plugins=[results])
    print(results.table())
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
