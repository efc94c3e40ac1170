"""Which requests are sent again, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

from memory.client.errors import ClientError, ServiceProblem, Silent, Unreachable

_PROXIES = frozenset({502, 504})  # a proxy's words for a service that has gone away
_SPREAD = 0.25  # of a wait that the service names: who were refused together do not come together


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after how long, what has failed is tried again.

    The wait is what the service says (``Retry-After``) and up to a quarter more; where it says
    nothing it is drawn from zero to a bound that begins at ``first`` and doubles ("full jitter",
    Brooker 2015, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Attributes:
        times: how often at most; 0 never.
        first: seconds, the bound of the first wait.
        longest: seconds, the bound of all; what is to wait longer fails at once.
    """

    times: int = 4
    first: float = 0.5
    longest: float = 30.0

    def wait(self, error: ClientError, tried: int, *, again: bool) -> float:
        """Seconds to wait before a request that has failed is sent again.

        Args:
            error: how it failed.
            tried: how often it was sent again before.
            again: whether a service that was asked twice has done, and answers, the same.

        Raises:
            ClientError: ``error`` itself, if the request is not sent again.
        """
        if tried >= self.times or not _passes(error, again=again):
            raise error
        said = error.retry_after if isinstance(error, ServiceProblem) else None
        if said is None:
            bound = min(self.longest, self.first * 2**tried)
            return random.uniform(0, bound)  # noqa: S311 - no secret
        if said > self.longest:
            raise error
        return said * random.uniform(1, 1 + _SPREAD)  # noqa: S311 - no secret


def _passes(error: ClientError, *, again: bool) -> bool:
    """Whether a request may go well later, and does no harm by then."""
    if isinstance(error, Silent):
        return False
    if isinstance(error, Unreachable):
        return again or not error.sent
    if not isinstance(error, ServiceProblem):
        return False
    if error.retry_after is not None and error.name:
        return True  # the service has done nothing
    return again and (error.status in (429, 503) or (error.status in _PROXIES and not error.name))
