"""What can be asked for in the chat beside an answer: a line that begins with a slash."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from app.terminal.desk import Desk, remembered, who_says
from app.terminal.why import in_words
from app.translation import worded
from memory import SLOTS, InvalidInput, MemoryServiceError, check_name
from memory.client import ServiceProblem
from memory.client.models import Adapter, Adapters
from memory.client.remembered import Memory

_FORBIDDEN = 403


class Leave(Exception):
    """Whoever chats has had enough."""


class Command(NamedTuple):
    """A command: its argument as the help names it, what it does, and what does it."""

    argument: str
    what: str
    run: Callable[[str], Iterator[str]]


class Commands:
    """The commands before a desk; each says what it has to say in lines."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listed: list[str] = []  # ids of the memories that were shown
        self._table = {
            "/recall": Command("QUERY", worded("what bears on a query, and why"), self._recall),
            "/memories": Command(
                "[SLOT]", worded("what is remembered, or one kind of fact"), self._memories
            ),
            "/forget": Command("ID", worded("forget a memory"), self._forget),
            "/model": Command(
                "[NAME]", worded("which model answers; answer with another"), self._model
            ),
            "/sessions": Command("", worded("the conversations"), self._sessions),
            "/session": Command(
                "NAME", worded("go on in another conversation, or begin it"), self._session
            ),
            "/help": Command("", worded("these commands"), self._help),
            "/quit": Command("", worded("leave, as Ctrl-D does"), self._quit),
        }

    def run(self, line: str) -> Iterator[str]:
        """Do what a line asks for.

        Raises:
            Leave: it asks to leave.
            MemoryServiceError: it cannot be done.
        """
        name, _, argument = line.partition(" ")
        command = self._table.get(name)
        if command is None:
            near = difflib.get_close_matches(name, self._table, n=1)
            meant = f"did you mean {near[0]}?" if near else "/help lists them."
            msg = f"There is no command {name}: {meant} To say it, begin with two slashes."
            raise InvalidInput(msg)
        argument = argument.strip()
        if command.argument[:1].isupper() and not argument:
            msg = f"{name} {command.argument}: {command.what}; say the {command.argument}."
            raise InvalidInput(msg)
        return command.run(argument)

    def complete(self, line: str) -> list[str]:
        """How the last word of a line may go on."""
        name, space, argument = line.partition(" ")
        if not space:
            return [f"{one} " for one in self._table if one.startswith(name)] if name else []
        offered: list[str] = []
        with suppress(MemoryServiceError):
            match name:
                case "/memories":
                    offered = list(SLOTS)
                case "/forget":
                    offered = self._listed
                case "/session":
                    offered = [one.session for one in self._desk.sessions()]
                case "/model":
                    offered = [one.id for one in self._desk.adapters().models]
        return [one for one in offered if one.startswith(argument)]

    def _recall(self, query: str) -> Iterator[str]:
        found = self._desk.recall(query)
        for one in found:
            who = who_says(self._desk.customer, one.role, by_person=one.by_person)
            said = [who, f"{one.at:%Y-%m-%d}", in_words(one.why, one.text)]
            yield f"  {_short(remembered(one.slot, one.text))}  ({' · '.join(filter(None, said))})"
        if not found:
            yield f"  {worded('Nothing bears on that.')}"

    def _memories(self, slot: str) -> Iterator[str]:
        if slot and slot not in SLOTS:
            msg = f"There is no kind of fact {slot!r}: there are {', '.join(SLOTS)}."
            raise InvalidInput(msg)
        found = self._desk.memories(slot or None)
        self._listed = [one.id for one in found]
        for one in found:
            said = " · ".join([who_says(self._desk.customer, one.role), *_notes(one)])
            yield f"  {one.id}  {_short(remembered(one.slot, one.text))}  ({said})"
        if not found:
            yield f"  {worded('Nothing is remembered yet.')}"

    def _forget(self, memory: str) -> Iterator[str]:
        gone = self._desk.forget(check_name("memory", memory))
        self._listed = [one for one in self._listed if one not in gone.memories]
        n = len(gone.memories)
        yield "  " + worded("Forgotten: {0} memory." if n == 1 else "Forgotten: {0} memories.", n)
        if n := gone.messages:
            yield "  " + worded(
                "{0} message is in no prompt any more." if n == 1
                else "{0} messages are in no prompt any more.", n
            )  # fmt: skip

    def _model(self, adapter: str) -> Iterator[str]:
        if adapter:
            self._desk.promote(check_name("model", adapter))
        yield f"  {worded('{0} answers.', self._desk.model())}"
        try:
            found = self._desk.adapters()
        except ServiceProblem as problem:
            if problem.status != _FORBIDDEN:  # who may not see adapters sees the model's name
                raise
            return
        yield from _cards(found)

    def _sessions(self, _: str) -> Iterator[str]:
        found = self._desk.sessions()
        for one in found:
            here = "*" if one.session == self._desk.session else " "
            said = _messages(one.messages)
            yield f"{here} {one.session}  {said}, {one.updated_at:%Y-%m-%d %H:%M} UTC"
        if not found:
            yield f"  {worded('Nothing was said yet.')}"

    def _session(self, name: str) -> Iterator[str]:
        self._desk.session = check_name("session", name)
        there: dict[str, int] = {}
        with suppress(ServiceProblem):  # a customer of whom nothing is stored
            there = {one.session: one.messages for one in self._desk.sessions()}
        if name in there:
            yield f"  {name}: {_messages(there[name])}"
        else:
            yield f"  {worded('{0} begins with what you say next.', name)}"

    def _help(self, _: str) -> Iterator[str]:
        for name, command in self._table.items():
            yield f"  {f'{name} {command.argument}':<18}{command.what}"
        yield f"  {'//...':<18}{worded('a message that begins with a slash')}"
        yield f"  {worded('Ctrl-C stops an answer; what was said is kept.')}"

    def _quit(self, _: str) -> Iterator[str]:
        raise Leave


def _cards(found: Adapters) -> Iterator[str]:
    if found.trouble:
        yield f"  {found.trouble}"
    for one in found.models:
        yield _card(one)


def _card(adapter: Adapter) -> str:
    figures = adapter.figures
    said = worded(
        "{0}  of {1}, learnt from {2}: perplexity {3}, ROUGE-L {4}",
        adapter.id, adapter.base, ", ".join(dict.fromkeys(adapter.data)),
        f"{figures.perplexity:.2f}", f"{figures.rouge_l:.2f}",
    )  # fmt: skip
    if figures.recalled is not None:
        said += worded(", recalled {0}", f"{figures.recalled:.2f}")
    return f"{'*' if adapter.in_service else ' '} {said}"


def _notes(memory: Memory) -> list[str]:
    notes = [worded("pinned")] * memory.pinned
    if memory.source == "person" and memory.role != "note":
        notes.append(worded("by staff"))
    if memory.expires_at is not None:
        notes.append(worded("until {0}", f"{memory.expires_at:%Y-%m-%d}"))
    return notes


def _short(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= 90 else f"{said[:89]}…"


def _messages(count: int) -> str:
    return worded("{0} message" if count == 1 else "{0} messages", count)
