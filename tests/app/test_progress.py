"""How far something is, where there is no terminal."""

from __future__ import annotations

import pytest

from app.progress import bar


def test_without_a_terminal_there_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A whole line each time, with what is left; nothing is drawn over."""
    with bar(total=3, desc="training", unit="step", seconds=0) as shown:
        shown.set_postfix({"loss": "2.31"}, refresh=False)
        for _ in range(3):
            shown.update()
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("training: 100%")
    assert "3/3" in lines[-1]
    assert "loss=2.31" in lines[-1]
    assert all(line == line.strip() != "" for line in lines)


def test_what_is_soon_done_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No line before the first half minute, and none for an end that comes sooner."""
    assert list(bar(range(100), desc="answers")) == list(range(100))
    assert capsys.readouterr().err == ""
