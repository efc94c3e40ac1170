"""The templates nearest to a message, as passages for the model that answers in their place."""

from __future__ import annotations

import numpy as np

from app.templates.template import Template, Templates
from memory import Encoder, Evidence
from memory.types import Floats

MOST = 2
# A cosine below it says that a template is about something else (measured: see the README).
NEAR = 0.6


class Nearest:
    """Finds templates by the vectors of their examples and texts. Safe to share between threads."""

    def __init__(self, templates: Templates, encoder: Encoder) -> None:
        # What could not be said without its slots helps nobody.
        self._templates = [each for each in templates.answers if each.general]
        texts = [(t, said) for t in self._templates for said in (*t.examples, t.general)]
        self._of = np.array([self._templates.index(template) for template, _ in texts], np.int64)
        made = encoder.encode([said for _, said in texts]) if texts else np.zeros((0, 1))
        self._vectors: Floats = np.asarray(made, np.float32)

    def find(self, vector: Floats, trust: float = 1.0) -> list[Evidence]:
        """The nearest to a message, best first; none if none is near.

        Args:
            vector: (d,) of the message, of unit length.
            trust: how far it means something, 0 to 1.
        """
        if not self._templates:
            return []
        best = np.full(len(self._templates), -1, np.float32)
        np.maximum.at(best, self._of, self._vectors @ vector * trust)
        ranked = np.argsort(-best, kind="stable")[:MOST].tolist()
        return [_evidence(self._templates[p], float(best[p])) for p in ranked if best[p] >= NEAR]


def _evidence(template: Template, cosine: float) -> Evidence:
    return Evidence(
        "", f"template:{template.intent}", template.intent.replace("_", " ").capitalize(),
        template.general, cosine, f"nearest template (cosine {cosine:.2f})",
    )  # fmt: skip
