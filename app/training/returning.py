"""Made-up customers who come back: they teach a model to read what memory gives it.

In most people's dialogues nobody asks for what was said last week, so a model that is tuned on
them alone learns that <memory> may be passed over. These customers say something of themselves,
correct it now and then, and ask for it later, in the same session or in another one; and
sometimes for what they never said, which is to be admitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from app.training.dialogues import Dialogue, Said, in_sessions
from app.training.particulars import PLAIN, Particular, told

SOURCE = "made up"

_OPENED = (
    "Hello, {}.", "Hi, {}.", "{}.", "Good morning, {}.", "{}, can you help me?", "hi, {}",
    "hey {}", "hello there. {}", "ok so {}", "{} if you need it", "{}!",
)  # fmt: skip
# What people say besides: what is asked for later seldom stands alone in a message.
_BESIDES = (
    "I have been waiting for a while now.", "My neighbour told me to write to you.",
    "It is for my daughter.", "I am in a bit of a hurry.", "I tried your website first.",
    "Sorry for the trouble.", "It was fine the last time.", "My wife says it is too expensive.",
    "I am not very good with these things.", "We are moving next month.", "It rained all day.",
    "I have been a customer for years.", "The queue at the shop was very long.",
    "I called yesterday but nobody answered.", "I would be glad if it could be settled soon.",
    "The driver was friendly, by the way.", "I work until six most days.", "It is a present.",
    "My colleague had the same problem.", "I am writing from my phone.", "No idea why.",
)  # fmt: skip


# What was said is said again: an answer that fits every message is soon given to every message.
_NOTED = ("Thank you. {}", "Thanks! {}", "{} Thank you.", "I see. {}", "{}", "All right. {}")
_ASKED_ON = (
    "", "", "", " Is there anything else?", " What else can I do for you?", " How can I help?",
    " What has happened?", " I will look into it.", " One moment, please.",
)  # fmt: skip
_GREETED = ("Hello again.", "Hi, it is me again.", "Good afternoon.")
_WELCOME = ("Welcome back! How can I help you?", "Hello again! What can I do for you?")
_CORRECTED = ("Sorry, I was wrong: {}.", "I made a mistake, {}.", "That has changed: {}.")
_CHANGED = ("I have corrected it. {}", "Thank you for telling me. {}", "{} I have changed it.")
_MISSING = (
    "I do not have {} yet. Could you tell me?",
    "I am sorry, you have not told me {}. What should I note?",
)


def returning(count: int, seed: int = 0) -> Iterator[Dialogue]:
    """So many customers with two sessions each, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - no secret
    for number in range(count):
        first, second = _customer(random)
        yield in_sessions(f"returning-{number}", [first, second], SOURCE)


def questions(said: int, unsaid: int, seed: str) -> Iterator[tuple[Dialogue, str | None]]:
    """Customers of two sessions, whose last question is for one fact, and that fact.

    Of so many it was said; of the others, who come last, it never was, and it is None.
    """
    random = Random(seed)  # noqa: S311 - no secret
    for number in range(said + unsaid):
        visit = _visit(random)
        place = random.randrange(len(visit.known))
        asked = number < said
        second = _asks(visit, place, random) if asked else _asks_unsaid(visit.unsaid, random)
        customer = in_sessions(f"asking-{number}", [visit.said, second], SOURCE)
        yield customer, visit.values[place] if asked else None


class _Visit(NamedTuple):
    """A first session, what was told in it, and what was not."""

    said: list[Said]
    known: list[Particular]
    values: list[str]
    unsaid: Particular


def _visit(random: Random) -> _Visit:
    *known, unsaid = _drawn(random, random.randint(2, 4))
    values = [kind.draw(random) for kind in known]
    first: list[Said] = []
    for particular, value in zip(known, values, strict=True):
        first += _told(particular, value, random)
    plain = [place for place, particular in enumerate(known) if particular in PLAIN]
    if plain and random.random() < 0.4:
        place = random.choice(plain)
        values[place] = known[place].draw(random)
        said = random.choice(known[place].said).format(values[place])
        changed = random.choice(_CHANGED).format(_answer(known[place], values[place], random))
        first += _exchange(random.choice(_CORRECTED).format(said), changed)
    return _Visit(first, known, values, unsaid)


def _customer(random: Random) -> tuple[list[Said], list[Said]]:
    visit = _visit(random)
    first, known = visit.said, len(visit.known)
    if random.random() < 0.25:
        first += _asks(visit, random.randrange(known), random)
    second: list[Said] = []
    if random.random() < 0.4:
        second += _exchange(random.choice(_GREETED), random.choice(_WELCOME))
    for place in random.sample(range(known), known):
        second += _asks(visit, place, random)
    if random.random() < 0.4:
        missing = _asks_unsaid(visit.unsaid, random)
        second = missing + second if random.random() < 0.5 else second + missing
    return first, second


def _drawn(random: Random, count: int) -> list[Particular]:
    """Different ones; two of three are told as people tell them."""
    found: dict[str, Particular] = {}
    while len(found) < count:
        particular = random.choice(told() if random.random() < 0.7 else PLAIN)
        found[particular.called] = particular
    return list(found.values())


def _told(particular: Particular, value: str, random: Random) -> list[Said]:
    """How it is said, and what is answered to that."""
    said = random.choice(particular.said).format(value)
    if particular.before is not None:
        return _exchange(particular.before, said)
    if particular.reply is not None:
        return _exchange(said, particular.reply)
    noted = random.choice(_NOTED).format(_answer(particular, value, random))
    said = _amid(random.choice(_OPENED).format(said), random)
    return _exchange(said, noted + random.choice(_ASKED_ON))


def _amid(said: str, random: Random) -> str:
    """What is said among other things, now and then."""
    if random.random() < 0.5:
        return said
    besides = random.sample(_BESIDES, random.randint(1, 2))
    besides.insert(random.randint(0, len(besides)), said)
    return " ".join(besides)


def _answer(particular: Particular, value: str, random: Random) -> str:
    return _sentence(random.choice(particular.answered).format(value))


def _asks(visit: _Visit, place: int, random: Random) -> list[Said]:
    particular = visit.known[place]
    question = random.choice(particular.asked)
    return _exchange(question, _answer(particular, visit.values[place], random))


def _asks_unsaid(particular: Particular, random: Random) -> list[Said]:
    answer = random.choice(_MISSING).format(particular.called)
    return _exchange(random.choice(particular.asked), answer)


def _exchange(question: str, answer: str) -> list[Said]:
    return [Said("customer", question), Said("agent", answer)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
