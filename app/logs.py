"""The log: what happened and where in the program, never what was said, nor by whom.

An error's own text may repeat anything: a message that could not be read as a number, a name, a
key, the values of a statement. So of errors that are not our own only their kind and the lines of
code are written, and of other packages only warnings: at ``debug`` an HTTP client would write
down every prompt.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
import warnings
from typing import Any

_OURS = ("app", "memory", "uvicorn")

_logger = logging.getLogger(__name__)


class TextlessFormatter(logging.Formatter):
    """Lines of the log, with errors as their kinds and where they were raised."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class has named it
        """The error, and those that led to it, the first at first."""
        error: BaseException | None = ei[1]
        told: list[str] = []
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            lines = "".join(traceback.format_tb(error.__traceback__))
            told.append(f"{lines}{type(error).__module__}.{type(error).__qualname__}")
            hidden = error.__suppress_context__
            error = error.__cause__ or (None if hidden else error.__context__)
        return "\nwhich led to\n".join(reversed(told))


def log_at(level: str) -> None:
    """Write what is at least of this level to standard error; of other packages only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(TextlessFormatter("%(levelname)s %(name)s: %(message)s"))
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler])
    for name in _OURS:
        logging.getLogger(name).setLevel(least)


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
