"""Support chat in two languages: a customer's messages for an agent, and the agent's for them.

Both by the translation memory of that customer, whose words they are. What the customer reads is
the message; what an agent wrote lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from anyio.to_thread import run_sync

from app.chains.translate import TranslationChain
from app.problems import Problem
from app.translators import primary
from app.translators.detection import detect, unlike
from memory import InvalidInput, MemoryStore, Message, Scope
from memory.language import language_of
from memory.normal_form import lost
from memory.translation_memory import TranslationMemory, by_sentence
from memory.translations import LONGEST, Pair, Translation
from memory.types import Original

_SAID = ("human", "ai")  # not tools' results, say
_LAST = 20  # messages by which it is told in which language a session is held


class Read(NamedTuple):
    """A message for who reads another language.

    ``source`` is the language that it is in, None if that cannot be told; ``translation`` is None
    where it needs none, or that cannot be told. ``complete`` and ``missing`` are as of ``Segment``.
    """

    message: Message
    source: str | None
    translation: str | None = None
    complete: bool = True
    missing: Sequence[str] = ()


def language_in(store: MemoryStore, scope: Scope) -> str | None:
    """The language in which a session's customer writes; None if it cannot be told."""
    found = store.transcript.newest(scope, _LAST)
    return detect([one.message.text for one in found if one.message.role == "human"])


async def read(
    chain: TranslationChain,
    memory: TranslationMemory,
    messages: Sequence[Message],
    held_in: str | None,
    target: str,
    *,
    surely: bool,
) -> list[Read]:
    """Messages of a session for who reads ``target``.

    Args:
        chain: translates.
        memory: the customer's.
        messages: to be read.
        held_in: the language of the session.
        target: the reader's.
        surely: all are in that language; else one that is seen to be in another is not.

    Raises:
        Problem: no translator is set for the languages, or it has failed; see ``translate``.
    """
    made = []
    for message in messages:
        told = None if surely else language_of(message.text)
        source = told if told in ("en", "zh") else held_in
        written = message.original
        if written is not None and primary(written.language) == primary(target):
            made.append(Read(message, source, written.text))
        elif source is None or primary(source) == primary(target) or message.role not in _SAID:
            made.append(Read(message, source))
        else:
            pair = Pair(source, target)
            chain.check(pair)
            done = await chain.translate(memory, message.text, pair)
            made.append(Read(message, source, done.text, done.complete, done.missing))
    return made


async def write(
    chain: TranslationChain, memory: TranslationMemory, text: str, pair: Pair, checked: str | None
) -> tuple[str, Original | None]:
    """What a customer is to read of what an agent wrote, and that beside it, if it differs.

    Args:
        chain: translates.
        memory: the customer's.
        text: what the agent wrote.
        pair: from the agent's language into the customer's.
        checked: its translation, where a person has seen it: where that is not what is known, it
            is remembered as theirs, unless it lacks a number or address of the text, or that is
            surely in another language.

    Raises:
        Problem: no translator is set, or it has failed, or what it made is not to be sent unseen.
    """
    original = Original(text, pair.source)
    other = await run_sync(unlike, text, pair.source)
    if checked is not None:
        if other is None:
            await run_sync(_learn, memory, text, checked, pair)
        return checked, original
    if other is not None:
        detail = (
            f"The message seems to be in {other}, and not in {pair.source}: give that as `source`, "
            "or send it with its `translation`."
        )
        raise Problem(409, "translation-unsure", "Translation unsure", detail)
    chain.check(pair)
    made = await chain.translate(memory, text, pair)
    if not made.complete or made.missing:
        detail = "Not all of the message could be translated: send it with its `translation`."
        if made.missing:
            lacking = ", ".join(made.missing)
            detail = f"The translation lacks {lacking}: send the message with its `translation`."
        raise Problem(409, "translation-unsure", "Translation unsure", detail)
    return made.text, original


def _learn(memory: TranslationMemory, text: str, translation: str, pair: Pair) -> None:
    """Remember what a person has put in a translation's place."""
    if max(len(text), len(translation)) > LONGEST:
        return
    units = by_sentence([Translation(pair, text, translation, "person")])
    known = [memory.exact(one.source, pair) for one in units]
    memory.put(
        [
            one
            for one, same in zip(units, known, strict=True)
            # A slip of the hand is sent once, and not again and again.
            if (not same or same.target != one.target) and not lost(one.source, one.target)
        ]
    )


def customers_language(store: MemoryStore, scope: Scope, given: str | None) -> str:
    """The language that an answer is translated into.

    Raises:
        InvalidInput: none is given, and it cannot be told from what the customer said.
    """
    found = given or language_in(store, scope)
    if found is None:
        msg = "It cannot be told in which language the customer writes: give it as `target`."
        raise InvalidInput(msg)
    return found
