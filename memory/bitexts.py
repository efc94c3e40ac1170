"""Translations as files: TMX 1.4b and CSV, read and written.

TMX is what translation tools exchange (https://www.gala-global.org/tmx-14b). CSV, parted by commas,
semicolons or tabs, has a line with names first, in any case: ``source``, ``target`` and, where they
differ from line to line, ``source_language``, ``target_language``, ``origin`` and ``term``. A cell
that a spreadsheet would run as a formula is written after an apostrophe, which is taken off in
reading (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from memory.errors import InvalidInput
from memory.translations import ORIGINS, Origin, Pair, Translation

FileFormat = Literal["tmx", "csv"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CODE = {"bpt", "ept", "ph", "it", "ut"}  # of TMX: marks of another format, and no text
_NAMES = ("source_language", "target_language", "source", "target", "origin", "term")
_SEPARATORS = ",;\t"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r]")
_TRUE = frozenset({"1", "true", "yes"})
_DECLARED = re.compile(r"^\ufeff?\s*(<\?xml[^>]*\?>)?\s*")
# What XML 1.0 cannot hold.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# Why something in a file is left out: a side has no text, or it is not in both languages.
LeftOut = Literal["empty", "languages"]


class Bitext(NamedTuple):
    """What a file has in two languages, and how much else."""

    translations: list[Translation]
    left_out: Counter[LeftOut]


def read_bitext(text: str, kind: FileFormat, pair: Pair) -> Bitext:
    """The translations in a file, and how many units or rows are left out.

    Args:
        text: the file.
        kind: which kind it is.
        pair: the languages that are read; ``en`` is ``en-US`` too, where a file has that.

    Raises:
        InvalidInput: it is no such file, or a line of it cannot be kept; the message says where.
    """
    found = Bitext([], Counter())
    for one in _read_tmx(text, pair) if kind == "tmx" else _read_csv(text, pair):
        if isinstance(one, Translation):
            found.translations.append(one)
        else:
            found.left_out[one] += 1
    return found


def write_bitext(given: Sequence[Translation], kind: FileFormat) -> str:
    """The file with these translations."""
    return _written_tmx(given) if kind == "tmx" else _written_csv(given)


def _read_tmx(text: str, pair: Pair) -> Iterator[Translation | LeftOut]:
    units = 0
    try:
        # What it says of its encoding was true of the file, and this is text.
        for _, element in iterparse(io.BytesIO(_DECLARED.sub("", text).encode())):
            if _tag(element) != "tu":
                continue
            units += 1
            sides = {_language(one): _text(one) for one in element if _tag(one) == "tuv"}
            source, target = _side(sides, pair.source), _side(sides, pair.target)
            if source is None or target is None:
                yield "languages"
            elif not source or not target:
                yield "empty"
            else:
                about = {one.get("type"): one.text for one in element if _tag(one) == "prop"}
                try:
                    one = _made(pair, source, target, about.get("x-origin"), about.get("x-term"))
                except InvalidInput as error:
                    msg = f"unit {units}: {error}"
                    raise InvalidInput(msg) from error
                srclang = (element.get("srclang") or "").lower().replace("_", "-")
                yield one.turned if _side({srclang: srclang}, pair.target) else one
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


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _language(element: Any) -> str:
    return (element.get(_LANG) or element.get("lang") or "").lower().replace("_", "-")


def _side(sides: dict[str, str], language: str) -> str | None:
    """The text in a language; of a wider one, the first that is of it."""
    if language in sides:
        return sides[language]
    return next((said for tag, said in sides.items() if tag.startswith(f"{language}-")), None)


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


def _read_csv(text: str, pair: Pair) -> Iterator[Translation | LeftOut]:
    text = text.removeprefix("\ufeff")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    read = 0  # lines, up to the end of the last row that was whole
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        if not {"source", "target"} <= set(names):
            msg = "the first line of a CSV file names its columns: `source` and `target` at least"
            raise InvalidInput(msg)
        read = rows.line_num
        for cells in rows:
            line, read = read + 1, rows.line_num
            if not cells:
                continue
            if len(cells) != len(names):
                msg = f"line {line}: it has not as many columns as the first line"
                raise InvalidInput(msg)
            row = dict(zip(names, cells, strict=True))
            if not row["source"].strip() or not row["target"].strip():
                yield "empty"
                continue
            try:
                given = Pair(
                    row.get("source_language") or pair.source,
                    row.get("target_language") or pair.target,
                )
                source, target = _said(row["source"]), _said(row["target"])
                one = _made(given, source, target, row.get("origin"), row.get("term"))
            except InvalidInput as error:
                msg = f"line {line}: {error}"
                raise InvalidInput(msg) from error
            yield one if one.pair in (pair, pair.back) else "languages"
    except csv.Error as error:
        msg = f"line {read + 1}: this is no CSV ({error})"
        raise InvalidInput(msg) from error


def _separator(text: str) -> str:
    """What parts the first line into the names that it must have; a comma where nothing does."""
    first = text.partition("\n")[0].replace('"', "").lower()
    fits = (
        one
        for one in _SEPARATORS
        if {"source", "target"} <= {name.strip() for name in first.split(one)}
    )
    return next(fits, ",")


def _cell(said: str) -> str:
    return f"'{said}" if _FORMULA.match(said) else said


def _said(cell: str) -> str:
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def _made(
    pair: Pair, source: str, target: str, origin: str | None, term: str | None
) -> Translation:
    known: Origin = next((one for one in ORIGINS if one == origin), "imported")
    return Translation(pair, source, target, known, (term or "").strip().lower() in _TRUE)


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
