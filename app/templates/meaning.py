"""What a classifier does not see in a message: that something is not wanted, or is another's.

Each has the words of its intent and few others: "do not cancel my order", "my mother's order".
"""

from __future__ import annotations

import re

_NOT_WANTED = re.compile(
    r"\b(?:do not|don['’]?t|did not|didn['’]?t|never|not|no need|need not|needn['’]?t"
    r"|should not|shouldn['’]?t) "
    r"(?:(?:please|ever|yet|just|want|wish|need|ask(?:ed)?|mean|going|you|to|me|it|be|my|our|for"
    r"|an?|the|all|that|this|account|order|parcel) ){0,4}"
    r"(?:cancel|stop|delet|clos(?:e|ing)|remov|chang|edit|unsubscrib|complain)\w*",
    re.IGNORECASE,
)
_WHOSE = (
    r"(?:mothers?|mum|mom|fathers?|dad|sisters?|brothers?|wife|husband|partner|sons?|daughters?"
    r"|child(?:ren)?|parents?|neighbou?rs?|friends?|boss|colleagues?|aunts?|uncles?|cousins?"
    r"|gran(?:ny|dma|dpa|dad|dmother|dfather)?|girlfriend|boyfriend|flatmate|roommate|mate)"
)
_OTHERS = re.compile(
    rf"\b(?:my|our|his|her|their) (?:\w+ )?{_WHOSE}(?:['’]s|s['’]|['’])"
    rf"|\b(?:of|for|from|by) (?:my|our) {_WHOSE}\b"
    rf"|\bfriend \w+['’]s\b",
    re.IGNORECASE,
)


def not_wanted(message: str) -> bool:
    """Whether a message says that something is not to be done: "do NOT delete my account"."""
    return bool(_NOT_WANTED.search(" ".join(message.split())))


def of_others(message: str) -> bool:
    """Whether a message may be about what is somebody else's: "my sister's parcel"."""
    return bool(_OTHERS.search(" ".join(message.split())))
