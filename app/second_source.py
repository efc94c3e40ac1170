"""A second source of knowledge: any LangChain retriever, such as a shop's live search.

It is asked beside the articles, and is never trusted to answer: what fails or is slow is left out.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from functools import partial
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from app.aside import Aside
from memory import Breaker, CircuitOpen, Evidence, InvalidInput, count_tokens, passages_of

_logger = logging.getLogger(__name__)

_MOST = 5  # documents that are looked at
_REST_SECONDS = 30.0  # that it is left alone after several failures in a row
_WAITING = 16  # questions that may be with the retriever at a time


class SecondSource:
    """A retriever that answers in time, or not at all."""

    def __init__(self, retriever: BaseRetriever, timeout: float) -> None:
        self._retriever = retriever
        self._timeout = timeout
        self._aside = Aside("retriever", _WAITING)
        self.breaker = Breaker("the retriever", rest=_REST_SECONDS)

    async def look_up(self, question: str) -> list[Evidence] | None:
        """What the retriever finds, best first; None where it fails or takes too long.

        One that did so several times in a row is not waited for, for a while.
        """
        try:
            call = self.breaker.begin()
        except CircuitOpen:
            return None
        try:
            found = await self._in_time(question)
            if found is None:
                call.failed()
            else:
                call.succeeded()
            return found
        finally:
            call.dropped()  # where the client has gone away meanwhile

    async def _in_time(self, question: str) -> list[Evidence] | None:
        asked = self._aside.begin(partial(self._found, question))
        if asked is None:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await asked
        except TimeoutError:
            _logger.warning("the retriever did not answer within %.1f s", self._timeout)
            return None

    def _found(self, question: str) -> list[Evidence] | None:
        try:
            documents = self._retriever.invoke(question)
            return [e for d in documents[:_MOST] if (e := _evidence(d, self._name)) is not None]
        except Exception as error:  # whatever it was: the turn goes on without
            # Not its text, which may repeat a key.
            _logger.warning("the retriever failed: %s", type(error).__name__)
            return None

    @property
    def _name(self) -> str:
        return type(self._retriever).__name__


def open_retriever(name: str) -> BaseRetriever:
    """The retriever at ``module:attribute``, or what a function there makes.

    Raises:
        InvalidInput: there is none; the message says what there is.
    """
    module, _, attribute = name.partition(":")
    try:
        made: Any = importlib.import_module(module)
        for part in attribute.split("."):
            made = getattr(made, part)
        if not isinstance(made, BaseRetriever) and callable(made):
            made = made()
    except Exception as error:  # also what the module itself raises
        msg = (
            f"MEMORY_SERVICE_RETRIEVER {name!r} cannot be opened ({type(error).__name__}: {error})"
        )
        raise InvalidInput(msg) from error
    if not isinstance(made, BaseRetriever):
        msg = (
            f"MEMORY_SERVICE_RETRIEVER {name!r} is a {type(made).__name__}: give module:attribute "
            "of a LangChain BaseRetriever, or of a function that makes one"
        )
        raise InvalidInput(msg)
    return made


def _evidence(document: Document, name: str) -> Evidence | None:
    """A document as a passage, its first if it is long; None if it says nothing."""
    text = document.page_content.replace("\x00", " ").encode(errors="replace").decode()
    passages = passages_of(text, count_tokens, headings=False)
    if not passages:
        return None
    said = {key: str(document.metadata.get(key) or "") for key in ("source", "title")}
    score = document.metadata.get("score")
    return Evidence(
        "", said["source"], said["title"], passages[0],
        float(score) if isinstance(score, (int, float)) else 0.0, f"found by {name}",
    )  # fmt: skip
