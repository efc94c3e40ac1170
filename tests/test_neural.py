"""The neural external memory: what is addressed, written and read, and its gradients."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from memory.neural import Addressing, ExternalMemory, MemoryDecoder, Slots

CORES: tuple[Literal["lstm", "transformer"], ...] = ("lstm", "transformer")
B, N, D, H, R, W = 3, 5, 4, 8, 2, 2


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(7)


def some_memory(*, location: bool = True) -> tuple[ExternalMemory, Slots]:
    """A memory with something in it, in double precision."""
    memory = ExternalMemory(D, H, R, W, location=location).double()
    slots = memory.holding(torch.randn(B, N, D, dtype=torch.double), torch.ones(B, N) > 0)
    return memory, slots


def decoder(core: Literal["lstm", "transformer"], *, memory: bool = True, hops: int = 1) -> Any:
    """A small decoder in double precision."""
    held = ExternalMemory(D, H, R, W) if memory else None
    return MemoryDecoder(3, 2, H, core, held, hops).double()


def test_by_content_it_is_scaled_dot_product_attention() -> None:
    """With a sharpness of one, what is read is torch's own attention over slots of one length."""
    memory, slots = some_memory(location=False)
    with torch.no_grad():
        for layer in (memory.reader.sharpness,):
            layer.weight.zero_()
            layer.bias.fill_(-math.inf)  # 1 + softplus(-inf) = 1
    asked = torch.randn(B, H, dtype=torch.double)
    found = memory.read(slots, asked).recalled
    key = memory.reader.key(asked).view(B, R, D)
    level = [2 * one / one.norm(dim=-1, keepdim=True) for one in (key, slots.held)]  # sqrt(D) = 2
    expected = torch.nn.functional.scaled_dot_product_attention(*level, slots.held)
    assert torch.allclose(found, expected)


def test_a_new_reader_looks_for_what_it_would_write() -> None:
    """Untrained, by content, it finds the slot into which the same was written, however faint."""
    memory = ExternalMemory(24, 100)
    seen = torch.randn(N, 100) / 100
    slots = memory.holding(memory.add(seen).tanh().unsqueeze(0), torch.ones(1, N) > 0)
    for place, asked in enumerate(seen):
        assert int(memory.reader.by_content(asked.unsqueeze(0), slots).argmax()) == place


@given(location=st.booleans(), there=st.lists(st.booleans(), min_size=N, max_size=N))
@settings(max_examples=40, deadline=None)
def test_heads_look_only_at_slots_that_are_there(location: bool, there: list[bool]) -> None:
    """Weights sum to one, are never negative, and a slot that only fills up a batch has none."""
    there[0] = True
    memory = ExternalMemory(D, H, R, W, location=location)
    slots = memory.holding(torch.randn(B, N, D), torch.tensor([there] * B))
    for _ in range(3):
        slots = memory.read(slots, torch.randn(B, H) * 5)
        assert torch.allclose(slots.reading.sum(-1), torch.ones(B, R), atol=1e-5)
        assert (slots.reading >= 0).all()
        assert (slots.reading[:, :, [not one for one in there]] == 0).all()


def test_a_sharp_head_without_a_place_looks_somewhere() -> None:
    """Where the only slots that are there have hardly a weight, to a high power, none is NaN."""
    address = Addressing(1, H, D, location=True)
    with torch.no_grad():
        address.gate.bias.fill_(-50)
        address.shift.bias.copy_(torch.tensor([-50.0, -50.0, 50.0]))
        address.focus.bias.fill_(9)
    slots = ExternalMemory(D, H).holding(torch.randn(1, N, D), torch.tensor([[True] + [False] * 4]))
    assert address(torch.zeros(1, H), slots, slots.reading).flatten().tolist() == [1, 0, 0, 0, 0]


def test_by_location_a_head_goes_on_to_the_next_slot() -> None:
    """With the gate at what was, and the shift at one, a head walks along the slots, and around."""
    address = Addressing(1, H, D, location=True)
    with torch.no_grad():
        for layer in (address.gate, address.shift, address.focus):
            layer.weight.zero_()
        address.gate.bias.fill_(-50)
        address.shift.bias.copy_(torch.tensor([-50.0, -50.0, 50.0]))
        address.focus.bias.fill_(0)
    memory = ExternalMemory(D, H)
    slots = memory.empty(1, N)
    where = slots.reading
    walked = []
    for _ in range(N + 1):
        where = address(torch.randn(1, H), slots, where)
        walked.append(int(where.argmax()))
    assert walked == [1, 2, 3, 4, 0, 1]
    assert where.max() > 0.999


def test_writing_erases_and_adds_as_published() -> None:
    """What is written is M(1 - a w e) + a w v, head by head, as a loop over slots has it."""
    memory, slots = some_memory()
    asked = torch.randn(B, H, dtype=torch.double)
    after = memory.write(slots, asked)
    gate = torch.sigmoid(memory.gate(asked))
    erase = torch.sigmoid(memory.erase(asked)).view(B, W, D)
    add = torch.tanh(memory.add(asked)).view(B, W, D)
    for b in range(B):
        for n in range(N):
            kept, added = torch.ones(D).double(), torch.zeros(D).double()
            for w in range(W):
                strength = gate[b, w] * after.writing[b, w, n]
                kept = kept * (1 - strength * erase[b, w])
                added = added + strength * add[b, w]
            assert torch.allclose(after.held[b, n], slots.held[b, n] * kept + added)


def test_a_closed_gate_writes_nothing() -> None:
    """With the gate closed the slots stay as they were, to the last bit."""
    memory, slots = some_memory()
    with torch.no_grad():
        memory.gate.weight.zero_()
        memory.gate.bias.fill_(-math.inf)
    assert torch.equal(memory.write(slots, torch.randn(B, H).double()).held, slots.held)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("hops", [1, 3])
def test_gradients_are_right(core: Literal["lstm", "transformer"], hops: int) -> None:
    """Analytic gradients are the numeric ones, through writes, reads, hops and a padded step."""
    network = decoder(core, hops=hops)
    real = torch.tensor([[True, True, True], [True, True, False]])

    def run(given: Tensor, *_: Tensor) -> Tensor:
        found, _state = network(given, real, network.begin(given[:, 0], N))
        return found[real]

    given = torch.randn(2, 3, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(run, (given, *network.parameters()), fast_mode=True)


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("core", CORES)
def test_what_fills_up_a_batch_changes_nothing(
    core: Literal["lstm", "transformer"], memory: bool
) -> None:
    """A sequence gives the same, and ends with the same memory, alone and beside longer ones."""
    network = decoder(core, memory=memory)
    lengths = [6, 2, 4]
    given = torch.randn(3, 6, 3).double()
    real = torch.arange(6) < torch.tensor(lengths).unsqueeze(1)
    together, state = network(given, real, network.begin(given[:, 0], N))
    for row, length in enumerate(lengths):
        one = given[row : row + 1, :length]
        alone, after = network(one, torch.ones(1, length) > 0, network.begin(one[:, 0], N))
        assert torch.allclose(together[row, :length], alone[0])
        if memory:
            assert all(
                torch.allclose(mine[row], its[0])
                for mine, its in zip(state.slots, after.slots, strict=True)
            )


def test_every_part_of_a_decoder_learns() -> None:
    """Each number gets a gradient: nothing is computed and left out."""
    network = decoder("lstm", hops=2)
    given = torch.randn(B, 4, 3).double()
    found, _ = network(given, torch.ones(B, 4) > 0, network.begin(given[:, 0], N))
    found.sum().backward()
    dead = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_a_second_read_finds_what_the_first_points_to() -> None:
    """With hops the heads stay where the step's first read has put them."""
    memory, slots = some_memory()
    first = memory.read(slots, torch.randn(B, H).double())
    second = memory.read(first, torch.randn(B, H).double(), again=True)
    assert torch.equal(first.reading, second.reading)
    assert not torch.allclose(first.recalled, second.recalled)


def test_slots_are_counted_when_it_is_used() -> None:
    """The same network works with any number of slots."""
    network = decoder("lstm")
    given = torch.randn(1, 2, 3).double()
    for slots in (1, 7, 30):
        found, state = network(given, torch.ones(1, 2) > 0, network.begin(given[:, 0], slots))
        assert found.shape == (1, 2, 2)
        assert state.slots.held.shape == (1, slots, D)
