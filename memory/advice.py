"""What an error of a database's driver means, and what to do about it."""

from __future__ import annotations

from typing import Any

from memory.errors import NotADatabase, StoreError, StoreUnavailable, Undone

# Postgres's codes of errors (its documentation, appendix A) that undo a transaction, and why.
_ONLY_READS = "25006"
_UNDOING = {
    "40001": "two transactions could not be put in an order",
    "40P01": "two transactions waited for each other",
    _ONLY_READS: "the database's server only reads: it is a standby, or has become one",
}

_UNAVAILABLE = (
    ("locked", "another process holds the database: try again, or stop that process"),
    ("readonly", "the database is read-only: give this user the right to write it"),
    ("read-only", "the database is read-only: give this user the right to write it"),
    ("disk is full", "the disk is full: free some space and try again"),
    ("disk i/o error", "the disk failed or is full: check it and try again"),
    ("unable to open", "the database file cannot be opened: check that its folder is there"),
)


def explain(context: Any) -> None:
    """Turn the driver's error into one that says what to do (SQLAlchemy's handle_error)."""
    if context.is_pre_ping:
        return  # the pool makes a new connection in the place of one that is gone
    error = context.original_exception
    if not isinstance(error, Exception):
        return  # somebody ends the program, and the connection with it
    code = getattr(error, "sqlstate", None)
    if code == _ONLY_READS:
        context.is_disconnect = True  # all connections are made anew: to what takes writes now
    found = explained(error)
    if code in _UNDOING:
        found = Undone(f"{_UNDOING[code]}: try again ({str(error).strip()})")
    elif context.is_disconnect:
        lost = f"the database is not available: {str(error).strip()}"
        # Nobody knows whether a commit came through; what came before it did not.
        found = StoreUnavailable(lost) if context.statement is None else Undone(lost)
    if found is not None:
        raise found from error


def explained(error: BaseException) -> StoreError | None:
    """What to do about a driver's error; None if it is the program's own fault."""
    text = str(error).strip()
    lowered = text.lower()
    if "file is not a database" in lowered or "malformed" in lowered:
        return NotADatabase(f"the file is not a database, or is damaged ({text}): restore a backup")
    for sign, advice in _UNAVAILABLE:
        if sign in lowered:
            return StoreUnavailable(f"{advice} ({text})")
    # By name: the driver is an extra. Its errors for a full disk or a time-out are subclasses.
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        return StoreUnavailable(f"the database is not available: {text}")
    return None
