"""One network for many threads: what is asked of it while it works is done together, next.

Nobody waits for company: who finds the network free has it at once. A single text, which is mostly
a question that somebody waits for, comes before the parts of many, such as a digest's or an
import's; of these never so many are done at once that no room is left for a question.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memory.types import Floats

Tokens = list[int]
Network = Callable[[Sequence[Tokens]], list[Floats]]


@dataclass(eq=False, slots=True)
class _Asked:
    texts: Sequence[Tokens]
    many: bool
    turn: threading.Event = field(default_factory=threading.Event)
    made: list[Floats] | None = None
    error: BaseException | None = None
    batch: list[_Asked] | None = None  # to be done by whoever asked this, for all of them


class Batching:
    """Lets threads use a network a few at a time, in batches. Safe to share between threads."""

    def __init__(
        self, network: Network, most: int, at_once: int = 2, padded: int | None = None
    ) -> None:
        """Let a network be used.

        Args:
            network: gives for n texts, as tokens, arrays of n rows; what it gives for a text does
                not depend on the others.
            most: tokens of a batch, with what fills the shorter texts up.
            at_once: batches that are done at the same time; of many texts, always one less.
            padded: tokens of a batch of single texts that only fill up; as many as fit, if not
                given.
        """
        self._network = network
        self._most = most
        self._padded = most if padded is None else padded
        self._free = at_once
        self._free_for_many = max(at_once - 1, 1)
        self._single: deque[_Asked] = deque()
        self._many: deque[_Asked] = deque()
        self._lock = threading.Lock()

    def ask(self, texts: Sequence[Tokens]) -> list[Floats]:
        """What the network gives for texts, which are no more than a batch.

        Raises whatever it raises for the batch they are in.
        """
        asked = _Asked(texts, many=len(texts) > 1)
        with self._lock:
            (self._many if asked.many else self._single).append(asked)
        self._hand_out()
        asked.turn.wait()
        if asked.batch is not None:
            self._work(asked.batch, many=asked.many)
        if asked.error is not None:
            raise asked.error
        assert asked.made is not None
        return asked.made

    def _work(self, batch: list[_Asked], *, many: bool) -> None:
        try:
            found = self._network([tokens for one in batch for tokens in one.texts])
            first = 0
            for one in batch:
                after = first + len(one.texts)
                one.made = [rows[first:after] for rows in found]
                first = after
        except BaseException as error:
            for one in batch:
                one.error = error
        finally:
            with self._lock:
                self._free += 1
                self._free_for_many += many
            self._hand_out()
            for one in batch[1:]:
                one.turn.set()

    def _hand_out(self) -> None:
        """Whoever has waited longest does what waits, with its own: all of it that fits."""
        with self._lock:
            while batch := self._next():
                batch[0].batch = batch
                batch[0].turn.set()

    def _next(self) -> list[_Asked]:
        if not self._free:
            return []
        batch: list[_Asked] = []
        longest = tokens = 0
        while self._single:
            size = len(self._single[0].texts[0])
            longest, tokens = max(longest, size), tokens + size
            taken = (len(batch) + 1) * longest
            if batch and (taken > self._most or taken - tokens > self._padded):
                break
            batch.append(self._single.popleft())
        if not batch and self._many and self._free_for_many:
            batch = [self._many.popleft()]
            self._free_for_many -= 1
        self._free -= bool(batch)
        return batch
