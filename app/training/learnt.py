"""Which customers the folders of trainings have learnt from, as long as these are there.

A folder has no sentence in it, but checkpoints of weights that have seen some. Customers stand here
as on the cards of adapters: by names that lead to nobody any more once they are erased.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import TypeAdapter

from app.training.card import document
from app.training.ledger import write_json, writing
from memory import InvalidInput

_NAME = "trainings.json"  # beside the adapters
_NOTES = TypeAdapter(dict[str, list[str]])  # by the folders' paths


def note_learnt(models: Path, out: Path, customers: Collection[str]) -> None:
    """Note that a training learns from customers, before anything of it is in its folder.

    Raises:
        InvalidInput: it cannot be written.
    """
    if not customers:
        return
    kept = {folder: names for folder, names in _noted(models).items() if folder.exists()}
    kept[out.resolve()] = sorted({*customers, *kept.get(out.resolve(), [])})
    with writing(models):
        models.mkdir(parents=True, exist_ok=True)
        write_json(models / _NAME, {str(folder): names for folder, names in kept.items()})


def learnt_in(models: Path) -> dict[Path, list[str]]:
    """Whom the folders in which there is something have learnt from.

    Raises:
        InvalidInput: the note of it cannot be read.
    """
    return {folder: names for folder, names in _noted(models).items() if any(folder.glob("*"))}


def _noted(models: Path) -> dict[Path, list[str]]:
    path = models / _NAME
    try:
        noted = document(_NOTES, path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        msg = (
            f"{path} cannot be read ({error}), which says whom trainings have learnt from: delete "
            "their folders, and then this file"
        )
        raise InvalidInput(msg) from error
    return {Path(name): names for name, names in noted.items()}
