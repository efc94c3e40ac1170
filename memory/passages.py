"""Passages: a long text cut where its author has cut it, into pieces that an index can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from memory.sentences import pieces
from memory.types import CountTokens

MOST_TOKENS = 200  # of a passage; an embedding model reads 256, its title among them

_LONGEST_HEADING = 300  # characters; it stands above each passage of its section

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(\S.*)")
_CODE = re.compile(r"\s*(```|~~~)")
_BLANK = re.compile(r"\n[ \t]*\n")


def passages_of(
    text: str, count_tokens: CountTokens, most: int = MOST_TOKENS, *, headings: bool = True
) -> list[str]:
    """The passages of a text, in order; together they hold every word of it.

    A heading (a line that Markdown takes for one) begins a passage, and stands above each of its
    section's, with the headings that it is under. Paragraphs are kept whole where they fit; longer
    ones are cut between sentences, and those between words.

    Args:
        text: plain, or Markdown.
        count_tokens: tokens of a text.
        most: tokens of a passage, less its headings.
        headings: whether there are any; else what looks like one is text.
    """
    found = []
    for names, section in _sections(text) if headings else [([], text)]:
        above = " > ".join(names)
        parts = list(_packed(_paragraphs(section, count_tokens, most), count_tokens, most))
        found += [said for part in parts if (said := f"{above}\n{part}".strip())]
    return found


def _sections(text: str) -> Iterator[tuple[list[str], str]]:
    """The headings above each section, and its text; a heading without text is a section too."""
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""  # a # in a code block is no heading
    shown = True  # whether the last heading stands above some text
    for line in text.splitlines():
        if mark := _CODE.match(line):
            fence = "" if mark[1] == fence else fence or mark[1]
        heading = None if fence or mark else _heading(line)
        if heading is None:
            lines.append(line)
            continue
        depth, name = heading
        body = "\n".join(lines)
        if body.strip() or (not shown and depth <= headings[-1][0]):
            yield [name for _, name in headings], body
        headings = [above for above in headings if above[0] < depth]
        headings.append((depth, name))
        lines, shown = [], False
    body = "\n".join(lines)
    if body.strip() or not shown:
        yield [name for _, name in headings], body


def _heading(line: str) -> tuple[int, str] | None:
    """A heading's depth, 1 to 6, and its name; None if it is none, or too long for one."""
    found = _HEADING.fullmatch(line)
    if found is None:
        return None
    name = found[2].rstrip().rstrip("#").rstrip() or "#"
    return (len(found[1]), name) if len(name) <= _LONGEST_HEADING else None


def _paragraphs(text: str, count_tokens: CountTokens, most: int) -> Iterator[tuple[str, str]]:
    """What may not be parted further, each with what joins it to the one before."""
    for paragraph in _BLANK.split(text):
        if count_tokens(paragraph) <= most:
            yield "\n\n", paragraph.strip("\n")
            continue
        joint = "\n\n"
        for piece in pieces(paragraph):
            for part in _halved(piece, count_tokens, most):
                yield joint, part
                joint = " "


def _halved(text: str, count_tokens: CountTokens, most: int) -> Iterator[str]:
    """A text in parts that fit: a line of Chinese has more tokens than characters."""
    if count_tokens(text) <= most or len(text) < 2:
        yield text
        return
    middle = text.find(" ", len(text) // 2) + 1 or len(text) // 2
    for half in (text[:middle], text[middle:]):
        if half.strip():
            yield from _halved(half.strip(), count_tokens, most)


def _packed(
    parts: Iterable[tuple[str, str]], count_tokens: CountTokens, most: int
) -> Iterator[str]:
    passage = ""
    for joint, part in parts:
        longer = f"{passage}{joint}{part}" if passage else part
        if passage and count_tokens(longer) > most:
            yield passage
            longer = part
        passage = longer
    yield passage
