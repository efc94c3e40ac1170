"""In which order sequences are trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


class Buckets:
    """The order of sequences, by length, so that a batch holds little padding.

    Sequences are shuffled, sorted within stretches of 50 batches, and the batches shuffled: the
    same for the same seed and epoch, whenever it is asked for.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch's order it is."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        order = random.permutation(len(self._lengths))
        batches: list[np.ndarray] = []
        for start in range(0, len(order), 50 * self._batch):
            stretch = order[start : start + 50 * self._batch]
            stretch = stretch[np.argsort(-self._lengths[stretch], kind="stable")]
            batches += np.split(stretch, range(self._batch, len(stretch), self._batch))
        last = [batches.pop()] if len(batches[-1]) < self._batch else []  # stays the last
        random.shuffle(batches)
        for batch in [*batches, *last]:
            yield from batch.tolist()


class Ordered:
    """Before one of transformers' trainers among the bases: it reads in the order of buckets."""

    def __init__(self, *, order: Buckets, **more: Any) -> None:
        super().__init__(**more)
        self._order = order

    def _get_train_sampler(self, *_given: Any) -> Any:
        return self._order
