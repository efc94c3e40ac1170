"""Places before the model: how many, in which order, and that none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.places import Leaving, Overloaded, Place, Places
from memory import Breaker, CircuitOpen


def runs(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that is a coroutine."""

    def run() -> None:
        asyncio.run(test())

    run.__doc__ = test.__doc__
    return run


async def turns(seconds: float = 0) -> None:
    """Let the others go on."""
    for _ in range(5):
        await asyncio.sleep(seconds)


@given(
    at_once=st.integers(1, 3),
    waiting=st.integers(0, 3),
    steps=st.lists(
        st.tuples(st.sampled_from("enter leave cancel back".split()), st.integers(0, 9))
    ),
)
def test_whatever_clients_do_no_place_is_lost_and_nobody_overtakes(
    at_once: int, waiting: int, steps: list[tuple[str, int]]
) -> None:
    """They come, wait, are answered, hang up and step back in any order: never are more answered,
    or here, than may be; who came first is answered first; and in the end all is free.
    """

    async def run() -> None:
        places = Places(at_once, waiting, 60)
        here: list[tuple[Place, asyncio.Task[None]]] = []  # as they came
        stepped_back = False
        for what, who in steps:
            if what == "enter":
                if len(here) == at_once + waiting:
                    with pytest.raises(Overloaded) as refused:
                        places.enter()
                    assert refused.value.retry_after > 0
                else:
                    place = places.enter()
                    here.append((place, asyncio.create_task(place.take())))
            elif here:
                place, task = here[who % len(here)]
                if what == "back" and place.held:
                    place.step_back()
                    stepped_back = True
                    here[who % len(here)] = (place, asyncio.create_task(place.take()))
                elif what == "leave" and place.held:
                    here.pop(who % len(here))
                    place.leave()
                elif what == "cancel":
                    here.pop(who % len(here))
                    task.cancel()
                    await asyncio.wait([task])
                    place.leave()
                    place.leave()  # more than once is once
            await turns()
            held = [place.held for place, _ in here]
            assert sum(held) == min(len(here), at_once)
            if not stepped_back:
                assert held == sorted(held, reverse=True)  # those who came first
            assert places.inside == len(here)
        for place, task in here:
            task.cancel()
            place.leave()
            await asyncio.wait([task])
        assert places.inside == 0
        everybody = [places.enter() for _ in range(at_once)]
        assert all(place.take_at_once() for place in everybody)

    asyncio.run(run())


@runs
async def test_who_waits_too_long_is_refused_and_gives_its_place_back() -> None:
    """With the seconds to stay away, and the next one is not held up by it."""
    places = Places(1, 1, 0.05)
    first, second = places.enter(), places.enter()
    await first.take()
    with pytest.raises(Overloaded, match="begun within"):
        await second.take()
    second.leave()
    third = places.enter()
    first.leave()
    await third.take()


@runs
async def test_a_wait_that_is_over_in_the_moment_of_a_hang_up_gives_the_place_on() -> None:
    """The place was given, but its task is cancelled before it hears of it."""
    places = Places(1, 2, 60)
    first, second, third = places.enter(), places.enter(), places.enter()
    await first.take()
    waits = [asyncio.create_task(place.take()) for place in (second, third)]
    await turns()
    first.leave()  # gives to the second
    waits[0].cancel()
    await asyncio.wait([waits[0]])
    second.leave()
    await asyncio.wait_for(waits[1], 10)
    assert third.held


@runs
async def test_closed_it_sends_away_who_waits_and_who_comes() -> None:
    """Who is answered goes on."""
    places = Places(1, 3, 60)
    first, second = places.enter(), places.enter()
    await first.take()
    waiting = asyncio.create_task(second.take())
    await turns()
    places.close()
    with pytest.raises(Leaving):
        await waiting
    with pytest.raises(Leaving):
        places.enter()
    assert first.held


@runs
async def test_the_wait_that_is_told_follows_the_pace_of_the_last_answers() -> None:
    """Answers that take a moment make it short, whatever was guessed before."""
    places = Places(1, 9, 60)
    before = places.wait()
    for _ in range(30):
        place = places.enter()
        await place.take()
        place.answers()
        place.leave()
    assert places.wait() < before / 10


@runs
async def test_a_model_that_is_down_is_asked_by_nobody_but_one() -> None:
    """Refused at the door; after the rest one is let in, and if it hangs up the next one is."""
    now = 0.0
    places = Places(4, 4, 60, Breaker("the server", 2, 10, lambda: now))
    for _ in range(2):
        place = places.enter()
        await place.take()
        place.fails()
        place.leave()
    with pytest.raises(CircuitOpen):
        places.enter()
    now = 10.0
    probe, other = places.enter(), places.enter()
    await probe.take()
    with pytest.raises(CircuitOpen):
        await other.take()
    other.leave()
    probe.leave()  # without having heard anything
    again = places.enter()
    await again.take()
    again.answers()
    again.leave()
    both = [places.enter(), places.enter()]
    assert all(place.take_at_once() for place in both)
    assert places.inside == 2
