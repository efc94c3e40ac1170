"""What a policy takes, as a plain function over what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import InvalidInput, Policy
from memory.forgetting import Kept, outlived

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)

spans = st.none() | st.integers(1, 40).map(lambda days: days * DAY)
policies = st.builds(Policy, spans, spans, st.none() | st.integers(1, 12))
moments = st.integers(-5, 60).map(lambda days: NOW - days * DAY)
kept = st.lists(
    st.builds(
        Kept, st.uuids().map(str), st.just("text"), moments, st.none() | moments, st.booleans(),
        st.none() | moments,
    ),
    max_size=20, unique_by=lambda one: one.id,
)  # fmt: skip


def gone(policy: Policy, *records: Kept) -> dict[str, str]:
    """The ids of what goes, with the reasons."""
    return {one.id: one.reason for one in outlived(policy, records, NOW)}


def test_without_limits_only_the_expired_goes() -> None:
    """An empty policy forgets what has outlived its own time, pinned or not."""
    assert not Policy()
    found = gone(
        Policy(),
        Kept("old", "", NOW - 4000 * DAY),
        Kept("over", "", NOW, expires_at=NOW),
        Kept("over, pinned", "", NOW, protected=True, expires_at=NOW - DAY),
        Kept("not yet", "", NOW, expires_at=NOW + timedelta(microseconds=1)),
    )
    assert found == {"over": "expired", "over, pinned": "expired"}


def test_age_counts_from_when_it_was_said() -> None:
    """At the limit it goes, before it it stays; being recalled does not make it younger."""
    found = gone(
        Policy(max_age=30 * DAY),
        Kept("at", "", NOW - 30 * DAY, recalled_at=NOW),
        Kept("before", "", NOW - 30 * DAY + timedelta(microseconds=1)),
        Kept("pinned", "", NOW - 300 * DAY, protected=True),
    )
    assert found == {"at": "age"}


def test_what_was_never_recalled_counts_from_when_it_was_said() -> None:
    """Recalled yesterday it stays however old it is; never recalled it goes at its limit."""
    found = gone(
        Policy(unrecalled_for=9 * DAY),
        Kept("wanted", "", NOW - 99 * DAY, NOW - DAY),
        Kept("once wanted", "", NOW - 99 * DAY, NOW - 9 * DAY),
        Kept("never", "", NOW - 9 * DAY),
        Kept("new", "", NOW - 8 * DAY),
    )
    assert found == {"once wanted": "unrecalled", "never": "unrecalled"}


def test_the_count_keeps_the_last_said_or_recalled() -> None:
    """Pinned records are counted and stay; of the others the stalest go."""
    records = [
        Kept("pinned", "", NOW - 99 * DAY, protected=True),
        Kept("wanted", "", NOW - 50 * DAY, NOW - DAY),
        Kept("stale", "", NOW - 40 * DAY),
        Kept("new", "", NOW - 2 * DAY),
    ]
    assert gone(Policy(max_records=3), *records) == {"stale": "count"}
    assert gone(Policy(max_records=1), *records).keys() == {"wanted", "stale", "new"}
    assert gone(Policy(max_records=4), *records) == {}


@given(policies, kept)
def test_it_forgets_all_that_it_must_and_nothing_else(policy: Policy, records: list[Kept]) -> None:
    """Nothing protected goes before its time, what stays is within every limit, and what goes
    for the count was not more wanted than anything that stays.
    """
    found = gone(policy, *records)
    left = [one for one in records if one.id not in found]
    for one in records:
        if one.protected and (one.expires_at is None or one.expires_at > NOW):
            assert one.id not in found
    for one in left:
        assert one.expires_at is None or one.expires_at > NOW
        if not one.protected:
            last = max(one.at, one.recalled_at or one.at)
            assert policy.max_age is None or NOW - one.at < policy.max_age
            assert policy.unrecalled_for is None or NOW - last < policy.unrecalled_for
            for other in records:
                if found.get(other.id) == "count":
                    assert max(other.at, other.recalled_at or other.at) <= last
    if policy.max_records is not None:
        free = [one for one in left if not one.protected]
        assert len(left) <= policy.max_records or not free
        if "count" in found.values():
            assert len(left) == max(policy.max_records, len(left) - len(free))
    assert gone(policy, *left) == {}, "what is left has nothing more to lose"


@pytest.mark.parametrize(
    "limits", [{"max_age": -DAY}, {"unrecalled_for": 0 * DAY}, {"max_records": 0}]
)
def test_a_limit_is_above_zero(limits: dict[str, object]) -> None:
    """What would forget everything is a mistake, and said to be one."""
    with pytest.raises(InvalidInput, match="None for no limit"):
        Policy(**limits)  # type: ignore[arg-type]


def test_an_age_beyond_the_calendar_is_no_limit() -> None:
    """Ten thousand years ago nothing was said."""
    assert Policy(max_age=timedelta(days=3_650_000)).since(NOW) is None
