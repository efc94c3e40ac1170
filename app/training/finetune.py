"""From dialogues to an adapter with its card: split, redact, train, measure, keep."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Sized
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from app.chains.summaries import MAX_TOKENS
from app.progress import bar
from app.settings import Settings
from app.training.base import Base, open_base
from app.training.card import BASE, GGUF, OWN_SESSIONS, Card, Figures, Refused, Taught, thin
from app.training.dialogues import SERVICE, Dialogue, checksum
from app.training.export import to_gguf
from app.training.folder import became, check_out, claimed, first, note_end, redaction_seed
from app.training.learnt import note_learnt
from app.training.lora import Trained, check_options, train
from app.training.measure import REPLY, Asked, HeldOut, measure
from app.training.options import Options
from app.training.play import play
from app.training.redaction import redact
from app.training.registry import Registry, new_id
from app.training.returning import questions, returning
from app.training.search import search
from app.training.sequences import Sequence, check_tokenizer, laid_out, sequences
from app.training.splits import check_parts, split
from app.training.summarising import summarised
from memory import Encoder, InvalidInput
from memory.weights import sha256

_CHECKED = 64  # sequences, at most, that the validation loss is measured on: it is often

T = TypeVar("T")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What a finetuning is to do."""

    files: Sized[Path]
    base: str | None
    out: Path
    options: Options
    resume: bool = False
    minutes: float | None = None
    trials: int = 0
    search_minutes: float | None = None
    examples: int = 48  # answers that are written to be compared
    returning: int = 100  # made-up customers who are learnt too
    facts: int = 0  # that others like them ask for, to measure what is recalled
    licences: Sized[str] = ()  # of the files, in their order
    task: Taught = "reply"  # or "summary", of dialogues that have some


def finetune(
    work: Work,
    dialogues: Iterable[Dialogue],
    registry: Registry,
    settings: Settings,
    encoder: Encoder | None = None,
) -> Card | None:
    """Tune a model and keep it in the registry with its figures; it is not promoted.

    Args:
        work: what is to be done.
        dialogues: what is learnt, not yet redacted.
        registry: where it is kept.
        settings: the service's, which lay out the prompts.
        encoder: the settings' one if not given.

    Returns:
        Its card; None if the time was up before the training was finished, and in all but the
        first of several processes that train together (``accelerate launch``).

    Raises:
        InvalidInput: the data, the base or the folder cannot be used.
    """
    check_out(work.out, resume=work.resume)
    with claimed(work.out):
        card = _finetune(work, dialogues, registry, settings, encoder)
        if card is not None:
            note_end(work.out, card)
        return card


def _finetune(
    work: Work,
    dialogues: Iterable[Dialogue],
    registry: Registry,
    settings: Settings,
    encoder: Encoder | None,
) -> Card | None:
    if work.trials and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        msg = "--search tries on one GPU: run it without `accelerate launch`, then go on with it"
        raise InvalidInput(msg)
    parts = split(dialogues, work.options.seed)
    check_parts(parts)
    own = sorted({one.customer for part in parts[:3] for one in part if one.customer is not None})
    asked = sum(1 if work.task == "summary" else len(one.exchanges()) for one in parts.test)
    answers = min(work.examples, asked)
    if (few := thin({"test_dialogues": len(parts.test), "answers": answers})) is not None:
        _logger.warning(
            "the figures will rest on %s: what is tuned can be tried and not be promoted", few
        )
    base = open_base(work.base)
    check_options(work.options, base)
    tokenizer = base.tokenizer()
    check_tokenizer(tokenizer)
    if first():
        note_learnt(registry.folder, work.out, own)
    seed = redaction_seed(work.out)
    redacted = [[redact(one, seed) for one in part] for part in parts[:3]]
    redacted[0] += returning(work.returning, work.options.seed)
    made = []
    for part in redacted:
        shown = bar(part, desc="reading", unit="dialogue")
        if work.task == "summary":
            summaries = summarised(shown, settings)
            made.append([one for each in summaries for one in laid_out([each], tokenizer)])
        else:
            made.append(list(sequences(shown, tokenizer, settings, encoder=encoder)))
    made[1] = _evenly(made[1], _CHECKED)
    options = work.options
    if work.trials:
        options = search(
            made[0], made[1], base, work.out, options,
            trials=work.trials, minutes=work.search_minutes,
        )  # fmt: skip
    trained = train(made[0], made[1], base, work.out, options, resume=True, minutes=work.minutes)
    if trained.folder is None or not first():
        return None
    if work.task == "summary":
        exchanges, longest = list(summarised(redacted[2], settings)), MAX_TOKENS
        now = None
    else:
        played = play(redacted[2], settings, encoder=encoder)
        exchanges, longest = [one for _, many in played for one in many], REPLY
        now = registry.in_service(base.sha256)
    facts = _asked(work, settings, encoder)
    held_out = HeldOut(made[2], _evenly(exchanges, work.examples), facts)
    figures = measure(base, trained.folder, held_out, longest=longest)
    compared = {BASE: measure(base, None, held_out, longest=longest)}
    if now is not None:
        try:
            compared[now] = measure(base, registry.whole(now), held_out, longest=longest)
        except Refused as error:
            _logger.warning("nothing is compared with what is in service: %s", error)
    card = _card(work, base, parts, made, held_out, options, trained, figures, compared)
    card = replace(card, customers=own)
    if options.method == "full":
        return card  # a whole model stays where it is, to be served by its folder
    files = [trained.folder / "adapter_model.safetensors", trained.folder / "adapter_config.json"]
    if json.loads((base.folder / "config.json").read_text())["model_type"] == "llama":
        files.append(to_gguf(trained.folder, base.folder, work.out / GGUF))
    return registry.add(files, card, became(work.out))


def _asked(work: Work, settings: Settings, encoder: Encoder | None) -> list[Asked]:
    """What made-up customers like those that are learnt, and none of them, come back and ask."""
    given = list(questions(work.facts, work.facts // 5, f"held out {work.options.seed}"))
    played = play([customer for customer, _ in given], settings, encoder=encoder)
    return [
        Asked(exchanges[-1].prompt, fact)
        for (_, exchanges), (_, fact) in zip(played, given, strict=True)
    ]


def _evenly(found: list[T], most: int) -> list[T]:
    """At most so many, from all over."""
    return [found[i * len(found) // most] for i in range(most)] if len(found) > most else found


def _card(
    work: Work, base: Base, parts: Any, made: list[list[Sequence]], held_out: HeldOut,
    options: Options, trained: Trained, figures: Figures, compared: dict[str, Figures],
) -> Card:  # fmt: skip
    assert trained.folder is not None
    now = datetime.now(UTC)
    weights = next(trained.folder.glob("*.safetensors"))
    counts: dict[str, int] = {
        "duplicates": parts.duplicates,
        "answers": len(held_out.exchanges),
        "asked": len(held_out.asked),
    }
    sources: Counter[str] = Counter()
    for name, part, some in zip(("train", "dev", "test"), parts, made, strict=False):
        counts[f"{name}_dialogues"] = len(part)
        counts[f"{name}_sequences"] = len(some)
        counts[f"{name}_tokens"] = sum(len(one.ids) for one in some)
        sources.update(one.source for one in part)
    licences = work.licences or ["not stated"] * len(work.files)
    data: list[dict[str, Any]] = [
        {
            "name": file.name,
            "sha256": sha256(file),
            "dialogues": sources[str(file)],
            "licence": licence,
        }
        for file, licence in zip(work.files, licences, strict=True)
    ]
    if work.returning:
        data.append({"name": "made-up customers who come back", "dialogues": work.returning})
    if sources[SERVICE]:
        own = [one for part in parts[:3] for one in part if one.source == SERVICE]
        data.append(
            {
                "name": OWN_SESSIONS,
                "sha256": checksum(own),
                "dialogues": len(own),
                "licence": "own",
            }
        )
    return Card(
        id=new_id(now, weights),
        date=now.isoformat(timespec="seconds"),
        base={"name": base.name, "sha256": base.sha256},
        data=data,
        counts=counts,
        held_out=held_out.sha256(),
        options=asdict(options),
        figures=figures,
        compared=compared,
        training={
            "steps": trained.steps,
            "tokens": trained.tokens,
            "best_loss": trained.best_loss,
        },
        commit=_commit(),
        task=work.task,
    )


def _commit() -> str | None:
    """The commit of this program, where it runs from a repository of its own."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - the user's own git
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
