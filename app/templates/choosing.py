"""Whether a template answers a message, which, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass

from app.templates.filling import Known, Missing, Value
from app.templates.meaning import not_wanted, of_others
from app.templates.template import Template, Templates
from memory import Labels, Recalled

INTENT = "intent"  # the head that templates go by


@dataclass(frozen=True, slots=True)
class Answer:
    """A template with its slots filled."""

    template: Template
    text: str
    values: dict[str, Value]

    @property
    def recalled(self) -> list[Recalled]:
        """The facts that fill it."""
        filling: dict[str, Recalled] = {}
        for slot, (_, fact) in self.values.items():
            if fact is not None:
                before = f"{filling[fact.id].why} and " if fact.id in filling else "fills "
                filling[fact.id] = Recalled.of(fact, 1.0, f"{before}{{{slot}}}")
        return list(filling.values())


@dataclass(frozen=True, slots=True)
class Declined:
    """No template answers; ``why`` is for a person."""

    why: str


def choose(
    templates: Templates, labels: Labels | None, known: Known, last: str | None = None
) -> Answer | Declined:
    """The first template for the message's intent that can be filled, where the intent is certain.

    Args:
        templates: to choose from.
        labels: what a classifier says of the message; None where it was not read.
        known: the message, and what is known of the customer.
        last: what was answered last in the session: nobody is told the same twice in a row.
    """
    if labels is None:
        return Declined("the message was not read by a classifier")
    intent = labels.get(INTENT)
    if intent is None:
        return Declined(f"the classifier has no head {INTENT!r}")
    if intent.name is None:
        return Declined("the intent is out of scope")
    declined: Declined | None = None
    for template in templates.of(intent.name):
        found = _filled(template, intent.confidence, known)
        if isinstance(found, Answer) and found.text == last:
            found = Declined("it has just been answered so")
        if isinstance(found, Answer):
            return found
        declined = declined or found
    return declined or Declined(f"there is no template for {intent.name}")


def _filled(template: Template, sure: float, known: Known) -> Answer | Declined:
    if sure < template.certain:
        return Declined(f"the intent is uncertain ({sure:.2f}, below {template.certain:g})")
    if not_wanted(known.message):
        return Declined("the message says what is not to be done")
    if template.slots and of_others(known.message):
        return Declined("the message may be about what is somebody else's")
    values = known.fill(template)
    if isinstance(values, Missing):
        return Declined(str(values))
    if others := known.unanswered(values.values()):
        return Declined(f"the template does not say {', '.join(sorted(others))} of the message")
    text = template.filled({slot: value.text for slot, value in values.items()})
    return Answer(template, text, values)
