"""Training a network: Adam, gradients clipped, checkpoints on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from app.neural.model import Card, Trained, save

_CLIP = 10.0  # longest gradient
_KEEP = 200  # steps from one checkpoint to the next
_THREADS = 1  # operations are small: a second thread waits for the first


def train(
    trained: Trained,
    card: Card,
    folder: Path,
    minutes: float | None = None,
    report: Callable[[int, float], None] = lambda *_: None,
) -> Card:
    """Train a network as its options say, and keep it in a folder.

    Args:
        trained: the network.
        card: its own, to be filled in.
        folder: where it is kept, every now and then and at the end.
        minutes: after which it stops, if it is not done.
        report: is told the step and the mean loss since it was told last.

    Returns:
        The card as it was kept.
    """
    options = trained.options
    threads = torch.get_num_threads()
    torch.set_num_threads(_THREADS)
    optimizer = torch.optim.Adam(trained.network.parameters(), options.learning_rate)
    until = None if minutes is None else time.monotonic() + minutes * 60
    losses, since = card.losses[:], list[float]()
    try:
        for step in range(1, options.steps + 1):
            loss = trained.loss()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained.network.parameters(), _CLIP)
            optimizer.step()
            since.append(loss.item())
            over = until is not None and time.monotonic() >= until
            if step % _KEEP == 0 or step == options.steps or over:
                losses.append((step, sum(since) / len(since)))
                report(*losses[-1])
                since.clear()
                card = replace(card, steps=step, losses=losses)
                save(trained, card, folder)
            if over:
                break
    finally:
        torch.set_num_threads(threads)
    return card
