"""The log: what happened and where in the program, never what was said, nor by whom.

Every line has a time, a level, and the id of the request that it belongs to, also where that goes
on in a thread or in the background; it is JSON, or for a terminal text.

An error's own text may repeat anything: a message that could not be read as a number, a name, a
key, the values of a statement. So of errors that are not our own only their kind and the lines of
code are written, and of other packages only warnings, without the values in them: at ``debug`` an
HTTP client would write down every prompt.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
import warnings
from contextlib import AbstractContextManager
from typing import Any, Literal

from structlog import dev, processors, stdlib
from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars
from structlog.typing import EventDict

Format = Literal["auto", "json", "console"]

_OURS = ("app", "memory", "uvicorn")
_FIELDS = ("method", "route", "status", "ms")  # that a line may have beside its text

_logger = logging.getLogger(__name__)


def log_at(level: str, shape: Format = "auto") -> None:
    """Write what is at least of this level to standard error; of other packages only warnings.

    Args:
        level: debug, info, warning or error.
        shape: of a line; by itself ``console`` on a terminal and ``json`` elsewhere.
    """
    terminal = sys.stderr.isatty()
    handler = logging.StreamHandler()
    handler.setFormatter(
        formatter("json" if shape == "json" or (shape == "auto" and not terminal) else "console")
    )
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler])
    for name in _OURS:
        logging.getLogger(name).setLevel(least)


def formatter(shape: Format) -> logging.Formatter:
    """What makes a line of the log, with errors as their kinds and where they were raised."""
    written: Any = processors.JSONRenderer(ensure_ascii=False)
    if shape == "console":
        written = dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=dev.plain_traceback
        )
    return stdlib.ProcessorFormatter(
        pass_foreign_args=True,
        foreign_pre_chain=[
            processors.TimeStamper("iso"),
            stdlib.add_log_level,
            stdlib.add_logger_name,
            merge_contextvars,
            stdlib.ExtraAdder(_FIELDS),
            _of_others,
        ],
        processors=[_without_text, stdlib.ProcessorFormatter.remove_processors_meta, written],
    )


def in_request(identity: str, trace: str | None = None) -> AbstractContextManager[None]:
    """What is logged in this block, and in what it begins, is of that request, and that trace."""
    if trace is None:
        return bound_contextvars(request_id=identity)
    return bound_contextvars(request_id=identity, trace_id=trace)


def request_id() -> str | None:
    """Of the request that is being answered here."""
    found: str | None = get_contextvars().get("request_id")
    return found


def _of_others(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """What another package says, without what it has put in: an address with a key, say."""
    record: logging.LogRecord = line["_record"]
    values = line.pop("positional_args", ())
    if values and record.name.partition(".")[0] not in _OURS:
        line["event"] = str(record.msg)
    return line


def _without_text(_logger: Any, _method: str, line: EventDict) -> EventDict:
    failed = line.pop("exc_info", None)
    if failed and failed[1] is not None:
        line["exception"] = _told(failed[1])
    return line


def _told(error: BaseException | None) -> str:
    """An error, and those that led to it, the first at first: kinds and places, no texts."""
    told: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines = "".join(traceback.format_tb(error.__traceback__))
        told.append(f"{lines}{type(error).__module__}.{type(error).__qualname__}")
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return "\nwhich led to\n".join(reversed(told))


def log_the_rest() -> None:
    """Write to the log, in this process, what Python would print with an error's text."""
    threading.excepthook = lambda failed: _logger.error(
        "a thread failed",
        exc_info=(failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback),
    )
    sys.unraisablehook = lambda failed: _logger.error(
        "something failed as it was cleared away", exc_info=failed.exc_value
    )
    warnings.showwarning = lambda _message, category, filename, line, *_: _logger.warning(
        "%s in %s, line %d", category.__name__, filename, line
    )


def on_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop was left with (its ``set_exception_handler``)."""
    _logger.error("%s", context["message"], exc_info=context.get("exception"))
