"""Lines of JSONL files, plain or gzipped, one at a time."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from memory import InvalidInput

MOST_BYTES = 4 * 2**20  # of a line, for what is read to be trained on


def lines(file: Path, most: int = MOST_BYTES) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every line that is not blank, as (where it is, its object).

    No more than a line is in memory at a time, and of a line no more than ``most`` bytes.

    Raises:
        InvalidInput: the file cannot be read, or a line is too long, not UTF-8, or no JSON
            object; the message has file and number of the line, and what to do.
    """
    try:
        with cast("IO[bytes]", gzip.open(file) if file.suffix == ".gz" else file.open("rb")) as raw:
            yield from objects(str(file), raw, most)
    except (OSError, EOFError, zlib.error) as error:
        msg = f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidInput(msg) from error


def objects(
    name: str, raw: IO[bytes], most: int = MOST_BYTES
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of what is open already, and called ``name``."""
    number = 0
    while line := raw.readline(most + 1):
        number += 1
        place = f"{name}, line {number}"
        if len(line) > most:
            msg = (
                f"{place} is longer than {most:,} bytes: write one JSON object a line (JSONL, "
                "not one JSON array), and cut it if it is that long"
            )
            raise InvalidInput(msg)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
        if line.strip():
            yield place, read_object(place, line)


def read_object(place: str, line: bytes) -> dict[str, Any]:
    """The object of one line.

    Raises:
        InvalidInput: it is none; the message begins with ``place``.
    """
    try:
        given = json.loads(line.decode())
    except UnicodeDecodeError as error:
        msg = f"{place} is not UTF-8 (byte {error.start}): convert the file first"
        raise InvalidInput(msg) from error
    except json.JSONDecodeError as error:
        msg = f"{place} is not JSON ({error.msg} at character {error.pos + 1}){_remedy(line)}"
        raise InvalidInput(msg) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of 5,000 digits
        msg = f"{place} is not JSON that can be read ({error})"
        raise InvalidInput(msg) from error
    if not isinstance(given, dict):
        msg = f"{place} is no JSON object{_remedy(line) or ': write one in braces a line'}"
        raise InvalidInput(msg)
    return given


def _remedy(line: bytes) -> str:
    """What to do about a line with which more begins than one line's object."""
    opening = line.strip()
    if opening.startswith(b"["):
        return (
            ": the file looks like one JSON array. It is to be JSONL, one object a line, as "
            "`jq -c '.[]' FILE > FILE.jsonl` writes it"
        )
    if opening == b"{":
        return (
            ": an object is to be on one line, not on several, as `jq -c . FILE > FILE.jsonl` "
            "writes it"
        )
    return ""
