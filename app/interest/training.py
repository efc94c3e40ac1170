"""Learning a projection from what customers did next: softmax over items, against the read.

The read of what was done before, projected, is matched against the text of what was done next and
of items drawn at random: cross-entropy, by Adam. The last new thing that each customer did is kept
apart, and decides when it stops, whether it is worth anything, and what it is to count.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from app.interest.histories import Held, Histories
from app.interest.ranking import Score, evaluate, place_of
from memory import InvalidInput
from memory.collaborative import Liked, liked
from memory.indexes.base import Mask
from memory.interest import LATEST, TEXT, Projection, attention_over, scored
from memory.types import Floats, Positions

FEWEST = 50  # customers of whom something is kept apart, that figures are to rest on
_MOST = 2000  # of them that are looked at
_SHARES = (0.05, 0.1, 0.2, TEXT, 0.8, 1.6)  # what learnt texts may count
_SHARPNESS = 20.0  # of the softmax at the beginning
_THREADS = 1  # operations are small: a second thread waits for the first

POPULARITY, TEXTS, LEARNT = "popularity", "texts as they are", "texts as learnt"
SERVICE, SERVICE_LEARNT = "with what others did", "with what others did, texts as learnt"


@dataclass(frozen=True, slots=True)
class Options:
    """How it is learnt."""

    rank: int = 64
    steps: int = 2000
    batch: int = 512
    candidates: int = 4096  # items drawn at random that each step tells from what was done
    learning_rate: float = 5e-3
    check: int = 100  # steps from one look at what was kept apart to the next
    patience: int = 5  # looks without a better one until it ends
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Learnt:
    """A projection, how well it ranks what was kept apart, and what texts count with it.

    ``alone`` is what they count where nobody knows what others did, ``beside`` where somebody
    does; None: there they count as they are, which is better.
    """

    projection: Projection
    figures: dict[str, Score]
    alone: float
    beside: float | None
    steps: int
    history: list[tuple[int, float]] = field(default_factory=list)  # steps, NDCG@10

    @property
    def wins(self) -> bool:
        """Whether texts as learnt surely beat texts as they are and popularity."""
        return all(
            self.figures[LEARNT].surely_above(self.figures[other]) for other in (TEXTS, POPULARITY)
        )


def learn(
    histories: Histories,
    options: Options | None = None,
    minutes: float | None = None,
    report: Callable[[int, float, float], None] = lambda *_: None,
) -> Learnt:
    """Learn a projection.

    Args:
        histories: what customers did.
        options: how.
        minutes: after which it stops, if it is not done.
        report: is told steps, loss and NDCG@10 at each look.

    Raises:
        InvalidInput: too few customers did two different things.
    """
    options = options or Options()
    before, held = histories.without_the_last()
    if len(held.items) < FEWEST:
        msg = (
            f"{len(held.items)} customers did at least two different things with items of the "
            f"catalogue: {FEWEST} are needed to learn from what they did next"
        )
        raise InvalidInput(msg)
    chance = np.random.default_rng(options.seed)
    if len(held.items) > _MOST:
        chosen = np.sort(chance.choice(len(held.items), _MOST, replace=False))
        held = Held([held.customers[n] for n in chosen], [held.items[n] for n in chosen])
    threads = torch.get_num_threads()
    torch.set_num_threads(_THREADS)
    try:
        projection, steps, history = _fitted(before, held, options, minutes, report, chance)
    finally:
        torch.set_num_threads(threads)
    figures, alone, beside = _compared(before, held, projection)
    return Learnt(projection, figures, alone, beside, steps, history)


def _fitted(
    before: Histories, held: Held, options: Options, minutes: float | None,
    report: Callable[[int, float, float], None], chance: np.random.Generator,
) -> tuple[Projection, int, list[tuple[int, float]]]:  # fmt: skip
    """The best projection by what was kept apart, after how many steps, and the looks at it."""
    until = None if minutes is None else time.monotonic() + minutes * 60
    pairs = before.steps()
    n, width = before.texts.shape
    asked = before.of(held.customers)
    reads = np.stack([asked.read(customer) for customer in range(len(asked))])
    texts = torch.from_numpy(before.texts)
    generator = torch.Generator().manual_seed(options.seed)
    rank = min(options.rank, width)
    down = torch.randn(width, rank, generator=generator) / math.sqrt(width)
    up = torch.zeros(width, rank)  # at first it is the texts as they are
    sharpness = torch.tensor(math.log(_SHARPNESS))
    weights = [one.requires_grad_() for one in (down, up, sharpness)]
    optimizer = torch.optim.Adam(weights, options.learning_rate)

    def now() -> Projection:
        return Projection(*(one.detach().numpy().copy() for one in (down, up)))

    def look() -> float:
        projected = now().of(reads)
        ranks = evaluate(lambda c, _: before.texts @ projected[c], asked.items, held.items)
        return ranks.ndcg

    best, best_ndcg, best_step = now(), look(), 0
    history = [(0, best_ndcg)]
    for step in range(1, options.steps + 1):
        rows = pairs[chance.integers(0, len(pairs), options.batch)]
        wanted = np.array([before.items[c][place] for c, place in rows])
        drawn = chance.integers(0, n, options.candidates) if options.candidates < n else range(n)
        among = np.unique(np.concatenate([wanted, drawn]))
        done = _done_before(before, rows, among)
        keys = torch.from_numpy(np.stack([before.read(c, place) for c, place in rows]))
        items = texts[among]
        logits = sharpness.exp() * ((keys + keys @ down @ up.T) @ items.T)
        logits = logits.masked_fill(torch.from_numpy(done), -1e4)
        loss = cross_entropy(logits, torch.from_numpy(np.searchsorted(among, wanted)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        over = until is not None and time.monotonic() >= until
        if step % options.check == 0 or step == options.steps or over:
            history.append((step, look()))
            report(step, loss.item(), history[-1][1])
            if history[-1][1] > best_ndcg:
                best, best_ndcg, best_step = now(), history[-1][1], step
            if over or step >= best_step + options.check * options.patience:
                break
    return best, best_step, history


def _done_before(before: Histories, rows: Positions, among: Positions) -> Mask:
    """Which of some items, in their order, each customer had done before: (rows, items)."""
    place = np.full(len(before.texts), -1)
    place[among] = np.arange(len(among))
    done = np.zeros((len(rows), len(among)), bool)
    for row, (customer, end) in enumerate(rows):
        there = place[before.items[customer][:end]]
        done[row, there[there >= 0]] = True
    return done


def _compared(
    before: Histories, held: Held, projection: Projection
) -> tuple[dict[str, Score], float, float | None]:
    """How well each way ranks what was kept apart, and the best shares of what was learnt."""
    texts, n = before.texts, len(before.texts)
    popular, vectors = spread(liked(before.done()), n)
    none, nobody = np.zeros((n, 0), np.float32), np.zeros(n, np.float32)
    places: dict[str | tuple[str, float], list[int]] = {}
    asked = before.of(held.customers)
    for items, likings, item in zip(asked.items, asked.likings, held.items, strict=True):
        latest = items[-LATEST:]
        weights, keys = attention_over(likings[-LATEST:]), texts[latest]
        raw, projected = (
            scored(weights, (each, texts), (none[latest], none), nobody, 1.0)
            for each in (keys, projection.of(keys))
        )
        counted, others = (
            scored(weights, (none[latest], none), (each[latest], each), popular)
            for each in (none, vectors)
        )
        ways: dict[str | tuple[str, float], Floats] = {
            POPULARITY: popular, TEXTS: raw, LEARNT: projected, SERVICE: TEXT * raw + others,
            **{("alone", s): s * projected + counted for s in _SHARES},
            **{("beside", s): s * projected + others for s in _SHARES},
        }  # fmt: skip
        for name, scores in ways.items():
            places.setdefault(name, []).append(place_of(item, scores, items))
    found = {name: Score.of(each) for name, each in places.items()}
    alone, beside = (max(_SHARES, key=lambda s: found[way, s].ndcg) for way in ("alone", "beside"))
    figures = {name: score for name, score in found.items() if isinstance(name, str)}
    figures[SERVICE_LEARNT] = found["beside", beside]
    better = figures[SERVICE_LEARNT].surely_above(figures[SERVICE])
    return figures, alone, beside if better else None


def spread(known: Liked | None, n: int) -> tuple[Floats, Floats]:
    """What others did, whose ids are positions of n items: by how many (n,), and vectors (n, f)."""
    if known is None:
        return np.zeros(n, np.float32), np.zeros((n, 0), np.float32)
    there = np.array([int(one) for one in known.ids], np.int64)
    popular = np.zeros(n, np.float32)
    popular[there] = known.customers
    vectors = np.zeros((n, known.vectors.shape[1]), np.float32)
    vectors[there] = known.vectors
    return popular, vectors
