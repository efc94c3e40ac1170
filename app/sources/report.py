"""What was found in a source, what of it was stored, and what was not, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.sources.source import Conversation, Item, Memory, Skipped, Source
from memory import InvalidInput

_SHOWN = 20  # faults in the text
_KEPT = 10_000  # faults that are kept; more are counted only
_NAMES = 10  # customers that are named
_LONGEST = 300  # characters of a place or reason
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(slots=True)
class LeftOut:
    """How much of a kind is not imported, and where the first of it stands."""

    count: int
    first: str


@dataclass(slots=True)
class Report:
    """The numbers of an import; ``new_*`` are None where nothing was to be written."""

    source: str
    format: str
    new_messages: int | None = None
    new_memories: int | None = None
    conversations: int = 0
    messages: int = 0
    memories: int = 0
    undated: int = 0
    customers: dict[str, None] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    bad: int = 0
    faults: list[Skipped] = field(default_factory=list)

    @classmethod
    def of(cls, source: Source) -> Report:
        """What is in a source, all of it read and nothing written.

        Raises:
            InvalidInput: it cannot be read, or there is nothing in it.
        """
        report = cls(source.name, source.format)
        for item in source.items():
            report.add(item)
        if not (report.conversations or report.memories or report.left_out or report.bad):
            msg = f"there is nothing in {source.name} to import"
            raise InvalidInput(msg)
        return report

    def add(self, item: Item) -> None:
        """Count one more."""
        if isinstance(item, Skipped):
            item = Skipped(_shown(item.place), _shown(item.why), item.bad)
        match item:
            case Conversation():
                self.conversations += not item.goes_on
                self.messages += len(item.messages)
                self.undated += item.undated
                self.customers[item.scope.customer] = None
                self.heard(min(item.times))
                self.heard(max(item.times))
            case Memory():
                self.memories += 1
                self.undated += item.undated
                self.customers[item.customer] = None
                self.heard(item.record.at)
            case Skipped(place, why, bad) if not bad:
                found = self.left_out.setdefault(why, LeftOut(0, place))
                found.count += 1
            case Skipped():
                self.bad += 1
                if len(self.faults) < _KEPT:
                    self.faults.append(item)

    def heard(self, at: datetime | None) -> None:
        """Something was said then."""
        if at is not None:
            self.first = min(at, self.first or at)
            self.last = max(at, self.last or at)

    def as_json(self) -> dict[str, Any]:
        """The report for a program."""
        return {
            "source": self.source,
            "format": self.format,
            "dry_run": self.new_messages is None,
            "conversations": self.conversations,
            "messages": self.messages,
            "memories": self.memories,
            "new_messages": self.new_messages,
            "new_memories": self.new_memories,
            "undated": self.undated,
            "customers": len(self.customers),
            "some_customers": list(self.customers)[:_NAMES],
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "left_out": [
                {"why": why, "count": found.count, "first": found.first}
                for why, found in self.left_out.items()
            ],
            "bad": self.bad,
            "faults": [{"place": fault.place, "why": fault.why} for fault in self.faults],
        }

    def as_lines(self) -> Iterator[str]:
        """The report for a person."""
        said = [_counted(self.conversations, "conversation"), _counted(self.messages, "message")]
        said += [_counted(self.memories, "memory")] if self.memories else []
        whose = _counted(len(self.customers), "customer")
        yield f"{self.source} ({self.format}): {', '.join(said)} of {whose}"
        if self.customers:
            names = ", ".join(list(self.customers)[:_NAMES])
            more = ", ..." if len(self.customers) > _NAMES else ""
            yield f"customers: {names}{more}"
        if self.first and self.last:
            yield f"said from {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        if self.undated:
            yield f"{self.undated} without a time of their own: --at says when they were said"
        for why, left in self.left_out.items():
            yield f"left out: {left.count} x {why} (the first: {left.first})"
        if self.bad:
            yield f"not imported, because something is wrong with it: {self.bad}"
            yield from (f"  {fault.place}: {fault.why}" for fault in self.faults[:_SHOWN])
            if self.bad > _SHOWN:
                yield f"  and {self.bad - _SHOWN} more: --json names them"
        if self.new_messages is None:
            yield "Nothing was written: this was a dry run."
        else:
            messages = _counted(self.new_messages, "new message")
            memories = f" and {_counted(self.new_memories or 0, 'new memory')}"
            of = _counted(self.conversations, "conversation")
            yield f"{messages}{memories if self.memories else ''} of {of}."


def _shown(said: str) -> str:
    """What a terminal can show of something that may have come out of a file, and no more."""
    kept = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    return _UNSHOWN.sub("?", kept)


def _counted(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"
