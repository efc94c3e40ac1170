"""An answer template: a text with slots, for one intent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from memory import sentences
from memory.cards import masked
from memory.desk import PASSED_ON as PASSED_ON
from memory.slots import SLOTS

DELIVERY_DAY = "delivery_day"  # the due day of a delivery that was promised
FILLABLE = (*SLOTS, DELIVERY_DAY)
UNKNOWN = "unknown"  # the name of what is said where nothing is known
QUOTED = "quoted"  # ... and of what was said once, quoted
OFFERED = "offered"  # ... and of items of the catalogue that are asked for
NOTED = "noted"  # ... and to who only tells something, greets or thanks
# No template of a shop's has such a name.
OWN = frozenset({UNKNOWN, QUOTED, OFFERED, NOTED, PASSED_ON})

# Below it the intent is not certain (measured: see the README); a template may say its own.
CERTAIN = 0.9

SLOT = re.compile(r"\{([a-z_]+)\}")
_CALLED = re.compile(r",? \{name\}(?=[,.;:!?])")
_NUMBERED = re.compile(
    r"\b(order|invoice|ticket|parcel) (?:number )?\{[a-z]+_number\}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Template:
    """A text that answers an intent once its slots are filled.

    ``examples`` are messages that it answers, and ``certain`` is how sure (0 to 1) the classifier
    has to be of the intent.
    """

    intent: str
    text: str
    examples: tuple[str, ...] = ()
    certain: float = CERTAIN

    @property
    def slots(self) -> tuple[str, ...]:
        """Its slots, each once, in order."""
        return tuple(dict.fromkeys(SLOT.findall(self.text)))

    @property
    def general(self) -> str:
        """What of it may be said to anybody: the sentences that say something without a slot.

        That may be none. No slot is left, so that nobody repeats one.
        """
        said = (_NUMBERED.sub(_the, s) for s in sentences.split(_CALLED.sub("", self.text)))
        return " ".join(sentence for sentence in said if not SLOT.search(sentence))

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with ``values`` in its slots, as they are: no value is read as a template.

        But of a payment card's number there are the last digits.

        Raises KeyError if a slot has no value.
        """
        return SLOT.sub(lambda slot: masked(values[slot[1]]), self.text)


@dataclass(frozen=True, slots=True)
class Templates:
    """What a file has: templates in their order, the answer where nothing is known, and that where
    a message is passed on to a person.
    """

    answers: tuple[Template, ...] = ()
    unknown: str | None = None
    passed_on: str | None = None

    def of(self, intent: str) -> list[Template]:
        """The templates of an intent, in the file's order."""
        return [template for template in self.answers if template.intent == intent]


def _the(numbered: re.Match[str]) -> str:
    """A thing without its number: "order {order_number}" is "the order"."""
    article = "The" if numbered[1][0].isupper() else "the"
    return f"{article} {numbered[1].lower()}"
