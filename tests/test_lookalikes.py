"""Names that people cannot tell apart: how a name looks, and which new ones are refused."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import InvalidInput
from memory.lookalikes import check_new, plain

SEEN = {
    "ada ": "ada",
    " ada": "ada",
    "ada  b": "ada b",
    "ada\u00a0b": "ada b",  # a no-break space
    "张\u3000三": "张 三",
    "\u200bada": "ada",
    "a\ufeffda": "ada",
    "a\u00adda": "ada",  # a soft hyphen
    "a\u200dda": "ada",  # a joiner that joins nothing
    "ada\u202e": "ada",
    "ada\ufe0f": "ada",
    "a\u0085da": "ada",
    "Zoe\u0308": "Zoë",
    "\u1100\u1161\u11a8": "각",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_new_name_that_looks_like_another_is_refused(name: str) -> None:
    """The error says which to send, and that one is taken."""
    assert plain(name) == SEEN[name]
    with pytest.raises(InvalidInput, match=f"send {re.escape(repr(SEEN[name]))}"):
        check_new("customer", name)
    check_new("customer", SEEN[name])


@pytest.mark.parametrize("name", [" ", "\u200b", "\u2800\u3164"])
def test_a_name_of_which_nothing_is_seen_is_refused(name: str) -> None:
    """There is no other to send."""
    with pytest.raises(InvalidInput, match="nothing in it to see"):
        check_new("customer", name)


@pytest.mark.parametrize(
    "name",
    ["ada", "Zoë", "张三", "a/b", "علی\u200cرضا", "क्\u200dष", "👩\u200d💻", "❤\ufe0f\u200d🔥"],
)
def test_letters_and_pictures_keep_what_shapes_them(name: str) -> None:
    """Some scripts and pictures are written with joiners, which are seen there."""
    check_new("customer", name)


@given(st.text(st.sampled_from("a eé\u0308\u0301\u200b\u200c\u200d\u00a0\ufe0f👩ع्क\u1100\u1161")))
def test_how_a_name_looks_is_settled(name: str) -> None:
    """What a name looks like looks like itself, in NFC, and takes no space more."""
    seen = plain(name)
    assert plain(seen) == seen
    assert unicodedata.is_normalized("NFC", seen)
    assert " ".join(seen.split()) == seen
