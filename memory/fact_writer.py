"""Facts: what a service desk needs to know of what was said, taken without a model.

``facts`` is a writer. What the customer says of himself, his orders and his troubles is kept;
of what the agent says only the numbers that it gives out and what it promises, since the rest is
the customer's own repeated, or the shop's. A value is understood from its message, from the
question before it, and from what was said before in the session, as far as it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from memory import assertions, names, self_repair, statements
from memory.clock import end_of
from memory.codes import numbered
from memory.cues import without_filler
from memory.dates import dates
from memory.indexes.lexical import terms
from memory.mentions import Mention, narrow
from memory.rereading import kept, once, room
from memory.sentences import pieces
from memory.sitting import Sitting, Values, values
from memory.slots import ONE, SLOTS
from memory.types import Message, Record
from memory.writers import record_id

GIVEN_OUT = frozenset({"ticket_number", "tracking_number"})  # by the agent
_FEW = 64  # messages whose reading is kept to be gone on with: not an import's
_QUOTED = 120  # characters of a sentence that stand beside a date or an amount

_QUESTION = re.compile(
    r"^\s*(?:and |so )?(?:is|are|was|do|does|did|can|could|may|have|has|what|which|would)\b.*\?\s*$"
    r"|[？吗]\s*$",
    re.IGNORECASE,
)
_CHANGED = re.compile(
    r"\b(?:new|now|changed?|moved|no longer|any ?more|instead|update)\b|换了?号|新的?|现在|搬家",
    re.IGNORECASE,
)


def facts(
    messages: Sequence[Message], *, products: Iterable[str] = (), region: str = "US"
) -> list[Record]:
    """The facts in messages, one record each.

    Args:
        messages: oldest first, of any sessions.
        products: the names of the catalogue; without one no product is found.
        region: of telephone numbers without a country code, and of the order of day and month.
    """
    catalogue = _catalogue(told := tuple(products))
    sessions: dict[str, Sitting] = {}
    found: list[Record] = []
    reading = _Reading(messages, told, region)
    for message in messages[reading.resume(sessions, found) :]:
        before = sessions.setdefault(message.session, Sitting())
        if message.role == "human":
            found += _said_by_customer(message, before, catalogue, region)
        elif message.role == "ai":
            found += _said_by_agent(message, region)
            before.answered(message.text)
    reading.keep(sessions, found)
    return found


class _Reading:
    """What was read last of a customer's messages, where that is kept (``memory.rereading``).

    A question is read before it is answered, and with its answer again after.
    """

    def __init__(self, messages: Sequence[Message], products: tuple[str, ...], region: str) -> None:
        self._kept = kept()
        self._as = facts, products, region
        self._said = tuple((m.session, m.id, m.role, m.text, m.at) for m in messages)

    def resume(self, sessions: dict[str, Sitting], found: list[Record]) -> int:
        """Take up what was read in the first of them; how many they are."""
        said, sittings, records = (self._kept or {}).get(self._as, ((), {}, ()))
        if self._said[: len(said)] != said:
            return 0
        sessions |= {name: sitting.copy() for name, sitting in sittings.items()}
        found += records
        return len(said)

    def keep(self, sessions: dict[str, Sitting], found: list[Record]) -> None:
        """Keep what was read in all of them; nobody changes it any more."""
        if self._kept is not None and len(self._said) <= _FEW:
            room(self._kept)[self._as] = self._said, sessions, tuple(found)


@lru_cache(maxsize=8)
def _catalogue(products: tuple[str, ...]) -> Callable[[str], list[str]]:
    by_key = {" ".join(p.casefold().split()): p for p in products if p.strip()}
    if not by_key:
        return lambda _: []
    # The longest first: "Espresso Master 3000" before "Espresso Master".
    names = "|".join(
        re.escape(key).replace(r"\ ", r"\s+") for key in sorted(by_key, key=len, reverse=True)
    )
    pattern = re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z0-9])", re.IGNORECASE)
    return lambda text: [by_key[" ".join(m[0].casefold().split())] for m in pattern.finditer(text)]


# --- the customer ----------------------------------------------------------------------------


def _said_by_customer(
    message: Message, before: Sitting, catalogue: Callable[[str], list[str]], region: str
) -> list[Record]:
    text = narrow(message.text)
    sentences = pieces(text)
    said = values(text, sentences, message.at, before, region)
    changed = said.repairs or bool(_CHANGED.search(text))
    found: list[Record] = []
    restated = {sentence for _, sentence in said.denied}  # they say what was meant and no more
    for mention, sentence in said.holds:
        corrects = _corrects(mention, sentence, said, before, changed=changed)
        if corrects is not None and said.repairs:
            restated.add(sentence)
        found.append(fact(message, mention.slot, mention.value, sentence, corrects))
    for slot in dict.fromkeys(m.slot for m in said.taken_back):
        if slot not in {mention.slot for mention, _ in said.holds}:
            gone = tuple(m.value for m in said.taken_back if m.slot == slot)
            found.append(fact(message, slot, None, ", ".join(gone), gone))
    known = before.last("name")
    for sentence in sentences:
        name = names.name(sentence, asked=before.asked == "name")
        repairs = said.repairs
        if name is None and before.asked != "name" and not found:
            meant = said.repairs and said.expected == "name"
            name = names.renamed(sentence, known, corrects=meant)
            repairs = True
            if name or meant:
                restated.add(sentence)
        if name:
            found.append(fact(message, "name", name, sentence, () if repairs else None))
    wrong = not found and self_repair.says_wrong(text)
    before.told([(r.slot, r.value) for r in found if r.slot and r.value], wrong=wrong)
    half = statements.half(sentences)
    for sentence in sentences:
        found += [fact(message, "product", p, sentence) for p in catalogue(sentence)]
        if not assertions.hypothetical(sentence):
            open_still = half[0] if half and half[1] == sentence else None
            found += _wished(message, sentence, open_still, restated=sentence in restated)
    return list({record.id: record for record in found}.values())


def _corrects(
    mention: Mention, sentence: str, said: Values, before: Sitting, *, changed: bool
) -> tuple[str, ...] | None:
    """What a value takes back: those that are named, or the one said before."""
    named = tuple(m.value for m in said.taken_back if m.slot == mention.slot)
    if named:
        return named
    if said.repairs and (not mention.named or self_repair.stated(sentence[: mention.start])):
        slip = before.slip(mention)
        return (slip,) if slip else ()
    return () if changed and mention.slot in ONE else None


def _wished(message: Message, sentence: str, half: str | None, *, restated: bool) -> list[Record]:
    """How the customer would have things, and what is amiss or no longer."""
    found = []
    said = " ".join(without_filler(sentence).split())
    if not restated and statements.prefers(sentence):
        found.append(fact(message, "preference", said, sentence))
    if half:
        found.append(fact(message, "problem", half, sentence, ()))
    elif statements.solved(sentence):
        found.append(fact(message, "problem", None, said, ()))
    elif not restated:
        found += [fact(message, "problem", part, sentence) for part in statements.troubles(said)]
    return found


# --- the agent -------------------------------------------------------------------------------


@once
def _said_by_agent(message: Message, region: str) -> list[Record]:
    found = []
    for sentence in pieces(narrow(message.text)):
        if assertions.supposed(sentence) or _QUESTION.search(sentence):
            continue
        found += [
            fact(message, mention.slot, mention.value, sentence)
            for mention in numbered(sentence)
            if mention.slot in GIVEN_OUT and not assertions.denied(sentence, mention)
        ]
        if statements.promises(sentence):
            said = " ".join(without_filler(sentence).split())
            days = [d.day for d in dates(sentence, message.at.date(), day_first=region != "US")]
            record = fact(message, "promise", said, sentence)
            if days:
                due = end_of(days[-1])
                text = f"{record.text} (due {days[-1].isoformat()})"
                record = replace(record, text=text, terms=tuple(terms(text)), valid_to=due)
            found.append(record)
    return list({record.id: record for record in found}.values())


# --- records ---------------------------------------------------------------------------------


def fact(
    message: Message,
    slot: str,
    value: str | None,
    said: str,
    corrects: tuple[str, ...] | None = None,
) -> Record:
    """A fact that a message states.

    Args:
        message: its source.
        slot: what it is about.
        value: None where something is taken back without a new value.
        said: the sentence that states it.
        corrects: what it takes back (see ``Record``).
    """
    label = SLOTS[slot]
    if value is None:
        text = f"Problem solved: {said}" if slot == "problem" else f"{label}: no longer {said}"
    elif slot in {"date", "amount"}:
        # A date alone says nothing.
        text = f"{label} {value}: {' '.join(said.split())[:_QUOTED]}"
    else:
        text = f"{label}: {value}"
    return Record(
        id=record_id("facts", (message.session, message.id), f"{slot}\0{value}\0{text}"),
        text=text,
        messages=(message.id,),
        session=message.session,
        role=message.role,
        at=message.at,
        terms=tuple(terms(text)),
        slot=slot,
        value=value,
        corrects=corrects,
    )
