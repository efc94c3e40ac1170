"""Made-up customers who come back: they teach a model to read what memory gives it.

In most people's dialogues nobody asks for what was said last week, so a model that is tuned on
them alone learns that <memory> may be passed over. These customers say something of themselves,
correct it now and then, and ask for it later, in the same session or in another one; and
sometimes for what they never said, which is to be admitted.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from app.training.dialogues import Dialogue, Said, in_sessions
from app.training.standins import FEMALE, LAST, MALE

SOURCE = "made up"

_FIRST, _LAST = sorted(FEMALE | MALE), sorted(LAST)
_THINGS = (
    "lamp kettle armchair bicycle camera toaster printer tent jacket radio clock blender carpet "
    "mirror bookshelf keyboard monitor suitcase heater drill pram vase guitar mattress scooter"
).split()
_LOOKS = "red blue green white black oak small large folding electric silver leather".split()
_FAULTS = (
    "arrived broken", "will not switch on", "has a scratch on its side", "is missing a screw",
    "makes a loud noise", "is the wrong colour", "leaks", "stopped working after a day",
    "does not fit", "smells of smoke", "has a cracked lid", "came without its cable",
)  # fmt: skip
_PLANS = "basic family student premium business starter gold weekend".split()
_FOODS = "nuts eggs milk gluten shellfish soy sesame strawberries mustard celery".split()
_WAYS = ("by e-mail", "by phone", "by text message", "by letter", "in the evening", "on weekdays")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_PARTS = ("morning", "afternoon", "evening")


class _Kind(NamedTuple):
    """Something a customer says of himself: how, how he asks for it, and what is answered."""

    draw: Callable[[Random], str]
    said: tuple[str, ...]
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    called: str


def _code(random: Random) -> str:
    letters = "".join(random.choices(string.ascii_uppercase, k=random.choice((2, 2, 3))))
    digits = "".join(random.choices(string.digits, k=random.choice((4, 5, 6))))
    shapes = (f"{letters}-{digits}", f"{letters}{digits}", f"{digits}-{letters}", f"1{digits}")
    return random.choice(shapes)


def _address(random: Random) -> str:
    street = random.choice(("Street", "Road", "Avenue", "Lane"))
    return f"{random.randint(2, 199)} {random.choice(_LAST)} {street}"


_KINDS: tuple[_Kind, ...] = (
    _Kind(
        _code,
        ("my order number is {}", "it is about order {}", "I am writing about my order {}"),
        (
            "What is my order number?",
            "Which order was it about?",
            "Can you tell me my order number?",
        ),
        ("Your order number is {}.", "It is order {}.", "The order number that you gave is {}."),
        "your order number",
    ),
    _Kind(
        _code,
        ("my booking reference is {}", "I have a booking, reference {}"),
        ("What was my booking reference?", "Do you have the reference of my booking?"),
        ("Your booking reference is {}.", "Yes, the booking reference is {}."),
        "your booking reference",
    ),
    _Kind(
        lambda random: f"{random.choice(_FIRST)} {random.choice(_LAST)}",
        ("my name is {}", "I am {}", "this is {}"),
        ("What is my name?", "Do you know who I am?", "Under which name am I with you?"),
        ("Your name is {}.", "Yes, you are {}.", "You gave your name as {}."),
        "your name",
    ),
    _Kind(
        _address,
        ("my address is {}", "I live at {}", "please deliver it to {}"),
        ("Which address do you have for me?", "Where will you send it?", "What is my address?"),
        ("The address that you gave is {}.", "It goes to {}.", "Your address is {}."),
        "your address",
    ),
    _Kind(
        lambda random: f"{random.choice(_FIRST).lower()}{random.randint(10, 99)}@example.com",
        ("my e-mail is {}", "you can write to me at {}"),
        ("Which e-mail address do you have of me?", "What is my e-mail address?"),
        ("Your e-mail address is {}.", "I have {} as your e-mail address."),
        "your e-mail address",
    ),
    _Kind(
        lambda random: f"555-{random.randint(100, 999)}-{random.randint(1000, 9999)}",
        ("my phone number is {}", "you can call me on {}"),
        ("What phone number do you have for me?", "Which number will you call me on?"),
        ("Your phone number is {}.", "We will call you on {}."),
        "your phone number",
    ),
    _Kind(
        lambda random: f"{random.choice(_LOOKS)} {random.choice(_THINGS)}",
        ("I bought a {} from you", "I have ordered the {}", "I would like to return my {}"),
        ("What did I buy?", "Which product was I asking about?", "What was it that I ordered?"),
        ("It was the {}.", "You asked about the {}.", "That was a {}."),
        "what you have bought",
    ),
    _Kind(
        lambda random: random.choice(_FAULTS),
        ("the thing that you sent {}", "what I got from you {}"),
        ("What was wrong with it?", "Do you remember what my problem was?"),
        ("You told us that it {}.", "The problem is that it {}."),
        "what is wrong with it",
    ),
    _Kind(
        lambda random: f"{random.choice(_DAYS)} {random.choice(_PARTS)}",
        ("please deliver on {}", "I am at home on {}", "{} would suit me for the delivery"),
        ("When will it be delivered?", "Which day did I ask for?"),
        ("You asked for {}.", "The delivery is to be on {}."),
        "the day of your delivery",
    ),
    _Kind(
        lambda random: random.choice(_PLANS),
        ("I am on the {} plan", "I have the {} plan with you"),
        ("Which plan am I on?", "What plan do I have?"),
        ("You are on the {} plan.", "You have the {} plan."),
        "your plan",
    ),
    _Kind(
        lambda random: random.choice(_FOODS),
        ("I am allergic to {}", "I cannot eat {}"),
        ("What am I allergic to?", "Is there anything that I cannot eat?"),
        ("You told us that you cannot eat {}.", "You are allergic to {}."),
        "what you cannot eat",
    ),
    _Kind(
        lambda random: random.choice(_WAYS),
        ("I would rather be contacted {}", "please reach me {}"),
        ("How do I want to be contacted?", "How would you reach me?"),
        ("You would like to be contacted {}.", "We reach you {}, as you asked."),
        "how to reach you",
    ),
)
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


def _number(random: Random) -> str:
    return str(random.randint(2, 999))


def _price(random: Random) -> str:
    return (
        f"{random.choice('£$€')}{random.randint(3, 900)}.{random.choice(('00', '50', '95', '99'))}"
    )


def _time(random: Random) -> str:
    return (
        f"{random.randint(1, 12)}{random.choice(('', ':15', ':30', ':45'))}{random.choice('ap')}m"
    )


def _date(random: Random) -> str:
    return f"{random.randint(1, 28)} {random.choice(_MONTHS)}"


def _colour(random: Random) -> str:
    return random.choice(_LOOKS[:5] + _LOOKS[-2:])


def _surname(random: Random) -> str:
    return random.choice(_LAST)


_MONTHS = (
    "January February March April May June July August September October November December".split()
)
# What customers tell of a thing or a visit, and how a value of it looks.
_DETAILS: dict[str, Callable[[Random], str]] = {
    "price": _price, "deposit": _price, "amount on the bill": _price, "monthly fee": _price,
    "serial number": _code, "error code": _code, "meter number": _code, "voucher code": _code,
    "contract number": _code, "flight number": _code, "ticket number": _code, "model": _code,
    "policy number": _code, "licence plate": _code, "batch number": _code, "key code": _code,
    "check-in time": _time, "pick-up time": _time, "opening time": _time, "table time": _time,
    "arrival date": _date, "day of purchase": _date, "end of the contract": _date,
    "date of the appointment": _date, "day of the move": _date, "renewal date": _date,
    "colour": _colour, "colour of the door": _colour, "room number": _number, "width": _number,
    "meter reading": _number, "number of guests": _number, "seat": _number, "size": _number,
    "floor": _number, "name of the technician": _surname, "doctor": _surname,
    "name of the hotel": _surname, "contact person": _surname, "new surname": _surname,
}  # fmt: skip
_KINDS += tuple(
    _Kind(
        draw,
        (f"the {what} is {{}}", f"the {what} was {{}}", f"{{}} is the {what}", f"{what}: {{}}"),
        (
            f"What was the {what}?", f"Which {what} did I give you?", f"what's the {what} again",
            f"Can you remind me of the {what}?", f"I have forgotten the {what}, what was it?",
            f"Do you still have the {what}?", f"And the {what}?",
            f"Somebody asks me for the {what}.",
            f"please tell me the {what} that I mentioned", f"What did I say about the {what}?",
        ),
        (f"The {what} is {{}}.", f"You said that the {what} is {{}}.", "It is {}."),
        f"the {what}",
    )
    for what, draw in _DETAILS.items()
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


def _customer(random: Random) -> tuple[list[Said], list[Said]]:
    *known, unsaid = random.sample(_KINDS, random.randint(2, 4))
    values = [kind.draw(random) for kind in known]
    first: list[Said] = []
    told = list(zip(known, values, strict=True))
    while told:
        # Two at once now and then.
        now, told = (told[:2], told[2:]) if random.random() < 0.3 else (told[:1], told[1:])
        said = " and ".join(random.choice(kind.said).format(value) for kind, value in now)
        noted = random.choice(_NOTED).format(" ".join(_answer(*one, random) for one in now))
        opened = random.choice(_OPENED).format(said)
        first += _exchange(_amid(opened, random), noted + random.choice(_ASKED_ON))
    if random.random() < 0.25:
        place = random.randrange(len(known))
        values[place] = known[place].draw(random)
        said = random.choice(known[place].said).format(values[place])
        changed = random.choice(_CHANGED).format(_answer(known[place], values[place], random))
        first += _exchange(random.choice(_CORRECTED).format(said), changed)

    def asks(place: int) -> list[Said]:
        kind = known[place]
        return _exchange(random.choice(kind.asked), _answer(kind, values[place], random))

    if random.random() < 0.25:
        first += asks(random.randrange(len(known)))
    second: list[Said] = []
    if random.random() < 0.4:
        second += _exchange(random.choice(_GREETED), random.choice(_WELCOME))
    for place in random.sample(range(len(known)), len(known)):
        second += asks(place)
    if random.random() < 0.4:
        answer = random.choice(_MISSING).format(unsaid.called)
        missing = _exchange(random.choice(unsaid.asked), answer)
        second = missing + second if random.random() < 0.5 else second + missing
    return first, second


def _amid(said: str, random: Random) -> str:
    """What is said among other things, now and then."""
    if random.random() < 0.5:
        return said
    besides = random.sample(_BESIDES, random.randint(1, 2))
    besides.insert(random.randint(0, len(besides)), said)
    return " ".join(besides)


def _answer(kind: _Kind, value: str, random: Random) -> str:
    return _sentence(random.choice(kind.answered).format(value))


def _exchange(question: str, answer: str) -> list[Said]:
    return [Said("customer", question), Said("agent", answer)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
