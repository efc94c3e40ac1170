"""Files made to take for ever, or all memory: each is read or refused, within bounds."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.knowledge import bounds, documents, markup
from app.knowledge.bounds import bounded
from app.knowledge.documents import Format, article_of, read_article
from memory import InvalidInput
from tests.app.conftest import Running
from tests.app.knowledge.test_documents import WORDS

N = 60_000
END = "</w:body></w:document>"
LAUGHS = "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
ENTITIES = f"<!DOCTYPE x [<!ENTITY a 'ha ha ha ha'>{LAUGHS}]>{WORDS}<w:p>&j;</w:p>{END}"
# A comment, so that the document type is not among the first bytes.
LATE = f"<?xml version='1.0'?><!--{'x' * 70_000}-->{ENTITIES}"
WIDE = f"<?xml version='1.0' encoding='utf-16'?>{ENTITIES}".encode("utf-16")

TEXTS: dict[str, tuple[Format, str]] = {
    "elements in elements": ("html", "<div>x " * (N // 7)),
    "elements beside elements": ("html", "<p>x y" * (N // 30)),
    "comments without an end": ("html", "<!--" * (N // 40)),
    "tags without an end": ("html", "<a b='" * (N // 40)),
    "a heading of spaces": ("markdown", f"# a{' ' * N}b"),
    "a long heading over many": ("markdown", f"# {'x' * N}\n" + "## a\nb\n" * (N // 7)),
    "many headings": ("markdown", "# a\n" * (N // 4)),
    "a word without an end": ("text", "a" * N),
    "marks on one letter": ("text", "a" + "\u0301" * N),
    "a long column's name": ("csv", f"{'x' * N},b\n" + "1,2\n" * (N // 8)),
    "many columns": ("csv", ",".join(["a"] * (N // 2)) + "\n"),
    "a field that is all": ("csv", 'a,b\n1,"' + "x" * 2 * N),
    "quotes": ("csv", '"' * N),
    "JSON in JSON": ("jsonl", '{"question": ' + "[" * N),
    "a number of many digits": ("jsonl", f'{{"question": "a", "answer": "b", "x": {"9" * N}}}'),
    "a number beyond all": ("jsonl", '{"question": "a", "answer": "b", "x": 1e999999999}'),
}


def pdf(*parts: str | bytes) -> bytes:
    """A PDF of these objects; the first is the catalogue."""
    made, places = b"%PDF-1.5\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        content = part.encode() if isinstance(part, str) else part
        made += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer\n<< /Size {len(parts) + 1} /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n"
    return made + f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}{end}".encode()


def stream(packed: bytes) -> bytes:
    """An object of a PDF that is packed."""
    head = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def word(document: str | bytes) -> bytes:
    """A Word file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", document)
    return made.getvalue()


CATALOGUE = "<< /Type /Catalog /Pages 2 0 R >>"
PAGES = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>"
FILES: dict[str, Callable[[], bytes]] = {
    "pages of itself.pdf": lambda: pdf(CATALOGUE, "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
    "bomb.pdf": lambda: pdf(CATALOGUE, PAGES, PAGE, stream(zlib.compress(b" " * 10**8))),
    "itself.pdf": lambda: pdf("1 0 R"),
    "arrays in arrays.pdf": lambda: pdf(CATALOGUE, PAGES, PAGE, stream(zlib.compress(b"[" * N))),
    "late entities.docx": lambda: word(LATE),
    "wide entities.docx": lambda: word(WIDE),
    "paragraphs in paragraphs.docx": lambda: word(f"{WORDS}{'<w:p>' * N}{'</w:p>' * N}{END}"),
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that nothing here comes near: what takes long takes minutes, or gigabytes."""
    monkeypatch.setattr(bounds, "MOST_SECONDS", 20.0)
    monkeypatch.setattr(bounds, "MOST_MEMORY", 400 * 2**20)


def outcome(read: Callable[[], object]) -> str:
    """What is said of what is refused; nothing of what is read."""
    try:
        read()
    except InvalidInput as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_read_or_refused_within_bounds(name: str) -> None:
    """By time and memory that befit its length, also over HTTP, where no thread can be ended."""
    kind, text = TEXTS[name]
    with bounded("it"):
        said = outcome(lambda: article_of("a.txt", None, text, kind))
    assert said == "" or said.startswith("a.txt")


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_within_bounds(tmp_path: Path, name: str) -> None:
    """What refers to itself, unpacks to more than is good, or is nested beyond all measure."""
    file = tmp_path / name
    file.write_bytes(FILES[name]())
    said = outcome(lambda: read_article(file))
    assert said.startswith(str(file))
    assert "takes more than" not in said


def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Python's parser takes its time with."""
    monkeypatch.setattr(markup, "_SECONDS", -60.0)
    with pytest.raises(InvalidInput, match=r"page\.html takes too long to read"):
        article_of("page.html", None, "<p>Hello</p>", "html")


def test_a_file_that_takes_for_ever_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a library that swallows every exception and tries again."""

    def for_ever(_file: Path) -> documents.Read:
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    monkeypatch.setattr(bounds, "MOST_SECONDS", 0.2)
    monkeypatch.setitem(documents._OF_FILES, ".txt", for_ever)
    (tmp_path / "a.txt").write_text("Hello")
    with pytest.raises(InvalidInput, match=r"a\.txt takes more than 0\.2 s to read: split it"):
        read_article(tmp_path / "a.txt")


def test_a_file_that_takes_all_memory_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it takes it, and what comes after has memory again."""
    monkeypatch.setitem(documents._OF_FILES, ".txt", lambda _: bytearray(500 * 2**20))
    (tmp_path / "a.txt").write_text("Hello")
    with pytest.raises(InvalidInput, match=r"a\.txt takes more than 400 MiB to read: split it"):
        read_article(tmp_path / "a.txt")
    assert bytearray(500 * 2**20)


def test_a_hostile_article_is_told_so_over_http(service: Running) -> None:
    """A body is read as far as it may be, and what it cannot be is said."""
    for name, status in {"a heading of spaces": 200, "a long column's name": 422}.items():
        kind, text = TEXTS[name]
        body = {"source": "s", "text": text, "format": kind}
        answer = service.client.post("/v1/knowledge", json=body)
        assert answer.status_code == status, answer.text
