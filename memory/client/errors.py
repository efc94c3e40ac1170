"""What can go wrong between a program and a service.

MemoryServiceError
└── ClientError
    ├── ServiceProblem    the service says what is wrong, and what to do
    ├── Unreachable       nobody answers there, or the answer was cut off
    │   └── Silent            nothing came for longer than the timeout
    └── Unreadable        what answers there does not speak as the service does
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from memory.errors import MemoryServiceError

_SHOWN = 200  # characters of an answer that is repeated


class ClientError(MemoryServiceError):
    """A service did not do what it was asked for."""


class ServiceProblem(ClientError):
    """What is wrong, as the service says: a problem document (RFC 9457).

    Attributes:
        type: which problem it is, such as ``urn:problem:no-such-customer``; ``about:blank`` where
            the answer is none of the service's, but a proxy's before it.
        name: its last part, such as ``no-such-customer``; empty for a proxy's.
        title: the same in words.
        status: the HTTP status.
        detail: what is wrong here, and what to do.
        retry_after: seconds after which it may go, where waiting helps; nothing was stored then.
        request_id: as in the service's log; None where it says none.
        errors: of a request that is invalid (422), what is wrong where.
    """

    def __init__(self, status: int, said: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.type = str(said.get("type", "about:blank"))
        self.name = self.type.rpartition(":")[2] if self.type.startswith("urn:problem:") else ""
        self.title = str(said.get("title", _phrase(status)))
        self.detail = str(said.get("detail", self.title))
        self.retry_after = retry_after
        self.request_id: str | None = said.get("request_id")
        self.errors: list[dict[str, str]] = said.get("errors", [])
        super().__init__(f"{self.title} ({status}): {self.detail}")

    @classmethod
    def of(cls, status: int, body: bytes, retry_after: str | None) -> ServiceProblem:
        """The problem that an answer means: its status, its body and its ``Retry-After``."""
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict) or "type" not in said:
            shown = body.decode(errors="replace")[:_SHOWN].strip()
            said = {"detail": f"what answers is not the service itself; it says {shown!r}"}
        try:
            seconds = None if retry_after is None else max(0.0, float(retry_after))
        except ValueError:  # a date: the service sends none
            seconds = None
        return cls(status, said, seconds)


class Unreachable(ClientError):
    """Nobody answers, or the answer was cut off; ``sent`` says whether it may have been done."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Silent(Unreachable):
    """The service was silent for longer than the timeout; asked again it would begin anew."""


class Unreadable(ClientError):
    """An answer is not what the service's are: another program answers, or a newer version."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
