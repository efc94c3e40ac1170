"""A network that reads a dialogue and says in a sentence or two what it was about.

An LSTM reads the dialogue in both directions. With a memory, what it has understood at each word
is written into a slot of its own, and the decoder reads it at every word that it says; without
one all that the decoder knows of the dialogue is the state that the reading ended in.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from app.neural.options import Options
from app.neural.words import BEGIN, END, PADDING, UNKNOWN, Vocabulary
from memory import InvalidInput
from memory.neural import ExternalMemory, MemoryDecoder, State

_DIALOGUE, _SUMMARY = 300, 60  # words that are read and said at most
_DROPOUT = 0.3
_NEAR = 16  # batches whose dialogues are sorted by length


class Example(NamedTuple):
    """A dialogue as one text, and the summaries that people wrote of it."""

    dialogue: str
    summaries: list[str]


def read_examples(file: Path) -> list[Example]:
    """Dialogues with summaries: ``{"turns": [{"role", "text"}], "labels": {"summaries": [...]}}``.

    Lines of JSONL, or of that as .gz. Dialogues without a summary are left out.

    Raises InvalidInput if it cannot be read, or has none.
    """
    found = []
    try:
        opened: Any = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    found += _example(line, file, number)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read: {error}"
        raise InvalidInput(msg) from error
    if not found:
        msg = f'{file} has no dialogue with "labels": {{"summaries": [...]}}'
        raise InvalidInput(msg)
    return found


def _example(line: str, file: Path, number: int) -> list[Example]:
    try:
        given = json.loads(line)
        said = "\n".join(
            f"{turn.get('speaker') or turn['role']}: {turn['text']}" for turn in given["turns"]
        )
        summaries = [s for s in given.get("labels", {}).get("summaries", ()) if s.strip()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f'{file}, line {number}: no {{"turns": [{{"role", "text"}}]}} ({error!r})'
        raise InvalidInput(msg) from error
    return [Example(said, summaries)] if said.strip() and summaries else []


class _Summariser(nn.Module):  # type: ignore[misc]
    """The network: words of a dialogue in, words of a summary out."""

    def __init__(self, options: Options, vocabulary: int) -> None:
        super().__init__()
        width = options.width
        self.words = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.reading = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(_DROPOUT)
        # Slots are as wide as what is written into them, and found by what is in them.
        memory = ExternalMemory(width, width, location=False) if options.memory else None
        self.decoder = MemoryDecoder(2 * width, width, width, options.core, memory, options.hops)
        self.say = nn.Linear(width, vocabulary)
        self.say.weight = self.words.weight

    def read(self, dialogues: Sequence[Tensor]) -> tuple[Tensor, State]:
        """What a dialogue was, in one vector (B, H), and the decoder's state before it begins."""
        lengths = torch.tensor([len(one) for one in dialogues])
        heard = self.drop(self.words(pad_sequence(dialogues, batch_first=True)))
        packed = pack_padded_sequence(heard, lengths, batch_first=True, enforce_sorted=False)
        read, (last, _) = self.reading(packed)
        items, _ = pad_packed_sequence(read, batch_first=True)  # (B, N, H)
        whole = last.transpose(0, 1).flatten(1)
        there = torch.arange(items.shape[1]) < lengths.unsqueeze(1)
        memory = self.decoder.memory
        slots = 0 if memory is None else memory.holding(self.drop(items), there)
        given = torch.cat([whole, whole], -1)
        return whole, self.decoder.begin(given, slots)

    def step(self, word: Tensor, whole: Tensor, state: State, real: Tensor) -> tuple[Tensor, State]:
        """What leads to the word after ``word`` (B,), in one vector (B, H)."""
        given = torch.cat([self.drop(self.words(word)), whole], -1)
        return self.decoder.step(given, state, real, writes=False)

    def scores(self, found: Tensor) -> Tensor:
        """Of each word, (..., V), for what leads to it (..., H)."""
        return self.say(self.drop(found))


class Summaries:
    """A summariser with the dialogues it is trained on."""

    def __init__(
        self, options: Options, examples: Sequence[Example], vocabulary: Vocabulary | None = None
    ) -> None:
        self.options = options
        self.vocabulary = vocabulary or Vocabulary.of(
            (text for e in examples for text in (e.dialogue, *e.summaries)), options.vocabulary
        )
        self.network = _Summariser(options, len(self.vocabulary))
        self._examples = list(examples)
        self._random = random.Random(options.seed)  # noqa: S311 - no secret is made
        self._batches: Iterator[list[Example]] = iter(())

    def loss(self) -> Tensor:
        """Of one batch: the cross-entropy of a word, each given the person's words before it."""
        batch = next(self._batches, None)
        if batch is None:
            self._batches = self._shuffled()
            batch = next(self._batches)
        return self.loss_of(batch)

    def loss_of(self, batch: Sequence[Example]) -> Tensor:
        """The cross-entropy of a word of the first summary of each."""
        said = [
            torch.tensor([BEGIN, *self.vocabulary.numbers(e.summaries[0])[:_SUMMARY], END])
            for e in batch
        ]
        wanted = pad_sequence(said, batch_first=True)  # (B, T)
        whole, state = self.network.read(self._heard([e.dialogue for e in batch]))
        real = wanted[:, 1:] != PADDING
        steps = []
        for word, there in zip(wanted[:, :-1].unbind(1), real.unbind(1), strict=True):
            found, state = self.network.step(word, whole, state, there)
            steps.append(found)
        # All words at once: a step's own product with the whole vocabulary costs the most.
        scores = self.network.scores(torch.stack(steps, 1)[real])
        return functional.cross_entropy(scores, wanted[:, 1:][real])

    def summarise(self, dialogues: Sequence[str]) -> list[str]:
        """A summary of each, the likeliest word at each place."""
        self.network.eval()
        with torch.no_grad():
            said = self._said(dialogues)
        self.network.train()
        return [self.vocabulary.text(row) for row in torch.stack(said, 1).tolist()]

    def _said(self, dialogues: Sequence[str]) -> list[Tensor]:
        """The words (B,) that it says one after another."""
        whole, state = self.network.read(self._heard(dialogues))
        word = torch.full((len(dialogues),), BEGIN)
        real = torch.ones_like(word, dtype=torch.bool)
        said = []
        for _ in range(_SUMMARY):
            found, state = self.network.step(word, whole, state, real)
            scores = self.network.scores(found)
            scores[:, [PADDING, BEGIN, UNKNOWN]] = -torch.inf
            word = scores.argmax(-1).where(real, torch.tensor(PADDING))
            real = real & (word != END)
            said.append(word)
            if not real.any():
                break
        return said

    def _heard(self, dialogues: Sequence[str]) -> list[Tensor]:
        numbers = [self.vocabulary.numbers(d)[:_DIALOGUE] or [UNKNOWN] for d in dialogues]
        return [torch.tensor(one) for one in numbers]

    def _shuffled(self) -> Iterator[list[Example]]:
        """All examples once, in batches of those that are about as long."""
        examples, size = self._examples[:], self.options.batch
        self._random.shuffle(examples)
        for start in range(0, len(examples), size * _NEAR):
            near = sorted(examples[start : start + size * _NEAR], key=lambda e: len(e.dialogue))
            batches = [near[i : i + size] for i in range(0, len(near), size)]
            self._random.shuffle(batches)
            yield from batches
