"""Writers: what of the messages is remembered, as records."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from memory.indexes.lexical import terms
from memory.types import Message, Record, Writer


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
            speaker=message.speaker,
        )
        for message in messages
        if message.role in {"human", "ai"} and message.text.strip()
    ]


def joined(*writers: Writer) -> Writer:
    """A writer that keeps what each of several keeps."""
    return partial(_joined, writers=writers)


def _joined(messages: Sequence[Message], *, writers: Sequence[Writer]) -> list[Record]:
    return [record for writer in writers for record in writer(messages)]


def written(
    writer: Writer, earlier: Sequence[Message], messages: Sequence[Message]
) -> list[Record]:
    """The records of ``messages``, which the writer reads after the few that came ``earlier``."""
    if writer is verbatim:  # it takes each by itself
        return verbatim(messages)
    if isinstance(writer, partial) and writer.func is _joined:
        parts = (written(one, earlier, messages) for one in writer.keywords["writers"])
        return [record for part in parts for record in part]
    fresh = {(m.session, m.id) for m in messages}
    return [
        record
        for record in writer([*earlier, *messages])
        if not record.messages or any((record.session, m) in fresh for m in record.messages)
    ]


def record_id(writer: str, messages: Sequence[str], text: str) -> str:
    """An id that is the same whenever the same writer makes the same record."""
    said = "\0".join((writer, *messages, text))
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
