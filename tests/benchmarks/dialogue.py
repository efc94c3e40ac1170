"""Support talk without end, for the benchmarks: made up, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

Turn = tuple[str, str]  # what the customer says, what the agent answers

_ASKED = """Hello, my order {code} of the {product} has not arrived in {city} yet.
The {product} shows error {number} since the {event}, what can I do?
I was charged {number}.{cents} euros twice for order {code}, please refund one of them.
Can I still change the delivery address to {street} {number}, {city}?
Does the {product} work together with the {product} that I bought in {month}?
My colleague {name} says the warranty of the {product} ended in {month}, is that right?
The {part} of my {product} is broken and the shop in {city} has no spare one.
I cannot log in any more, the code for {name}@{domain}.example never comes.
Please cancel the subscription {code} at the end of {month}.
Why is the {product} so slow after the {event}? It was fine with the old {part}.
Thanks {name}, and when will the technician be in {city}?""".splitlines()
_ANSWERED = """I am sorry about that. Order {code} left {city} in {month} and is {number} km away.
Error {number} means that the {part} is loose: press it in, then start the {product} again.
We have sent {number}.{cents} euros back to your card; the reference is {code}.
The address is now {street} {number}, {city}, and {name} in the warehouse has been told.
Yes, with the {part} it does. You will find the steps under "{product}" on the help page.
The warranty lasts until {month} of next year, and I have noted it under {code}.
A new {part} goes out to you today, {name} will bring it on the {number}th.
Please look for a mail from {domain}.example, and use the code {code} within {number} minutes.
It is cancelled from the end of {month}; you keep the {product} until then.
That is a known fault since the {event}. Version {number}.{cents} brings it back.""".splitlines()
_PARTS = "antenna battery hinge filter charger cable screen valve pump gasket sensor fan".split()
_EVENTS = "update thunderstorm move repair holiday power-cut upgrade reset inspection".split()
_MONTHS = "January February March April May June July August September October".split()
_KINDS = "router kettle drill heater camera printer vacuum headset lamp scooter radio".split()


def dialogue(seed: int = 7) -> Iterator[Turn]:
    """Turns of support talk without end, the same for the same seed.

    Names of products, people and places are made of syllables, so that the vocabulary is large
    and uneven, as it is in life.
    """
    rng = random.Random(seed)

    def word(syllables: int) -> str:
        return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(syllables))

    names, cities, streets, brands, domains = (
        [word(size).title() for _ in range(count)]
        for size, count in ((2, 80), (3, 300), (4, 400), (3, 150), (3, 60))
    )

    def filled(template: str) -> str:
        text = template
        for slot, fill in (
            ("{product}", lambda: f"{rng.choice(brands)} {rng.choice(_KINDS)}"),
            ("{code}", lambda: f"{word(1).upper()}-{rng.randint(10_000, 99_999)}"),
            ("{number}", lambda: str(rng.randint(2, 480))),
            ("{cents}", lambda: f"{rng.randint(0, 99):02}"),
            ("{city}", lambda: rng.choice(cities)), ("{street}", lambda: rng.choice(streets)),
            ("{name}", lambda: rng.choice(names)), ("{domain}", lambda: rng.choice(domains)),
            ("{part}", lambda: rng.choice(_PARTS)), ("{event}", lambda: rng.choice(_EVENTS)),
            ("{month}", lambda: rng.choice(_MONTHS)),
        ):  # fmt: skip
            while slot in text:
                text = text.replace(slot, fill(), 1)
        return text

    while True:
        yield filled(rng.choice(_ASKED)), filled(rng.choice(_ANSWERED))
