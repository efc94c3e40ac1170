"""Which files become articles, how they are cut, and what bad ones are told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.knowledge import documents
from app.knowledge.documents import article_of, read_article
from memory import InvalidInput

WORDS = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
)


def docx(*paragraphs: str, head: str = "") -> bytes:
    """A Word file with paragraphs."""
    said = "".join(f"<w:p><w:r><w:t>{p}</w:t></w:r></w:p>" for p in paragraphs)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", f"{head}{WORDS}{said}</w:body></w:document>")
    return made.getvalue()


def pdf(text: str) -> bytes:
    """A PDF of one page with a line of text."""
    content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made, places = "%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n"
    return f"{made}xref\n0 6\n0000000000 65535 f \n{table}{end}".encode()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file."""

    def written(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return written


PAGE = """<html><head><title>Our  returns</title><style>p {color: red}</style></head><body>
<script>track()</script><h1>Returns</h1><p>Send it back
within <b>30</b> days.</p><h2>Refunds</h2><ul><li>Cards: a week</li><li>Cash: at once</li></ul>
</body></html>"""


@pytest.mark.parametrize(
    ("name", "content", "title", "passages"),
    [
        ("a.md", "# Returns\n\n30 days.\n\n## Refunds\nA week.", "Returns",
         ["Returns\n30 days.", "Returns > Refunds\nA week."]),
        ("a.txt", "# 30 days.\n\nA week.", "a", ["# 30 days.\n\nA week."]),
        ("a.txt", "30 days — fine.".encode("utf-16"), "a", ["30 days — fine."]),
        ("a.html", PAGE, "Our returns",
         ["Returns\nSend it back within 30 days.",
          "Returns > Refunds\nCards: a week\n\nCash: at once"]),
        ("a.htm", '<meta charset="windows-1252"><p>Caf\xe9'.encode("cp1252"), "a", ["Café"]),
        ("faq.csv", "id;Question;Answer;Shop\n1;Open?;At 9.;North\n2;Pets?;No.;\n", "faq",
         ["Open?\nAt 9.\nshop: North", "Pets?\nNo."]),
        ("sizes.csv", '\ufeffName,Width\n"Lamp, tall",30\nChair,\n', "sizes",
         ["Name: Lamp, tall\nWidth: 30", "Name: Chair"]),
        ("prices.csv", "name;price\nPot;12,00\n", "prices", ["name: Pot\nprice: 12,00"]),
        ("prices.csv", "name\tprice, net\r\nPot\t12,00\r\n", "prices",
         ["name: Pot\nprice, net: 12,00"]),
        ("sizes.csv", "name,size; inch\nPot,5\n", "sizes", ["name: Pot\nsize; inch: 5"]),
        ("mac.csv", "name;price\rPot;12,00\r", "mac", ["name: Pot\nprice: 12,00"]),
        ("names.csv", "name\nPot; large\n", "names", ["name: Pot; large"]),
        ("years.csv", '"Size, 2XL",2024 sales,#\nA,B,1\n', "years",
         ["Size, 2XL: A\n2024 sales: B\n#: 1"]),
        ("faq.jsonl", '{"question": "Open?", "answer": "At 9."}\n', "faq", ["Open?\nAt 9."]),
        ("a.pdf", pdf("Parcels leave on Monday."), "a", ["Parcels leave on Monday."]),
        ("a.docx", docx("Send it back.", "Within 30 days."), "a",
         ["Send it back.\n\nWithin 30 days."]),
    ],
)  # fmt: skip
def test_a_file_becomes_an_article(
    write: Callable[..., Path], name: str, content: str | bytes, title: str, passages: list[str]
) -> None:
    """With its own title, else its name's; its path is its source."""
    file = write(name, content)
    article = read_article(file)
    assert (article.source, article.title) == (str(file), title)
    assert list(article.passages) == passages


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pdf", "This is no PDF", "is no PDF, whatever its name says"),
        ("a.pdf", pdf("x")[:200], "is no PDF that can be read"),
        ("a.pdf", pdf(""), "has no text.*OCR"),
        ("a.docx", "This is no DOCX", "is no DOCX that can be read"),
        ("a.docx", docx("x")[:-40], "is no DOCX that can be read"),
        ("a.docx", docx("x", head='<!DOCTYPE w [<!ENTITY a "b">]>'), "document type"),
        ("a.docx", docx("<unclosed>"), "is no DOCX that can be read"),
        ("a.txt", b"caf\xe9", r"not utf-8 \(byte 3\): convert it"),
        ("a.txt", b"GIF89a\x00\x01", "is no text"),
        ("a.html", b'<meta charset="nonsense">', "nonsense, which is not known"),
        ("a.md", "", "has no text"),
        ("a.md", " \n\t\n", "has no text"),
        ("a.csv", "question,answer\n", "has no text"),
        ("a.csv", "question,answer\nOpen?\n", r"line 2 has 1 cells, the first line 2"),
        ("a.csv", "question,answer\nOpen?,\n", r'line 2 has no "answer"'),
        ("a.csv", "Kettle,29.00,4\nPot,12.00,5\n", "column 2 is '29.00'.*names its columns"),
        ("a.csv", "1,2,3\n4,5,6\n", "column 1 is '1'.*names its columns"),
        ("a.csv", "Kettle;€ 29,00\nPot;€ 12,00\n", "column 2 is '€ 29,00'"),
        ("a.csv", "Kettle,-4 EUR\nPot,-5 EUR\n", "column 2 is '-4 EUR'"),
        ("a.csv", "Kettle,USD 4\nPot,USD 5\n", "column 2 is 'USD 4'"),
        ("a.csv", "name,\nPot,5\n", "column 2 has no heading"),
        ("a.csv", 'a,b\n"x,y\n', "no CSV that can be read"),
        ("a.jsonl", '{"question": "Open?"}\n', r'line 1 has no "answer"'),
        ("a.jsonl", '{"question": "Open?", "answer": 9}\n', r'line 1 has no "answer"'),
        ("a.jsonl", "[1]\n", "no JSON object"),
        ("a.xlsx", "x", r"files that end with \.md"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_bad_file_is_told_what_is_wrong(
    write: Callable[..., Path],
    name: str,
    content: str | bytes,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its name, and what to do; no library says something beside it."""
    file = write(name, content)
    with pytest.raises(InvalidInput, match=said) as refused:
        read_article(file)
    assert str(file) in str(refused.value)
    assert caplog.text == ""


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    """The folder's message says how to give its files."""
    with pytest.raises(InvalidInput, match=r"is a folder: give its files"):
        read_article(tmp_path)
    with pytest.raises(InvalidInput, match=r"No such file"):
        read_article(tmp_path / "a.md")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """200 MB, of which nothing is on the disk."""
    for name in ("a.txt", "a.pdf", "a.docx"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(200 * 2**20)
        with pytest.raises(InvalidInput, match=r"209,715,200 bytes.*split it"):
            read_article(tmp_path / name)


def test_a_bomb_is_not_expanded(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that says how large it is, nor one that lies about it."""
    monkeypatch.setattr(documents, "MOST_EXPANDED", 2**20)
    bomb = docx("0" * 2**21)
    assert len(bomb) < 2**14
    with pytest.raises(InvalidInput, match="expands to 2,"):
        read_article(write("a.docx", bomb))
    size = len(WORDS) + 2**21 + len("<w:p><w:r><w:t></w:t></w:r></w:p></w:body></w:document>")
    assert bomb.count(size.to_bytes(4, "little")) == 2
    lie = bomb.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    with pytest.raises(InvalidInput, match=r"no DOCX that can be read"):
        read_article(write("b.docx", lie))


def test_a_text_has_the_title_that_is_given() -> None:
    """Else its own, else its source."""
    assert article_of("a", "Given", "# Own\nText.", "markdown").title == "Given"
    assert article_of("a", None, "# Own\nText.", "markdown").title == "Own"
    assert article_of("https://shop/a", None, "Text.", "text").title == "https://shop/a"
    with pytest.raises(InvalidInput, match="has no text"):
        article_of("a", "Given", "  ", "html")


def test_a_long_row_is_cut() -> None:
    """What an index could not hold as a whole."""
    row = f'{{"question": "Why?", "answer": "{"Because it is so. " * 80}"}}'
    assert len(article_of("a", None, row, "jsonl").passages) > 1
