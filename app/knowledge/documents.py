"""Documents as articles: Markdown, HTML, CSV, FAQ pairs, plain text, PDF and DOCX.

Of a table each row is a passage; all else is cut at headings and paragraphs.
"""

from __future__ import annotations

import csv
import io
import logging
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from app import jsonl
from app.knowledge.bounds import bounded
from memory import Article, InvalidInput, count_tokens, passages_of
from memory.articles import MOST_PASSAGES

MOST_BYTES = 20 * 2**20  # of a file
MOST_EXPANDED = 100 * 2**20  # bytes of what is packed in one
MOST_PAGES = 5_000
LONGEST_ROW = 200  # tokens; a longer one is cut
LONGEST_HEADING = 200  # characters of a column's, which stands in each of its rows

Format = Literal["text", "markdown", "html", "csv", "jsonl"]

_CHUNK = 2**16
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SEPARATORS = ";\t|,"  # of a table's cells; the comma last, since amounts have one
_LOOKED_AT = 5  # rows, to find which of them it is
# A number, a date or an amount, with its currency's sign or code.
_VALUE = re.compile(r"(?:[A-Z]{3} ?)?\W*\d[\d\W]*(?:[A-Z]{3})?")
_BREAKS = re.compile(r"\s*[\n\f\x0b\r]\s*")
_EXTRA = "pip install 'langchain-memory-service[knowledge]'"


class Read(NamedTuple):
    """What was read of a document: its own title, if it has one, and its passages."""

    title: str | None
    passages: list[str]


def read_article(file: Path) -> Article:
    """The article that a file holds; its source is the path as it was given.

    Raises:
        InvalidInput: it is no file of a kind that can be read, is too large, is empty, or is not
            what it seems; the message says what to do.
    """
    reader = _OF_FILES.get(file.suffix.lower())
    if file.is_dir():
        msg = f"{file} is a folder: give its files, such as {file}/*.md"
        raise InvalidInput(msg)
    if reader is None:
        msg = f"{file}: files that end with {', '.join(_OF_FILES)} can be read, others cannot"
        raise InvalidInput(msg)
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            msg = f"{file} has {size:,} bytes, at most {MOST_BYTES:,} are taken: split it"
            raise InvalidInput(msg)
        with bounded(str(file)):
            read = reader(file)
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror or error}"
        raise InvalidInput(msg) from error
    return _article(file.as_posix(), read, file.stem)


def article_of(source: str, title: str | None, text: str, kind: Format) -> Article:
    """The article that a text is, of a format.

    Raises:
        InvalidInput: the text is not of that format, or there is nothing in it.
    """
    read = _OF_TEXTS[kind](source, text)
    return _article(source, read._replace(title=title or read.title), source)


def _article(source: str, read: Read, name: str) -> Article:
    title = _clean(read.title or "")[:300].strip() or _clean(name)[:300]
    kept = (_CONTROLS.sub(" ", passage).strip() for passage in read.passages)
    return Article(source, title, tuple(passage for passage in kept if passage))


def _clean(line: str) -> str:
    return " ".join(_CONTROLS.sub(" ", line).split())


# --- texts -----------------------------------------------------------------------------------


def _markdown(_place: str, text: str) -> Read:
    first = next((line for line in text.splitlines() if line.strip()), "")
    title = first.strip("# ") if first.startswith("# ") else None
    return Read(title, passages_of(text, count_tokens))


def _plain(_place: str, text: str) -> Read:
    return Read(None, passages_of(text, count_tokens, headings=False))


def _html(place: str, text: str) -> Read:
    try:
        from app.knowledge.markup import markdown_of
    except ImportError as error:
        raise InvalidInput(_missing("HTML")) from error
    title, lines = markdown_of(place, text)
    return Read(title, passages_of(lines, count_tokens))


def _csv(place: str, text: str) -> Read:
    return Read(None, _few(_rows(table(place, text))))


def _jsonl(place: str, text: str) -> Read:
    lines = jsonl.objects(place, io.BytesIO(text.encode()))
    return Read(None, _few(_pairs(lines)))


def _few(passages: Iterator[str]) -> list[str]:
    """No more of them than show that there are too many: each repeats its columns' names."""
    return list(islice(passages, MOST_PASSAGES + 1))


def table(place: str, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header, as (where it is, its cells by their columns)."""
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=_separator(text), strict=True)
    try:
        columns = [_clean(name) for name in next(rows, [])]
        _check_headings(place, columns)
        for cells in rows:
            where = f"{place}, line {rows.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                msg = f"{where} has {len(cells)} cells, the first line {len(columns)}: mend it"
                raise InvalidInput(msg)
            yield where, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        msg = f"{place}, line {rows.line_num}: {error}: it is no CSV that can be read"
        raise InvalidInput(msg) from error


def _separator(text: str) -> str:
    """What parts the first line into most columns, and the lines after it into as many."""

    def fit(separator: str) -> tuple[bool, bool, int]:
        rows = csv.reader(io.StringIO(text[:_CHUNK], newline=None), delimiter=separator)
        columns, *others = [len(row) for row in islice(rows, _LOOKED_AT) if row] or [0]
        return columns > 1, all(cells == columns for cells in others), columns

    return max(_SEPARATORS, key=fit)


def _check_headings(place: str, columns: list[str]) -> None:
    """Refuse a first line that is a row like the others: it would be lost as headings."""
    for number, name in enumerate(columns, 1):
        if len(name) > LONGEST_HEADING:
            what = f"has a heading of {len(name):,} characters, more than {LONGEST_HEADING}"
        elif not name:
            what = "has no heading"
        elif _VALUE.fullmatch(name):
            what = f"is {name!r}, which is a value"
        else:
            continue
        msg = (
            f"{place}, line 1: column {number} {what}: a table begins with a line that names its "
            "columns, such as name,price"
        )
        raise InvalidInput(msg)


def _rows(rows: Iterator[tuple[str, dict[str, str]]]) -> Iterator[str]:
    first = next(rows, None)
    if first is None:
        return
    rows = chain([first], rows)
    if {"question", "answer"} <= {name.lower() for name in first[1]}:
        yield from _pairs(rows)
        return
    for _, cells in rows:
        yield from _cut([f"{name}: {cell.strip()}" for name, cell in cells.items() if cell.strip()])


def _pairs(rows: Iterator[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Questions with their answers, and what else is said of them."""
    for where, given in rows:
        said = {name.lower(): value for name, value in given.items()}
        for name in ("question", "answer"):
            if not isinstance(said.get(name), str) or not said[name].strip():
                msg = f'{where} has no "{name}": an FAQ has a question and an answer, both text'
                raise InvalidInput(msg)
        more = [
            f"{name}: {value}"
            for name, value in said.items()
            if name not in {"question", "answer", "id"} and isinstance(value, str) and value.strip()
        ]
        yield from _cut([said["question"].strip(), said["answer"].strip(), *more])


def _cut(lines: list[str]) -> list[str]:
    """A row as a passage, or as several if it is long."""
    row = "\n".join(lines)
    return [row] if count_tokens(row) <= LONGEST_ROW else _plain("", row).passages


# --- files -----------------------------------------------------------------------------------


def _text_file(read: Callable[[str, str], Read]) -> Callable[[Path], Read]:
    return lambda file: read(str(file), _decoded(file, file.read_bytes()))


def _html_file(file: Path) -> Read:
    data = file.read_bytes()
    declared = re.search(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", data[:4096], re.IGNORECASE)
    encoding = declared[1].decode() if declared else "utf-8"
    return _html(str(file), _decoded(file, data, encoding))


def _decoded(file: Path, data: bytes, encoding: str = "utf-8") -> str:
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), encoding)
    try:
        text = data.decode(encoding)
    except LookupError as error:
        msg = f"{file} says that it is in {encoding}, which is not known: convert it to UTF-8"
        raise InvalidInput(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{file} is not {encoding} (byte {error.start}): convert it to UTF-8 first"
        raise InvalidInput(msg) from error
    if "\x00" in text:
        msg = f"{file} is no text (NUL at character {text.index(chr(0))}): convert it to UTF-8"
        raise InvalidInput(msg)
    return text


def _pdf_file(file: Path) -> Read:
    with file.open("rb") as opened:
        if b"%PDF-" not in opened.read(1024):
            msg = f"{file} is no PDF, whatever its name says: give it its own ending"
            raise InvalidInput(msg)
    # What it cannot read is told by its error; its warnings would stand beside that.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages = []
    for page in _loaded(file, "PyPDFLoader", "PDF"):
        pages.append(page.page_content)
        if len(pages) > MOST_PAGES:
            msg = f"{file} has more than {MOST_PAGES:,} pages: split it"
            raise InvalidInput(msg)
    text = "\n\n".join(pages)
    if not text.strip():
        msg = f"{file} has no text: if its pages are pictures, have them recognised (OCR) first"
        raise InvalidInput(msg)
    return _plain(str(file), text)


def _docx_file(file: Path) -> Read:
    _check_packed(file)
    return _plain(
        str(file), "\n\n".join(d.page_content for d in _loaded(file, "Docx2txtLoader", "DOCX"))
    )


def _check_packed(file: Path) -> None:
    """Refuse a DOCX that is none, or that would expand to more than is good.

    What it declares is looked at first, and then what really comes out of it, a bit at a time.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            if "word/document.xml" not in packed.namelist():
                msg = f"{file} is no DOCX: save it as one, or give it its own ending"
                raise InvalidInput(msg)
            declared = sum(entry.file_size for entry in packed.infolist())
            if declared > MOST_EXPANDED:
                raise InvalidInput(_too_large(file, declared))
            expanded = 0
            for entry in packed.infolist():
                with packed.open(entry) as opened:
                    first = True
                    while part := opened.read(_CHUNK):
                        expanded += len(part)
                        if expanded > MOST_EXPANDED:
                            raise InvalidInput(_too_large(file, expanded))
                        # Word writes none; it could expand without an end.
                        if first and b"<!DOCTYPE" in part:
                            msg = f"{file} declares a document type, which no DOCX does"
                            raise InvalidInput(msg)
                        first = False
    # What zipfile raises: BadZipFile for what is no ZIP, NotImplementedError for an unknown method
    # of packing, RuntimeError for want of a password, EOFError for what is cut off.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        msg = f"{file} is no DOCX that can be read ({error}): save it again as one"
        raise InvalidInput(msg) from error


def _too_large(file: Path, size: int) -> str:
    return f"{file} expands to {size:,} bytes or more, at most {MOST_EXPANDED:,} are taken"


def _loaded(file: Path, loader: str, kind: str) -> Iterator[Any]:
    """What a loader of langchain-community's reads of a file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package says that it will not be developed on
            from langchain_community import document_loaders

            made = getattr(document_loaders, loader)(str(file))
            yield from made.lazy_load()
    except ImportError as error:
        raise InvalidInput(_missing(kind)) from error
    except (InvalidInput, MemoryError):
        raise
    except Exception as error:  # whatever it was: these libraries raise all sorts
        msg = (
            f"{file} is no {kind} that can be read ({type(error).__name__}: {error}): save it again"
        )
        raise InvalidInput(msg) from error


def _missing(kind: str) -> str:
    return f"to read {kind} more is needed: {_EXTRA}"


_OF_TEXTS: dict[Format, Callable[[str, str], Read]] = {
    "text": _plain,
    "markdown": _markdown,
    "html": _html,
    "csv": _csv,
    "jsonl": _jsonl,
}
_OF_FILES: dict[str, Callable[[Path], Read]] = {
    **dict.fromkeys((".md", ".markdown"), _text_file(_markdown)),
    **dict.fromkeys((".html", ".htm"), _html_file),
    ".csv": _text_file(_csv),
    ".jsonl": _text_file(_jsonl),
    ".txt": _text_file(_plain),
    ".pdf": _pdf_file,
    ".docx": _docx_file,
}
