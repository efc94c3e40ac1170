"""Days without a year: in the past where the sentence says that something happened on them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from time import perf_counter

import pytest

from memory.dates import dates
from memory.fact_writer import facts
from memory.types import Message

NOVEMBER = date(2026, 11, 29)
JANUARY = date(2027, 1, 20)


def days(text: str, said: date = NOVEMBER) -> list[str]:
    """The days in a sentence."""
    return [found.day.isoformat() for found in dates(text, said)]


@pytest.mark.parametrize(
    "text",
    [
        "I was here on 2 January.",
        "On 2 January I bought it.",
        "On January 2nd, I paid for it.",
        "I bought the phone and the case on 2 January",
        "The mixer that I ordered on 2 January is broken.",
        "It broke on the 2nd of January and I need a new one.",
        "I've been a customer since 2 January",
        "I returned it on 2 January, can I have my money?",
        "You charged me twice on Jan 2",
        "Was it sent on 2 January?",
        "The app stopped working on 2 January",
        "I went to Paris on 2 January",
        "我1月2日来过",
        "我1月2日买的",
        "我是1月2日下的单",
        "1月2日收到了",
        "1月2号订了一台，现在坏了",
    ],
)
def test_a_day_on_which_something_happened_is_the_last_one(text: str) -> None:
    """The verb stands before the day, or after one that the sentence begins with."""
    assert days(text) == ["2026-01-02"]


@pytest.mark.parametrize(
    "text",
    [
        "I will be here on 2 January.",
        "Can you deliver on 2 January?",
        "It is due on 2 January.",
        "2 January",
        "My flight on 2 January was cancelled.",
        "I booked a room for 2 January.",
        "I got tickets for 2 January",
        "I had an appointment on 2 January",
        "I was hoping to come on 2 January",
        "You told me that it would come on 2 January",
        "I was promised a refund on 2 January",
        "The delivery was moved to 2 January",
        "It was due on 2 January",
        "I paid, and it is coming on 2 January",
        "It is delivered on 2 January",
        "If I ordered it now, it arrives on 2 January",
        "1月2日送货可以吗？",
        "1月2日的航班取消了",
        "改到了1月2日",
        "1月2日我不来了",
        "1月2日过来取",
        "我会在1月2日到",
    ],
)
def test_any_other_day_without_a_year_is_the_nearest_one(text: str) -> None:
    """What is to come, and what is only said, booked or moved for that day."""
    assert days(text) == ["2027-01-02"]


def test_a_day_of_the_last_months_that_is_over_is_of_the_year_that_is_over() -> None:
    """Early in a year too."""
    assert days("I was here on 2 December", JANUARY) == ["2026-12-02"]
    assert days("I was here on 20 January", JANUARY) == ["2027-01-20"]
    assert days("I bought it on 3 August", JANUARY) == ["2026-08-03"]


def test_where_it_is_said_it_may_be_tomorrow() -> None:
    """The day of what was said is told in UTC."""
    assert days("I was charged on 30 November") == ["2026-11-30"]
    assert days("I was charged on 1 December") == ["2025-12-01"]


def test_a_year_that_is_named_stands() -> None:
    """Whatever the verb says."""
    assert days("I bought it on 3 March 2024, and it was sent on 2027-01-02") == [
        "2024-03-03",
        "2027-01-02",
    ]


def test_of_two_days_each_has_its_own_tense() -> None:
    """A clause tells of its own day."""
    assert days("I bought it on 3 March and it is due on 2 January") == ["2026-03-03", "2027-01-02"]
    assert days("I was here on 2 January. Can I come on 3 January?") == ["2026-01-02", "2027-01-03"]


def test_the_29th_of_february_is_of_a_year_that_has_it() -> None:
    """Most years next to each other lack it."""
    assert days("I was here on 29 February") == ["2024-02-29"]
    assert days("on 29 February", date(2028, 3, 1)) == ["2028-02-29"]
    assert days("on 31 April") == days("4月31日") == []


def test_it_is_kept_as_the_day_that_it_was() -> None:
    """The facts of a message have it."""
    at = datetime(2026, 11, 29, 12, tzinfo=UTC)
    said = Message("m1", "s1", "human", "I bought it on 2 January and it broke on 3 March.", at)
    assert [r.value for r in facts([said]) if r.slot == "date"] == ["2026-01-02", "2026-03-03"]


def test_a_text_full_of_days_is_read_in_a_moment() -> None:
    """Only what stands near a day is looked at."""
    started = perf_counter()
    assert len(dates("I was here on 2 January " * 2_000, NOVEMBER)) == 2_000
    assert perf_counter() - started < 5
