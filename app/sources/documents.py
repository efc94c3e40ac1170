"""The JSON objects of a file, one at a time: JSON lines, an array, or an object around a list.

Plain, gzipped, or in a zip. No more than one object, and some of the file, is in memory at a time.
What is wrong with one line of JSON lines stops no other; where an array is broken, nothing that
follows can be read, and that is told too.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from app.jsonl import read_object
from app.sources.source import Place, Skipped
from memory import InvalidInput

LONGEST = 2**26  # bytes of an object
_FIRST = 2**24  # bytes of a first line by which JSON lines are known
_CHUNK = 2**20  # bytes that are read at a time
_MARK = b"\xef\xbb\xbf"  # of the order of bytes; UTF-8 has but one
_NEAR = 16  # characters: so near the end of what is read, JSON is not wrong but cut off
_LISTS = ("results", "memories", "conversations")  # what an object around a list calls it
_CONVERSATIONS = re.compile(r"(^|/)conversations(-\d+)?\.json$")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_BEGUN = re.compile(r"[\\\w.+-]*\Z")  # a word, a number or an escape that may have gone on
_JSON = json.JSONDecoder()

Found = tuple[Place, dict[str, Any]] | Skipped


def objects(file: Path) -> Iterator[Found]:
    """Every object of a file with its place.

    Raises:
        InvalidInput: the file cannot be read, or has no JSON at all.
    """
    with _readable(file):
        with file.open("rb") as opened:
            magic = opened.read(4)
        if magic.startswith(b"PK"):
            with zipfile.ZipFile(file) as packed:
                names = [n for n in packed.namelist() if _CONVERSATIONS.search(n)]
                if not names:
                    msg = f"{file} has no conversations.json in it, as ChatGPT's export has"
                    raise InvalidInput(msg)
                for name in sorted(names):
                    with packed.open(name) as member:
                        yield from _objects(_shown(file.name), member, name)
            return
        gzipped = magic.startswith(b"\x1f\x8b")
        with cast("IO[bytes]", gzip.open(file)) if gzipped else file.open("rb") as raw:
            yield from _objects(_shown(file.name), raw)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except IsADirectoryError as error:
        msg = f"{file} is a folder: name a file in it"
        raise InvalidInput(msg) from error
    # A zip with a password is a RuntimeError, one that is packed in another way not implemented.
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        msg = f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidInput(msg) from error


def _shown(name: str) -> str:
    """Of a file's name what can be a session's: no control characters, nothing that is no text."""
    return _UNPRINTABLE.sub("_", name.encode(errors="replace").decode())[-150:]


def _objects(file: str, raw: IO[bytes], inside: str = "") -> Iterator[Found]:
    lines = (line.removeprefix(_MARK) for line in iter(partial(raw.readline, _FIRST), b""))
    first, second, *_ = *islice((line for line in lines if line.strip()), 2), b"", b""
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        msg = f"{file} is UTF-16, as Windows writes it: save it as UTF-8"
        raise InvalidInput(msg)
    raw.seek(0)
    if _are_lines(first, second):
        yield from _lines(file, raw, inside)
    else:
        yield from _Text(file, raw, inside).objects()


def _are_lines(first: bytes, second: bytes) -> bool:
    """Whether a file that begins so is of JSON lines, and not of one document."""
    if first.lstrip().startswith(b"["):
        return False
    given = _loaded(first)
    if given is None and first.lstrip().startswith(b"{"):
        given = _loaded(second)  # the first line is damaged, or the document goes on in it
    elif given is None:
        return bool(first)
    return given is not None and not _around(given)


def _loaded(line: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _around(given: dict[str, Any]) -> str | None:
    """The name of the list that an object is around of, if it is."""
    for name in _LISTS:
        held = given.get(name)
        if isinstance(held, list) and (not held or _holds(name, held[0])):
            return name
    return None


def _holds(name: str, first: Any) -> bool:
    """Whether a list holds what is imported, and is not what was said in one conversation."""
    said = isinstance(first, dict) and ("from" in first or "role" in first)
    return name != "conversations" or not said


def _lines(file: str, raw: IO[bytes], inside: str) -> Iterator[Found]:
    number = 0
    while line := raw.readline(LONGEST + 1):
        number += 1
        line = line.removeprefix(_MARK) if number == 1 else line
        place = Place(file, "line", number, inside)
        if len(line) > LONGEST:
            yield Skipped(str(place), f"it is longer than {LONGEST:,} bytes")
            while line and not line.endswith(b"\n"):
                line = raw.readline(LONGEST)
        elif line.strip():
            try:
                yield place, read_object("it", line)
            except InvalidInput as error:
                yield Skipped(str(place), str(error))


class _CutOff(Exception):
    """A file ends where it has to go on."""


class _Text:
    """JSON that is read as it is needed."""

    def __init__(self, file: str, raw: IO[bytes], inside: str) -> None:
        self._file, self._inside = file, inside
        self._raw, self._decode = raw, codecs.getincrementaldecoder("utf-8-sig")().decode
        self._text = ""
        self._at = 0  # in the text
        self._before = 0  # characters of the file before the text
        self._number = 0

    def objects(self) -> Iterator[Found]:
        try:
            while self._peek():
                yield from self._value()
        except _CutOff:
            ends = self._before + len(self._text)
            yield self._broken(f"the file is cut off at character {ends}, within what begins here")
        except UnicodeDecodeError:
            yield self._broken("it is not UTF-8 from here on")
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            yield self._broken(f"it is no JSON here ({reason})")

    def _broken(self, why: str) -> Skipped:
        place = f"{self._inside}{', ' if self._inside else ''}character {self._before + self._at}"
        return Skipped(place, f"{why}; what follows cannot be read")

    def _value(self) -> Iterator[Found]:
        if self._peek() == "[":
            yield from self._elements()
        elif self._peek() == "{":
            yield from self._members()
        else:
            yield self._found(self._decoded())

    def _elements(self) -> Iterator[Found]:
        for _ in self._parts("[", "]"):
            yield self._found(self._decoded())

    def _members(self) -> Iterator[Found]:
        """The elements of the list that an object is around of, else the object itself."""
        given: dict[str, Any] = {}
        around = False
        for _ in self._parts("{", "}"):
            name = self._decoded()
            self._expect(":")
            if name in _LISTS and self._peek() == "[":
                self._expect("[", take=False)
                held: list[Any] = []
                for place, _ in enumerate(self._parts("[", "]")):
                    element = self._decoded()
                    if place == 0:
                        around = _holds(name, element)
                    if around:
                        yield self._found(element)
                    else:
                        held.append(element)
                around = around or not held
                if not around:
                    given[name] = held
            else:
                given[name] = self._decoded()
        if not around:
            yield self._found(given)

    def _found(self, given: Any) -> Found:
        self._number += 1
        place = Place(self._file, "item", self._number, self._inside)
        if not isinstance(given, dict):
            return Skipped(str(place), "it is no JSON object")
        return place, given

    def _parts(self, opening: str, closing: str) -> Iterator[None]:
        """Stand before each part of an array or object in turn; whoever asks takes it."""
        self._expect(opening)
        if self._peek() == closing:
            self._expect(closing)
            return
        while True:
            yield
            if self._peek() == closing:
                self._expect(closing)
                return
            self._expect(",")

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\n\r":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, character: str, *, take: bool = True) -> None:
        if self._peek() != character:
            if not (found := self._peek()):
                raise _CutOff
            msg = f"expecting {character!r}, not {found!r}"
            raise ValueError(msg)
        self._at += take

    def _decoded(self) -> Any:
        """The value that stands here."""
        self._peek()
        while True:
            try:
                given, end = _JSON.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                near = error.pos >= len(self._text) - _NEAR
                if not near and not error.msg.startswith("Unterminated"):
                    self._at = error.pos
                    raise
                if len(self._text) - self._at > LONGEST:
                    msg = f"an object is longer than {LONGEST:,} characters"
                    raise ValueError(msg) from error
                ahead = error.pos - self._at
                begun = not near or _BEGUN.match(self._text, error.pos)
                if not self._more():
                    if begun or error.msg.startswith("Unterminated"):
                        raise _CutOff from error
                    self._at += ahead
                    raise
            else:
                # A number may go on in what is not read yet.
                open_ended = isinstance(given, (int, float)) and end == len(self._text)
                if not open_ended or not self._more():
                    self._at = len(self._text) if open_ended else end
                    return given

    def _more(self) -> bool:
        """Read on, as much again as is held; False at the end."""
        held = self._text[self._at :]
        read = self._raw.read(max(_CHUNK, len(held)))
        try:
            more = self._decode(read, not read)
        except UnicodeDecodeError as error:
            if read:
                raise
            raise _CutOff from error  # within a character
        self._before += self._at
        self._text, self._at = held + more, 0
        return bool(read)
