"""What is on a disk after a power cut: all that was synced, and any part of what came after.

A disk writes sectors of 512 bytes whole, in whatever order it likes, until it is told to sync a
file. A name is there for certain once its folder was synced.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_SECTOR = 512
_HEADER = struct.Struct("<cQQII")  # power.c's


class Change(NamedTuple):
    """What a process did to a folder: written, cut (T), made (C), removed (U), renamed, synced."""

    kind: str
    at: float  # seconds of time.monotonic(): a sync's end, anything else's beginning
    name: str  # inside the folder; "." is the folder
    offset: int  # bytes; what a file was cut to
    data: bytes


def changes(log: Path) -> Iterator[Change]:
    """What power.c wrote down, in order."""
    content = log.read_bytes()
    at = 0
    while at < len(content):
        kind, when, offset, name, data = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        called = content[at : at + name].decode()
        at += name
        yield Change(kind.decode(), when / 1e9, called, offset, content[at : at + data])
        at += data


@dataclass
class _File:
    """One file, whatever it is called."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: cut to a length

    def sync(self) -> None:
        for offset, data in self.since:
            _apply(self.synced, offset, data)
        self.since.clear()

    def after_a_cut(self, chance: random.Random) -> bytes:
        """One of the contents that a power cut may leave."""
        content = bytearray(self.synced)
        fate = chance.choice(["nothing", "all", "the first", "any", "any", "most"])
        kept = chance.randrange(len(self.since) + 1) if fate == "the first" else len(self.since)
        share = {"nothing": 0.0, "any": 0.5, "most": 0.95}.get(fate, 1.0)
        rubbish = chance.random() < 0.5  # in what a file grew by and was not written
        for offset, data in self.since[:kept]:
            if data is None:
                if chance.random() < share:
                    _apply(content, offset, None)
                continue
            for start in range(0, len(data), _SECTOR):
                if share == 1.0 or chance.random() < share:
                    sector = data[start : start + _SECTOR]
                    grown = offset + start - len(content)
                    if rubbish and grown > 0:
                        content += chance.randbytes(grown)
                    _apply(content, offset + start, sector)
        return bytes(content)


class Disk:
    """The files of a folder, as far as they are on the disk and as the process sees them."""

    def __init__(self) -> None:
        self._seen: dict[str, _File] = {}
        self._synced: dict[str, _File] = {}

    def apply(self, change: Change) -> None:
        """Let one more thing happen."""
        kind, _, name, offset, data = change
        match kind:
            case "C":
                self._seen[name] = _File()
            case "W":
                self._seen[name].since.append((offset, data))
            case "T":
                self._seen[name].since.append((offset, None))
            case "U":
                del self._seen[name]
            case "R":
                self._seen[data.decode()] = self._seen.pop(name)
            case "S" if name == ".":
                self._synced = dict(self._seen)
            case "S":
                self._seen[name].sync()
            case _:
                raise AssertionError(change)

    def after_a_cut(self, chance: random.Random) -> dict[str, bytes]:
        """One of the folders that a power cut may leave: the content of each file by its name."""
        found = {}
        for name in {**self._synced, **self._seen}:
            either = [self._synced.get(name), self._seen.get(name)]
            if (file := chance.choice(either)) is not None:
                found[name] = file.after_a_cut(chance)
        return found


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content += bytes(offset - len(content))
    else:
        content += bytes(max(0, offset - len(content)))
        content[offset : offset + len(data)] = data
