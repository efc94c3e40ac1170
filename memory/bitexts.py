"""Translations as files: TMX 1.4b and CSV, read and written.

TMX is what translation tools exchange (https://www.gala-global.org/tmx-14b). CSV, parted by commas,
semicolons or tabs, has a line with names first, in any case: ``source`` and ``target``, or the two
languages, and, where they differ from line to line, ``source_language``, ``target_language``,
``origin`` and ``term``; glossaries of DeepL and OmegaT, which have no such line, are read too. A
cell that a spreadsheet would run as a formula is written after an apostrophe, which is taken off in
reading (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Literal, NamedTuple, get_args
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from memory.errors import InvalidInput
from memory.separators import language_names
from memory.translations import (
    LONGEST,
    LONGEST_TERM,
    ORIGINS,
    Origin,
    Pair,
    Translation,
    is_language,
    normal_tag,
    wider,
)  # fmt: skip

FileFormat = Literal["tmx", "csv"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CODE = {"bpt", "ept", "ph", "it", "ut"}  # of TMX: marks of another format, and no text
_NAMES = ("source_language", "target_language", "source", "target", "origin", "term")
_SEPARATORS = ",;\t"
_NAMED = re.compile(r"(source|target)(?:[ _-](?:text|term|segment|string))?")
_PARTED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's first line
_LOOKED_AT = 50  # rows by which it is told how a file is parted
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r]")
_TRUE = frozenset({"1", "true", "yes"})
_DECLARED = re.compile(r"^\ufeff?\s*(<\?xml[^>]*\?>)?\s*")
# What XML 1.0 cannot hold, though tools write it, as it is or by its number.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BY_NUMBER = re.compile(r"&#(?:x(?P<hex>[0-9A-Fa-f]{1,6})|(?P<number>[0-9]{1,7}));")


# Why something in a file is left out: a side has no text, it is not in both languages, or a side
# is longer than a translation may be.
LeftOut = Literal["empty", "languages", "long"]


class Bitext(NamedTuple):
    """What a file has in two languages, how much else, and in which languages it is."""

    translations: list[Translation]
    left_out: Counter[LeftOut]
    languages: Counter[str]


def read_bitext(text: str, kind: FileFormat, pair: Pair, *, terms: bool = False) -> Bitext:
    """The translations in a file, and how many units or rows are left out.

    Args:
        text: the file.
        kind: which kind it is.
        pair: the languages that are read; ``en`` is ``en-US`` too, where a file has that, and that
            is ``en``.
        terms: all of them are terms.

    Raises:
        InvalidInput: it is no such file, or a line of it cannot be kept; the message says where.
    """
    found = Bitext([], Counter(), Counter())
    read = _read_tmx if kind == "tmx" else _read_csv
    for one in read(text, pair, found.languages, terms):
        if isinstance(one, Translation):
            found.translations.append(one)
        else:
            found.left_out[one] += 1
    return found


def write_bitext(given: Sequence[Translation], kind: FileFormat) -> str:
    """The file with these translations."""
    return _written_tmx(given) if kind == "tmx" else _written_csv(given)


def _read_tmx(
    text: str, pair: Pair, languages: Counter[str], terms: bool
) -> Iterator[Translation | LeftOut]:
    units = 0
    try:
        # What it says of its encoding was true of the file, and this is text.
        said = _BY_NUMBER.sub(_if_xml, _NOT_XML.sub("", _DECLARED.sub("", text)))
        for _, element in iterparse(io.BytesIO(said.encode())):
            if _tag(element) != "tu":
                continue
            units += 1
            sides = {_language(one): _text(one) for one in element if _tag(one) == "tuv"}
            languages.update([*sides])
            here, there = _fitting(sides, pair.source), _fitting(sides, pair.target)
            if here is None or there is None or here == there:
                yield "languages"
            else:
                about = {one.get("type"): one.text for one in element if _tag(one) == "prop"}
                term = terms or _is_true(about.get("x-term"))
                one = _made(pair, sides[here], sides[there], about.get("x-origin"), term)
                srclang = normal_tag(element.get("srclang") or "")
                if isinstance(one, Translation) and _fitting([srclang], pair.target):
                    one = one.turned
                yield one
            element.clear()
    except RecursionError as error:
        msg = "the text is no TMX file that can be read: it is nested too deeply"
        raise InvalidInput(msg) from error
    except (ParseError, DefusedXmlException) as error:
        what = "it declares entities" if isinstance(error, DefusedXmlException) else str(error)
        msg = f"the text is no TMX file that can be read: {what}"
        raise InvalidInput(msg) from error
    if not units:
        msg = "the file has no translation units: a TMX file has `tu` elements in its `body`"
        raise InvalidInput(msg)


def _if_xml(match: re.Match[str]) -> str:
    number = int(match["hex"], 16) if match["hex"] else int(match["number"])
    fine = number < 0x110000 and not _NOT_XML.match(chr(number))
    return match[0] if fine else ""


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _language(element: Any) -> str:
    return normal_tag(element.get(_LANG) or element.get("lang") or "")


def _fitting(tags: Iterable[str], language: str) -> str | None:
    """The tag of a language, else the first of a kind of it, else of what it is a kind of."""
    there = list(tags)
    kinds = [tag for tag in there if language in wider(tag)]
    return next((tag for tag in (language, *kinds, *wider(language)) if tag in there), None)


def _text(element: Any) -> str:
    """What is said, less the marks of another format in it."""
    seg = next((one for one in element if _tag(one) == "seg"), None)
    return "" if seg is None else "".join(_pieces(seg)).strip()


def _pieces(element: Any) -> Iterator[str]:
    yield element.text or ""
    for one in element:
        if _tag(one) not in _CODE:
            yield from _pieces(one)
        yield one.tail or ""


def _read_csv(
    text: str, pair: Pair, languages: Counter[str], terms: bool
) -> Iterator[Translation | LeftOut]:
    text = text.removeprefix("\ufeff")
    parted = _PARTED.match(text)
    text = text[parted.end() :] if parted else text
    table = _table(text, parted[1] if parted else _SEPARATORS, pair)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=table.separator, strict=True)
    before = int(parted is not None)
    read = 0  # lines, up to the end of the last row that was whole
    try:
        if table.is_named:
            next(rows)
        read = rows.line_num
        for cells in rows:
            line, read = read + 1 + before, rows.line_num
            if not cells or (not table.is_named and cells[0].startswith("#")):
                continue
            row = dict(zip(table.names, cells, strict=False))
            if len(cells) > len(table.names) or not {"source", "target"} <= set(row):
                msg = f"line {line}: it has not as many columns as the first line"
                raise InvalidInput(msg)
            try:
                given = Pair(
                    row.get("source_language") or pair.source,
                    row.get("target_language") or pair.target,
                )
                languages.update((given.source, given.target))
                way = next((one for one in (pair, pair.back) if _is_of(given, one)), None)
                if way is None:
                    yield "languages"
                    continue
                term = terms or _is_true(row.get("term"))
                said = _said(row["source"]), _said(row["target"])
                yield _made(way, *said, row.get("origin"), term)
            except InvalidInput as error:
                msg = f"line {line}: {error}"
                raise InvalidInput(msg) from error
    except csv.Error as error:
        msg = f"line {read + 1 + before}: this is no CSV ({error})"
        raise InvalidInput(msg) from error


class _Table(NamedTuple):
    """What parts a file's cells, what its columns are, and whether its first line says so."""

    separator: str
    names: list[str]
    is_named: bool


def _table(text: str, separators: str, pair: Pair) -> _Table:
    """How a file is to be read.

    Raises:
        InvalidInput: neither does its first line name what it must, nor is it a glossary.
    """
    for one in separators:
        rows = _first(text, one)
        if rows and all(len(row) == 4 and all(map(is_language, row[2:])) for row in rows):
            return _Table(one, ["source", "target", "source_language", "target_language"], False)
        names = [_column(name, pair) for name in rows[0]] if rows else []
        if names.count("source") == names.count("target") == 1:
            return _Table(one, names, True)
    for one in reversed(separators):
        widths = {len(row) for row in _first(text, one) if row[0][:1] != "#"}
        if widths == {2} or (widths and one == "\t" and widths <= {2, 3}):
            return _Table(one, ["source", "target", "comment"][: max(widths)], False)
    if text.lstrip()[:1] == "<":
        msg = "the text begins as a TMX file does: give `tmx` as its `format`"
        raise InvalidInput(msg)
    msg = (
        "the first line of a CSV file names its columns: `source` and `target` at least, once "
        "each; a file without such a line has these two columns alone"
    )
    raise InvalidInput(msg)


def _first(text: str, separator: str) -> list[list[str]]:
    """The first rows of a file, as far as they can be read."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows.extend(islice(filter(None, read), _LOOKED_AT))
    return rows


def _column(name: str, pair: Pair) -> str:
    """What a column holds, by its name: source and target may be called by their languages."""
    name = name.strip().lower()
    if (found := _NAMED.fullmatch(name)) is not None:
        return found[1]
    for side, language in (("source", pair.source), ("target", pair.target)):
        if name in language_names(language) or _fitting([normal_tag(name)], language):
            return side
    return name


def _is_of(given: Pair, pair: Pair) -> bool:
    sides = (given.source, pair.source), (given.target, pair.target)
    return all(_fitting([one], language) for one, language in sides)


def _cell(said: str) -> str:
    return f"'{said}" if _FORMULA.match(said) else said


def _said(cell: str) -> str:
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def _is_true(said: str | None) -> bool:
    return (said or "").strip().lower() in _TRUE


def _made(
    pair: Pair, source: str, target: str, origin: str | None, term: bool
) -> Translation | LeftOut:
    known: Origin = next((one for one in ORIGINS if one == origin), "imported")
    lengths = len(source.strip()), len(target.strip())
    if not all(lengths):
        return "empty"
    if max(lengths) > (LONGEST_TERM if term else LONGEST):
        return "long"
    return Translation(pair, source, target, known, term)


def _written_csv(given: Iterable[Translation]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_NAMES)
    writer.writerows(
        (
            one.pair.source,
            one.pair.target,
            _cell(one.source),
            _cell(one.target),
            one.origin,
            int(one.term),
        )
        for one in given
    )
    return file.getvalue()


def _written_tmx(given: Sequence[Translation]) -> str:
    languages = {one.pair.source for one in given}
    root = Element("tmx", version="1.4")
    SubElement(
        root, "header", creationtool="langchain-memory-service", creationtoolversion="1",
        segtype="sentence", adminlang="en", datatype="plaintext", attrib={"o-tmf": "none"},
        srclang=languages.pop() if len(languages) == 1 else "*all*",
    )  # fmt: skip
    body = SubElement(root, "body")
    for one in given:
        unit = SubElement(body, "tu", srclang=one.pair.source)
        SubElement(unit, "prop", type="x-origin").text = one.origin
        if one.term:
            SubElement(unit, "prop", type="x-term").text = "1"
        for tag, said in ((one.pair.source, one.source), (one.pair.target, one.target)):
            variant = SubElement(unit, "tuv", attrib={"xml:lang": tag})
            SubElement(variant, "seg").text = _NOT_XML.sub("", said)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'
