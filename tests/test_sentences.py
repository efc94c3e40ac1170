"""Sentences and their facts, by rule, in several scripts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.sentences import LONGEST, facts, pieces, split

unhurried = settings(deadline=None)  # a busy machine is no failure
# Text as it comes: words, marks, digits, scripts, emoji, line ends.
texts = st.text(
    alphabet=st.one_of(
        st.sampled_from("abc XYZ .!?…,;: 019 -@#$\n\t\"'()。！？，「」我要退货です🙂👩‍🔧éß"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=400,
)


@unhurried
@given(texts)
def test_split_loses_nothing_but_white_space(text: str) -> None:
    """The sentences put together are the text, white space aside, and none is empty."""
    for parts in (split(text), pieces(text)):
        assert "".join("".join(parts).split()) == "".join(text.split())
        assert all(part == part.strip() != "" for part in parts)


@unhurried
@given(texts)
def test_a_piece_is_never_long(text: str) -> None:
    """Whatever comes without a full stop is broken up."""
    assert all(len(piece) <= LONGEST for piece in pieces(text * 5))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It broke. I want a refund! Can you?", ["It broke.", "I want a refund!", "Can you?"]),
        ("Dr. Ng paid $3.50 for no. 44. Why?", ["Dr. Ng paid $3.50 for no. 44.", "Why?"]),
        ("The answer is no. Then we left.", ["The answer is no.", "Then we left."]),
        ("Open at 8 a.m. sharp. See e.g. Fig. 3.", ["Open at 8 a.m. sharp.", "See e.g. Fig. 3."]),
        ("Mail a.b@c.example. See https://x.example/a?b=c. Bye",
         ["Mail a.b@c.example.", "See https://x.example/a?b=c.", "Bye"]),
        ("Well... maybe not. Wait… What?!", ["Well... maybe not.", "Wait…", "What?!"]),
        ('He said "no." Then J. R. Hart left.', ['He said "no."', "Then J. R. Hart left."]),
        ("1. Open it. 2. Close it.", ["1. Open it.", "2. Close it."]),
        ("- one\n- two\r\nthree", ["- one", "- two", "three"]),
        ("没有收到货。请帮我查一下！谢谢", ["没有收到货。", "请帮我查一下！", "谢谢"]),
        ("「はい。」と言った。次です", ["「はい。」と言った。", "次です"]),
        (" \n ", []),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_end_them(text: str, sentences: list[str]) -> None:
    """Abbreviations, numbers, addresses, initials and ellipses end no sentence by their dots."""
    assert split(text) == sentences


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("My order number is KX-48213.", "About kx-48213: any news?"),
        ("Call +44 20 7946 0958", "It was +44 (20) 7946-0958."),
        ("Write to Ada@Example.com!", "ada@example.com"),
        ("订单号是DD20231105，谢谢", "DD20231105 到了吗"),
        ("Ticket #771 please", "It is number 771."),
        ("It cost $39.50", "$39.50 was too much"),
    ],
)
def test_two_mentions_of_a_fact_are_one_fact(one: str, other: str) -> None:
    """A fact is known again however it is written."""
    assert facts(one).keys() & facts(other).keys()


def test_durations_sizes_and_links_are_no_identifiers() -> None:
    """What only looks like a number of something does not crowd out what is one."""
    assert not facts("It took 24hours, 256gb, version 11.0.3, see https://x.example/99812")
