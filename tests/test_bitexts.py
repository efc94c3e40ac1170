"""Translations as TMX and CSV files."""

from __future__ import annotations

import csv
from collections import Counter

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

LONG = (
    f"<tu><tuv xml:lang='en'><seg>{'x' * 4001}</seg></tuv>"
    "<tuv xml:lang='zh'><seg>x</seg></tuv></tu>"
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
        (TMX.replace("Non", "").replace("</body>", f"{LONG}{EMPTY}"), "tmx"),
        (
            f"source,target,target_language\na,b,zh_CN\na, ,zh\nb,c,fr\n{'x' * 4001},b,zh\n",
            "csv",
        ),
    ],
)
def test_what_is_left_out_is_counted(text: str, kind: FileFormat) -> None:
    """By why: a side without text, other languages, or too long; and which languages it has."""
    found = read_bitext(text, kind, PAIR)
    assert len(found.translations) == 1
    assert found.left_out == {"empty": 1, "languages": 1, "long": 1}
    assert {"en", "zh", "fr"} <= {tag.partition("-")[0] for tag in found.languages}


@pytest.mark.parametrize(
    ("tags", "asked", "fits"),
    [
        (("EN", "ZH-CN"), PAIR, True),
        (("en_us", "zh-Hans-CN"), PAIR, True),
        (("EN", "ZH"), Pair("en-gb", "zh-cn"), True),
        (("en", "zh-TW"), PAIR, False),  # traditional Chinese is no kind of it
        (("en-US", "zh"), Pair("en-gb", "zh"), False),
        (("en", "de"), Pair("en-us", "en-gb"), False),  # one side is not both
    ],
)
@pytest.mark.parametrize("attribute", ["xml:lang", "lang"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_kind_of_a_language_is_that_language(
    tags: tuple[str, str], asked: Pair, fits: bool, attribute: str, kind: FileFormat
) -> None:
    """However a tool writes it, and where the file has the language alone."""
    sides = "".join(f'<tuv {attribute}="{tag}"><seg>{tag}</seg></tuv>' for tag in tags)
    text = f"<tmx><body><tu>{sides}</tu></body></tmx>"
    if kind == "csv":
        text = f"source,target,source_language,target_language\n{','.join(tags * 2)}\n"
    found = read_bitext(text, kind, asked)
    assert found.translations == ([Translation(asked, *tags)] if fits else [])
    assert found.languages == Counter(tag.lower().replace("_", "-") for tag in tags)


def test_characters_that_no_xml_may_hold_are_left_out() -> None:
    """As Trados writes them, by number or as they are; others by number stay."""
    text = TMX.replace("Press", "Pr&#x1E;e\x1es&#31;s &#x26;&#38;")
    (one,) = read_bitext(text, "tmx", PAIR).translations
    assert one.source == "Press && Start now"


@pytest.mark.parametrize(
    "text",
    [
        "Yes, now;是的\nNo;不\n",  # DeepL's glossaries
        "Yes, now\t是的\tZH\tEN\nNo\t不\tZH\tEN\n".replace("ZH\tEN", "EN\tZH"),
        "# Glossary in tab-separated format\nYes, now\t是的\tsaid often\nNo\t不\n",  # OmegaT's
        'en,zh-CN,notes\n"Yes, now",是的,\nNo,不\n',  # a spreadsheet's
        "ZH;EN-US\n是的;Yes, now\n不;No\n",
        "sep=;\r\nEnglish;Chinese\r\nYes, now;是的\r\nNo;不\r\n",  # Excel's
        "Source Term;中文\nYes, now;是的\nNo;不\n",
    ],
)
def test_a_glossary_is_read_without_our_names(text: str) -> None:
    """Its columns are called by their languages, or not at all; all of it may be terms."""
    for term in (False, True):
        assert read_bitext(text, "csv", PAIR, terms=term).translations == [
            Translation(PAIR, "Yes, now", "是的", term=term),
            Translation(PAIR, "No", "不", term=term),
        ]  # fmt: skip


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
        ("<a>" * 30_000 + "</a>" * 30_000, "tmx", "TMX|units"),
        ("a,b,c\n1,2,3\n", "csv", "names its columns"),
        ("source,target,target\n1,2,3\n", "csv", "once each"),
        (TMX, "csv", "give `tmx`"),
        ("sep=;\na;b\nc;d;e\n", "csv", "names its columns"),
        ("sep=;\nsource;target\nc\n", "csv", "line 3: it has not as many columns"),
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
