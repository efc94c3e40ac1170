"""Translations as TMX and CSV files."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import InvalidInput
from memory.bitexts import FORMATS, FileFormat, read_bitext, write_bitext
from memory.translations import Pair, Translation

PAIR = Pair("en", "zh")
TMX = """<?xml version="1.0" encoding="UTF-16"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="EN-US" datatype="xml"/><body>
<tu><tuv xml:lang="EN-US"><seg>Press <bpt i="1">&lt;b&gt;</bpt>Start<ept i="1"/> now</seg></tuv>
    <tuv xml:lang="fr"><seg>Non</seg></tuv>
    <tuv xml:lang="zh_CN"><seg>现在按<hi>开始</hi></seg></tuv></tu>
<tu><tuv xml:lang="EN-US"><seg>Only here</seg></tuv></tu>
</body></tmx>"""
EMPTY = (
    """<tu><tuv xml:lang="en"><seg>x</seg></tuv><tuv xml:lang="zh"><seg> </seg></tuv></tu></body>"""
)

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="￾￿"),
    min_size=1, max_size=40,
).filter(str.strip)  # fmt: skip
units = st.builds(
    Translation, st.sampled_from([PAIR, PAIR.back]), texts, texts,
    st.sampled_from(["imported", "person", "model"]), st.booleans(),
)  # fmt: skip


def test_a_tool_s_tmx_is_read() -> None:
    """Regions are of their language, marks of other formats are no text, what is not in both
    languages is left out, and it is text whatever its first line says of its encoding.
    """
    assert read_bitext(TMX, "tmx", PAIR).translations == [
        Translation(PAIR, "Press Start now", "现在按开始")
    ]
    assert [one.target for one in read_bitext(TMX, "tmx", Pair("zh", "en")).translations] == [
        "Press Start now"
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (TMX.replace("Non", "").replace("</body>", EMPTY), "tmx"),
        ("source,target,target_language\na,b,zh\na, ,zh\nb,c,fr\n", "csv"),
    ],
)
def test_what_is_left_out_is_counted(text: str, kind: FileFormat) -> None:
    """By why: a side without text, or other languages."""
    found = read_bitext(text, kind, PAIR)
    assert len(found.translations) == 1
    assert found.left_out == {"empty": 1, "languages": 1}


@pytest.mark.parametrize("kind", FORMATS)
@given(given=st.lists(units, min_size=1, max_size=5))
def test_what_is_written_is_read_again(kind: FileFormat, given: list[Translation]) -> None:
    """The same translations in the same order, both ways round, terms as terms."""
    assert read_bitext(write_bitext(given, kind), kind, PAIR).translations == given


@pytest.mark.parametrize("parted", [",", ";", "\t"])
def test_a_spreadsheet_s_csv_is_read(parted: str) -> None:
    """Whatever parts its cells; only what the first line is parted by does."""
    lines = [("source", "target"), ("Yes, now; please", "是的"), ("No", "不")]
    text = "\r\n".join(parted.join(f'"{cell}"' for cell in line) for line in lines)
    assert read_bitext(f"\ufeff{text}\r\n", "csv", PAIR).translations == [
        Translation(PAIR, "Yes, now; please", "是的"), Translation(PAIR, "No", "不"),
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["Source;Target;Term", " SOURCE ; target;TERM"])
def test_columns_are_named_in_any_case(first: str) -> None:
    """As people name them in a spreadsheet."""
    given = read_bitext(f"{first}\norder;订单;yes\n", "csv", PAIR).translations
    assert given == [Translation(PAIR, "order", "订单", "imported", term=True)]


@pytest.mark.parametrize("said", ['=HYPERLINK("http://a.de")', "+1", "-5 °C", "@SUM(A1)", "'=1"])
def test_a_spreadsheet_runs_nothing_that_was_exported(said: str) -> None:
    """An apostrophe stands before it, in either column, and is no part of it when it comes back."""
    given = [Translation(PAIR, said, "x"), Translation(PAIR, "x", said)]
    text = write_bitext(given, "csv")
    for row in list(csv.reader(text.splitlines()))[1:]:
        assert f"'{said}" in row
    assert read_bitext(text, "csv", PAIR).translations == given


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("", "tmx", "no TMX file"),
        ("<tmx><body></body></tmx>", "tmx", "no translation units"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><tmx>&b;</tmx>', "tmx", "declares entities"),
        (TMX.replace("Only here", "x</seg>"), "tmx", "no TMX file"),
        (TMX.replace("Press", "x" * 4001), "tmx", "unit 1: a text and its translation have 1 to"),
        ("<a>" * 30_000 + "</a>" * 30_000, "tmx", "TMX|units"),
        ("a,b\n1,2\n", "csv", "names its columns"),
        ("source,target\na\n", "csv", "line 2: it has not as many columns"),
        ('source,target\n"a,b\nc,d\n', "csv", "line 2: this is no CSV"),
        ('source,target\n\n"a\nb",c\nd\n', "csv", "line 5: it has not as many columns"),
        ("source,target,source_language\na,b,english!\n", "csv", "line 2: 'english!' is no lang"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_place(
    text: str, kind: FileFormat, why: str
) -> None:
    """Nothing outside the text is read, and nothing in it is expanded."""
    with pytest.raises(InvalidInput, match=why):
        read_bitext(text, kind, PAIR)


@pytest.mark.parametrize("given", [("en", "en"), ("english", "zh"), ("", "zh"), ("en", "zh;")])
def test_languages_are_tags(given: tuple[str, str]) -> None:
    """Two different ones."""
    with pytest.raises(InvalidInput):
        Pair(*given)
    assert Pair("EN", "pt_BR") == Pair("en", "pt-br")
