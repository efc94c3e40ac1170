"""How near templates are to a message, and the nearest as passages for the model."""

from __future__ import annotations

import numpy as np

from app.templates.template import Template, Templates
from memory import Encoder, Evidence
from memory.types import Floats

MOST = 2
# A cosine below it says that a template is about something else: of the demo's questions that
# nothing answers the nearest template has 0.41 at most.
NEAR = 0.6


class Nearest:
    """Compares templates by their examples and texts. Safe to share between threads."""

    def __init__(self, templates: Templates, encoder: Encoder) -> None:
        self._templates = templates.answers
        said = [(place, text) for place, t in enumerate(self._templates) for text in _said(t)]
        self._of = np.array([place for place, _ in said], np.int64)
        made = encoder.encode([text for _, text in said]) if said else np.zeros((0, 1))
        self._vectors: Floats = np.asarray(made, np.float32)

    def cosines(self, vector: Floats) -> Floats:
        """(n,): of each template the cosine of its nearest example, or text, to a message's."""
        best = np.full(len(self._templates), -1, np.float32)
        if len(best):
            np.maximum.at(best, self._of, self._vectors @ vector)
        return best

    def cosine(self, template: Template, vector: Floats) -> float:
        """The same of one of the templates."""
        return float(self.cosines(vector)[self._templates.index(template)])

    def find(self, vector: Floats, trust: float = 1.0) -> list[Evidence]:
        """The nearest to a message, best first; none if none is near.

        Args:
            vector: (d,) of the message, of unit length.
            trust: how far it means something, 0 to 1.
        """
        best = self.cosines(vector) * trust
        ranked = np.argsort(-best, kind="stable").tolist()
        near = ((self._templates[p], float(best[p])) for p in ranked if best[p] >= NEAR)
        # What could not be said without its slots helps nobody.
        return [_evidence(template, cosine) for template, cosine in near if template.general][:MOST]


def _said(template: Template) -> tuple[str, ...]:
    return (*template.examples, template.general or template.text)


def _evidence(template: Template, cosine: float) -> Evidence:
    return Evidence(
        "", f"template:{template.intent}", template.intent.replace("_", " ").capitalize(),
        template.general, cosine, f"nearest template (cosine {cosine:.2f})",
    )  # fmt: skip
