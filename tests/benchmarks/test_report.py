"""What a benchmark has found, as it is written down."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.report import Report, noise_of_ratio, percentile


def test_a_report_says_where_it_was_measured_and_what_was_found(tmp_path: Path) -> None:
    """The JSON has the machine, the commit and the command, and bars with what is missing."""
    report = Report("turn")
    report.sample("save", [3.0, 1.0, 2.0], "ms")
    report.ratio_of("save / bare", [4.0, 4.0], [2.0, 2.0], at_most=1.5)
    report.bar("tokens read", 12, "tokens", at_most=16)
    report.bar("rate", float("nan"), at_least=0.6)
    report.growth("save", "messages", "ms", {"ours": {1000: 2, 100: 1}})
    report.write(tmp_path / "turn.json")
    found = json.loads((tmp_path / "turn.json").read_text())
    assert found["machine"]["cores"] >= 1
    assert found["commit"]
    assert "tests.benchmarks.turn" in found["command"]
    assert [(one["name"], one["value"]) for one in found["figures"]] == [
        ("save", 2.0), ("save (p95)", 3.0),
    ]  # fmt: skip
    assert [one["value"] for one in found["ratios"]] == [2.0]
    assert [(bar["holds"], bar["missed_by"]) for bar in found["bars"][:2]] == [
        (False, 0.5), (True, 0.0),
    ]  # fmt: skip
    assert not found["bars"][2]["holds"]
    assert found["samples"]["save"]["values"] == [1.0, 2.0, 3.0]
    assert found["growths"][0]["lines"]["ours"] == [[100.0, 1.0], [1000.0, 2.0]]


@pytest.mark.parametrize(("share", "value"), [(0, 1), (50, 2), (95, 4), (100, 4)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    """The value that so many per cent do not exceed."""
    assert percentile([4, 1, 3, 2], share) == value


def test_what_hits_both_in_a_round_is_no_noise_of_their_ratio() -> None:
    """Rounds that are slow for both leave the ratio certain; each for itself, it is not."""
    slow = np.random.default_rng(1).uniform(1, 10, 50)
    other = np.random.default_rng(2).permutation(slow)
    assert noise_of_ratio([*(2 * slow)], [*slow]) == pytest.approx(0, abs=1e-9)
    assert noise_of_ratio([*(2 * slow)], [*other]) > 0.1


def test_of_what_was_not_measured_in_turn_or_seldom_nobody_knows_the_noise() -> None:
    """Such a ratio, and one of few rounds, has its value and its bar, and no noise."""
    report = Report("turn")
    report.ratio_of("busy / alone", [4.0, 6.0, 5.0], [2.0, 3.0], in_turn=False, at_most=2)
    report.ratio_of("of two rounds", [4.0, 6.0], [2.0, 3.0])
    assert [(one.value, one.noise) for one in report.ratios] == [(2.0, None), (2.0, None)]
    assert report.bars[0].holds
