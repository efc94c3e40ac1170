"""The classifier that a setting names."""

from __future__ import annotations

from pathlib import Path

from app.understanding.heads import Heads

_SHIPPED = Path(__file__).with_name("shipped")


def open_understanding(setting: str) -> Heads | None:
    """Open ``embedded:``, the one that comes with the program, or the one in a folder.

    None for ``off``.

    Raises:
        InvalidInput: the folder has no classifier, or a damaged one.
    """
    if setting == "off":
        return None
    if setting == "embedded:":
        return Heads(_SHIPPED, language="en")
    return Heads(Path(setting))
