"""The classifier that a setting names."""

from __future__ import annotations

from pathlib import Path

from app.understanding.card import CARD
from app.understanding.heads import Heads

_SHIPPED = Path(__file__).with_name("shipped")


def open_understanding(setting: str) -> Heads | None:
    """Open ``embedded:``, the one that comes with the program, or the one in a folder.

    None for ``off``, and where none has come with the program.

    Raises:
        InvalidInput: the folder has no classifier, or a damaged one.
    """
    if setting == "off":
        return None
    if setting == "embedded:":
        return Heads(_SHIPPED) if (_SHIPPED / CARD).is_file() else None
    return Heads(Path(setting))
