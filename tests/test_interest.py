"""The attention read over what a customer did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.interest import attention_over, parts_of, scored, shares_of

_likings = st.lists(st.floats(0.01, 1) | st.floats(-1, -0.01), min_size=1, max_size=50)


@given(_likings)
def test_weights_are_an_attention(likings: list[float]) -> None:
    """Their sizes add up to 1, each has the sign of its liking, and of two alike things the later
    one counts more.
    """
    weights = attention_over(likings)
    assert np.abs(weights).sum() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(np.sign(weights), np.sign(likings))
    again = attention_over([0.5] * len(likings))
    assert np.all(np.diff(again) > 0)
    assert attention_over([]).shape == (0,)


def test_the_bias_of_time_is_a_power_of_what_came_since() -> None:
    """Of four alike things they are as 1/4, 1/3, 1/2 and 1; with no forgetting all alike."""
    weights = attention_over([1, 1, 1, 1], forgetting=1)
    assert weights / weights[-1] == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1])
    assert attention_over([1, 1], forgetting=0) == pytest.approx([0.5, 0.5])


def test_items_are_matched_by_what_is_attended_to() -> None:
    """What has no vector is not attended to, and its weight goes to the others; the parts of the
    things that were done add up to the score.
    """
    items, none = np.eye(3, dtype=np.float32), np.zeros((3, 0), np.float32)
    keys = np.stack([items[0], np.zeros(3, np.float32), items[1]])
    weights = np.array([0.25, 0.5, -0.25], np.float32)
    assert shares_of(keys, weights) == pytest.approx([0.5, 0, -0.5])
    found = scored(weights, (none, none), (keys, items), np.zeros(3, np.float32))
    assert found == pytest.approx([0.5, -0.5, 0])
    assert parts_of(weights, (none, none), (keys, items)).sum(axis=1) == pytest.approx(found)


def test_popularity_decides_where_nothing_is_known() -> None:
    """Of a customer who did nothing."""
    none, items = np.zeros((0, 2), np.float32), np.eye(2, dtype=np.float32)
    weights = np.zeros(0, np.float32)
    found = scored(weights, (none, items), (none, items), np.array([1, 9], np.float32))
    assert found[1] > found[0] > 0
    nobody = scored(weights, (none, items), (none, items), np.zeros(2, np.float32))
    assert nobody == pytest.approx([0, 0])
