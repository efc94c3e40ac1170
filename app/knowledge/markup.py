"""HTML as the Markdown that it would be: its text, its headings, and lines where its blocks end."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import CData, NavigableString, Tag

from memory import InvalidInput

_SECONDS = 3.0  # of the processor's time, however short the page is
_SECONDS_PER_CHARACTER = 1 / 50_000  # ten times what an ordinary page takes

_DROPPED = set("script style noscript template nav svg head".split())
_BLOCKS = "div li tr br section article table ul ol dl dt dd pre blockquote header footer".split()
_HEADINGS = {f"h{depth}": f"\n\n{'#' * depth} " for depth in range(1, 7)}
_AROUND = {  # what stands before and after an element's text
    **dict.fromkeys(_BLOCKS, ("\n", "\n")),
    **{name: (start, "\n\n") for name, start in _HEADINGS.items()},
    "p": ("\n\n", "\n\n"),
}


class _Page(BeautifulSoup):
    """A page that is given up when reading it takes too long.

    Python's own parser looks for the end of each comment and tag that has none in all that
    follows (CVE-2025-6069, mended in later releases): a page of such takes minutes.
    """

    def __init__(self, place: str, html: str) -> None:
        self._place = place
        limit = _SECONDS + len(html) * _SECONDS_PER_CHARACTER
        self._until = time.thread_time() + limit
        super().__init__(html, "html.parser")

    def handle_starttag(self, *given: Any, **more: Any) -> Tag | None:
        """Take up a tag."""
        self._check()
        return super().handle_starttag(*given, **more)

    def handle_data(self, data: str) -> None:
        """Take up text."""
        self._check()
        super().handle_data(data)

    def _check(self) -> None:
        if time.thread_time() > self._until:
            msg = (
                f"{self._place} takes too long to read: its tags or comments do not end. Mend "
                "them, or save it as text"
            )
            raise InvalidInput(msg)


def markdown_of(place: str, html: str) -> tuple[str | None, str]:
    """The title of a page, if it has one, and its text with Markdown's signs at its headings.

    Raises:
        InvalidInput: it cannot be read in a time that befits its length.
    """
    page = _Page(place, html)
    heading = page.title or page.find("h1")
    title = heading.get_text(" ") if heading else None
    lines = "".join(_pieces(page)).split("\n")
    return title, "\n".join(_neat(line) for line in lines)


def _pieces(page: Tag) -> Iterator[str]:
    """The text in its order; each element is looked at once, and none of its ancestors.

    So a page that is nested 50,000 deep takes no longer than a flat one.
    """
    todo: list[Any] = [page]
    within: Counter[str] = Counter()  # headings and preformatted texts that are open
    while todo:
        match todo.pop():
            case Tag(name=name) as tag if name not in _DROPPED:
                start, end = _AROUND.get(name, ("", ""))
                kind = "heading" if name in _HEADINGS else name
                yield " " if within["heading"] and start else start
                within[kind] += 1
                todo.append((kind, end))
                todo.extend(reversed(tag.contents))
            case (kind, end):
                within[kind] -= 1
                yield " " if within["heading"] and end else end
            # Comments and declarations are strings of other kinds.
            case NavigableString() as said if type(said) in (NavigableString, CData):
                kept = within["pre"] and not within["heading"]
                yield str(said) if kept else re.sub(r"\s+", " ", said)


def _neat(line: str) -> str:
    return " ".join(line.split()) if line.startswith("#") else line.strip()
