"""One network for many threads: who waits, for whom, and in whose company."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from memory.batching import Batching, Tokens
from memory.embeddings import OnnxEmbeddings
from memory.types import Floats


class Gated:
    """A network whose passes end when they are let; of a text it gives its first token."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.end = threading.Semaphore(0)

    def __call__(self, texts: Sequence[Tokens]) -> list[Floats]:
        """One pass."""
        self.passes.append([text[0] for text in texts])
        self.begun.release()
        assert self.end.acquire(timeout=60)
        if any(text[0] < 0 for text in texts):
            raise ArithmeticError
        return [np.array([[text[0]] for text in texts], np.float32)]


def _waiting(batching: Batching, single: int, many: int) -> bool:
    return (len(batching._single), len(batching._many)) == (single, many)


def _until(true: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if true():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it does not come to that")


def _ask(pool: ThreadPoolExecutor, batching: Batching, *numbers: int) -> Future[list[float]]:
    asked = [[number, 7] for number in numbers]
    return pool.submit(lambda: batching.ask(asked)[0][:, 0].tolist())


def test_one_alone_is_done_at_once_and_those_who_wait_together_next() -> None:
    """A free network takes what comes; what comes meanwhile is one batch, and each gets its own."""
    network = Gated()
    batching = Batching(network, most=100, at_once=1)
    with ThreadPoolExecutor(8) as pool:
        first = _ask(pool, batching, 1)
        assert network.begun.acquire(timeout=60)
        others = {}
        for count, number in enumerate((2, 3, 4), 1):
            others[number] = _ask(pool, batching, number)
            _until(lambda count=count: _waiting(batching, count, 0))  # type: ignore[misc]
        network.end.release(2)
        assert first.result(60) == [1]
        assert {number: asked.result(60) for number, asked in others.items()} == {
            number: [number] for number in others
        }
    assert network.passes == [[1], [2, 3, 4]]


def test_a_batch_is_no_longer_than_it_may_be() -> None:
    """Who does not fit is done in the pass after, in the order in which they came."""
    network = Gated()
    batching = Batching(network, most=4, at_once=1)  # two texts of two tokens
    with ThreadPoolExecutor(8) as pool:
        asked = [_ask(pool, batching, 1)]
        assert network.begun.acquire(timeout=60)
        for number in (2, 3, 4):
            asked.append(_ask(pool, batching, number))
            _until(lambda number=number: _waiting(batching, number - 1, 0))  # type: ignore[misc]
        network.end.release(3)
        assert [one.result(60) for one in asked] == [[1], [2], [3], [4]]
    assert network.passes == [[1], [2, 3], [4]]


def test_a_short_text_is_not_filled_up_to_a_long_one() -> None:
    """It takes as long as if it were as long: who would have to be is done in the pass after."""
    network = Gated()
    batching = Batching(network, most=100, at_once=1, padded=3)
    with ThreadPoolExecutor(8) as pool:
        asked = [_ask(pool, batching, 1)]
        assert network.begun.acquire(timeout=60)
        for count, size in enumerate((4, 5, 6, 9), 1):
            asked.append(pool.submit(batching.ask, [[size] * size]))  # type: ignore[arg-type]
            _until(lambda count=count: _waiting(batching, count, 0))  # type: ignore[misc]
        network.end.release(3)
        for one in asked:
            one.result(60)
    assert network.passes == [[1], [4, 5, 6], [9]]


def test_a_question_waits_for_no_digest() -> None:
    """Parts of many texts leave room for single ones, which come first."""
    network = Gated()
    batching = Batching(network, most=100, at_once=2)
    with ThreadPoolExecutor(8) as pool:
        many = [_ask(pool, batching, 10, 11), _ask(pool, batching, 12, 13)]
        assert network.begun.acquire(timeout=60)
        _until(lambda: _waiting(batching, 0, 1))
        question = _ask(pool, batching, 1)  # beside the digest
        assert network.begun.acquire(timeout=60)
        later = _ask(pool, batching, 2)
        _until(lambda: _waiting(batching, 1, 1))
        network.end.release()  # whichever of the two ends, the question is next
        assert network.begun.acquire(timeout=60)
        assert network.passes[2] == [2]
        network.end.release(3)
        assert question.result(60) == [1]
        assert later.result(60) == [2]
        assert sorted(one.result(60) for one in many) == [[10, 11], [12, 13]]


def test_a_failure_is_that_of_its_batch_alone() -> None:
    """What the network raises is raised to who asked in that batch; the next goes on."""
    network = Gated()
    batching = Batching(network, most=100, at_once=1)
    network.end.release(2)
    with pytest.raises(ArithmeticError):
        batching.ask([[-1, 7]])
    assert batching.ask([[1, 7]])[0].tolist() == [[1.0]]


def test_vectors_asked_for_at_once_are_those_asked_for_alone() -> None:
    """From many threads at once, questions beside bulks, every text gets its own vector."""
    encoder = OnnxEmbeddings()
    texts = [f"{'Where is my order, please? ' * (n % 5)}It is number {n}." for n in range(40)]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    with ThreadPoolExecutor(12) as pool:
        bulk = pool.submit(encoder.encode, texts)
        single = list(pool.map(lambda text: encoder.encode([text])[0], texts))
    np.testing.assert_allclose(np.stack(single), alone, atol=1e-5)
    np.testing.assert_allclose(bulk.result(), alone, atol=1e-5)
