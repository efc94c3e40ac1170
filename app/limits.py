"""How often who may ask: requests by key, turns by customer, keys that fit nobody by address.

On SQLite the counts are in memory, of this process, under hashes that only it can make; on Postgres
requests and turns are counted there (``memory.rates``), once for all that have the database. A rate
such as "30/minute" is the generic cell rate algorithm's (ITU-T I.371): 30 at once, and one more
each two seconds, so that nobody waits for a minute because of one burst.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import math
import secrets
from typing import NamedTuple

from anyio.to_thread import run_sync
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection
from throttled import MemoryStore, RateLimiterType, Throttled

from app.roles import Principal
from app.settings import Settings
from memory import MemoryServiceError, Scope
from memory.rates import Rates

_logger = logging.getLogger(__name__)

_NAMES = 10_000  # of each kind, the last seen; one takes about 400 bytes
_SEEN_SECONDS = 86_400
_SWEEP_SECONDS = 60.0
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_SLIGHT = 1e-6  # of what is counted in fractions
_TOLD = "rate_limits"  # where a connection's scope keeps what is to be told


class Left(NamedTuple):
    """What is left of a limit to somebody; times in seconds from now."""

    policy: str
    quota: int
    window: int
    remaining: int
    reset: float  # until all of it is there again
    retry: float  # until there is one more; 0 where this one was let through


class TooMany(MemoryServiceError):
    """Somebody asks more often than a limit lets them."""

    def __init__(self, left: Left, what: str) -> None:
        self.retry_after = left.retry
        every = f"{left.quota} in {left.window} seconds"
        super().__init__(
            f"Too many {what}: {every} are taken. Wait {math.ceil(left.retry)} s, then go on."
        )


class Limit:
    """At most so many of one kind, of each name. Safe to share between threads."""

    def __init__(self, policy: str, what: str, rate: str, rates: Rates | None = None) -> None:
        """Begin to count.

        Args:
            policy: what the header fields call it.
            what: what is counted, for the error.
            rate: such as "30/minute"; "off" lets everything through.
            rates: count there, with others; else in memory.
        """
        self._rates = rates
        self._policy = policy
        self._what = what
        self._names = _Names(options={"MAX_SIZE": _NAMES})
        self._throttled: Throttled | None = None
        if rate != "off":
            quota, _, unit = rate.partition("/")
            self._quota, self._window = int(quota), _UNITS[unit]
            self._throttled = Throttled(
                using=RateLimiterType.GCRA.value, quota=rate, store=self._names, key_prefix=policy
            )

    def take(self, name: str, told: list[Left] | None = None) -> None:
        """Count one; what is left is added to ``told``.

        Raises:
            TooMany: there is none left.
        """
        if self._throttled is None:
            return
        limited, left = self._count(self._throttled, name)
        if told is not None:
            told.append(left)
        if limited:
            raise TooMany(left, self._what)

    def check(self, name: str) -> None:
        """Raise TooMany if there is none left; nothing is counted."""
        if self._throttled is None:
            return
        state = self._throttled.peek(name)
        if state.remaining < 1:
            left = self._left(state.remaining, state.reset_after, state.retry_after)
            raise TooMany(left, self._what)

    def forget(self, name: str) -> None:
        """Keep nothing of a name."""
        if self._rates is not None:
            self._rates.forget(f"{self._policy} {name}")
        # As the library says that it keeps them: namespace, version, algorithm, name.
        self._names.forget(f"{self._policy}:v1:{RateLimiterType.GCRA.value}:{name}")

    @property
    def names(self) -> int:
        """How many names it keeps."""
        return self._names.count()

    def _count(self, throttled: Throttled, name: str) -> tuple[bool, Left]:
        if self._rates is None:
            result = throttled.limit(name)
            state = result.state
            return result.limited, self._left(state.remaining, state.reset_after, state.retry_after)
        step = self._window / self._quota
        taken = self._rates.take(f"{self._policy} {name}", step, float(self._window))
        free = self._window - taken.seconds  # how much of the window is not taken
        if taken.was_left:
            return False, self._left(math.floor(free / step + _SLIGHT), taken.seconds, 0.0)
        return True, self._left(0, taken.seconds, max(step - free, _SLIGHT))

    def _left(self, remaining: int, reset: float, retry: float) -> Left:
        # A clock's last digits would make 17,281 s of 17,280.
        return Left(self._policy, self._quota, self._window, remaining, round(reset, 3), retry)


class Limits:
    """The limits of the service, for whoever asks."""

    def __init__(self, settings: Settings, rates: Rates | None = None) -> None:
        """Begin to count; with others in ``rates``, if there is such a thing.

        Keys that fit nobody are counted here in any case: nothing is asked for them.
        """
        self.rates = rates
        self.requests = Limit("key", "requests with this key", settings.rate_key, rates)
        self.turns = Limit("customer", "messages of this customer", settings.rate_customer, rates)
        self.failures = Limit("address", "keys that fit nobody", settings.rate_failures)
        self._seen = _Names(options={"MAX_SIZE": _NAMES})
        self._secret = secrets.token_bytes(32) if rates is None else rates.secret()

    def check_guess(self, address: str, carried: str) -> None:
        """Before it is looked up what somebody carries: refuse who has guessed too often.

        What has let somebody in lately passes, so that who guesses locks out nobody else behind
        the same address. Guesses that are being looked up at this moment are not yet counted.

        Raises:
            TooMany: they have.
        """
        if self._seen.get(self._hashed(carried)) is None:
            self.failures.check(self._hashed(network(address)))

    def note_guess(self, address: str, carried: str) -> None:
        """What was carried lets nobody in, or no longer."""
        self._seen.forget(self._hashed(carried))
        try:
            self.failures.take(self._hashed(network(address)))
        except TooMany:
            return  # others were quicker; this one has been looked up already

    def take_request(self, who: Principal, carried: str, told: list[Left]) -> None:
        """Count a request of somebody who was let in.

        Raises:
            TooMany: there are too many with this key, or of this customer's tokens together.
        """
        self._seen.set(self._hashed(carried), 1, _SEEN_SECONDS)
        if who.customer is not None:
            self.requests.take(self._customer(who.tenant, who.customer), told)
        else:
            self.requests.take(self._hashed(who.key or carried), told)

    def take_turn(self, scope: Scope, told: list[Left]) -> None:
        """Count a turn of a customer, whoever sends it.

        Raises:
            TooMany: there are too many.
        """
        self.turns.take(self._customer(scope.tenant, scope.customer), told)

    def forget(self, scope: Scope) -> None:
        """Keep nothing of a customer."""
        customer = self._customer(scope.tenant, scope.customer)
        self.requests.forget(customer)
        self.turns.forget(customer)

    async def follow(self) -> None:
        """Let those go, every minute, of whom nothing counts any more."""
        while self.rates is not None:
            try:
                await run_sync(self.rates.sweep)
            except MemoryServiceError:
                _logger.warning("old counts of who asks are still there", exc_info=True)
            await asyncio.sleep(_SWEEP_SECONDS)

    def _customer(self, tenant: str, customer: str) -> str:
        return self._hashed(f"{tenant}\0{customer}")

    def _hashed(self, name: str) -> str:
        encoded = name.encode(errors="surrogatepass")
        return hashlib.blake2b(encoded, key=self._secret, digest_size=16).hexdigest()


class RateLimitFields:
    """Tell whoever asks what is left to them, whatever the answer is.

    By draft-ietf-httpapi-ratelimit-headers-10: ``RateLimit-Policy`` says the limits and
    ``RateLimit`` what is left of each, in place of the three fields of older drafts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the fields to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: list[Left] = []
        scope[_TOLD] = told

        async def telling(message: Message) -> None:
            if told and message["type"] == "http.response.start":
                policy = ", ".join(f'"{one.policy}";q={one.quota};w={one.window}' for one in told)
                left = ", ".join(
                    f'"{one.policy}";r={one.remaining};t={math.ceil(one.reset)}' for one in told
                )
                message["headers"] = [
                    *message["headers"],
                    (b"ratelimit-policy", policy.encode()),
                    (b"ratelimit", left.encode()),
                ]
            await send(message)

        await self._app(scope, receive, telling)


def told_of(connection: HTTPConnection) -> list[Left]:
    """Where what is left is written down, to be told with the answer."""
    told: list[Left] = connection.scope[_TOLD]
    return told


def network(address: str) -> str:
    """Whose address it is: IPv6 is given out by /64, so that one machine has any number."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a socket's path
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


class _Names(MemoryStore):
    """The library's store, the least recently used go, which can also forget one."""

    def forget(self, name: str) -> None:
        with self._backend.lock:
            self._backend.delete(name)

    def count(self) -> int:  # not its length: the library takes a store that is false for none
        return len(self._backend.get_client())
