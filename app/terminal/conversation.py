"""The chat in a terminal: lines are read, answered, and shown as they come."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import typer

from app.terminal.commands import Commands, Leave
from app.terminal.desk import Desk, remembered, who_says
from app.terminal.why import in_words
from app.translation import translated, worded
from memory import MemoryServiceError
from memory.client import ChatAnswer, Given, Restarted, Token

# What a terminal would obey: a model, or a customer, may have written it.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHOWN = 3  # memories that were given to the model
_WIDTH = 90  # characters of each


class Conversation:
    """Lines from the standard input, and what is said to them.

    With a terminal a line is edited, completed by Tab and found again by the arrow keys. What was
    typed is kept in no file: an erasure would not find it there.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._commands = Commands(desk)
        self._at_terminal = sys.stdin.isatty() and sys.stdout.isatty()

    def run(self) -> bool:
        """Talk until the end of the input, or ``/quit``; whether all went well."""
        well = True
        if self._at_terminal:
            _edit(self._commands.complete)
            hello = worded(
                "You are {0}, in the session {1}. /help lists the commands, Ctrl-D leaves.",
                self._desk.customer, self._desk.session,
            )  # fmt: skip
            _say(f"{hello}\n", dim=True)
        for line in self._lines():
            try:
                if line.startswith("/") and not line.startswith("//"):
                    for said in self._commands.run(line):
                        _say(f"{said}\n")
                else:
                    self._answer(line[1:] if line.startswith("//") else line)
            except Leave:
                break
            except MemoryServiceError as error:
                well = False
                said = translated(str(getattr(error, "detail", None) or error))
                _say(f"{said}\n", wrong=True)
        return well

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                line = input("> " if self._at_terminal else "").strip()
            except EOFError:
                if self._at_terminal:
                    typer.echo()
                return
            except KeyboardInterrupt:
                if not self._at_terminal:
                    raise
                _say(f"\n{worded('(Ctrl-D leaves)')}\n", dim=True)
                continue
            if line:
                yield line

    def _answer(self, text: str) -> None:
        said = False
        try:
            with closing(self._desk.say(text)) as events:
                for event in events:
                    match event:
                        case Given():
                            _given(self._desk.customer, event)
                        case Token(piece):
                            said = True
                            _say(piece)
                        case Restarted():
                            anew = worded("(the answer was cut off, and begins anew)")
                            _say(f"\n{anew}\n", dim=True)
                        case ChatAnswer():
                            _say("\n" if said else "")
                            _ended(event)
        except KeyboardInterrupt:
            _say(f"\n{worded('(stopped; what was said is kept)')}\n", dim=True)
            if not self._at_terminal:
                raise
        except MemoryServiceError:
            _say("\n" if said else "")
            raise


def _given(customer: str, event: Given) -> None:
    for one in event.recalled[:_SHOWN]:
        who = who_says(customer, one.role, by_person=one.by_person)
        why = " · ".join(filter(None, [who, in_words(one.why, one.text)]))
        text = " ".join(remembered(one.slot, one.text).split())[:_WIDTH]
        _say(f"  {worded('remembered: {0} ({1})', text, why)}\n", dim=True)
    for passage in event.knowledge:
        said = " ".join(passage.text.split())[:_WIDTH]
        _say(f"  [{passage.number}] {passage.title}: {said}\n", dim=True)


def _ended(answer: ChatAnswer) -> None:
    if answer.template is not None:
        _say(f"  {worded('(template {0})', answer.template)}\n", dim=True)
    if answer.status == "waiting":
        waits = worded("(a person answers in this session: your message waits)")
        _say(f"  {waits}\n", dim=True)


def _say(text: str, *, dim: bool = False, wrong: bool = False) -> None:
    fg = "red" if wrong else None
    typer.secho(_OBEYED.sub("\ufffd", text), nl=False, dim=dim or None, fg=fg, err=wrong)


def _edit(complete: Callable[[str], list[str]]) -> None:
    """Let lines be edited and completed, where this Python can."""
    try:
        import readline
    except ImportError:  # Windows
        return
    found: list[str] = []

    def offer(_: str, number: int) -> str | None:
        if number == 0:
            begun = readline.get_line_buffer()[: readline.get_endidx()]
            found[:] = complete(begun)
        return found[number] if number < len(found) else None

    readline.set_completer(offer)
    readline.set_completer_delims(" ")
    libedit = "libedit" in (readline.__doc__ or "")  # macOS
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
