"""What is written about and how, surges in it, and the telling of them: over both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

import memory.alerts
import memory.complaints
from app.chains.insights import examples_of, look
from memory import MemoryStore, Record
from memory.alerts import FIRST, TRIES, Alert
from memory.changes import insert
from memory.clock import now, to_stamp
from memory.complaints import complaining, content
from memory.insights import Cell, Insights, Source, counting
from memory.posts import Post
from memory.surges import Threshold
from memory.types import Label, Labels
from tests.traffic import Said, write

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
THRESHOLD = Threshold(score=5, least=8)
READ: Labels = {"topic": Label("delivery", 0.9), "sentiment": Label("negative", 0.8)}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def usual(until: datetime, days: int = 10, each: int = 2) -> Iterator[Said]:
    """So many negative messages about delivery in the hour before noon of each day before."""
    for day in range(1, days + 1):
        for n in range(each):
            at = until - day * DAY - timedelta(minutes=5 + n)
            yield Said(f"c{n}", at, "delivery", "negative")


def burst(until: datetime, count: int = 20, topic: str | None = "delivery") -> Iterator[Said]:
    """So many customers are angry in the half hour before."""
    for n in range(count):
        yield Said(f"a{n}", until - timedelta(minutes=1 + n % 29), topic, "negative")


def only(store: MemoryStore) -> Alert:
    """The only alert that there is."""
    (found,) = store.alerts.newest("default", 9)
    return found


def test_texts_are_counted_by_topic_and_mood_in_stretches(store: MemoryStore) -> None:
    """Of one tenant; what is not over yet is counted anew, and what is over once an hour."""
    at = now()
    write(store, [
        Said("ada", at - 2 * DAY, "delivery", "negative"),
        Said("bo", at, "delivery", "negative"), Said("bo", at, None, "neutral"),
    ])  # fmt: skip
    write(store, [Said("cy", at, "order", "positive")], "other")

    def counted() -> Counter[Cell]:
        return sum((one for _, one in store.insights.stretches("default", "messages", DAY, 30)),
                   Counter())  # fmt: skip

    assert counted() == {Cell("delivery", "negative"): 2, Cell(None, "neutral"): 1}
    write(store, [Said("di", at, "order", "positive")])
    assert counted()[Cell("order", "positive")] == 1
    with store.database.write() as connection:
        connection.execute(sa.text("DELETE FROM messages"))
    assert counted() == {Cell("delivery", "negative"): 1}, "what is over is kept"
    anew = Insights(store.database).stretches("default", "messages", DAY, 30)
    assert not sum((one for _, one in anew), Counter())
    assert store.insights.tenants() == ["default", "other"]


def test_a_label_that_is_less_than_half_sure_is_counted_as_none(store: MemoryStore) -> None:
    """As of a customer's mood; the text is one of those that are not negative, and no example."""
    write(store, [
        Said("ada", NOON - HOUR / 2, "delivery", "negative", 0.49),
        Said("bo", NOON - HOUR / 2, "delivery", "negative", 0.5),
    ])  # fmt: skip
    unsure: Labels = {"topic": Label("delivery", 0.9), "sentiment": Label("negative", 0.49)}
    store.posts.put("default", [Post("n1", "Well.", NOON - HOUR / 2, "news", None, unsure)])
    source: Source
    for source, expected, rest in (
        ("messages", {Cell("delivery", "negative"): 1, Cell(None, None): 1}, 1),
        ("documents", {Cell("delivery", None): 1}, 1),
    ):
        span = (now() - NOON) + DAY
        cells = store.insights.stretches("default", source, span, 2)
        assert sum((one for _, one in cells), Counter()) == expected
        hour = store.complaints.hours("default", source, NOON, ["delivery"])["delivery"]
        assert (hour.many, hour.others) == (int(source == "messages"), rest)
        whose = store.complaints.examples("default", source, "delivery", NOON - HOUR, NOON, 9)
        assert [one.customer for one in whose] == ["bo"] * (source == "messages")


def test_what_is_written_where_a_product_was_named_is_counted_with_it(store: MemoryStore) -> None:
    """All of the session, in whatever letters it was named; of a post the one that it was given."""
    write(store, [
        Said("ada", now() - HOUR, "delivery", "negative"), Said("ada", now(), None, "neutral"),
        Said("bo", now(), "delivery", "negative"),
    ])  # fmt: skip
    named = [
        Record(f"r{n}", f"Product: {name}", (), "s1", "human", now(), slot="product", value=name)
        for n, name in enumerate(["Lamp", "LAMP"])
    ]
    with store.database.write() as connection:
        insert(connection, ("default", "ada"), named[:1])
        insert(connection, ("default", "cy"), named[1:])
    found = store.insights.products("default", "messages", DAY, 2)
    assert [*found] == ["lamp"]
    assert sum(found["lamp"], Counter()) == {
        Cell("delivery", "negative"): 1, Cell(None, "neutral"): 1
    }  # fmt: skip
    post = Post("n1", "Bad.", now(), "news", "Lamp", READ)
    store.posts.put("default", [post, post._replace(id="n2", product=None)])
    (cells,) = store.insights.products("default", "documents", DAY, 2).values()
    assert sum(cells, Counter()) == {Cell("delivery", "negative"): 1}


def test_a_surge_is_one_alert_until_it_has_been_calm_for_an_hour(store: MemoryStore) -> None:
    """It is raised while it grows, and closed by the same looks; then another may open."""
    write(store, [*usual(NOON), *burst(NOON)])
    look(store, NOON, THRESHOLD, {"t"})
    look(store, NOON, THRESHOLD, {"t"})
    alert = only(store)
    assert (alert.topic, alert.many, alert.usual) == ("delivery", 20, 2)
    assert alert.score >= THRESHOLD.score
    assert alert.closed is None
    for minutes in (30, 65, 100):
        look(store, NOON + timedelta(minutes=minutes), THRESHOLD, {"t"})
    assert only(store).closed is None, "calm for 35 minutes"
    look(store, NOON + timedelta(minutes=130), THRESHOLD, {"t"})
    closed = only(store)
    assert closed.closed == NOON + timedelta(minutes=130)
    assert closed.many == 20, "its height stays"
    told = store.alerts.deliveries([closed.id])[closed.id]
    assert [one.event for one in told] == [f"{closed.id}-opened", f"{closed.id}-closed"]
    assert store.alerts.open("default") == {}


@pytest.mark.parametrize(
    "said",
    [
        [*usual(NOON, days=6), *burst(NOON)],
        [*usual(NOON, each=1), *burst(NOON, 7)],
        [*usual(NOON, each=12), *burst(NOON)],
        [*usual(NOON), *(one._replace(customer="a") for one in burst(NOON))],
        [*usual(NOON), *(one._replace(mood="neutral") for one in burst(NOON))],
        [*usual(NOON), *(one._replace(sure=0.49) for one in burst(NOON))],
    ],
    ids=[
        "of too few days",
        "of too few",
        "not far above",
        "of one customer",
        "not negative",
        "not surely so",
    ],
)
def test_what_is_no_surge_alarms_nobody(store: MemoryStore, said: list[Said]) -> None:
    """Neither at its height nor after."""
    write(store, said)
    for minutes in (0, 10, 30):
        look(store, NOON + timedelta(minutes=minutes), THRESHOLD)
    assert store.alerts.newest("default", 9) == []


def test_a_day_on_which_nobody_wrote_is_not_taken_for_a_quiet_one(store: MemoryStore) -> None:
    """As when the service was away: what is usual is told by the days that are known."""
    write(store, [*usual(NOON - 15 * DAY, each=12), *burst(NOON)])
    hour = store.complaints.hours("default", "messages", NOON, ["delivery"])["delivery"]
    assert hour.earlier == [12] * 10
    assert not hour.begins(THRESHOLD)


def test_how_busy_an_hour_is_is_told_by_what_is_not_negative(store: MemoryStore) -> None:
    """Whatever it is about, in that hour of each day that is known, of messages and of posts."""
    for day in range(9):
        at = NOON - day * DAY
        inside, outside = at - timedelta(minutes=59), at - timedelta(minutes=61)
        write(store, [
            *(Said(f"n{n}", inside, None, "neutral") for n in range(20 if day % 2 else 10)),
            *(Said(f"c{n}", inside, "delivery", "negative") for n in range(4 if day % 2 else 2)),
            Said("early", outside, "order", "positive"), Said("late", at, "order", "positive"),
        ])  # fmt: skip
    store.posts.put("default", [Post("n1", "Fine.", NOON - HOUR, "news", None, {
        **READ, "sentiment": Label("neutral", 0.9)})])  # fmt: skip
    hour = store.complaints.hours("default", "messages", NOON, ["delivery"])["delivery"]
    assert (hour.many, hour.others) == (2, 10)
    assert [*zip(hour.earlier, hour.others_earlier, strict=True)] == [(4, 20), (2, 10)] * 4
    assert hour.usual == pytest.approx(2.2, abs=0.1), "not 3"
    posts = store.complaints.hours("default", "documents", NOON, ["delivery"])["delivery"]
    assert (posts.many, posts.others, posts.earlier) == (0, 1, [])


def test_examples_are_those_that_are_there(store: MemoryStore) -> None:
    """A customer each, not what was forgotten, and nothing of who was erased."""
    write(store, [*usual(NOON), *burst(NOON)])
    look(store, NOON, THRESHOLD)
    alert = only(store)
    found = examples_of(store, alert)
    assert len({one.customer for one in found}) == 5
    erased, forgotten = found[0].customer, found[1].customer
    with store.database.write() as connection:
        for sql, who in (
            ("DELETE FROM messages", erased),
            ("UPDATE messages SET forgotten = 1", forgotten),
        ):
            connection.execute(sa.text(f"{sql} WHERE customer = :who"), {"who": who})
    left = {one.customer for one in examples_of(store, alert)}
    assert len(left) == 5
    assert not left & {erased, forgotten}


def test_posts_are_counted_watched_and_no_customer_s(store: MemoryStore) -> None:
    """One that is filed again takes the place of the one before; one that is deleted is gone."""
    old = [
        Post(f"old {day}", "Late.", NOON - day * DAY - HOUR / 2, "news", None, READ)
        for day in range(1, 9)
    ]
    new = [Post(f"new {n}", "Late!", NOON - HOUR / 2, "news", None, READ) for n in range(20)]
    store.posts.put("default", old + new)
    store.posts.put("default", [new[0]._replace(text="Later!")])
    assert [p.text for p in store.posts.newest("default", 2)] == ["Later!", "Late!"]
    assert store.owners() == store.lagging() == []
    look(store, NOON, THRESHOLD)
    alert = only(store)
    assert (alert.source, alert.many) == ("documents", 20)
    assert {one.session for one in examples_of(store, alert)} == {"news"}
    assert store.posts.remove("default", "new 0")
    assert not store.posts.remove("default", "new 0")
    assert not store.posts.remove("other", "new 1")
    assert len(store.posts.newest("default", 99)) == 27
    page = store.posts.newest("default", 9, store.posts.newest("default", 1)[0].seq)
    assert page[0].id == "new 18"


def test_a_delivery_is_one_worker_s_until_its_next_try(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told, it is over; failed, it is due again, each time later, until it is given up."""
    write(store, [*usual(NOON), *burst(NOON)])
    look(store, NOON, THRESHOLD, {"one", "other"})
    alert = only(store)
    at = now()
    both = store.alerts.take({"one", "other"})
    assert {(one.target, one.what, one.tries) for one in both} == {
        ("one", "opened", 1), ("other", "opened", 1)
    }  # fmt: skip
    assert store.alerts.take({"one", "other"}) == [], "another worker has none of them"
    assert store.alerts.take(set()) == []
    first, second = sorted(both, key=lambda one: one.target)
    store.alerts.told(first, now())
    for tries in range(1, TRIES + 1):
        store.alerts.failed(second._replace(tries=tries), "it answered 500")
        kept = store.alerts.deliveries([alert.id])[alert.id]
        (one,) = [each for each in kept if each.target == "other"]
        assert one.fault == "it answered 500"
        if tries == TRIES:
            assert one.due is None
            break
        assert one.due is not None
        assert one.due - at >= FIRST * 2 ** min(tries - 1, 5)
        at = one.due
        monkeypatch.setattr(memory.alerts, "clock", lambda _, due=one.due: to_stamp(due))
        (second,) = store.alerts.take({"one", "other"})
        assert second.tries == tries + 1
    (one,) = [e for e in store.alerts.deliveries([alert.id])[alert.id] if e.target == "one"]
    assert one.told is not None


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (counting("messages", "sqlite"), "COVERING INDEX messages_read"),
        (counting("messages", "sqlite", products=True), "records_of_products"),
        (counting("messages", "sqlite", products=True), "SEARCH m USING INDEX messages_by_session"),
        (counting("documents", "sqlite"), "records_posted"),
        (complaining("messages", "sqlite"), "messages_negative"),
        (complaining("documents", "sqlite"), "records_posted"),
        (content("messages", "sqlite"), "COVERING INDEX messages_read"),
        (content("documents", "sqlite"), "records_posted"),
        (memory.complaints._SAID["messages"], "messages_negative"),
        (memory.complaints._KNOWN["messages"], "messages_read"),
        (memory.complaints._KNOWN["documents"], "records_posted"),
        (memory.alerts._DUE, "deliveries_due"),
        (memory.alerts._NEWEST, "alerts_of_tenant"),
    ],
)
def test_each_question_goes_by_an_index(statement: sa.TextClause, index: str) -> None:
    """On SQLite, without statistics: as the plan says, however many rows there are."""
    ones = ("until", "span", "day", "days", "hour", "now", "limit", "before")
    values = {"tenant": "default", "since": 0, "open": 0, "targets": ["t"],
              "sources": ["messages"], **dict.fromkeys(ones, 1)}  # fmt: skip
    with memory.open_store() as store, store.database.read() as connection:
        asked = {name: one for name, one in values.items() if name in statement._bindparams}
        explained = statement._clone()
        explained.text = f"EXPLAIN QUERY PLAN {statement.text}"
        plan = connection.execute(explained, asked).all()
    assert any(index in row.detail for row in plan), plan
