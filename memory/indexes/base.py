"""The contract of an index: a cache in memory over rows, addressed by position.

An index never touches the database or a file. Items are added in order and get the positions
0, 1, 2, ...; nothing is taken out: when rows change, the index is dropped and built again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from memory.types import Floats, Positions

Item_contra = TypeVar("Item_contra", contravariant=True)
Mask = npt.NDArray[np.bool_]


class Index(Protocol[Item_contra]):
    """Ranks positions for a query of the same kind as its items."""

    def __len__(self) -> int:
        """How many items were added."""
        ...

    def add(self, items: Sequence[Item_contra]) -> None:
        """Append items; they take the next positions."""
        ...

    def search(
        self, query: Item_contra, k: int, allowed: Mask | None = None
    ) -> tuple[Positions, Floats]:
        """The at most k best positions, best first, with their scores.

        ``allowed`` is a mask over at least ``len(self)`` positions; what it excludes takes no
        place among the k.
        """
        ...


def nothing() -> tuple[Positions, Floats]:
    """What a search that finds nothing returns."""
    return np.empty(0, np.int64), np.empty(0, np.float32)
