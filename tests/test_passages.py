"""Where a long text is cut, and that nothing of it is lost."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from memory import count_tokens, passages_of
from tests.doubles import count_words

PARTS = st.sampled_from(
    [
        "# Top\n",
        "## Inner\n",
        "### Deep\n",
        "word ",
        "more words. ",
        "\n\n",
        "\n",
        "```\n",
        "x" * 90,
    ]
)


def test_a_heading_stands_above_its_passages() -> None:
    """With those that it is under; what comes before the first has none."""
    text = "Before.\n\n# Returns\n\nWithin 30 days.\n\n## Refunds\nA week.\n\n# Delivery\nMonday."
    assert passages_of(text, count_words) == [
        "Before.",
        "Returns\nWithin 30 days.",
        "Returns > Refunds\nA week.",
        "Delivery\nMonday.",
    ]


def test_a_heading_without_text_is_kept() -> None:
    """Alone if nothing is under it, else above what is."""
    text = "# A\n## B\n## C\nText.\n# D"
    assert passages_of(text, count_words) == ["A > B", "A > C\nText.", "D"]


def test_a_heading_is_short_and_its_closing_signs_are_none_of_it() -> None:
    """What is too long to stand above each passage of its section is text like any other."""
    assert passages_of("## Returns ##  \nText.\n# #\nMore.", count_words) == [
        "Returns\nText.",
        "#\nMore.",
    ]
    long = f"# {'x' * 301}"
    assert passages_of(f"{long}\n## Inner\nText.", count_words) == [long, "Inner\nText."]


def test_a_number_sign_in_code_is_no_heading() -> None:
    """A comment of a program does not begin a section."""
    text = "# Set up\n```\n# run it\nmake serve\n```\nDone."
    assert passages_of(text, count_words) == ["Set up\n```\n# run it\nmake serve\n```\nDone."]


def test_paragraphs_are_kept_together_as_far_as_they_fit() -> None:
    """A passage is full before the next begins, and a long paragraph is cut between sentences."""
    text = "One two three.\n\nFour five.\n\n" + "Here are five more words. " * 4
    assert passages_of(text, count_words, most=10) == [
        "One two three.\n\nFour five.\n\nHere are five more words.",
        "Here are five more words. Here are five more words.",
        "Here are five more words.",
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=60).map("".join), st.integers(5, 40))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, most: int) -> None:
    """Every word is in the passages, in order, and none has more tokens than it may."""
    found = passages_of(text, count_tokens, most)
    place = 0
    joined = re.sub(r"\W|x", "", "".join(found))
    for word in re.findall(r"[a-z]+", re.sub(r"^#+ .*$", "", text, flags=re.MULTILINE)):
        place = joined.find(word.replace("x", ""), place)
        assert place >= 0, word
    assert all(count_tokens(passage.split("\n", 1)[-1]) <= most for passage in found)
