"""The gate: which adapter may go into service instead of what is there."""

from __future__ import annotations

from pathlib import Path

from app.training.card import LEAST, Card, Refused, thin


def check_gate(
    card: Card, folder: Path, base_sha256: str, now: str | None, rival: Card | None
) -> None:
    """Let an adapter through that is of the base and better than what is in service with it.

    Better in perplexity and in ROUGE-L on what it was measured on, of which there is enough; and
    it recalls no less.

    Args:
        card: the adapter's.
        folder: where it lies.
        base_sha256: of the base that is served.
        now: the id of the adapter in service; None is the base.
        rival: its card, if there is a readable one.

    Raises:
        Refused: it may not go into service; the message says why, and what to do.
    """
    if now == card.id:
        msg = f"the adapter {card.id} is in service already"
        raise Refused(msg)
    if card.base["sha256"] != base_sha256:
        msg = (
            f"the adapter {card.id} is for another base ({card.base['name']}, sha256 "
            f"{card.base['sha256'][:12]}...) than the one that is served, where its weights mean "
            "nothing: say --llm embedded:FILE if that base is a GGUF file, or else serve it with "
            f"--llm huggingface:BASE#{folder}"
        )
        raise Refused(msg)
    if (few := thin(card.counts)) is not None:
        msg = (
            f"the figures of {card.id} rest on {few}, and {LEAST} of each is the least to judge "
            "by: it is kept and not served. Tune again with more dialogues (or --examples)"
        )
        raise Refused(msg)
    figures = card.against(now, rival)
    named = "the base" if now is None else f"the adapter in service, {now},"
    if figures is None and now is not None and rival is None:
        msg = (
            f"{named} is gone or its card cannot be read, and it is not known how it does on the "
            f"held-out part of {card.id}: roll back first, then promote {card.id}"
        )
        raise Refused(msg)
    if figures is None:
        msg = (
            f"it is not known how {named} does on the held-out part of {card.id}: run the same "
            "`memory-service finetune` again with --resume, which measures it"
        )
        raise Refused(msg)
    if not card.figures.beats(figures):
        msg = (
            f"the adapter {card.id} ({card.figures}) does not beat {named} ({figures}) on the "
            "held-out part: it must be better in perplexity and in ROUGE-L, and recall no less. "
            "It is kept and not served"
        )
        raise Refused(msg)
