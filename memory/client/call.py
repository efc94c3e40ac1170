"""One request, and how its answer is read; a name goes into a path only if it is one, encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from memory.client.errors import Unreadable
from memory.types import NAME_LIMIT, check_name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request.

    Attributes:
        method: of HTTP.
        path: on the service.
        reader: makes the answer of its bytes; ``ValueError`` if it cannot.
        query: of the URL; None is left out.
        body: as JSON.
        again: whether a service that is asked twice has done, and answers, the same.
    """

    method: str
    path: str
    reader: Callable[[bytes], T]
    query: Mapping[str, str | int | None] | None = None
    body: Mapping[str, Any] | None = None
    again: bool = True

    def read(self, body: bytes) -> T:
        """What was answered.

        Raises:
            Unreadable: it is no answer of the service's.
        """
        try:
            return self.reader(body)
        except (ValidationError, ValueError) as error:
            msg = (
                f"{self.method} {self.path}: what answers does not speak as the service does; is "
                f"the address right, and the client as new as the service? {error}"
            )
            raise Unreadable(msg) from error


def of_customer(customer: str, what: str = "") -> str:
    """The path of a customer, or of something of theirs."""
    path = f"/v1/customers/{named('customer', customer)}"
    return f"{path}/{what}" if what else path


def of_session(customer: str, session: str) -> str:
    """The path of a session."""
    return of_customer(customer, f"sessions/{named('session', session)}")


def named(kind: str, name: str, limit: int = NAME_LIMIT) -> str:
    """A name in a path. "." and ".." are refused: they would make it the path of something else."""
    return quote(check_name(kind, name, limit), safe="")


def stamp(at: datetime | None) -> str | None:
    """A time with its zone; one without a zone is local."""
    return None if at is None else at.astimezone(UTC).isoformat()


def word(truth: bool) -> str:
    """A truth in a URL."""
    return "true" if truth else "false"


def without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    """Less what is None."""
    return {name: value for name, value in given.items() if value is not None}
