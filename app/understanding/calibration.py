"""When a head is believed: its temperature and its threshold, from texts kept apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from app.understanding.card import Head
from app.understanding.heads import belief, probabilities
from memory.types import Floats


def calibrate(head: Head, scores: Floats, classes: np.ndarray, cost: float) -> Head:
    """The head with a temperature and, if it knows of texts out of scope, a threshold.

    The temperature makes the texts' own classes likeliest (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599). The threshold is the highest that costs no more of the
    right answers in scope than it may: so many customers are told "not known" in vain.

    Args:
        head: its labels count.
        scores: (n, classes)
        classes: (n,), the place of each text's label.
        cost: of the texts in scope that are read right, the share that may be lost.
    """
    rows = np.arange(len(classes))

    def surprise(logarithm: float) -> float:
        at = probabilities(replace(head, temperature=float(np.exp(logarithm))), scores)
        return float(-np.log(at[rows, classes] + 1e-12).mean())

    found = minimize_scalar(surprise, bounds=(-2, 2), method="bounded")
    made = replace(head, temperature=float(np.exp(found.x)), threshold=None)
    if head.oos is None:
        return made
    right = scores[:, : len(head.inside)].argmax(1) == classes
    believed = np.sort(belief(head, scores[right]))
    return replace(made, threshold=float(believed[int(len(believed) * cost)]))
