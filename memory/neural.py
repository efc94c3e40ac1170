"""The external memory as a network: slots that heads write and read by attention.

It is the memory of this library made differentiable: a writer's gate says whether anything is
written, erase and add are the update mechanism, addressing is the retrieval strategy, and what is
read stands beside the input of whoever reads. By content a head addresses slots by scaled
dot-product attention (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762); by location it goes
on from where it looked before, and writes erase and add, as in the Neural Turing Machine (Graves
et al. 2014, https://arxiv.org/abs/1410.5401). Reading several times a step is the end-to-end
memory network's (Sukhbaatar et al. 2015, https://arxiv.org/abs/1503.08895).

Needs torch, which ``import memory`` alone does not load: ``from memory.neural import ...``.
Shapes: B sequences, T steps, N slots of width D, R read heads, W write heads, H the core's width.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_SHIFTS = (-1, 0, 1)  # slots that a head can move by in a step
_EMPTY = 1e-3  # what stands in every slot before anything is written: nearly nothing
_LEAST = 1e-12
_SHORT = 1e-6  # a vector that is no longer has no direction
_BLOCK_HEADS = 4


class Slots(NamedTuple):
    """What a memory holds, and where its heads have looked."""

    held: Tensor  # (B, N, D)
    there: Tensor  # (B, N), bool: which slots can be read; the others fill up a batch
    reading: Tensor  # (B, R, N), where each read head looked, summing to 1
    writing: Tensor  # (B, W, N), likewise
    recalled: Tensor  # (B, R, D), what was read last

    def where(self, real: Tensor, before: Slots) -> Slots:
        """These where ``real`` (B,), bool, and those before where a sequence has ended."""
        return Slots(*(
            new if new is old else _where(real, new, old)
            for new, old in zip(self, before, strict=True)
        ))  # fmt: skip


class Addressing(nn.Module):  # type: ignore[misc]
    """Where heads look, for what a core asks.

    Args:
        heads: n.
        asked: width of what asks.
        width: D.
        location: whether a head may also go on from where it looked before.
    """

    def __init__(self, heads: int, asked: int, width: int, *, location: bool) -> None:
        super().__init__()
        self._heads, self._width = heads, width
        self.key = nn.Linear(asked, heads * width)
        self.sharpness = nn.Linear(asked, heads)
        self.location = location
        if location:
            self.gate = nn.Linear(asked, heads)
            self.shift = nn.Linear(asked, heads * len(_SHIFTS))
            self.focus = nn.Linear(asked, heads)
            # A head begins as one that goes on, mostly to the next slot. From there copying is
            # learnt in a thousand steps; from no habit, in many thousands.
            with torch.no_grad():
                self.shift.bias.copy_(torch.tensor(_SHIFTS, dtype=torch.float).repeat(heads))

    def forward(self, asked: Tensor, slots: Slots, before: Tensor) -> Tensor:
        """Weights (B, n, N), each head's summing to 1 over the slots that are there.

        Args:
            asked: (B, asked)
            slots: what is addressed.
            before: (B, n, N), where the heads looked before.
        """
        weights = self.by_content(asked, slots)
        if not self.location:
            return weights
        gate = torch.sigmoid(self.gate(asked)).unsqueeze(-1)
        weights = gate * weights + (1 - gate) * before
        shift = self.shift(asked).view(-1, self._heads, len(_SHIFTS)).softmax(-1)
        moved = torch.stack([weights.roll(by, -1) for by in _SHIFTS], -1)  # (B, n, N, 3)
        weights = (moved * shift.unsqueeze(2)).sum(-1)
        focus = 1 + functional.softplus(self.focus(asked)).unsqueeze(-1)
        # To the power of the focus, by logarithms: the power itself can be nothing everywhere.
        sharp = focus * weights.clamp_min(_LEAST).log()
        return sharp.masked_fill(~slots.there.unsqueeze(1), -math.inf).softmax(-1)

    def by_content(self, asked: Tensor, slots: Slots) -> Tensor:
        """Weights (B, n, N) by scaled dot products of the heads' keys with the slots.

        Of both only the direction counts (Henry et al. 2020, https://arxiv.org/abs/2010.04245):
        what is hardly written yet, as all is at first, is told apart as well.
        """
        key = self.key(asked).view(-1, self._heads, self._width)
        likeness = torch.einsum("bhd,bnd->bhn", key, slots.held)
        sharpness = math.sqrt(self._width) * (1 + functional.softplus(self.sharpness(asked)))
        likeness = likeness * (sharpness / _length(key)).unsqueeze(-1)
        likeness = likeness / _length(slots.held).unsqueeze(1)
        return likeness.masked_fill(~slots.there.unsqueeze(1), -math.inf).softmax(-1)


class ExternalMemory(nn.Module):  # type: ignore[misc]
    """N slots of width D with read heads and write heads; N is given when it is used.

    Args:
        width: D.
        asked: width of what reads and writes (a core's H).
        read_heads: R.
        write_heads: W.
        location: whether heads may also address by location.
    """

    def __init__(
        self, width: int, asked: int, read_heads: int = 1, write_heads: int = 1, *,
        location: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.width, self.read_heads, self.write_heads = width, read_heads, write_heads
        self.reader = Addressing(read_heads, asked, width, location=location)
        self.writer = Addressing(write_heads, asked, width, location=location)
        self.erase = nn.Linear(asked, write_heads * width)
        self.add = nn.Linear(asked, write_heads * width)
        self.gate = nn.Linear(asked, write_heads)
        if location:
            self._begin()

    def _begin(self) -> None:
        """Writers go on, and a reader half looks for what is like what it would write now.

        From there recalling what came after an item is learnt in some 700 steps; from keys that
        had nothing to do with what is written, nothing of it was in 600.
        """
        nn.init.constant_(self.writer.gate.bias, -2.0)
        nn.init.zeros_(self.reader.gate.bias)
        with torch.no_grad():
            alike = self.add.weight.view(self.write_heads, self.width, -1)[:1]
            self.reader.key.weight.copy_(alike.repeat(self.read_heads, 1, 1).flatten(0, 1))
        nn.init.zeros_(self.reader.key.bias)
        nn.init.zeros_(self.add.bias)

    def empty(self, batch: int, slots: int) -> Slots:
        """B times N slots with nothing in them; every head looks at the first."""
        held = self.add.weight.new_full((batch, slots, self.width), _EMPTY)
        return self.holding(held, torch.ones_like(held[..., 0], dtype=torch.bool))

    def holding(self, items: Tensor, there: Tensor) -> Slots:
        """A memory into which items (B, N, D) have been written, one a slot; ``there`` (B, N)."""
        batch, slots, width = items.shape
        first = functional.one_hot(items.new_zeros(batch, 1, dtype=torch.long), slots)
        first = first.to(items.dtype)
        return Slots(
            items, there, first.expand(-1, self.read_heads, -1),
            first.expand(-1, self.write_heads, -1), items.new_zeros(batch, self.read_heads, width),
        )  # fmt: skip

    def write(self, slots: Slots, asked: Tensor) -> Slots:
        """Erase and add, as ``asked`` (B, asked) has it: M(1 - a w e) + a w v with the gate a."""
        where = self.writer(asked, slots, slots.writing)  # (B, W, N)
        shape = (-1, self.write_heads, self.width)
        gate = torch.sigmoid(self.gate(asked)).unsqueeze(-1)
        erased = torch.sigmoid(self.erase(asked)).view(shape)
        added = torch.tanh(self.add(asked)).view(shape)
        written = gate * where  # (B, W, N)
        kept = (1 - torch.einsum("bwn,bwd->bwnd", written, erased)).prod(1)
        held = slots.held * kept + torch.einsum("bwn,bwd->bnd", written, added)
        return slots._replace(held=held, writing=where)

    def read(self, slots: Slots, asked: Tensor, *, again: bool = False) -> Slots:
        """Look for what ``asked`` (B, asked) is about; it is in ``recalled`` (B, R, D).

        With ``again`` by content alone, and the heads stay where they are: a further hop of the
        same step.
        """
        if again:
            where = self.reader.by_content(asked, slots)
        else:
            where = self.reader(asked, slots, slots.reading)
            slots = slots._replace(reading=where)
        return slots._replace(recalled=torch.einsum("brn,bnd->brd", where, slots.held))


class LSTMCore(nn.Module):  # type: ignore[misc]
    """One LSTM step after another; its state is (h, c), each (B, H)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.cell = nn.LSTMCell(inputs, width)

    def begin(self, given: Tensor) -> tuple[Tensor, ...]:
        """The state before the first of steps ``given`` (B, inputs)."""
        zero = given.new_zeros(len(given), self.width)
        return zero, zero

    def forward(
        self, given: Tensor, state: tuple[Tensor, ...], real: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What a step gives, (B, H), and the state after it; the one before where not real."""
        found: tuple[Tensor, ...] = self.cell(given, state)
        found = tuple(_where(real, new, old) for new, old in zip(found, state, strict=True))
        return found[0], found


class BlockCore(nn.Module):  # type: ignore[misc]
    """One Transformer block over the steps so far: attention, residuals, LayerNorms, feed-forward.

    Its state is (the keys and the values of the steps so far, each (B, t, H); which of them are
    real (B, t)).
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Linear(inputs, width)
        self.asks = nn.Linear(width, 3 * width)  # a query, a key and a value
        self.gives = nn.Linear(width, width)
        self.forth = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def begin(self, given: Tensor) -> tuple[Tensor, ...]:
        """The state before the first of steps ``given`` (B, inputs)."""
        none = given.new_zeros(len(given), 0, self.width)
        return none, none, none.new_zeros(len(given), 0, dtype=torch.bool)

    def forward(
        self, given: Tensor, state: tuple[Tensor, ...], real: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What a step gives, (B, H), and the state after it."""
        keys, values, were_real = state
        new = self.enter(given) + _place(keys.shape[1], self.width).to(given)
        query, key, value = self.asks(new).unsqueeze(1).chunk(3, -1)
        keys, values = torch.cat([keys, key], 1), torch.cat([values, value], 1)
        # A step sees itself, also where it only fills up a batch: else there is nothing to see.
        seen = torch.cat([were_real, torch.ones_like(real).unsqueeze(1)], 1)
        mask = seen.view(len(seen), 1, 1, -1)
        found = functional.scaled_dot_product_attention(
            _by_head(query), _by_head(keys), _by_head(values), mask
        ).flatten(1)
        found = self.norms[0](new + self.gives(found))
        found = self.norms[1](found + self.forth(found))
        return found, (keys, values, torch.cat([were_real, real.unsqueeze(1)], 1))


class State(NamedTuple):
    """Where a decoder stands: its core's state, and its memory's if it has one."""

    core: tuple[Tensor, ...]
    slots: Slots | None


class MemoryDecoder(nn.Module):  # type: ignore[misc]
    """A recurrent core that writes an external memory, and reads it ``hops`` times each step.

    Args:
        inputs: width of a step's input.
        outputs: width of what it gives.
        width: H.
        core: an LSTM, or one Transformer block in its place.
        memory: None for the same without one.
        hops: how often a step reads; each reads with what the last has found.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int, core: Literal["lstm", "transformer"] = "lstm",
        memory: ExternalMemory | None = None, hops: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.memory, self.hops = memory, hops
        recalled = 0 if memory is None else memory.read_heads * memory.width
        kind = LSTMCore if core == "lstm" else BlockCore
        self.core: LSTMCore | BlockCore = kind(inputs + recalled, width)
        self.further = nn.Linear(recalled, width) if hops > 1 else None
        self.out = nn.Linear(width + recalled, outputs)

    def begin(self, given: Tensor, slots: Slots | int) -> State:
        """The state before the first of inputs ``given`` (B, inputs).

        Args:
            given: the first of them, for its size and device.
            slots: a memory that something has been written into, or how many empty ones.
        """
        memory = self.memory
        if memory is None:
            return State(self.core.begin(given), None)
        held = memory.empty(len(given), slots) if isinstance(slots, int) else slots
        return State(self.core.begin(given), held)

    def step(
        self, given: Tensor, state: State, real: Tensor | None = None, *, writes: bool = True
    ) -> tuple[Tensor, State]:
        """One step.

        Args:
            given: (B, inputs)
            state: where it stands.
            real: (B,), bool; a sequence that has ended changes nothing any more.
            writes: whether this step may write, too.

        Returns:
            (B, outputs), and the state after it.
        """
        real = torch.ones_like(given[:, 0], dtype=torch.bool) if real is None else real
        slots = state.slots
        if self.memory is None or slots is None:
            asked, core = self.core(given, state.core, real)
            return self.out(asked), State(core, None)
        given = torch.cat([given, slots.recalled.flatten(1)], -1)
        asked, core = self.core(given, state.core, real)
        after = self.memory.write(slots, asked) if writes else slots
        after = self.memory.read(after, asked)
        for _ in range(self.hops - 1):
            assert self.further is not None
            asked = asked + self.further(after.recalled.flatten(1))
            after = self.memory.read(after, asked, again=True)
        found = self.out(torch.cat([asked, after.recalled.flatten(1)], -1))
        return found, State(core, after.where(real, slots))

    def forward(
        self, given: Tensor, real: Tensor, state: State, *, writes: bool = True
    ) -> tuple[Tensor, State]:
        """Steps one after another, from a state on.

        Args:
            given: (B, T, inputs)
            real: (B, T), bool: which steps there are; the others only fill up the batch.
            state: from ``begin``, or from an earlier call.
            writes: whether these steps may write.

        Returns:
            (B, T, outputs), and the state after each sequence's own last step.
        """
        found = []
        for one, there in zip(given.unbind(1), real.unbind(1), strict=True):
            made, state = self.step(one, state, there, writes=writes)
            found.append(made)
        return torch.stack(found, 1), state


def _length(vectors: Tensor) -> Tensor:
    """Of vectors (..., D), never nothing."""
    return torch.linalg.vector_norm(vectors, dim=-1).clamp_min(_SHORT)


def _where(real: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(real.view(-1, *(1,) * (new.dim() - 1)), new, old)


def _by_head(steps: Tensor) -> Tensor:
    """(B, t, H) as (B, heads, t, H / heads)."""
    return steps.unflatten(-1, (_BLOCK_HEADS, -1)).transpose(1, 2)


def _place(step: int, width: int) -> Tensor:
    """Which step it is, as sines and cosines (width,) (Vaswani et al. 2017)."""
    angle = step / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten()[:width]
