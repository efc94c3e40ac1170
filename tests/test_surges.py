"""Whether so many are far more than was to be expected at that hour."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.clock import now
from memory.surges import DAYS, Hour, Threshold

counts = st.lists(st.integers(0, 200), min_size=7, max_size=DAYS)


def score(hour: Hour) -> float:
    """Of an hour of which enough is known."""
    assert hour.score is not None
    return hour.score


@given(counts, st.integers(0, 500), st.data())
def test_more_is_never_less_of_a_surge(earlier: list[int], many: int, data: st.DataObject) -> None:
    """Whatever was before, and however busy the days were."""
    size = len(earlier)
    others = data.draw(st.lists(st.integers(0, 500), min_size=size, max_size=size))
    hour = Hour(now(), many, earlier, data.draw(st.integers(0, 500)), others)
    assert hour.usual > 0
    assert score(hour) < score(hour._replace(many=many + 1))


@pytest.mark.parametrize("mean", [1, 2, 4, 8, 16, 32])
def test_a_score_is_as_unlikely_as_it_says(mean: int) -> None:
    """Of counts that come by chance, also low ones: as a normal distribution's deviations."""
    hour = Hour(now(), 0, [mean] * 1_000)
    for many in range(mean + 1, 4 * mean + 10):
        beyond = sum(mean**k * math.exp(-mean) / math.factorial(k) for k in range(many, many + 60))
        if beyond < 1e-8:
            break
        # A count is between what is beyond it with itself and without.
        assert score(hour._replace(many=many)) == pytest.approx(
            NormalDist().inv_cdf(1 - beyond), abs=0.6
        )


def test_how_busy_a_day_is_says_what_is_usual() -> None:
    """Half of it on a Sunday; but not less than half and not more than twice, since what goes up
    everywhere is a surge too. A few texts say little.
    """
    usual = Hour(now(), 20, [10] * 20, 100, [100] * 20)
    assert usual.usual == pytest.approx(10)
    assert usual._replace(others=50).usual == pytest.approx(10 * 54 / 104)
    assert usual._replace(others=5).usual == pytest.approx(5)
    assert usual._replace(others=900).usual == pytest.approx(20)
    assert Hour(now(), 20, [10] * 20, 3, [1] * 20).usual == pytest.approx(14)
    # Of days that were half as busy, half as many were as usual.
    mixed = Hour(now(), 20, [10, 5] * 10, 100, [104, 50] * 10)
    assert mixed.usual == pytest.approx(10, rel=0.05)
    assert score(mixed._replace(others=50)) > score(Hour(now(), 20, [10, 5] * 10))


def test_surges_of_earlier_days_hide_none() -> None:
    """Three of 28 change little of what is usual, where a mean would be three times as high."""
    before = [3] * 25
    hour = Hour(now(), 25, [*before, 60, 60, 60], 100, [100] * DAYS)
    assert hour.usual < 3.5
    assert hour.begins(Threshold())
    assert not hour._replace(many=9).begins(Threshold())


def test_days_that_differ_by_themselves_take_more() -> None:
    """The spread is what the days say."""
    even, uneven = [10] * 20, [4, 16] * 10
    assert score(Hour(now(), 30, even)) > 1.5 * score(Hour(now(), 30, uneven))
