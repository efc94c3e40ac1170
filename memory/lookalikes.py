"""Names that people cannot tell apart: of two such, one would be taken for the other.

A name is kept as it is sent, and names one customer, or session, exactly: nothing is put right in
silence, which would make one of two that are there. So what looks like another name is refused
where it would begin one, and what is there already goes on under the name that it has.
"""

from __future__ import annotations

import unicodedata

from memory.errors import InvalidInput

_PICTURE = "\ufe0f"  # the sign before it is drawn as a picture
_JOINERS = "\u200c\u200d"
# Beside what Unicode calls control (Cc) and format (Cf): fillers, and signs that choose a form.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_PICTURES = frozenset({"So", "Sk"})
_VIRAMA = 9  # its combining class


def plain(name: str) -> str:
    """A name as it looks: in NFC, its words one space apart, without what cannot be seen."""
    if name.isascii():
        return " ".join(name.split())
    composed = unicodedata.normalize("NFC", name)
    shown = "".join(c for at, c in enumerate(composed) if _is_seen(composed, at))
    seen = " ".join(shown.split())
    return seen if seen == name else plain(seen)  # letters may have come together


def check_new(kind: str, name: str) -> None:
    """Refuse the name of something new that looks like another name.

    Raises:
        InvalidInput: it says which name to send.
    """
    seen = plain(name)
    if seen == name:
        return
    # In escapes where even the form of the letters is another.
    shown = repr(name) if unicodedata.is_normalized("NFC", name) else ascii(name)
    if not seen:
        msg = f"a new {kind} cannot be called {shown}: there is nothing in it to see"
        raise InvalidInput(msg)
    msg = (
        f"a new {kind} cannot be called {shown}, which looks like {seen!r}: send {seen!r}, in "
        "Unicode's form NFC, its words one space apart, with nothing invisible in it"
    )
    raise InvalidInput(msg)


def _is_seen(name: str, at: int) -> bool:
    sign = name[at]
    before, after = name[at - 1 : at], name[at + 1 : at + 2]
    if sign == _PICTURE:
        return _is_picture(before)
    if sign in _JOINERS:
        # They shape letters of some scripts, and make one picture of several; elsewhere nothing.
        return bool(after.strip()) and (
            (before != "" and unicodedata.combining(before) == _VIRAMA)
            or (_is_arabic(before) and _is_arabic(after))
            or ((before == _PICTURE or _is_picture(before)) and _is_picture(after))
        )
    return sign not in _BLANK and unicodedata.category(sign) not in ("Cc", "Cf")


def _is_picture(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign) in _PICTURES


def _is_arabic(sign: str) -> bool:
    return sign != "" and unicodedata.bidirectional(sign) == "AL"
