"""What a classifier says of messages: checked before it is kept."""

from __future__ import annotations

from typing import Any

from memory.errors import InvalidInput
from memory.types import Label, Labels, check_name


def checked(given: Any) -> Labels:
    """What a classifier has said of a text, if it can be kept.

    Raises InvalidInput if it is not labels by the names of heads, each with a confidence 0 to 1.
    """
    if not isinstance(given, dict):
        msg = f"a classifier gives a text's labels by their heads, not {type(given).__name__}"
        raise InvalidInput(msg)
    return {check_name("head", head): _label(head, label) for head, label in given.items()}


def _label(head: str, given: Any) -> Label:
    try:
        name, confidence = given
        sure = float(confidence)
    except (TypeError, ValueError) as error:
        msg = f"the head {head!r} gives {given!r}: a label's name and a confidence are wanted"
        raise InvalidInput(msg) from error
    if not 0 <= sure <= 1:  # also what is no number
        msg = f"the head {head!r} is sure by {sure}: a confidence is 0 to 1"
        raise InvalidInput(msg)
    return Label(None if name is None else check_name("label", name), sure)
