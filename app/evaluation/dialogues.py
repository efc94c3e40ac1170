"""Conversations with questions whose answers are known to be in them, from a folder.

``conversations.jsonl`` (or ``.jsonl.gz``), one conversation a line::

    {"id": "c1", "labels": {"speaker_a": "Ann"}, "sessions": [{"id": "s1",
     "date": "2024-05-04 09:30", "turns": [{"id": "t1", "role": "user", "text": "..."}]}]}

``questions.jsonl``, one question a line; ``evidence`` has the ids of the turns, or of the
sessions, that have the answer::

    {"id": "q1", "conversation": "c1", "question": "...", "type": "single-hop",
     "evidence": ["t1"], "date": "2024-06-01"}

In the place of ``conversations.jsonl`` there may be ``evidence_sessions.jsonl``, one session a
line: they all belong to one customer, and questions name no conversation.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from dateutil import parser
from langchain_core.messages import BaseMessage
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.sources.said import KINDS
from memory import InvalidInput, check_text

POOLED = "evidence sessions"  # the one conversation that sessions without one are

_UNANSWERABLE = {"adversarial", "abstention"}


class Unit(NamedTuple):
    """What evidence names: a turn or a session, by its id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session's messages, oldest first, and when each was said."""

    id: str
    messages: list[BaseMessage]
    times: list[datetime]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one customer said in all their sessions, oldest first."""

    id: str
    sessions: list[Session]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its gold evidence, and when it is asked (None: now)."""

    id: str
    conversation: str
    text: str
    type: str
    gold: frozenset[Unit]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Dialogues:
    """A folder's conversations by id, its questions, and how many were left out and why.

    Of those left out because no answer is in the conversation ``unanswerable`` are the questions.
    """

    conversations: dict[str, Conversation]
    questions: list[Question]
    left_out: Counter[str] = field(default_factory=Counter)
    unanswerable: list[Question] = field(default_factory=list)


def read_dialogues(folder: Path) -> Dialogues:
    """Read a folder.

    Questions that nothing answers (no evidence, or of type adversarial or abstention) are left
    out and counted.

    Raises:
        InvalidInput: a file is missing or a line is bad; the message says which and why.
    """
    conversations = _conversations(folder)
    known = {
        c.id: {Unit("turn", str(m.id)) for s in c.sessions for m in s.messages}
        | {Unit("session", s.id) for s in c.sessions}
        for c in conversations.values()
    }
    questions: list[Question] = []
    unanswerable: list[Question] = []
    left_out: Counter[str] = Counter()
    for place, line in _lines(_file(folder, "questions"), _Question):
        conversation = line.conversation
        if conversation is None and POOLED in conversations:
            conversation = POOLED
        if conversation not in known:
            msg = f"{place}: there is no conversation {line.conversation!r}"
            raise InvalidInput(msg)
        gold = frozenset(_unit(place, known[conversation], e) for e in line.evidence)
        at = _time(place, line.date or line.question_date)
        question = Question(line.id, conversation, line.question, line.type, gold, at)
        if line.abstention or line.type in _UNANSWERABLE:
            left_out["no answer in the conversation"] += 1
            unanswerable.append(question)
        elif not gold:
            left_out["no evidence given"] += 1
        else:
            questions.append(question)
    if not questions:
        msg = f"{_file(folder, 'questions')} has no question with evidence: nothing to measure"
        raise InvalidInput(msg)
    return Dialogues(conversations, questions, left_out, unanswerable)


# --- lines ---------------------------------------------------------------------------------


class _Line(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)  # ids may be numbers


class _Turn(_Line):
    id: str | None = None
    role: str
    text: str
    date: str | None = None
    image_caption: str | None = None


class _Session(_Line):
    id: str
    date: str | None = None
    turns: list[_Turn]


class _Conversation(_Line):
    id: str
    sessions: list[_Session]
    labels: dict[str, Any] | None = None


class _Question(_Line):
    id: str
    conversation: str | None = None
    question: str = Field(min_length=1)
    type: str = "question"
    evidence: list[str]
    abstention: bool = False
    date: str | None = None
    question_date: str | None = None


_Model = TypeVar("_Model", bound=_Line)


def _file(folder: Path, name: str) -> Path:
    found = [path for end in ("", ".gz") if (path := folder / f"{name}.jsonl{end}").is_file()]
    if not found:
        msg = f"{folder} has no {name}.jsonl (or {name}.jsonl.gz): `--data` takes a folder with it"
        raise InvalidInput(msg)
    return found[0]


def _lines(file: Path, model: type[_Model]) -> Iterator[tuple[str, _Model]]:
    """Each line with where it is."""
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                if line.strip():
                    place = f"{file}, line {number}"
                    yield place, _parsed(place, line, model)
    except (OSError, EOFError, zlib.error) as error:
        msg = f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidInput(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{file} is not UTF-8 (byte {error.start} of a line): convert it first"
        raise InvalidInput(msg) from error


def _parsed(place: str, line: str, model: type[_Model]) -> _Model:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        msg = f"{place}: {where}{': ' if where else ''}{fault['msg']}"
        raise InvalidInput(msg) from error


# --- conversations -------------------------------------------------------------------------


def _conversations(folder: Path) -> dict[str, Conversation]:
    if not folder.is_dir():
        msg = f"{folder} is no folder: `--data` takes one with conversations.jsonl"
        raise InvalidInput(msg)
    try:
        pooled = _file(folder, "evidence_sessions")
    except InvalidInput:
        pooled = None
    now = datetime.now(UTC)  # of what has no date
    found: dict[str, Conversation] = {}
    if pooled is not None and not any(folder.glob("conversations.jsonl*")):
        placed = [(place, line) for place, line in _lines(pooled, _Session)]
        if placed:
            found[POOLED] = _conversation(POOLED, placed, {}, now)
    else:
        for place, line in _lines(_file(folder, "conversations"), _Conversation):
            if line.id in found:
                msg = f"{place}: there is a conversation {line.id!r} already"
                raise InvalidInput(msg)
            sessions = [(place, session) for session in line.sessions]
            found[line.id] = _conversation(line.id, sessions, line.labels or {}, now)
    if not found:
        msg = f"{folder} has no conversation: nothing to measure"
        raise InvalidInput(msg)
    return found


def _conversation(
    name: str, placed: list[tuple[str, _Session]], labels: dict[str, Any], now: datetime
) -> Conversation:
    sessions: dict[str, Session] = {}
    turns: set[str] = set()
    for place, line in placed:
        if line.id in sessions:
            msg = f"{place}: there is a session {line.id!r} already"
            raise InvalidInput(msg)
        session = sessions[line.id] = Session(line.id, [], [])
        began = _time(place, line.date) or now
        for number, turn in enumerate(line.turns):
            message = _message(place, turn, turn.id or f"{line.id}/{number}", labels)
            if message.id in turns:
                msg = f"{place}: there is a turn {message.id!r} already; ids name one turn each"
                raise InvalidInput(msg)
            turns.add(str(message.id))
            session.messages.append(message)
            session.times.append(_time(place, turn.date) or began)
    return Conversation(name, list(sessions.values()))


_ROLES = {**KINDS, "speaker_a": KINDS["human"], "speaker_b": KINDS["ai"]}


def _message(place: str, turn: _Turn, turn_id: str, labels: dict[str, Any]) -> BaseMessage:
    kind = _ROLES.get(turn.role)
    if kind is None:
        msg = f"{place}: {turn.role!r} is no role: use user or assistant"
        raise InvalidInput(msg)
    text = turn.text
    if turn.image_caption:
        text = f"{text} [{turn.image_caption}]".strip()
    try:
        check_text(text)
    except InvalidInput as error:
        msg = f"{place}: {error}"
        raise InvalidInput(msg) from error
    name = labels.get(turn.role)
    return kind(content=text, id=turn_id, name=name if isinstance(name, str) else None)


def _unit(place: str, known: set[Unit], evidence: str) -> Unit:
    for kind in ("turn", "session"):
        if (unit := Unit(kind, evidence)) in known:
            return unit
    msg = f"{place}: evidence {evidence!r} is neither a turn nor a session of the conversation"
    raise InvalidInput(msg)


# --- dates ---------------------------------------------------------------------------------


class _Words(parser.parserinfo):
    """What dateutil knows, and Chinese dates."""

    JUMP = [*parser.parserinfo.JUMP, *"年月日号()"]  # noqa: RUF012 - as dateutil has it
    WEEKDAYS = [  # noqa: RUF012
        (*names, f"周{day}", f"星期{day}", *(("周天", "星期天") if day == "日" else ()))
        for names, day in zip(parser.parserinfo.WEEKDAYS, "一二三四五六日", strict=True)
    ]


_PARSER = parser.parser(_Words())
_MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)  # gives what a date leaves out


def _time(place: str, given: str | None) -> datetime | None:
    """A date as people write it; without a zone it is UTC."""
    if not given:
        return None
    try:
        return _PARSER.parse(given, default=_MIDNIGHT)
    except (ValueError, OverflowError) as error:
        msg = f"{place}: {given!r} is no date: write it as 2024-05-04 09:30"
        raise InvalidInput(msg) from error
