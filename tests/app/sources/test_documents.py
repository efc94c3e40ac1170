"""The objects of a file, one at a time."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources import documents
from app.sources.documents import objects
from app.sources.source import Skipped
from memory import InvalidInput


def read(file: Path, data: bytes) -> tuple[list[Any], list[Skipped]]:
    """The objects of a file with these bytes, and what is bad in it."""
    file.write_bytes(data)
    found = list(objects(file))
    return (
        [one[1] for one in found if not isinstance(one, Skipped)],
        [one for one in found if isinstance(one, Skipped)],
    )


OBJECTS: list[dict[str, Any]] = [
    {"n": 1, "text": 'é\u2028 "}] \\', "list": [1.5, {"a": None}]},
    {},
    {"from": "x", "n": -12},
]
FORMS = {
    "lines": lambda given: "".join(f"{json.dumps(one)}\n" for one in given),
    "lines of Windows": lambda given: "\r\n\r\n".join(json.dumps(one) for one in given),
    "array": lambda given: json.dumps(given, ensure_ascii=False),
    "wide array": lambda given: json.dumps(given, indent=3),
    "array a line": lambda given: "[\n" + ",\n".join(json.dumps(one) for one in given) + "\n]\n",
    "wide objects": lambda given: "\n".join(json.dumps(one, indent=1) for one in given),
    "results": lambda given: json.dumps({"count": 3, "results": given, "next": None}),
    "wide results": lambda given: json.dumps({"memories": given}, indent=1),
}


@pytest.mark.parametrize("size", [1, 7, 2**20])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_objects_are_in_every_form(
    tmp_path: Path, form: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many bytes are read at a time, with a mark before them or without."""
    monkeypatch.setattr(documents, "_CHUNK", size)
    given = OBJECTS[::-1] if "results" not in form else OBJECTS
    text = FORMS[form](given).encode()
    for data in (text, b"\xef\xbb\xbf" + text):
        assert read(tmp_path / "file", data) == (given, [])


def test_what_is_cut_off_is_told_and_what_stands_before_it_is_read(tmp_path: Path) -> None:
    """Wherever the file ends."""
    for form in ("array", "wide array", "results"):
        text = FORMS[form]([{"a": 1}, {"b": "two"}, {"c": 3}]).encode()
        for end in range(1, len(text.rstrip())):
            found, bad = read(tmp_path / "file", text[:end])
            assert found == [{"a": 1}, {"b": "two"}, {"c": 3}][: len(found)]
            assert len(bad) == 1, text[:end]
            assert f"the file is cut off at character {end}" in bad[0].why, text[:end]


def test_a_file_may_be_cut_off_within_a_character(tmp_path: Path) -> None:
    """What is wrong without being cut off is told as that, also at the very end."""
    text = '[{"conversations": [{"from": "human", "value": "我的订单'
    _, bad = read(tmp_path / "file", text.encode()[:-1])
    assert [one.place for one in bad] == ["character 1"]
    assert f"cut off at character {len(text) - 1}," in bad[0].why
    for wrong in ('[{"a": 1}, }', '[{"a": 1} {'):
        _, bad = read(tmp_path / "file", wrong.encode())
        assert "it is no JSON here" in bad[0].why
        assert bad[0].place == f"character {len(wrong) - 1}"


def test_a_bad_line_stops_no_other(tmp_path: Path) -> None:
    """The first one neither, nor one that is not UTF-8 or nested too deep."""
    lines = [b'{"a" 1}', b'{"a": 1}', b'{"a": "\xff"}', b"[" * 200_000, b"5", b'{"b": 2}']
    found, bad = read(tmp_path / "file", b"\n".join(lines))
    assert found == [{"a": 1}, {"b": 2}]
    assert [one.place for one in bad] == ["line 1", "line 3", "line 4", "line 5"]
    assert ["JSON" in one.why or "UTF-8" in one.why for one in bad] == [True] * 4


def test_what_is_nested_too_deep_or_no_utf8_is_told(tmp_path: Path) -> None:
    """In an array what stands before it is read."""
    for rest, why in ((b"[" * 200_000, "recursion"), (b'{"a": "\xff"}]', "UTF-8")):
        found, bad = read(tmp_path / "file", b'[{"a": 1},\n' + rest)
        assert [len(found), len(bad)] == [1, 1] or (found, why) == ([], "UTF-8")
        assert why in bad[0].why


def test_a_line_that_is_too_long_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never whole in memory; an object of an array ends the reading."""
    monkeypatch.setattr(documents, "LONGEST", 100)
    long = json.dumps({"a": "x" * 1000})
    found, bad = read(tmp_path / "file", f'{{"a": 1}}\n{long}\n{{"b": 2}}\n'.encode())
    assert (found, [one.place for one in bad]) == ([{"a": 1}, {"b": 2}], ["line 2"])
    monkeypatch.setattr(documents, "_CHUNK", 10)
    found, bad = read(tmp_path / "file", f'[{{"a": 1}}, {long}]'.encode())
    assert found == [{"a": 1}]
    assert "longer than 100" in bad[0].why


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A folder, nothing, a broken archive, one without conversations, UTF-16."""
    for name, data in (("a.zip", b"PK\x03\x04 broken"), ("a.gz", b"\x1f\x8b broken"),
                       ("utf16", '{"a": 1}'.encode("utf-16"))):  # fmt: skip
        with pytest.raises(InvalidInput, match=r"cannot be read|UTF-16"):
            read(tmp_path / name, data)
    for missing in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInput, match=r"folder|cannot be read"):
            list(objects(missing))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("user.json", "{}")
    with pytest.raises(InvalidInput, match=r"no conversations\.json"):
        list(objects(tmp_path / "b.zip"))


@given(st.binary(max_size=60) | st.text('[]{}":,\\ \n1-eEtrufalsn\x00\ud800é', max_size=60))
def test_whatever_a_file_has_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, data: bytes | str
) -> None:
    """No other error, and JSON that Python reads is read the same."""
    raw = data if isinstance(data, bytes) else data.encode(errors="surrogatepass")
    file = tmp_path_factory.getbasetemp() / "whatever"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff", b"PK", b"\x1f\x8b")):
        return
    found, bad = read(file, raw)
    try:
        whole = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return
    given = whole if isinstance(whole, list) else [whole]
    if not any(name in one for one in given if isinstance(one, dict) for name in documents._LISTS):
        assert found == [one for one in given if isinstance(one, dict)]
        assert len(bad) == len(given) - len(found)
