"""What clients were told, held against what is stored."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import sqlalchemy as sa

from memory import open_store
from tests.crash.clients import Sent

Faults = Counter[str]
Read = Callable[[str, str], list[dict[str, Any]]]  # a customer's session's messages, oldest first


def reader(http: httpx.Client) -> Read:
    """What reads sessions as the service gives them."""

    def read(customer: str, session: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = None
        while True:
            query = {"limit": 500} | ({"before": before} if before else {})
            path = f"/v1/customers/{customer}/sessions/{session}/messages"
            answer = http.get(path, params=query)
            if answer.status_code == 404:
                return found
            answer.raise_for_status()
            page = answer.json()
            found = page["messages"] + found
            if (before := page["next"]) is None:
                return found

    return read


def compare(read: Read, sent: Iterable[Sent], *, settled: bool) -> tuple[Faults, list[str]]:
    """What is wrong with the sessions of some turns: how often, and where.

    Args:
        read: gives what is stored of a session.
        sent: every turn that was sent in any of these sessions.
        settled: no turn can be under way.
    """
    faults, details = Counter[str](), []
    by_session: dict[tuple[str, str], list[Sent]] = defaultdict(list)
    for one in sent:
        by_session[one.customer, one.session].append(one)
    for place, turns in by_session.items():
        for kind, what in _of_session(read(*place), turns, settled=settled):
            faults[kind] += 1
            details.append(f"{kind} in {place}: {what}")
    return faults, details


def _of_session(
    messages: list[dict[str, Any]], turns: list[Sent], *, settled: bool
) -> Iterable[tuple[str, str]]:
    asked, answers = defaultdict(list), defaultdict(list)
    for number, message in enumerate(messages):
        if message["role"] == "human":
            asked[message["text"]].append(number)
        else:
            answers[message["turn"]].append(number)
    for turn in turns:
        numbers = asked.pop(turn.text, [])
        if len(numbers) > 1:
            yield "doubles", turn.code
        if not numbers:
            if turn.turn is not None or turn.passed:
                yield "losses", f"{turn.code}, the question"
            continue
        question = messages[numbers[0]]
        said = answers.pop(question["turn"], [])
        if turn.turn not in (None, question["turn"]):
            yield "changed", f"{turn.code} is another turn"
        if len(said) > 1:
            yield "doubles", f"{turn.code}, the answer"
        if said and said[0] != numbers[0] + 1:
            yield "out of order", f"{turn.code}: its answer does not follow"
        if settled and question["status"] not in {"complete", "stopped", "failed"}:
            yield "changed", f"{turn.code} is {question['status']}"
        whole = not said or messages[said[0]]["text"].endswith(turn.ends or "")
        if question["status"] == "complete" and not whole:
            yield "wrong status", f"{turn.code}: its answer is not complete"
        if turn.reply is None:
            continue
        if not said:
            yield "losses", f"{turn.code}, the answer"
        elif (question["status"], messages[said[0]]["text"]) != ("complete", turn.reply):
            yield "changed", f"{turn.code}, the answer"
    if asked or answers:
        yield "changed", f"what nobody said is there: {[*asked, *answers]}"
    yield from _order(messages, {turn.text: turn for turn in turns})


def _order(messages: list[dict[str, Any]], turns: dict[str, Sent]) -> Iterable[tuple[str, str]]:
    """Whoever was answered before another was sent stands before it."""
    latest = 0.0
    for message in messages:
        turn = turns.get(message["text"]) if message["role"] == "human" else None
        if turn is None:
            continue
        if turn.answered is not None and turn.answered < latest:
            yield "out of order", turn.code
        latest = max(latest, turn.at)


def derived(url: str) -> tuple[Faults, list[str]]:
    """What is wrong with what was made of the messages, once every digest is through."""
    faults, details = Counter[str](), []

    def count(kind: str, query: str) -> None:
        with store.database.read() as connection:
            rows = connection.execute(sa.text(query)).all()
        if rows:
            faults[kind] += len(rows)
            details.append(f"{kind}: {rows[:3]}")

    same = "{0}.tenant = {1}.tenant AND {0}.customer = {1}.customer"
    with open_store(url) as store:
        count(
            "vectors without a record",
            "SELECT v.customer, v.seq FROM vectors v LEFT JOIN records r ON "
            f"{same.format('v', 'r')} AND r.seq = v.seq WHERE r.seq IS NULL",
        )
        count(
            "records without a vector",
            "SELECT r.customer, r.seq FROM records r LEFT JOIN vectors v ON "
            f"{same.format('v', 'r')} AND r.seq = v.seq WHERE v.seq IS NULL "
            "AND r.role <> 'post'",  # which has none
        )
        count(
            "translations without a vector",
            "SELECT customer, id FROM translations WHERE vector IS NULL AND term = 0",
        )
        count(
            "answers without a turn",
            "SELECT m.customer, m.seq FROM messages m LEFT JOIN turns t ON "
            f"{same.format('m', 't')} AND t.id = m.turn WHERE t.id IS NULL",
        )
        count("turns under way", "SELECT customer, id FROM turns WHERE status = 'running'")
        store.audit.flush()
        done = "SELECT COUNT(*) FROM audit WHERE action = 'change.turn' AND outcome = 'done'"
        count(
            "turns without an entry in the audit log",
            f"SELECT COUNT(*) FROM turns HAVING COUNT(*) > ({done})",
        )
        faults["audit log"] += store.audit.verify().fault is not None
        count("sessions held", "SELECT customer, session FROM sessions WHERE lease IS NOT NULL")
        with store.database.read() as connection:
            ids = connection.execute(sa.text("SELECT customer, id FROM messages WHERE forgotten=0"))
            messages = {tuple(row) for row in ids}
            of = connection.execute(sa.text("SELECT customer, messages FROM records")).all()
            remembered = {(customer, one) for customer, many in of for one in _ids(many)}
            if store.database.dialect == "sqlite":
                whole = connection.execute(sa.text("PRAGMA integrity_check")).scalar()
                faults["damaged"] += whole != "ok"
        for kind, left in (
            ("records of nothing", remembered - messages),
            ("messages that are not remembered", messages - remembered),
        ):
            faults[kind] += len(left)
            details += [f"{kind}: {sorted(left)[:3]}"] if left else []
    return +faults, details


def _ids(many: str) -> list[str]:
    """The ids in a record's column."""
    found: list[str] = json.loads(many)
    return found


def not_recalled(http: httpx.Client, sent: Iterable[Sent]) -> list[str]:
    """The turns whose question is not found by its own number."""
    missing = []
    for turn in sent:
        query = {"query": f"What about order {turn.code.upper()}?", "max_tokens": 2000}
        answer = http.post(f"/v1/customers/{turn.customer}/recall", json=query)
        answer.raise_for_status()
        if not any(turn.code.upper() in item["text"] for item in answer.json()["recalled"]):
            missing.append(f"not recalled: {turn.code}")
    return missing
