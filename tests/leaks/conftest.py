"""The leak suite: `LEAK_PROBES=10000 python -m pytest tests/leaks`; in CI with fewer probes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.app.conftest import run_service, service  # noqa: F401 - fixtures
from tests.llm.conftest import embedded  # noqa: F401 - a fixture

PROBES = int(os.environ.get("LEAK_PROBES", "250"))  # of each kind of random probe
SEED = int(os.environ.get("LEAK_SEED", "1"))


@pytest.fixture
def probes(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Counts probes by their kind; a test that fails has found a leak, or is broken."""
    counted: Counter[str] = Counter()
    yield counted
    request.node.user_properties.append(("leak probes", dict(counted)))
    assert counted, f"{request.node.name} has counted none of its probes"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long form takes as long as it takes."""
    for item in items:
        if PROBES > 1_000 and item.nodeid.startswith("tests/leaks/"):
            item.add_marker(pytest.mark.timeout(0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many probes there were, by kind and in all."""
    made: Counter[str] = Counter()
    ends = terminalreporter.getreports("") + terminalreporter.getreports("error")
    for report in ends:  # what a test has counted comes with its end, from another process too
        if report.when == "teardown":
            made.update(dict(report.user_properties).get("leak probes", {}))
    if made:
        for kind, count in sorted(made.items()):
            terminalreporter.write_line(f"{count:>7,} {kind}")
        leaks = len(terminalreporter.getreports("failed"))
        terminalreporter.write_line(f"{made.total():>7,} leak probes, {leaks} tests failed")
