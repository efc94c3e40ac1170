"""What a customer is interested in: an attention read over what they did.

Each thing that they did has a key, the vector of its item, and a bias: how much doing it says, and
how long ago it was, by what was done since. The read is the keys' sum, weighted by the softmax of
the biases, with the sign of whether it was liked; items are matched against it by inner product.
The attention is by the biases alone. How like a key is to what was read first, as in a second hop,
won nothing where it was tried; a softmax by its likeness to each item lost (MovieLens, HR@10).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memory.types import Floats

LATEST = 200  # things that a customer did that are looked at
FORGETTING = 1.0  # the power with which a thing fades as others follow: of forgetting, a power law
TEXT, POPULAR = 0.4, 0.1  # what an item's text, and its popularity, count beside what others did


class Projection(NamedTuple):
    """What was learnt of what customers do next, beside how like its text is: of low rank r.

    A key k (d,) is read as k + k A B', with A ``down`` and B ``up``, both (d, r).
    """

    down: Floats
    up: Floats

    def of(self, keys: Floats) -> Floats:
        """Keys (m, d), as they are read."""
        return np.asarray(keys + keys @ self.down @ self.up.T, np.float32)


def attention_over(likings: Sequence[float] | Floats, forgetting: float = FORGETTING) -> Floats:
    """How much each of the m things that a customer did counts, the oldest first.

    Args:
        likings: (m,) from -1 to 1, none of them 0 (see ``memory.events.KINDS``).
        forgetting: the power of the number of things done since, plus one, by which one fades.

    Returns:
        (m,) signed weights, whose sizes add up to 1.
    """
    liked = np.asarray(likings, np.float32)
    if not len(liked):
        return liked
    since = np.arange(len(liked), dtype=np.float32)[::-1]
    logits = np.log(np.abs(liked)) - forgetting * np.log1p(since)
    sizes = np.exp(logits - logits.max())
    weights: Floats = np.sign(liked) * sizes / sizes.sum()
    return weights


def shares_of(keys: Floats, weights: Floats) -> Floats:
    """What each of m things counts in the read over keys (m, d): (m,) of the weights (m,).

    What has no vector, its key being all zero, is not attended to: its weight goes to the others.
    """
    seen = np.abs(weights) * np.any(keys, axis=1)
    total = seen.sum()
    shares: Floats = np.sign(weights) * seen / total if total else np.zeros_like(weights)
    return shares


def scored(
    weights: Floats,
    texts: tuple[Floats, Floats],
    others: tuple[Floats, Floats],
    popular: Floats,
    text: float = TEXT,
) -> Floats:
    """How n items answer an interest: by their texts, by what others did, by how many did it.

    Args:
        weights: (m,) of ``attention_over``.
        texts: the keys (m, d) and the items (n, d) by what is said of them, of unit length.
        others: the keys (m, f) and the items (n, f) by what other customers did; zero for what
            nobody knows.
        popular: (n,) how many customers like each.
        text: what the texts count.
    """
    scores = np.zeros(len(popular), np.float32)
    for share, (keys, items) in ((text, texts), (1.0, others)):
        scores += share * (items @ (shares_of(keys, weights) @ keys))  # the read, and the match
    scores += POPULAR * np.log1p(popular) / max(float(np.log1p(popular).max(initial=0)), 1e-9)
    return scores


def parts_of(
    weights: Floats,
    texts: tuple[Floats, Floats],
    others: tuple[Floats, Floats],
    text: float = TEXT,
) -> Floats:
    """What each of m things done adds to the scores of n items: (n, m). See ``scored``."""
    parts = np.zeros((len(texts[1]), len(weights)), np.float32)
    for share, (keys, items) in ((text, texts), (1.0, others)):
        parts += share * (items @ keys.T) * shares_of(keys, weights)
    return parts
