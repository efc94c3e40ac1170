"""Places before the model: so many answers are written at a time, so many may wait, no more.

Where the model's server is down nobody is let through to it either (see ``Breaker``).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time

from memory import Breaker, MemoryServiceError
from memory.breaker import Call

_logger = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0  # seconds that somebody is told to stay away, at most
_WEIGHT = 0.2  # of the last answer, in how long answers take
_GUESS = 5.0  # seconds that an answer takes, until one has been seen
_TELL_SECONDS = 10.0  # how often the log says that somebody was sent away


class Overloaded(MemoryServiceError):
    """There is no place now."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class Leaving(Overloaded):
    """The service is being stopped."""

    def __init__(self, kept: str = "Nothing was stored") -> None:
        super().__init__(f"The service is being stopped. {kept}: send it again in a while.", 5.0)


class Places:
    """Who may ask the model, in the order in which they came. For one event loop."""

    def __init__(
        self, at_once: int, waiting: int, patience: float, breaker: Breaker | None = None
    ) -> None:
        """Open them.

        Args:
            at_once: how many answers are written at a time.
            waiting: how many more may wait.
            patience: seconds that one may wait in all.
            breaker: stands before the model's server, where that is elsewhere.
        """
        self.breaker = breaker
        self.at_once = at_once
        self.most = at_once + waiting
        self.patience = patience
        self.inside = 0  # who is answered or waits
        self._free = at_once
        self._line: list[tuple[int, asyncio.Future[None]]] = []  # a heap, by who came first
        self._numbers = itertools.count()
        self._pace: float | None = None  # seconds that an answer takes, on a sliding average
        self._closed = False
        self._told = 0.0  # when the log last said that somebody was sent away

    @property
    def writing(self) -> int:
        """How many have the model's place; others who are inside wait for one."""
        return self.at_once - self._free

    @property
    def closed(self) -> bool:
        """Whether nobody is let in any more."""
        return self._closed

    def enter(self, *, beyond: bool = False) -> Place:
        """Come in, to be answered or to wait; ``beyond`` is for who cannot be sent away any more.

        Raises:
            Overloaded: too many are here.
            Leaving: nobody is let in any more.
            CircuitOpen: the model's server is down.
        """
        if self._closed:
            raise Leaving
        if self.breaker is not None:
            self.breaker.check()
        if self.inside >= self.most and not beyond:
            self._tell()
            msg = (
                f"{self.inside} answers are being written or waited for, and no more are taken. "
                "Nothing was stored: send it again later."
            )
            raise Overloaded(msg, self.wait())
        return Place(self, next(self._numbers), "The message is kept" if beyond else None)

    def _tell(self) -> None:
        at = time.monotonic()
        if at - self._told > _TELL_SECONDS:
            self._told = at
            _logger.warning("%d turns are answered or wait: others are refused", self.inside)

    def wait(self) -> float:
        """Seconds until who is here now has been answered, at the pace of the last answers."""
        pace = _GUESS if self._pace is None else self._pace
        return min(pace * max(1.0, self.inside / self.at_once), _LONGEST_WAIT)

    def close(self) -> None:
        """Let nobody in any more, and send away who waits."""
        self._closed = True
        for _, waiting in self._line:
            if not waiting.done():
                waiting.set_exception(Leaving())
        self._line.clear()

    # --- for a place ---------------------------------------------------------------------

    def _ask(self, number: int) -> asyncio.Future[None]:
        """What is done when the place of a number is free."""
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            given.set_exception(Leaving())
        else:
            heapq.heappush(self._line, (number, given))
            self._give()
        return given

    def _give(self) -> None:
        while self._free and self._line:
            _, given = heapq.heappop(self._line)
            if not given.done():  # its client may have hung up
                self._free -= 1
                given.set_result(None)

    def _take_back(self, seconds: float | None) -> None:
        """A place is free again; it was kept for so many ``seconds`` if an answer was written."""
        if seconds is not None:
            before = seconds if self._pace is None else self._pace
            self._pace = before + _WEIGHT * (seconds - before)
        self._free += 1
        self._give()


class Place:
    """Somebody's place: in the line first, before the model then. To be left in the end."""

    def __init__(self, places: Places, number: int, kept: str | None) -> None:
        self._places = places
        self._number = number
        self._kept = kept or "Nothing was stored"
        self._call: Call | None = None  # of the model's server
        self._since: float | None = None  # when the model's place was given
        self._answered = False
        self._left = False
        self._patience = places.patience
        places.inside += 1

    @property
    def held(self) -> bool:
        """Whether the model may be asked."""
        return self._since is not None

    def take_at_once(self) -> bool:
        """Take the model's place if one is free and nobody waits for it; says whether.

        Raises CircuitOpen as ``take`` does.
        """
        places = self._places
        if not self.held and places._free and not places._line and not places._closed:
            places._free -= 1
            self._since = time.monotonic()
            self._call_begins()
        return self.held

    async def take(self) -> None:
        """Wait until the model may be asked.

        Raises:
            Overloaded: it has taken too long.
            Leaving: the service is being stopped.
            CircuitOpen: the model's server is down.
        """
        if self.take_at_once():
            return
        began = time.monotonic()
        given = self._places._ask(self._number)
        try:
            async with asyncio.timeout(max(self._patience, 0.0)):
                await asyncio.wait([given])  # which leaves it as it is when this is cancelled
        except TimeoutError:
            if not given.done():
                msg = (
                    f"No answer could be begun within {self._places.patience:g} seconds. "
                    f"{self._kept}: send it again later."
                )
                raise Overloaded(msg, self._places.wait()) from None
        finally:
            self._patience -= time.monotonic() - began
            if not given.cancel() and given.exception() is None:
                self._since = time.monotonic()
        if not self.held:
            raise Leaving(self._kept)
        self._call_begins()

    def _call_begins(self) -> None:
        if self._places.breaker is not None:
            self._call = self._places.breaker.begin()

    def answers(self) -> None:
        """The model's server answers, be it to refuse what it was asked."""
        self._answered = True
        if self._call is not None:
            self._call.succeeded()

    def fails(self) -> None:
        """The model's server is away, too slow, or broken."""
        if self._call is not None:
            self._call.failed()

    def step_back(self) -> None:
        """Give the model's place back, and keep the one in the line."""
        self._give_back(None)

    def leave(self) -> None:
        """Give everything back, once the answer is written or nobody waits for it."""
        if not self._left:
            self._left = True
            self._places.inside -= 1
            began = self._since if self._answered else None
            self._give_back(None if began is None else time.monotonic() - began)

    def _give_back(self, seconds: float | None) -> None:
        if self._call is not None:
            self._call.dropped()  # nothing, where its end was told
            self._call = None
        if self._since is not None:
            self._since = None
            self._places._take_back(seconds)
