"""Template files: read whole, or an error that says where and what to do."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.loading import SHOP
from app.templates.reading import MOST_BYTES, read_templates
from app.templates.template import CERTAIN, FILLABLE, Template
from memory import InvalidInput

GOOD = """
- intent: track_order
  text: >-
    Hello {name}, order {order_number} comes
    on {delivery_day}.
  examples:
    - Where is my order?
  certain: 0.9
- intent: refund
  text: "Within 5 days: as the law says."
- unknown: I do not know that.
"""
ONE = "- intent: a\n  text: "
SIGNS = [
    "- ", "intent", ": ", "text", "examples", "certain", "unknown", "{name}", "{", "}", "[", "]",
    "&a ", "*a", "!!map ", "? ", ">-", "|", "\n", "  ", "a", "'", '"', "\t", "0.5", "yes", "#", "%",
    "@", "---", "\0", "\ufeff", "<<", "~",
]  # fmt: skip


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    """Templates in order, folded lines joined, with the answer where nothing is known."""
    file = tmp_path / "templates.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())  # as some editors save it
    read = read_templates(file, ["refund", "track_order"])
    assert read.answers == (
        Template(
            "track_order",
            "Hello {name}, order {order_number} comes on {delivery_day}.",
            ("Where is my order?",),
            0.9,
        ),
        Template("refund", "Within 5 days: as the law says.", (), CERTAIN),
    )
    assert read.unknown == "I do not know that."


def test_the_shop_of_the_demo_has_templates() -> None:
    """They are read, and say what they say without a name or a number too."""
    read = read_templates(SHOP / "templates.yaml")
    general = {template.intent: template.general for template in read.answers}
    assert general["cancel_order"].startswith("You can cancel the order yourself in the first 60")
    assert general["contact_human_agent"].startswith("Of course. A person is there")
    assert not any("{" in text for text in general.values())


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("- intent: a\n  text: 'b", "line 2 is not YAML"),
        (ONE + "Dear: you: see", "line 2 is not YAML .*quotes"),
        ("- intent: a\n\ttext: b", "line 2 is not YAML"),
        (ONE + "a\x07b", "not YAML .special characters"),
        ("- intent: a\n---\n- intent: b", "line 2 is not YAML .*another document"),
        ("[" * 5000, "nested so deep"),
        ("", "there is no template"),
        ("[]", "line 1: there is no template"),
        ("intent: a", "line 1: a list is wanted"),
        ("- hello", "line 1: a template is wanted"),
        ("- [intent, a]", "line 1: a template is wanted"),
        ("- !!python/object/apply:os.system [ls]", "line 1: a template is wanted"),
        ("- intent: a\n  txt: b", "line 2: 'txt' is no key .*did you mean text"),
        ("- text: b", "line 1: .*no `intent`"),
        ("- intent: a", "line 1: .*no `text`"),
        (ONE + "b\n  text: c", "line 3: 'text' is there twice"),
        ("- <<: {intent: a}\n  text: b", "line 1: a key '<<'"),
        ("- intent: yes\n  text: b", "line 1: an intent 'yes' .*quotes"),
        (ONE + "12", "line 2: `text` '12' .*quotes"),
        (ONE, "line 2: `text` is empty"),
        (ONE + "[b]", "line 2: `text` is words"),
        (ONE + '"a\\0b"', "line 2: `text`: the text has NUL"),
        (ONE + "b" * 2001, "line 2: `text` has 2,001 characters"),
        (ONE + "b\n" + ONE + "b", "line 4: this text for a is in line 2 already"),
        ("[{intent: a, text: b}, {intent: a, text: b}]", "this text for a is in line 1 already"),
        (ONE + "Order {ordre_number}", r"line 2: \{ordre_number\} .*did you mean order_number"),
        (ONE + "Hi {name.__class__}", r"line 2: \{name.__class__\} is no slot"),
        (ONE + "Hi {name!r}", r"line 2: \{name!r\} is no slot: did you mean name"),
        (ONE + "Hi {0}", r"line 2: \{0\} is no slot"),
        (ONE + "Hi { name }", r"line 2: \{ name \} is no slot: did you mean name"),
        (ONE + "Hi {name", "line 2: a brace has no other"),
        (ONE + "Hi name}", "line 2: a brace has no other"),
        (ONE + "Hi {{name}}", "line 2: a brace has no other"),
        (ONE + "b\n  examples: x", "line 3: `examples` is a list"),
        (ONE + "b\n  examples: [x, X]", "line 3: the example 'X' is in line 3 already"),
        (ONE + "b\n  certain: 80", "line 3: `certain` is a number"),
        (ONE + "b\n  certain: .nan", "line 3: `certain` is a number"),
        (ONE + "b\n  certain: very", "line 3: `certain` is a number"),
        ("- unknown: Sorry {name}", "line 1: {name} in `unknown`"),
        ("- unknown: a\n- unknown: b", "line 2: `unknown` is in line 1"),
        ("- unknown: a\n  intent: b", "line 1: .*stands alone"),
        ("- intent: unknown\n  text: b", "line 1: an intent cannot be called 'unknown'"),
        ("- &a [x]\n- *a", "line 2: .a repeats what stands elsewhere"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    """The file, the line, what is wrong and what to do; nothing is taken of it."""
    file = tmp_path / "templates.yaml"
    file.write_text(written, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said) as told:
        read_templates(file)
    assert str(told.value).startswith(str(file))


def test_intents_are_those_of_the_classifier(tmp_path: Path) -> None:
    """One that it does not know is told with the nearest that it does."""
    file = tmp_path / "templates.yaml"
    file.write_text("- intent: trak_order\n  text: Soon.\n")
    assert read_templates(file).answers[0].intent == "trak_order"
    with pytest.raises(InvalidInput, match=r"line 1: 'trak_order' .*did you mean track_order"):
        read_templates(file, ["refund", "track_order"])


def test_a_bomb_of_aliases_takes_no_time(tmp_path: Path) -> None:
    """Ten levels of ten stand for ten thousand million words, of which none is made."""
    levels = ["- &a0 [x, x, x]"]
    levels += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]
    file = tmp_path / "templates.yaml"
    file.write_text("\n".join(levels))
    with pytest.raises(InvalidInput, match="line 2: "):
        read_templates(file)


@given(st.data())
def test_whatever_a_file_has_it_is_read_or_told(data: st.DataObject) -> None:
    """No bytes end in another error, and what is read has only slots that can be filled."""
    pieces = st.sampled_from(SIGNS)
    raw = data.draw(st.one_of(st.binary(max_size=60), st.lists(pieces).map("".join)))
    raw = raw if isinstance(raw, bytes) else raw.encode()
    good = GOOD.encode()
    place = data.draw(st.integers(0, len(good)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "templates.yaml")
        for written in (raw, good[:place] + raw + good[place:]):
            file.write_bytes(written)
            with suppress(InvalidInput):
                read = read_templates(file)
                assert all(set(template.slots) <= set(FILLABLE) for template in read.answers)


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    """Not there, a folder, not UTF-8, too large."""
    file = tmp_path / "templates.yaml"
    for made, said in (
        (lambda: None, "No such file"),
        (lambda: file.write_bytes("- intent: é".encode("latin1")), "not UTF-8 .byte 10."),
        (lambda: file.write_bytes(b"#" * (MOST_BYTES + 1)), "more than 262,144 bytes"),
    ):
        made()
        with pytest.raises(InvalidInput, match=said):
            read_templates(file)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_templates(tmp_path)
