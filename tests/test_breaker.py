"""The circuit breaker: its states, whatever comes in whatever order."""

from __future__ import annotations

import contextlib
import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from memory import Breaker, CircuitOpen
from memory.breaker import Call

FAILURES, REST = 3, 10.0


class States(RuleBasedStateMachine):
    """A breaker beside the three states of the book, told in the simplest words."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker("the server", FAILURES, REST, lambda: self.now)
        self.calls: list[tuple[Call, int]] = []  # under way, with the era in which they began
        self.era = 0
        self.state = "closed"
        self.in_a_row = 0
        self.opened = 0.0
        self.probe: Call | None = None

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock goes on."""
        self.now += seconds

    @rule()
    def call(self) -> None:
        """One more calls: it is let through when it should be, and else told for how long not."""
        rested = self.now >= self.opened + REST
        if self.state == "closed" or (rested and self.probe is None):
            self.breaker.check()
            call = self.breaker.begin()
            self.calls.append((call, self.era))
            if self.state == "open":
                self.probe = call
            return
        for refused in (self.breaker.check, self.breaker.begin):
            with pytest.raises(CircuitOpen, match="the server") as caught:
                refused()
            assert 0 < caught.value.retry_after <= REST

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "dropped"]))
    def end(self, data: st.DataObject, how: str) -> None:
        """One of the calls ends; what is told afterwards of its end does not count."""
        call, era = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        getattr(call, how)()
        for later in (call.succeeded, call.failed, call.dropped):
            later()
        if era != self.era:
            return  # it began before the breaker opened or closed, and says nothing of now
        if call is self.probe:
            self.probe = None
            if how == "succeeded":
                self.state, self.in_a_row, self.era = "closed", 0, self.era + 1
            elif how == "failed":
                self.opened, self.era = self.now, self.era + 1
        elif how == "succeeded":
            self.in_a_row = 0
        elif how == "failed":
            self.in_a_row += 1
            if self.in_a_row == FAILURES:
                self.state, self.opened, self.era = "open", self.now, self.era + 1

    @invariant()
    def one_probe(self) -> None:
        """While it is open no more than one of those let through since is under way."""
        if self.state == "open":
            assert sum(era == self.era for _, era in self.calls) <= 1


TestStates = States.TestCase
TestStates.settings = settings(max_examples=40, stateful_step_count=40)


def test_twenty_threads_that_come_at_once_are_one_probe() -> None:
    """After the rest exactly one of them is let through."""
    now = 0.0
    breaker = Breaker("the server", 1, REST, lambda: now)
    breaker.begin().failed()
    now = REST
    let_through: list[Call] = []
    start = threading.Barrier(20)

    def call() -> None:
        start.wait()
        with contextlib.suppress(CircuitOpen):
            let_through.append(breaker.begin())

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == 1
