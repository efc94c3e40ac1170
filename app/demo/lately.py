"""The shop's customers, as if they had written lately, and what they did.

Their history ends in a certain week, with promises for the days after it. Later it is moved on by
whole weeks, so that weekdays stay as they are and what is promised is still to come.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memory import Event

_WEEK = timedelta(weeks=1)
_DAY = re.compile(
    r"\b(?P<day>\d{1,2})(?P<th>(?:st|nd|rd|th) of)? (?P<month>January|February|March|April|May|June"
    r"|July|August|September|October|November|December)(?P<year> \d{4})?\b"
)


def moved_on(file: Path, now: datetime) -> list[dict[str, Any]]:
    """The customers in a file with their sessions, moved on so that the last was this week.

    Messages are named by their place: they are the same whenever they are loaded.
    """
    customers = _read(file)
    turns = [
        (f"{session['id']}/{place}", turn)
        for customer in customers
        for session in customer["sessions"]
        for place, turn in enumerate(session["turns"])
    ]
    by = _since(customers, now)
    for name, turn in turns:
        at = datetime.fromisoformat(turn["at"])
        turn |= {"id": name, "at": (at + by).isoformat(), "text": _moved(turn["text"], at, by)}
    return customers


def done_lately(file: Path, customers: Path, now: datetime) -> dict[str, list[Event]]:
    """What each customer did, by a file of events, moved on as their history is.

    Events are named by their place: they are stored once, however often they are loaded.
    """
    by = _since(_read(customers), now)
    done: dict[str, list[Event]] = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as lines:
        for place, row in enumerate(csv.DictReader(lines)):
            at = datetime.fromisoformat(row["at"]) + by
            done[row["customer"]].append(Event(row["item"], row["kind"], at, f"shop/{place}"))
    return done


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _since(customers: list[dict[str, Any]], now: datetime) -> timedelta:
    """The whole weeks since any of them wrote last."""
    last = max(
        datetime.fromisoformat(turn["at"])
        for customer in customers
        for session in customer["sessions"]
        for turn in session["turns"]
    )
    return max((now - last) // _WEEK, 0) * _WEEK


def _moved(text: str, at: datetime, by: timedelta) -> str:
    """A text said at a time, its days moved on."""

    def later(said: re.Match[str]) -> str:
        year = said["year"] or f" {at.year}"
        date = f"{said['day']} {said['month']}{year}"
        day = datetime.strptime(date, "%d %B %Y").replace(tzinfo=UTC) + by
        words = [f"{_ordinal(day.day)} of" if said["th"] else f"{day.day}", f"{day:%B}"]
        return " ".join([*words, f"{day.year}"] if said["year"] else words)

    return _DAY.sub(later, text)


def _ordinal(day: int) -> str:
    last = day % 10 if day not in {11, 12, 13} else 0
    return f"{day}{dict(enumerate(('st', 'nd', 'rd'), 1)).get(last, 'th')}"
