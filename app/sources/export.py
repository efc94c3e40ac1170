"""What this program's own export of a customer has in it (see ``memory.exports``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.exports import LONGEST
from app.jsonl import lines
from app.sources.report import Report
from app.sources.times import time_of
from memory import InvalidInput, is_export


def of_export(file: Path) -> Report:
    """What would be imported of an export, and nothing written. Only its import checks all of it.

    Raises:
        InvalidInput: it is none, or was cut off.
    """
    report = Report(str(file), "export")
    last: dict[str, Any] = {}
    for place, line in lines(file, LONGEST):
        if not last and not is_export(line):
            msg = f'{place}: no export: its first line has the kind "customer"'
            raise InvalidInput(msg)
        match line.get("kind"):
            case "customer":
                report.customers[str(line.get("customer"))] = None
            case "session":
                report.conversations += 1
            case "message":
                report.messages += 1
                report.heard(time_of(line.get("at")))
            case "record":
                report.memories += 1
        last = line
    if last.get("kind") != "end":
        msg = f'{file} is cut off: its last line has the kind "end". Export again'
        raise InvalidInput(msg)
    return report
