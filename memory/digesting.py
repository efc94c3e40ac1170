"""Who digests a customer: one at a time, of all processes that share a Postgres.

What a digest writes is held against the watermarks it began from, so two at once write nothing
twice; but both would embed, and ask a model for the same summary. So whoever digests holds a lease
in the customer's row. No connection is held meanwhile; the lease is renewed between two steps, and
runs out by itself, by the server's clock, when its process is gone. What that has left undone is
found by the customer's counters. SQLite is one process's: nobody else is asked.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator

from sqlalchemy import text

from memory.customers import LAGS, OF_CUSTOMERS, WHERE, Owner, key
from memory.database import Database, clock
from memory.retrying import retried

DIGEST_SECONDS = 60.0  # a lease that is not renewed for so long belongs to nobody
_PAUSE = 0.05  # seconds between two looks whether it is free

_MINE = f"{WHERE} AND digester = :digester"
# One that ends much later than any can was taken before the clock was set back.
_TAKE = text(
    f"UPDATE customers SET digester = :digester, digester_until = :until {WHERE} AND "
    "(digester IS NULL OR digester_until <= :now OR digester_until > :latest) RETURNING seq"
)
_KNOWN = text(f"SELECT 1 FROM customers {WHERE}")
_RENEW = text(f"UPDATE customers SET digester_until = :until {_MINE}")
_FREE = text(
    f"UPDATE customers SET digester = NULL, digester_until = NULL {_MINE} RETURNING seq, {LAGS}"
)
_LAGGING = text(
    f"SELECT tenant, customer, written, embedded FROM customers WHERE {LAGS} "
    f"AND {OF_CUSTOMERS} LIMIT :limit"
)


class Digesting:
    """The leases of digests, and the customers who wait for one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._lagged: dict[Owner, tuple[int, int]] = {}  # at the last look

    def once(
        self, owner: Owner, digestion: Callable[[], Iterator[None]], *, wait: bool = True
    ) -> bool:
        """Digest a customer, unless another does.

        Args:
            owner: who.
            digestion: what is done, step by step. It is begun again where something was stored
                after it had looked for the last time: whoever was to digest that was sent away.
            wait: for another to end.

        Returns:
            False if another is at it, and was not waited for.
        """
        if self._database.dialect == "sqlite":
            for _ in digestion():
                pass
            return True
        digester = secrets.token_hex(8)
        while True:
            seq = self._take(owner, digester)
            if seq is None:
                if not wait:
                    return False
                time.sleep(_PAUSE)
                continue
            try:
                self._go_on(owner, digester, digestion())
            finally:
                more = self._free(owner, digester, seq)
            if not more:
                return True

    def lagging(self, most: int | None = None) -> dict[Owner, tuple[int, int]]:
        """The customers of whom something may not be digested, with their watermarks."""
        limit = 2**31 if most is None else most
        with self._database.read() as connection:
            rows = connection.execute(_LAGGING, {"limit": limit}).all()
        return {(row.tenant, row.customer): (row.written, row.embedded) for row in rows}

    def left_behind(self, most: int = 1000) -> list[Owner]:
        """Those who lagged at the last look already, and of whom nothing was digested since.

        A digest comes right after a turn: theirs was to be made by a process that is gone.
        """
        lagging = self.lagging(most)
        with self._lock:
            before, self._lagged = self._lagged, lagging
        return [owner for owner, marks in lagging.items() if before.get(owner) == marks]

    def _go_on(self, owner: Owner, digester: str, steps: Iterator[None]) -> None:
        renewed = time.monotonic()
        for _ in steps:
            if time.monotonic() - renewed > DIGEST_SECONDS / 4:
                renewed = time.monotonic()
                if not self._renew(owner, digester):
                    return  # it took too long, and another is at it, or there is nobody any more

    @retried
    def _take(self, owner: Owner, digester: str) -> int | None:
        """The customer's last number; 0 if there is no such customer, None if another digests."""
        with self._database.write(durable=False) as connection:
            at = clock(connection)
            lease = key(
                owner, digester=digester, now=at, until=at + _length(), latest=at + 2 * _length()
            )
            seq: int | None = connection.execute(_TAKE, lease).scalar()
            if seq is None and connection.execute(_KNOWN, key(owner)).first() is None:
                return 0
        return seq

    @retried
    def _renew(self, owner: Owner, digester: str) -> bool:
        with self._database.write(durable=False) as connection:
            until = clock(connection) + _length()
            renewed = connection.execute(_RENEW, key(owner, digester=digester, until=until))
        return bool(renewed.rowcount)

    @retried
    def _free(self, owner: Owner, digester: str, seq: int) -> bool:
        """Let the customer go; whether something has come since that is not digested."""
        with self._database.write(durable=False) as connection:
            row = connection.execute(_FREE, key(owner, digester=digester)).first()
        return row is not None and row[0] > seq and bool(row[1])


def _length() -> int:
    return int(DIGEST_SECONDS * 1e6)
