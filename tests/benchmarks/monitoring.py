"""How soon surges of negative messages are found, and how often an alarm is false.

A month of simulated traffic (``tests.traffic``: about 3,300 messages a day in twelve topics, by day
and night, working days and weekends, busier days and quieter ones) after four weeks of the same,
looked at every five minutes: with the service's score and threshold over counts in memory, or with
``--rows`` by its own look through rows (43 seconds of a core a month). Surges are planted into
it: negative messages of other customers, so many times the topic's usual at that hour, and at least
25 an hour. Each is to be found within an hour, and at most one alarm a month may be false.

.venv/bin/python -m tests.benchmarks.monitoring [--seeds 10] [--surges 6] [--times 8] [--rows]
"""

from __future__ import annotations

import argparse
import random
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.chains.insights import look
from app.settings import Settings
from memory import open_store
from memory.alerts import CALM
from memory.surges import DAYS, Hour, Threshold
from tests.benchmarks.report import Report
from tests.traffic import HOUR, TOPICS, Said, Surge, surge, traffic, usual_negative, write

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MONTH = 30  # days that are watched
STEP = timedelta(minutes=5)  # between two looks; the service looks every minute
BUSY = ("delivery", "order", "refund", "payment", "account", "invoice", "contact", "feedback")


def plan(seed: int, many: int, times: float, days: int) -> list[Surge]:
    """Surges by day, at most one in two days, each of two hours."""
    chance = random.Random(f"plan {seed}")
    found = []
    for day in sorted(chance.sample(range(0, days, 2), min(many, -(-days // 2)))):
        since = START + timedelta(days=DAYS + day, minutes=chance.randrange(7 * 60, 20 * 60))
        topic = chance.choice(BUSY)
        found.append(Surge(topic, since, 2, max(25.0, times * usual_negative(topic, since))))
    return found


def month(
    seed: int, surges: list[Surge], days: int, threshold: Threshold, *, rows: bool
) -> tuple[list[timedelta | None], int]:
    """How long each surge went on until it was found (None: it was not), and false alarms."""
    said = [*traffic(START, DAYS + days, seed)]
    for number, planted in enumerate(surges):
        said += surge(planted, seed * 100 + number)
    opened = (by_rows if rows else by_counts)(said, days, threshold)
    soon: list[timedelta | None] = []
    for planted in surges:
        end = planted.since + HOUR * (planted.hours + 1)
        mine = [one for one in opened if one[0] == planted.topic and planted.since <= one[1] <= end]
        opened = [one for one in opened if one not in mine]
        soon.append(min((at - planted.since for _, at in mine), default=None))
    return soon, len(opened)


def looks(days: int) -> list[datetime]:
    """When it is looked."""
    begin = START + timedelta(days=DAYS)
    return [begin + STEP * number for number in range(days * timedelta(days=1) // STEP)]


def by_rows(said: list[Said], days: int, threshold: Threshold) -> list[tuple[str | None, datetime]]:
    """The alerts of the service's own look through rows: their topics, and when they opened."""
    with open_store() as store:
        write(store, said)
        for at in looks(days):
            look(store, at, threshold)
        return [(one.topic, one.opened) for one in store.alerts.newest("default", 10_000)]


def by_counts(
    said: list[Said], days: int, threshold: Threshold
) -> list[tuple[str | None, datetime]]:
    """The same, much sooner: customers counted in memory as ``memory.complaints`` counts them."""
    day, width = timedelta(days=1) // STEP, HOUR // STEP
    hours: dict[str | None, list[set[str]]] = {
        topic: [set() for _ in range((DAYS + days + 1) * day)] for topic in TOPICS
    }
    others = [0] * len(hours[None])
    for one in said:
        first = (one.at - START) // STEP + 1  # the look after it is the first that sees it
        if one.mood == "negative":
            for step in hours[one.topic][first : first + width]:
                step.add(one.customer)
        else:
            for number in range(first, min(first + width, len(others))):
                others[number] += 1
    found = []
    for topic, steps in hours.items():
        many = [len(step) for step in steps]
        is_open, calm = False, None
        for number, at in enumerate(looks(days), DAYS * day):
            if not is_open and many[number] < threshold.least:
                continue
            same = [number - ago * day for ago in range(1, DAYS + 1)]
            hour = Hour(
                at, many[number], [many[one] for one in same],
                others[number], [others[one] for one in same],
            )  # fmt: skip
            if not is_open and hour.begins(threshold):
                is_open, calm = True, None
                found.append((topic, at))
            elif is_open:
                calm = (calm or at) if hour.is_calm(threshold) else None
                is_open = calm is None or at - calm < CALM
    return found


def main() -> None:
    """Print how soon surges were found in each month, and how many alarms were false."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=10, help="months, each of other traffic")
    options.add_argument("--first", type=int, default=0, help="the first month's seed")
    options.add_argument("--surges", type=int, default=6, help="planted in each")
    options.add_argument("--times", type=float, default=8, help="the usual, that a surge adds")
    options.add_argument("--days", type=int, default=MONTH, help="that are watched")
    options.add_argument("--rows", action="store_true", help="by the rows of a database")
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    threshold = Threshold(
        Settings.model_fields["alert_score"].default,
        Settings.model_fields["alert_customers"].default,
    )
    minutes: list[float] = []
    false: list[int] = []
    planted = missed = 0
    for seed in range(given.first, given.first + given.seeds):
        surges = plan(seed, given.surges, given.times, given.days)
        soon, wrong = month(seed, surges, given.days, threshold, rows=given.rows)
        took = [one / timedelta(minutes=1) for one in soon if one is not None]
        late = sum(one > 60 for one in took) + soon.count(None)
        print(f"month {seed}: found after {', '.join(f'{one:.0f}' for one in took)} minutes; "
              f"{late} late or not at all; {wrong} false", flush=True)  # fmt: skip
        minutes += took
        planted += len(surges)
        missed += late
        false.append(wrong)
    print(f"found after {statistics.median(minutes):.0f} minutes in the median, {max(minutes):.0f} "
          f"at most; {missed} of {planted} late or not at all; false alarms: {sum(false)} in all, "
          f"{max(false)} at most in a month")  # fmt: skip
    report = Report("monitoring", given)
    report.sample("minutes until a surge is found", minutes, "min")
    report.figure("surges that are late or missed", missed, "surges", at_most=0)
    report.figure("false alarms in a month, at most", max(false), "alarms", at_most=1)
    report.write(given.json)


if __name__ == "__main__":
    main()
