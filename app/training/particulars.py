"""What customers say of themselves and ask for later, how, and what is answered.

``PLAIN`` ones are said in few words. Those that ``told`` gives are messages and questions as
people write them, three hundred, written by hand in ``data/told.jsonl``; only their values are
drawn.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from app.training.standins import FEMALE, LAST, MALE

_TOLD = Path(__file__).with_name("data") / "told.jsonl"

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


class Particular(NamedTuple):
    """Something that is said in one session and asked for in another.

    ``said`` are ways to say it and ``answered`` to answer, with ``{}`` for the value; ``called``
    is how it is named where it is not known. The customer says it, and ``reply`` is what the agent
    answers (None: the value is repeated); or it is the agent's answer to ``before``.
    """

    draw: Callable[[Random], str]
    said: tuple[str, ...]
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    called: str
    reply: str | None = None
    before: str | None = None


def _code(random: Random) -> str:
    letters = "".join(random.choices(string.ascii_uppercase, k=random.choice((2, 2, 3))))
    digits = "".join(random.choices(string.digits, k=random.choice((4, 5, 6))))
    shapes = (f"{letters}-{digits}", f"{letters}{digits}", f"{digits}-{letters}", f"1{digits}")
    return random.choice(shapes)


def _address(random: Random) -> str:
    street = random.choice(("Street", "Road", "Avenue", "Lane"))
    return f"{random.randint(2, 199)} {random.choice(_LAST)} {street}"


PLAIN: tuple[Particular, ...] = (
    Particular(
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
    Particular(
        _code,
        ("my booking reference is {}", "I have a booking, reference {}"),
        ("What was my booking reference?", "Do you have the reference of my booking?"),
        ("Your booking reference is {}.", "Yes, the booking reference is {}."),
        "your booking reference",
    ),
    Particular(
        lambda random: f"{random.choice(_FIRST)} {random.choice(_LAST)}",
        ("my name is {}", "I am {}", "this is {}"),
        ("What is my name?", "Do you know who I am?", "Under which name am I with you?"),
        ("Your name is {}.", "Yes, you are {}.", "You gave your name as {}."),
        "your name",
    ),
    Particular(
        _address,
        ("my address is {}", "I live at {}", "please deliver it to {}"),
        ("Which address do you have for me?", "Where will you send it?", "What is my address?"),
        ("The address that you gave is {}.", "It goes to {}.", "Your address is {}."),
        "your address",
    ),
    Particular(
        lambda random: f"{random.choice(_FIRST).lower()}{random.randint(10, 99)}@example.com",
        ("my e-mail is {}", "you can write to me at {}"),
        ("Which e-mail address do you have of me?", "What is my e-mail address?"),
        ("Your e-mail address is {}.", "I have {} as your e-mail address."),
        "your e-mail address",
    ),
    Particular(
        lambda random: f"555-{random.randint(100, 999)}-{random.randint(1000, 9999)}",
        ("my phone number is {}", "you can call me on {}"),
        ("What phone number do you have for me?", "Which number will you call me on?"),
        ("Your phone number is {}.", "We will call you on {}."),
        "your phone number",
    ),
    Particular(
        lambda random: f"{random.choice(_LOOKS)} {random.choice(_THINGS)}",
        ("I bought a {} from you", "I have ordered the {}", "I would like to return my {}"),
        ("What did I buy?", "Which product was I asking about?", "What was it that I ordered?"),
        ("It was the {}.", "You asked about the {}.", "That was a {}."),
        "what you have bought",
    ),
    Particular(
        lambda random: random.choice(_FAULTS),
        ("the thing that you sent {}", "what I got from you {}"),
        ("What was wrong with it?", "Do you remember what my problem was?"),
        ("You told us that it {}.", "The problem is that it {}."),
        "what is wrong with it",
    ),
    Particular(
        lambda random: f"{random.choice(_DAYS)} {random.choice(_PARTS)}",
        ("please deliver on {}", "I am at home on {}", "{} would suit me for the delivery"),
        ("When will it be delivered?", "Which day did I ask for?"),
        ("You asked for {}.", "The delivery is to be on {}."),
        "the day of your delivery",
    ),
    Particular(
        lambda random: random.choice(_PLANS),
        ("I am on the {} plan", "I have the {} plan with you"),
        ("Which plan am I on?", "What plan do I have?"),
        ("You are on the {} plan.", "You have the {} plan."),
        "your plan",
    ),
    Particular(
        lambda random: random.choice(_FOODS),
        ("I am allergic to {}", "I cannot eat {}"),
        ("What am I allergic to?", "Is there anything that I cannot eat?"),
        ("You told us that you cannot eat {}.", "You are allergic to {}."),
        "what you cannot eat",
    ),
    Particular(
        lambda random: random.choice(_WAYS),
        ("I would rather be contacted {}", "please reach me {}"),
        ("How do I want to be contacted?", "How would you reach me?"),
        ("You would like to be contacted {}.", "We reach you {}, as you asked."),
        "how to reach you",
    ),
)


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
PLAIN += tuple(
    Particular(
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


_CITIES = (
    "Leeds Cork Porto Ghent Bremen Aarhus Turin Malmo Lyon Graz Bristol Utrecht Krakow Seville "
    "Tampere Brno Derby Galway Nantes Bergen"
).split()
_DRAWN: dict[str, Callable[[Random], str]] = {
    "code": _code, "number": _number, "price": _price, "date": _date, "time": _time,
    "surname": _surname, "colour": _colour, "address": _address,
    "small_number": lambda random: str(random.randint(2, 9)),
    "weekday": lambda random: random.choice(_DAYS),
    "weekday_part": lambda random: f"{random.choice(_DAYS)} {random.choice(_PARTS)}",
    "full_name": lambda random: f"{random.choice(_FIRST)} {random.choice(_LAST)}",
    "first_name": lambda random: random.choice(_FIRST),
    "email": lambda random: f"{random.choice(_FIRST).lower()}{random.randint(10, 99)}@example.com",
    "phone": lambda random: f"555-{random.randint(100, 999)}-{random.randint(1000, 9999)}",
    "four_digits": lambda random: f"{random.randint(0, 9999):04}",
    "days": lambda random: f"{random.randint(2, 40)} days",
    "percent": lambda random: f"{random.randint(2, 60)}%",
    "size_cm": lambda random: f"{random.randint(20, 290)} cm",
    "weight_kg": lambda random: f"{random.randint(2, 90)} kg",
    "city": lambda random: random.choice(_CITIES),
    "plate": lambda random: f"{_letters(random, 2)}{random.randint(10, 99)} {_letters(random, 3)}",
    "year": lambda random: str(random.randint(1950, 2025)),
}  # fmt: skip


def _letters(random: Random, count: int) -> str:
    return "".join(random.choices(string.ascii_uppercase, k=count))


@cache
def told() -> tuple[Particular, ...]:
    """What is said amid other things, and asked for in other words."""
    found = []
    for line in _TOLD.read_text("utf-8").splitlines():
        read = json.loads(line)
        value = read["value"]
        draw = _DRAWN[value] if isinstance(value, str) else partial(_one_of, tuple(value))
        found.append(
            Particular(
                draw, (read["said"],), tuple(read["asked"]), tuple(read["answered"]),
                read["called"], read.get("reply"), read.get("before"),
            )
        )  # fmt: skip
    return tuple(found)


def _one_of(values: tuple[str, ...], random: Random) -> str:
    return random.choice(values)
