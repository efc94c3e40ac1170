"""``memory-service knowledge``, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from memory import InvalidInput


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop's files in the working folder, and no database yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMORY_SERVICE_DATA_DIR", str(tmp_path / "data"))
    Path("returns.md").write_text("# Returns\nLamps can be sent back within 30 days.\n")
    Path("faq.csv").write_text("question,answer\nWhen do you open?,At nine.\nPets?,No pets.\n")


def knowledge(*args: str) -> str:
    """What a command prints; its error is raised."""
    result = CliRunner().invoke(app, ["knowledge", *args], catch_exceptions=False)
    return result.output


def test_articles_are_added_found_changed_and_removed() -> None:
    """Each command says what it did; a file that has not changed stays as it was."""
    assert knowledge("add", "returns.md", "faq.csv").splitlines() == [
        "returns.md: version 1, 1 passages",
        "faq.csv: version 1, 2 passages",
    ]
    Path("returns.md").write_text("# Returns\nLamps cannot be sent back.\n")
    assert knowledge("add", "returns.md", "faq.csv").splitlines() == [
        "returns.md: version 2, 1 passages",
        "faq.csv: version 1, 2 passages (as it was)",
    ]
    listed = knowledge("list").splitlines()
    assert [line.split("  ", 1)[1] for line in listed] == [
        "returns.md  version 2, 1 passages: Returns",
        "faq.csv  version 1, 2 passages: faq",
    ]
    found = knowledge("search", "Can I bring my pet?", "--limit", "1")
    assert "(faq.csv): words (pet), cosine" in found
    assert "Pets? No pets." in found
    assert "cannot be sent back" in knowledge("search", "send back a lamp")
    assert knowledge("remove", "returns.md") == "returns.md is gone.\n"
    assert "returns.md" not in knowledge("list")
    with pytest.raises(InvalidInput, match="knowledge list"):
        knowledge("remove", "returns.md")
    knowledge("remove", "faq.csv")
    assert knowledge("search", "pets") == "Nothing was found.\n"


def test_a_file_is_named_whose_path_is_wrong() -> None:
    """As one that is given twice, or that no source can be called by."""
    with pytest.raises(InvalidInput, match=r"one source, 'faq\.csv'"):
        knowledge("add", "faq.csv", "returns.md", "faq.csv")
    Path("a\tb.md").write_text("Text.")
    with pytest.raises(InvalidInput, match=r"control characters.*'a\\tb\.md'"):
        knowledge("add", "a\tb.md")


def test_a_bad_file_keeps_all_of_them_out() -> None:
    """Whichever comes first; what was there before stays."""
    knowledge("add", "faq.csv")
    Path("bad.pdf").write_text("no PDF")
    Path("faq.csv").write_text("question,answer\nWhen do you close?,At six.\n")
    with pytest.raises(InvalidInput, match=r"bad\.pdf is no PDF"):
        knowledge("add", "returns.md", "faq.csv", "bad.pdf")
    assert knowledge("list").splitlines()[0].endswith("faq.csv  version 1, 2 passages: faq")
    assert "returns" not in knowledge("list")


@pytest.mark.parametrize("command", [["list"], ["search", "x"], ["remove", "x"]])
def test_a_mistyped_folder_is_not_made(command: list[str], tmp_path: Path) -> None:
    """Only ``add`` makes a database."""
    with pytest.raises(InvalidInput, match="there is no database"):
        knowledge(*command)
    assert not (tmp_path / "data").exists()
