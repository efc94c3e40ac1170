"""Dialogues to learn from, from JSONL files in the forms in which people have them.

One dialogue a line, plain or gzipped:

- ``{"id": "d1", "turns": [{"role": "customer", "text": "..."}, {"role": "agent", ...}]}``;
  ``messages`` for ``turns``, ``content`` for ``text``, and OpenAI's role names will do, so that
  what ``memory-service import`` takes and OpenAI's chat files are read too (what the system
  says in these is left out: the service has its own);
- a customer who comes back: ``{"id": "c1", "sessions": [{"turns": [...]}, {"turns": [...]}]}``;
- ShareGPT: ``{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", ...}]}``;
- a dialogue with what people have written of it: ``"summaries": ["..."]`` beside its turns;
- a question and its answer: ``{"text": "...", "response": "..."}``, also called ``question``,
  ``prompt`` or ``instruction``, and ``answer``, ``completion`` or ``output``; Alpaca's ``input`` is
  a part of its question.

What a tool is asked and answers (OpenAI's ``tool_calls``, the roles ``tool`` and ``function``) is
nobody's turn: the service has no tools.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from app.jsonl import MOST_BYTES, lines
from app.roles import TENANT
from app.sources.said import KINDS
from app.training.card import LEARNT
from app.training.placeholders import fill
from memory import InvalidInput, MemoryStore, Scope, check_text
from memory.abstractive import plain

Role = Literal["customer", "agent"]

_OF_KIND: dict[str, Role | None] = {"human": "customer", "ai": "agent", "system": None}
# The roles of memory-service import, and what others call them; None: nobody's turn.
ROLES: dict[str, Role | None] = {
    **{name: _OF_KIND[kind.model_fields["type"].default] for name, kind in KINDS.items()},
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard"), "agent"),  # ShareGPT's
    **dict.fromkeys(("developer", "tool", "function"), None),  # OpenAI's
}
SERVICE = "service"  # the source of its own sessions
_TURNS = ("turns", "messages", "conversations", "conversation")
# Where there are several the first counts: Alpaca's "text" has the answer too.
_QUESTIONS = ("instruction", "question", "prompt", "text", "input")
_ANSWERS = ("response", "answer", "completion", "output")


@dataclass(frozen=True, slots=True)
class Said:
    """What one side said."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What a customer and an agent said, oldest turn first, and where it is from.

    ``begins`` are the places of the turns with which a session begins: what was said in the
    customer's earlier sessions is in the later ones remembered, and no more.
    """

    id: str
    turns: tuple[Said, ...]
    source: str
    begins: tuple[int, ...] = (0,)
    customer: str | None = None  # the pseudonym of one of the service's own
    summaries: tuple[str, ...] = ()  # that people have written of it

    def sessions(self) -> list[list[tuple[str, str]]]:
        """The questions of each session with the agent's answers, as the service has them.

        What one side says in several turns is one message of as many lines. A greeting before
        the first question, and a last question that nobody answered, are in none.
        """
        ends = [*self.begins[1:], len(self.turns)]
        return [_exchanges(self.turns[a:b]) for a, b in zip(self.begins, ends, strict=True)]

    def exchanges(self) -> list[tuple[str, str]]:
        """The questions and answers of all sessions."""
        return [one for session in self.sessions() for one in session]


def _exchanges(turns: Sequence[Said]) -> list[tuple[str, str]]:
    joined: list[Said] = []
    for said in turns:
        if joined and joined[-1].role == said.role:
            joined[-1] = Said(said.role, f"{joined[-1].text}\n{said.text}")
        elif joined or said.role == "customer":
            joined.append(said)
    # Stripped: a space at an edge would melt into what the chat template writes there.
    texts = [turn.text.strip() for turn in joined]
    return list(zip(texts[::2], texts[1::2], strict=False))


def read_dialogues(
    files: Sequence[Path], most_bytes: int = MOST_BYTES, *, summarised: bool = False
) -> Iterator[Dialogue]:
    """Every dialogue of the files, one at a time, with its placeholders filled.

    A dialogue without an id is called by its words, so that it keeps its name when others are
    added. One of which nothing is left without its placeholders is left out. Where they are to be
    ``summarised``, each has its summaries, or is left out if nothing is left of these.

    Raises:
        InvalidInput: a file or a line cannot be used; the message says which, why and what to do.
    """
    for file in files:
        for place, given in lines(file, most_bytes):
            try:
                dialogue = _dialogue(given, str(file), _summaries(given) if summarised else [])
            except InvalidInput as error:
                msg = f"{place}: {error}"
                raise InvalidInput(msg) from error
            if dialogue.exchanges() and (dialogue.summaries or not summarised):
                yield dialogue


def from_service(
    store: MemoryStore, *, rated_only: bool, tenant: str = TENANT
) -> Iterator[Dialogue]:
    """A tenant's own sessions, a dialogue a customer; with ``rated_only`` those rated good.

    Sessions rated bad, turns without a whole answer or with one rated bad, and what was forgotten
    are left out.
    """
    for owner, rated in groupby(store.transcript.rated(), lambda one: one[0].owner):
        if owner[0] != tenant:
            continue
        scopes = [
            scope for scope, rating in rated
            if rating == "good" or (rating is None and not rated_only)
        ]  # fmt: skip
        name = owner[1] if tenant == TENANT else "/".join(owner)
        dialogue = in_sessions(name, [list(_said_in(store, scope)) for scope in scopes], SERVICE)
        if dialogue.exchanges():
            yield replace(dialogue, customer=store.pseudonym(owner, LEARNT))


def checksum(dialogues: Iterable[Dialogue]) -> str:
    """The sha256 of what dialogues say, in whatever order they come."""
    digest = hashlib.sha256()
    for one in sorted(dialogues, key=lambda one: one.id):
        said = [one.id, one.begins, [(turn.role, turn.text) for turn in one.turns]]
        digest.update(json.dumps(said).encode())
    return digest.hexdigest()


def _said_in(store: MemoryStore, scope: Scope) -> Iterator[Said]:
    said = store.transcript.window(scope)
    bad = {one.message.turn for one in said if one.rating == "bad"}
    for message, status, *_ in said:
        role = _OF_KIND.get(message.role)
        # Imported messages have no turn. Of one that came to nothing the question goes too.
        whole = status in (None, "complete") and (message.turn is None or message.turn not in bad)
        if role is not None and message.text.strip() and whole:
            yield Said(role, message.text.strip())


# --- lines ---------------------------------------------------------------------------------


def _dialogue(given: dict[str, Any], source: str, summaries: list[str]) -> Dialogue:
    sessions = _sessions(given)
    turns = [said for session in sessions for said in session]
    if not turns:
        msg = "the dialogue is empty: give it turns, or leave the line out"
        raise InvalidInput(msg)
    for role in ("customer", "agent"):
        if all(said.role != role for said in turns):
            msg = (
                f"the {role} says nothing in it: a dialogue to learn from needs both sides, a "
                "question of the customer and an answer of the agent"
            )
            raise InvalidInput(msg)
    name = _name(given) or _digest(turns)
    asks = [s.role == "customer" for s in turns] + [False for _ in summaries]
    left = iter(fill([*(s.text for s in turns), *summaries], asks, name))
    filled = [[Said(said.role, next(left)) for said in session] for session in sessions]
    made = in_sessions(name, [[s for s in session if s.text] for session in filled], source)
    return replace(made, summaries=tuple(filter(None, left)))


def in_sessions(name: str, sessions: Iterable[Sequence[Said]], source: str) -> Dialogue:
    """The dialogue of a customer's sessions; those in which nothing is said are left out."""
    turns: list[Said] = []
    begins: list[int] = []
    for session in filter(None, sessions):
        begins.append(len(turns))
        turns += session
    return Dialogue(name, tuple(turns), source, tuple(begins) or (0,))


def _sessions(given: dict[str, Any]) -> list[list[Said]]:
    if "sessions" not in given:
        return [list(_turns(given))]
    sessions = given["sessions"]
    if not isinstance(sessions, list) or not all(isinstance(one, dict) for one in sessions):
        msg = '"sessions" is to be a list of {"turns": [...]}, the customer\'s oldest first'
        raise InvalidInput(msg)
    found = []
    for number, one in enumerate(sessions, 1):
        try:
            found.append(list(_turns(one)))
        except InvalidInput as error:
            msg = f"session {number}: {error}"
            raise InvalidInput(msg) from error
    return found


def _summaries(given: dict[str, Any]) -> list[str]:
    """What people have written of a dialogue; some keep it among its ``labels``."""
    labels = given.get("labels")
    found = given.get("summaries", labels.get("summaries") if isinstance(labels, dict) else None)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        msg = (
            'it has no summary to learn: give it "summaries", a list of what people have written '
            'of it, such as ["The lamp was broken; a new one is sent."]'
        )
        raise InvalidInput(msg)
    for one in found:
        check_text(one)
    return [plain(one) for one in found]


def _turns(given: dict[str, Any]) -> Iterator[Said]:
    for key in _TURNS:
        if key in given:
            said = given[key]
            if not isinstance(said, list):
                msg = f'"{key}" is to be a list of {{"role", "text"}}'
                raise InvalidInput(msg)
            for number, one in enumerate(said, 1):
                yield from _turn(one, number)
            return
    question = next((key for key in _QUESTIONS if key in given), None)
    answer = next((key for key in _ANSWERS if key in given), None)
    if question is None or answer is None:
        msg = (
            'it has neither "turns" (a list of {"role", "text"}), "messages" (OpenAI) nor '
            '"conversations" (ShareGPT), nor "text" with "response"'
        )
        raise InvalidInput(msg)
    asked = given[question]
    if question == "instruction" and isinstance(asked, str) and given.get("input"):
        asked = f"{asked}\n{given['input']}"
    yield from _turn({"role": "customer", "text": asked}, 1)
    yield from _turn({"role": "agent", "text": given[answer]}, 2)


def _turn(given: Any, number: int) -> Iterator[Said]:
    if not isinstance(given, dict):
        msg = f'turn {number} is to be an object with "role" and "text"'
        raise InvalidInput(msg)
    named = given.get("role", given.get("from"))
    if not isinstance(named, str) or named.lower() not in ROLES:
        msg = (
            f"turn {number} has the role {str(named)[:40]!r}, which is not known: use customer or "
            f"agent ({', '.join(sorted(ROLES.keys() - {'customer', 'agent'}))} will do)"
        )
        raise InvalidInput(msg)
    role = ROLES[named.lower()]
    if role is None:
        return
    text = next((given[key] for key in ("text", "content", "value") if key in given), None)
    if isinstance(text, list):  # OpenAI's content parts
        text = "\n".join(
            part["text"]
            for part in text
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if text is None and role == "agent" and "content" in given:
        return  # it called a tool, or refused: nothing is said
    if not isinstance(text, str):
        msg = f'turn {number} has no "text" that is a string'
        raise InvalidInput(msg)
    check_text(text)
    if text.strip():
        yield Said(role, text.strip())


def _name(given: dict[str, Any]) -> str | None:
    """The dialogue's own name; a session's is unique together with its customer."""
    named = (given.get(key) for key in ("id", "session"))
    name = next((name for name in named if name not in (None, "")), None)
    if name is None:
        return None
    if not isinstance(name, (str, int)) or isinstance(name, bool):
        msg = '"id" is to be a string, or a whole number'
        raise InvalidInput(msg)
    check_text(str(name))
    customer = given.get("customer")
    return f"{customer}/{name}" if isinstance(customer, str) and "id" not in given else str(name)


def _digest(turns: Sequence[Said]) -> str:
    words = "\0".join(f"{said.role}:{said.text}" for said in turns)
    return blake2b(re.sub(r"\s+", " ", words).encode(), digest_size=16).hexdigest()
