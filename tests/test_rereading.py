"""What is read in a text once is not read again, where it is kept."""

from __future__ import annotations

from memory.rereading import MOST, Kept, once, rereading

_read: list[object] = []


@once
def _length(text: object, *, twice: bool = False) -> int:
    _read.append(text)
    return len(str(text)) * (2 if twice else 1)


def test_what_was_read_is_found_again_where_it_is_kept() -> None:
    """The same text with the same arguments is read once; with others, or elsewhere, anew."""
    _read.clear()
    ada: Kept = {}
    with rereading(ada):
        assert [_length("parcel"), _length("parcel"), _length("parcel", twice=True)] == [6, 6, 12]
    with rereading({}):
        assert _length("parcel") == 6
    with rereading(ada):
        assert _length("parcel") == 6
    assert _read == ["parcel"] * 3


def test_nothing_is_kept_where_nobody_keeps_it() -> None:
    """Outside of such a block a function is what it was."""
    _read.clear()
    assert [_length("parcel"), _length("parcel")] == [6, 6]
    assert len(_read) == 2


def test_what_cannot_be_looked_up_is_read_each_time() -> None:
    """A message with data has no hash."""
    _read.clear()
    with rereading({}):
        assert [_length(["a"]), _length(["a"])] == [5, 5]
    assert len(_read) == 2


def test_no_more_is_kept_than_fits() -> None:
    """However many texts are read."""
    kept: Kept = {}
    with rereading(kept):
        for number in range(3 * MOST):
            _length(f"parcel {number}")
    assert 0 < len(kept) <= MOST
