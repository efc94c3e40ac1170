"""How well facts are found: on the hand-written cases, and on the slot labels of dialogue data.

    python -m tests.benchmarks.facts [--data dev.jsonl.gz ...] [--errors 20]

A line of a data file is a dialogue, ``{"id", "turns": [{"role": "customer" | "agent", "text",
"acts"?, "action"?}], "labels": {...}}``, with the labels of one of these collections:

- MultiWOZ 2.1 (``acts`` is an object): references that the agent gives out and days that the
  customer names, as the writer takes them; phone numbers, prices, and addresses with a house
  number, which the agent says of hotels and restaurants, as values in the text (whose they are
  is not asked here; the writer keeps none of them).
- CrossWOZ (``acts`` is a list): phone numbers, prices, and addresses with a house number, as
  values in the text.
- STAR (``action``): the customer's name, as the writer takes it, where the agent asks for it
  and the task's name stands in the answer.

Values are compared once for each dialogue: what is found without a label is an error, also where
the label was forgotten.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from memory import facts, mentions
from memory.types import Message
from tests.benchmarks.report import Report
from tests.facts.measure import judged, known, messages_of, writer_of
from tests.facts.test_cases import AT, CASES

_SAID = datetime.fromisoformat(AT)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Found = set[tuple[str, str]]  # (slot, value) each


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--limit", type=int, help="only the first dialogues of each file")
    parser.add_argument("--errors", type=int, default=20, help="how many to list for a slot")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    report = Report("facts", options)

    score = judged(
        CASES, lambda case: known(messages_of(case, AT), writer_of(case), one_by_one=True)
    )
    print(f"{len(CASES)} cases by hand: precision {score.precision:.3f}, recall {score.recall:.3f}")
    print("".join(f"  {error}\n" for error in score.errors), end="")
    _put(report, "cases by hand", len(CASES), score.precision, score.recall)
    for path in options.data:
        _measure(path, options.limit, options.errors, report)
    report.write(options.json)


def _put(report: Report, name: str, labels: int, precision: float, recall: float) -> None:
    report.figure(f"{name}: labels", labels, "labels", better="neither", noise=0)
    report.figure(f"{name}: precision", precision, "", better="more", noise=0, at_least=0.95)
    report.figure(f"{name}: recall", recall, "", better="more", noise=0, at_least=0.85)


def _measure(path: Path, limit: int | None, listed: int, report: Report) -> None:
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    errors: defaultdict[str, list[str]] = defaultdict(list)
    messages, seconds = 0, 0.0
    for dialogue in islice(_dialogues(path), limit):
        said = _messages(dialogue["turns"])
        expected = _expected(dialogue)
        if "user_task" in dialogue["labels"] and _name(dialogue) is None:
            continue  # no label
        region = "CN" if mentions.HAN.search(said[0].text) else "GB"
        began = time.process_time()
        written = facts(said, region=region)
        seconds += time.process_time() - began
        messages += len(said)
        found = _found(dialogue["turns"], written, region)
        found -= set(_also(dialogue))
        for slot, value in sorted(expected | found):
            kind = right if (slot, value) in expected & found else None
            if kind is None:
                kind = wrong if (slot, value) in found else missed
                what = "wrong" if kind is wrong else "missed"
                errors[slot].append(f"{dialogue['id']}: {value!r} {what}")
            kind[slot] += 1
    print(f"{path}: {messages} messages, {1e3 * seconds / max(messages, 1):.2f} ms each")
    for slot in [*sorted({*right, *wrong, *missed}), "all"]:
        r, w, m = (c.total() if slot == "all" else c[slot] for c in (right, wrong, missed))
        precision, recall = r / max(r + w, 1), r / max(r + m, 1)
        print(f"  {slot}: {r + m} labels, precision {precision:.3f}, recall {recall:.3f}")
        if slot == "all":
            _put(report, "/".join(path.parts[-2:]), r + m, precision, recall)
        print("".join(f"    {error}\n" for error in errors[slot][:listed]), end="")


def _dialogues(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _messages(turns: Iterable[dict[str, Any]]) -> list[Message]:
    return [
        Message(f"m{n}", "s1", "human" if t["role"] == "customer" else "ai", t["text"], _SAID, n)
        for n, t in enumerate(turns, 1)
    ]


# --- what the labels say -----------------------------------------------------------------------


def _expected(dialogue: dict[str, Any]) -> Found:
    found: Found = set()
    for turn in dialogue["turns"]:
        acts = turn.get("acts")
        if isinstance(acts, dict):
            for act, pairs in acts.items():
                if "Request" not in act:
                    for slot, value in pairs:
                        found |= set(_multiwoz(turn["role"], slot, str(value), turn["text"]))
        elif isinstance(acts, list):
            for act, _, slot, value in acts:
                if act in {"Inform", "Recommend"}:
                    found |= set(_crosswoz(turn["role"], slot, value))
    return found | set(_star(dialogue))


def _multiwoz(role: str, slot: str, value: str, text: str) -> Iterator[tuple[str, str]]:
    value = value.strip().lower()
    if slot == "Ref" and role == "agent" and re.search(r"\d", value):
        yield "ticket_number", value.upper()
    elif slot == "Day" and role == "customer" and value in _DAYS and value in text.lower():
        yield "date", _next(value)
    elif slot == "Phone" and role == "agent" and re.search(r"\d{5}", value):
        yield "phone", _digits(value)
    elif slot == "Addr" and role == "agent" and re.match(r"\d+\w? [a-z]", value):
        yield "address", _plain(value)
    elif (
        slot in {"Ticket", "Price", "Fee"}
        and (amount := re.match(r"[£]?\s?(\d+(?:\.\d+)?)\s?(?:gbp|pounds?)?", value))
        and re.search(r"£|gbp|pound", value)
    ):
        yield "amount", _amount(amount[1])


def _crosswoz(role: str, slot: str, value: str) -> Iterator[tuple[str, str]]:
    if slot == "电话" and role == "agent":
        for number in re.split(r"[,，、;；/ ]+", value):
            if len(re.sub(r"\D", "", number)) >= 7:
                yield "phone", _digits(number)
    elif slot == "地址" and role == "agent" and re.search(r"\d+号", value):
        yield "address", _plain(value)
    elif slot in {"价格", "门票", "人均消费"} and (
        amount := re.fullmatch(r"(\d+(?:\.\d+)?)元(?:/人)?", value)
    ):
        yield "amount", _amount(amount[1])


def _name(dialogue: dict[str, Any]) -> str | None:
    task = dialogue["labels"].get("user_task") or ""
    name = re.search(r"\bYour? (?:are |\()([A-Z][a-z]+)\b|\bYour name(?: is|:) ([A-Z][a-z]+)", task)
    return (name[1] or name[2]).lower() if name else None


def _star(dialogue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    own = _name(dialogue)
    asked = False
    for turn in dialogue["turns"]:
        if turn["role"] == "customer":
            if own and asked and re.search(rf"\b{own}\b", turn["text"], re.IGNORECASE):
                yield "name", own
            asked = False
        else:
            asked = turn.get("action") == "ask_name"


def _also(dialogue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the labels have too, in a form that is not asked for: a place without a house number,
    "from 100 yuan", a range.
    """
    pairs = [
        (slot, str(value))
        for turn in dialogue["turns"]
        for acts in [turn.get("acts") or ()]
        for slot, value in (
            [pair for pairs in acts.values() for pair in pairs]
            if isinstance(acts, dict)
            else [act[2:] for act in acts]
        )
    ]
    required = _expected(dialogue)
    for slot, value in pairs:
        if slot in {"Addr", "地址"}:
            found = {("address", _plain(value))}
        elif slot in {"价格", "门票", "人均消费", "Price", "Ticket", "Fee"}:
            found = {("amount", _amount(n)) for n in re.findall(r"\d+(?:\.\d+)?", value)}
        else:
            continue
        yield from found - required


# --- what is found -----------------------------------------------------------------------------


def _found(turns: list[dict[str, Any]], written: list[Any], region: str) -> Found:
    found: Found = set()
    if any("action" in t for t in turns):  # STAR
        # The names are labelled only where the agent asks for them.
        asked = {f"m{n + 1}" for n, t in enumerate(turns, 1) if t.get("action") == "ask_name"}
        return {
            ("name", r.value.split()[0].lower())
            for r in written
            if r.slot == "name" and r.value and asked.intersection(r.messages)
        }
    if region == "GB":
        found |= {
            (r.slot, r.value)
            for r in written
            if (r.slot, r.role) in {("ticket_number", "ai"), ("date", "human")}
        }
    for turn in turns:
        text = mentions.narrow(turn["text"])
        if turn["role"] == "agent":
            places = mentions.addresses(text)
            found |= {("address", _plain(m.value)) for m in places}
            rest = mentions.blank(text, places)
            found |= {("phone", _digits(m.value)) for m in mentions.phones(rest, region)}
        found |= {("amount", _amount(m.value.split()[0])) for m in mentions.amounts(text)}
    return found


def _next(day: str) -> str:
    ahead = (_DAYS.index(day) - _SAID.astimezone(UTC).weekday() - 1) % 7 + 1
    return (_SAID + timedelta(ahead)).date().isoformat()


def _digits(number: str) -> str:
    """A number as it is compared: without the area's code, which the labels may lack."""
    return re.sub(r"\D", "", number)[-7:]


def _plain(place: str) -> str:
    """A place as it is compared: its house and street, the town and code left out."""
    street = re.match(r"\d.*?\b(?:street|st|road|rd|avenue|lane|way|parade|place)\b", place.lower())
    said = street[0] if street else place.lower()
    return re.sub(r"[\W_]+", "", re.sub(r"\bst\b\.?$", "street", re.sub(r"\brd\b", "road", said)))


def _amount(figure: str) -> str:
    return str(Decimal(figure.replace(",", "")).normalize())


if __name__ == "__main__":
    main()
