"""What other customers did, as vectors of items: those that the same people like are alike.

By the alternating least squares of the library `implicit` (Hu, Koren and Volinsky, "Collaborative
Filtering for Implicit Feedback Datasets", 2008), which comes with `pip install '.[recommend]'`.
Nothing of it is stored: it is made of the rows, and made again when somebody is erased.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from memory.events import Done
from memory.types import Floats, Positions

FACTORS = 128
FEWEST = 2  # customers who did something with an item, or it tells what one of them did
_ROUNDS = 15
_REGULARIZATION = 0.1


class Liked(NamedTuple):
    """The items that several customers like: their ids, unit vectors (k, f), and by how many."""

    ids: list[str]
    vectors: Floats
    customers: Positions


def installed() -> bool:
    """Whether the library is there; without it there are counts, and no vectors."""
    return find_spec("implicit") is not None


def liked(done: Done, fewest: int = FEWEST) -> Liked:
    """What at least ``fewest`` customers of a tenant like; no vectors without the library."""
    pairs, weights = _once(done)
    counts = np.bincount(pairs[:, 1], minlength=len(done.names))
    kept = np.flatnonzero(counts >= fewest)
    ids = [done.names[item] for item in kept]
    if not len(kept) or not installed():
        return Liked(ids, np.zeros((len(ids), 0), np.float32), counts[kept])
    column = np.full(len(done.names), -1)
    column[kept] = np.arange(len(kept))
    rows = column[pairs[:, 1]] >= 0
    found = factors(pairs[rows, 0], column[pairs[rows, 1]], weights[rows])
    return Liked(ids, found, counts[kept])


def factors(customers: Positions, items: Positions, weights: Floats) -> Floats:
    """Unit vectors (k, f) of items 0..k-1, of what customers did with them, n things."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    matrix = csr_matrix((weights, (customers, items)))
    model = AlternatingLeastSquares(
        factors=min(FACTORS, *matrix.shape), regularization=_REGULARIZATION,
        iterations=_ROUNDS, random_state=0, num_threads=1,
    )  # fmt: skip
    with threadpool_limits(1, "blas"):
        model.fit(matrix, show_progress=False)
    found = np.asarray(model.item_factors, np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    unit: Floats = found / np.maximum(lengths, np.float32(1e-9))
    return unit


def _once(done: Done) -> tuple[Positions, Floats]:
    """Each customer with each item that they like, once, by what says it most: (n, 2) and (n,).

    They do not like what they complained about, sent back or refused last.
    """
    both = np.stack([done.customers, done.items], axis=1).reshape(-1, 2)
    pairs, which = np.unique(both, axis=0, return_inverse=True)
    which = which.ravel()
    last = np.zeros(len(pairs), np.int64)
    np.maximum.at(last, which, np.arange(len(which)))  # by time within each customer
    weights = np.zeros(len(pairs), np.float32)
    np.maximum.at(weights, which, done.weights)
    likes = done.weights[last] > 0
    return pairs[likes], weights[likes]
