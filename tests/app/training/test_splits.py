"""What is trained on and what is measured on have nothing in common, and stay so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.training.dialogues import Dialogue, Said
from app.training.splits import part_of, split


def dialogue(name: str, text: str) -> Dialogue:
    """One exchange."""
    return Dialogue(name, (Said("customer", text), Said("agent", "Noted.")), "")


DIALOGUES = st.lists(st.builds(dialogue, st.text(max_size=5), st.text("abAB \n", max_size=5)))


@given(DIALOGUES, DIALOGUES, st.integers(0, 5))
def test_what_is_added_moves_nothing(
    first: list[Dialogue], more: list[Dialogue], seed: int
) -> None:
    """Each part of the larger data begins with the smaller's, and no words are in two parts."""
    before, after = split(first, seed), split(first + more, seed)
    for small, large in zip(before[:3], after[:3], strict=True):
        assert large[: len(small)] == small
    words = [" ".join(d.turns[0].text.split()).casefold() for part in after[:3] for d in part]
    assert len(words) + after.duplicates == len(first + more)
    texts = [" ".join(d.turns[0].text.split()).casefold() for d in (*first, *more)]
    assert set(words) == set(texts)


def test_the_shares_are_those_asked_for() -> None:
    """Of many dialogues a tenth each is kept apart; a seed draws others."""
    made = [dialogue(f"d{i}", f"question {i}") for i in range(5000)]
    parts = split(made)
    assert [round(len(part) / 5000, 1) for part in parts[:3]] == [0.8, 0.1, 0.1]
    assert split(made, seed=1).test != parts.test
    assert not split(made, dev=0, test=0).test
    assert all(part_of(d.id) == "test" for d in parts.test)
