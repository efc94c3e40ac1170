"""A circuit breaker: what has failed several times in a row is not asked for a while.

Nygard, "Release It!", 2007. The libraries for it wrap a call that returns; an answer that is
streamed, given up half-way or overtaken by others has an end of its own, which is told here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from memory.errors import CircuitOpen

_FAILURES = 5  # in a row, until nobody is let through
_REST_SECONDS = 10.0  # until one call is let through, to see

Outcome = Literal["succeeded", "failed", "dropped"]


class Breaker:
    """Stands before something that is asked over the network. Safe to share between threads.

    Closed, it lets every call through. After ``failures`` failed calls in a row it is open and
    refuses at once, for ``rest`` seconds; then a single call, the probe, is let through. If that
    succeeds it is closed again, and if it fails, open for as long again.
    """

    def __init__(
        self,
        name: str,
        failures: int = _FAILURES,
        rest: float = _REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stand before what is called ``name`` to those who are refused."""
        self.name = name
        self._most = failures
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0  # in a row
        self._open_until: float | None = None  # None: closed
        self._probe: Call | None = None
        self._era = 0  # moves when it opens or closes: calls of an earlier one say nothing of now

    @property
    def open(self) -> bool:
        """Whether it refuses, less the one call that it may let through to see."""
        return self._open_until is not None

    def check(self) -> None:
        """Raise CircuitOpen if a call would be refused now."""
        with self._lock:
            self._check()

    def begin(self) -> Call:
        """Begin a call, whose end is to be told.

        Raises:
            CircuitOpen: it is refused; the message says what is down, ``retry_after`` for how long.
        """
        with self._lock:
            self._check()
            call = Call(self, self._era)
            if self._open_until is not None:
                self._probe = call
            return call

    def _check(self) -> None:
        if self._open_until is None:
            return
        wait = self._open_until - self._clock()
        if wait > 0 or self._probe is not None:
            raise CircuitOpen(self.name, wait if wait > 0 else self._rest)

    def _end(self, call: Call, outcome: Outcome) -> None:
        with self._lock:
            if call.era != self._era:
                return
            if outcome == "dropped":
                if call is self._probe:
                    self._probe = None  # the next one tries
            elif outcome == "succeeded":
                self._failures = 0
                if call is self._probe:
                    self._turn(None)
            else:
                self._failures += 1
                if self._failures >= self._most or call is self._probe:
                    self._turn(self._clock() + self._rest)

    def _turn(self, open_until: float | None) -> None:
        self._open_until, self._probe = open_until, None
        self._era += 1


class Call:
    """A call that was let through; what is told of its end first is what counts."""

    def __init__(self, breaker: Breaker, era: int) -> None:
        self._breaker = breaker
        self.era = era

    def succeeded(self) -> None:
        """What was asked answers, be it to refuse this one request."""
        self._breaker._end(self, "succeeded")
        self.era = -1

    def failed(self) -> None:
        """What was asked is away, too slow, or broken."""
        self._breaker._end(self, "failed")
        self.era = -1

    def dropped(self) -> None:
        """Nothing is known: it was not asked after all, or nobody waited for its answer."""
        self._breaker._end(self, "dropped")
        self.era = -1
