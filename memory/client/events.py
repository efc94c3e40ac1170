"""A streamed answer: its server-sent events, read, and told on where it was cut off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from memory.client.errors import ServiceProblem, Unreadable
from memory.client.results import ChatAnswer, CitedPassage, Recalled, Result, Understood

# Bytes, since a text may hold what str.splitlines takes for the end of a line.
_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")


class Given(Result):
    """The turn has begun; this is what the model is given beside the question."""

    turn: str
    recalled: list[Recalled]
    knowledge: list[CitedPassage]
    evidence: str | None
    understanding: dict[str, Understood] | None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer was cut off and is given anew, in other words: the pieces so far are void."""


# The last one is the answer as a whole.
Event = Given | Token | Restarted | ChatAnswer


class Decoder:
    """Server-sent events out of the pieces that arrive (WHATWG HTML, 9.2.6, without ``id``)."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []

    def decode(self, piece: bytes) -> Iterator[Event]:
        """The events that a piece completes.

        Raises:
            ServiceProblem: the answer has failed, or the service is being stopped.
            Unreadable: it is no event of the service's.
        """
        *lines, self._rest = _LINE.split(self._rest + piece)
        for line in lines:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"event":
                self._name = value.decode(errors="replace")
            elif name == b"data":
                self._data.append(value)
            elif not line and self._data:
                found = _event(self._name, b"\n".join(self._data))
                self._name, self._data = "", []
                if found is not None:
                    yield found


def _event(name: str, data: bytes) -> Event | None:
    """An event; None for one that a newer service may send."""
    try:
        match name:
            case "recalled":
                return Given.model_validate_json(data)
            case "token":
                return Token(str(json.loads(data)["text"]))
            case "done":
                return ChatAnswer.model_validate_json(data)
            case "error":
                said = json.loads(data)
                raise ServiceProblem(int(said["status"]), said, None)
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        msg = f"the event {name!r} is not as the service's are: {error}"
        raise Unreadable(msg) from error
    return None


@dataclass(slots=True)
class Telling:
    """An answer, told from its beginning as often as it is cut off, and heard once.

    What is told again in the same words is passed over; where the words are others, or end
    sooner, ``Restarted`` comes before them. So the pieces since the last ``Restarted`` are the
    answer.
    """

    ended: bool = False
    _decoder: Decoder = field(default_factory=Decoder)
    _heard: str = ""
    _said: str = ""
    _given: Given | None = field(default=None)

    def begin(self) -> None:
        """It is told from its beginning."""
        self._said = ""
        self._decoder = Decoder()

    def read(self, piece: bytes) -> Iterator[Event]:
        """What is new in a piece of it; raises what ``Decoder.decode`` does."""
        for event in self._decoder.decode(piece):
            yield from self.hear(event)

    def hear(self, event: Event) -> Iterator[Event]:
        """What of an event is new."""
        match event:
            case Given():
                if self._given is None:
                    yield event
                self._given = event
            case Token(text):
                self._said += text
                if self._heard.startswith(self._said):
                    return
                if self._said.startswith(self._heard):
                    new = self._said[len(self._heard) :]
                    self._heard = self._said
                    yield Token(new)
                else:
                    yield from self._anew()
            case ChatAnswer():
                if self._said != self._heard:
                    yield from self._anew()
                self.ended = True
                yield event

    def _anew(self) -> Iterator[Event]:
        self._heard = self._said
        yield Restarted()
        if self._given is not None:
            yield self._given
        if self._said:
            yield Token(self._said)
