"""Writers: what of the messages is remembered, as records."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from memory.indexes.lexical import terms
from memory.types import Message, Record


def verbatim(messages: Sequence[Message]) -> list[Record]:
    """Every message as it was said, one record each; what is blank is left out."""
    return [
        Record(
            id=record_id("verbatim", (message.session, message.id), message.text),
            text=message.text,
            messages=(message.id,),
            session=message.session,
            role=message.role,
            at=message.at,
            terms=tuple(terms(message.text)),
        )
        for message in messages
        if message.role in {"human", "ai"} and message.text.strip()
    ]


def record_id(writer: str, messages: Sequence[str], text: str) -> str:
    """An id that is the same whenever the same writer makes the same record."""
    said = "\0".join((writer, *messages, text))
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
