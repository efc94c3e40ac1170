"""The crash contract in short, and that the comparison sees what breaks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.crash.checks import compare
from tests.crash.clients import Sent
from tests.crash.contract import hold
from tests.crash.postgres import Postgres
from tests.crash.writes import Batch, compare_writes


def test_a_service_that_is_killed_again_and_again_keeps_the_contract(tmp_path: Path) -> None:
    """Under load from four clients, killed five times: every acknowledged turn is there once,
    exact and in order, also where it was sent again; what broke off is there with its status;
    nothing is remembered of what is not there, every acknowledged number asked for is recalled.
    Items, events, translations and documents that are sent beside them are there, all of a request
    or none, with their vectors.
    ``python -m tests.crash`` does it 200 times.
    """
    found = hold(tmp_path, kills=5, clients=4, seconds=0.5)
    assert found["faults"] == {}, found["details"]
    assert found["acknowledged"] >= 4
    assert found["cut"] > 0
    assert found["retried"] > 0
    assert found["writes"] > 0


def test_workers_of_which_one_is_killed_keep_it_too(tmp_path: Path, postgres_url: str) -> None:
    """Two workers on Postgres: one is killed and started again while the other answers, and then
    who has started them: they end by themselves, and give the address to the next ones. Sessions
    are held for five seconds, not twenty; ``--backend postgres --workers 2`` does it 200 times.
    """
    server = SimpleNamespace(url=postgres_url)
    found = hold(
        tmp_path, cast("Postgres", server), kills=2, clients=3, seconds=0.5, workers=2, lease=5
    )
    assert found["faults"] == {}, found["details"]
    assert found["died"] == {"worker": 1, "starter": 1}
    assert found["acknowledged"] > 0


def sent(code: str, at: float, answered: float | None = None) -> Sent:
    """A turn in a session, answered by its own text if at all."""
    turn = Sent("c", "s", code, f"text {code}", False, False, at, tries=1)
    if answered is not None:
        turn.answered, turn.turn, turn.reply = answered, f"turn {code}", turn.text
    return turn


def message(code: str, role: str = "human", status: str = "complete") -> dict[str, Any]:
    """A message as the service gives it."""
    return {"role": role, "text": f"text {code}", "turn": f"turn {code}", "status": status}


def whole(code: str) -> list[dict[str, Any]]:
    """A turn's two messages."""
    return [message(code), message(code, "ai")]


def faults(messages: list[dict[str, Any]], turns: list[Sent]) -> dict[str, int]:
    """What the comparison counts."""
    return dict(compare(lambda *_: messages, turns, settled=True)[0])


TURNS = [sent("a", 1, 2), sent("b", 3, 4), sent("c", 5)]
Messages = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("what", "break_", "expected"),
    [
        ("nothing", lambda m: m, {}),
        ("an open turn that never came", lambda m: m[:4], {}),
        ("the last turn", lambda m: m[:2] + m[4:], {"losses": 1}),
        ("an answer", lambda m: m[:1] + m[2:], {"losses": 1}),
        ("a question twice", lambda m: m[:2] + m, {"doubles": 2}),
        ("an answer twice", lambda m: [*m[:4], m[3], *m[4:]], {"doubles": 1}),
        ("turns changed over", lambda m: m[2:4] + m[:2] + m[4:], {"out of order": 1}),
        ("an answer first", lambda m: [m[1], m[0], *m[2:]], {"out of order": 1}),
        ("another status", lambda m: [m[0] | {"status": "stopped"}, *m[1:]], {"changed": 1}),
        ("another text", lambda m: [m[0], m[1] | {"text": "text"}, *m[2:]], {"changed": 1}),
        ("still running", lambda m: [*m[:4], m[4] | {"status": "running"}], {"changed": 1}),
        ("what nobody said", lambda m: m + whole("x"), {"changed": 1}),
    ],
)  # fmt: skip
def test_the_comparison_sees_what_is_wrong(
    what: str, break_: Callable[[Messages], Messages], expected: dict[str, int]
) -> None:
    """Each way to break the contract is counted, and nothing else."""
    messages = [*whole("a"), *whole("b"), message("c", status="failed")]
    assert faults(break_(messages), TURNS) == expected, what


@pytest.mark.parametrize(
    ("there", "acknowledged", "expected"),
    [
        ("abcdef", True, {}),
        ("abcdef", False, {}),
        ("", False, {}),
        ("", True, {"losses": 1}),
        ("abcde", True, {"losses": 1}),
        ("abcde", False, {"halves": 1}),
        ("aabcdef", False, {"doubles": 1}),
        ("abcdefg", True, {"changed": 1}),
    ],
)
def test_the_comparison_sees_what_is_not_written_whole(
    there: str, acknowledged: bool, expected: dict[str, int]
) -> None:
    """What is half there is a fault although nobody was told that it is; so is what is lost."""
    batch = Batch("events", "x", 1, acknowledged)
    found, _ = compare_writes({"events": Counter(f"x{letter}" for letter in there)}, [batch])
    assert dict(found) == expected
