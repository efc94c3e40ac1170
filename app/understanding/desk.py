"""What a service desk's classifier is trained on, from sets whose licences allow it.

    python -m app.understanding.desk --bitext train.jsonl.gz --clinc train.jsonl.gz --out FOLDER
    memory-service train classifier --data intent=FOLDER/intent.jsonl \
        --data topic=FOLDER/topic.jsonl --data mood=app/training/data/moods.jsonl --name desk ...

Intents and topics are the labels and categories of Bitext's customer-support set (CDLA-Sharing-1.0,
which asks nothing of what is computed from the data). What is out of scope is CLINC150's (CC BY
3.0): its own, and what is asked of a kitchen, a car, a travel agent, a clock or an employer. What
its other domains ask could be a desk's business, so it is neither.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from app.jsonl import lines
from app.understanding.labelled import OUT_OF_SCOPE, Example
from memory import InvalidInput
from memory.weights import written

_ELSEWHERE = frozenset(
    {"auto_and_commute", "kitchen_and_dining", "travel", "utility", "work", *OUT_OF_SCOPE}
)
_OUTSIDE = "oos"


def desk_examples(bitext: Path, clinc: Path, share: float = 0.2) -> dict[str, list[Example]]:
    """The examples of the heads ``intent`` and ``topic``.

    Args:
        bitext: lines of ``{"text", "label", "category"}``.
        clinc: lines of ``{"text", "label", "domain"}``.
        share: how much of each of CLINC's labels in other domains is taken as out of scope; all
            of it would be more than what is in scope.

    Raises:
        InvalidInput: a file cannot be read, or is another set's.
    """
    made: dict[str, list[Example]] = {"intent": [], "topic": []}
    for text, label, category in _columns(bitext, "category"):
        made["intent"].append(Example(text, label))
        made["topic"].append(Example(text, category.lower()))
    of_label: dict[str, list[str]] = defaultdict(list)
    for text, label, domain in _columns(clinc, "domain"):
        if domain in _ELSEWHERE:
            of_label[label].append(text)
    draw = random.Random(0)  # noqa: S311 - no secret
    for label, texts in of_label.items():
        taken = len(texts) if label in OUT_OF_SCOPE else round(len(texts) * share)
        for head in made.values():
            head.extend(Example(text, _OUTSIDE) for text in draw.sample(texts, taken))
    return made


def _columns(file: Path, third: str) -> Iterable[tuple[str, str, str]]:
    for place, given in lines(file):
        found = (given.get("text"), given.get("label"), given.get(third))
        match found:
            case (str(text), str(label), str(other)):
                yield text, label, other
            case _:
                msg = f'{place} is not {{"text", "label", "{third}"}}: is it the right file?'
                raise InvalidInput(msg)


def main() -> None:
    """Write ``intent.jsonl`` and ``topic.jsonl``."""
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("bitext", "clinc", "out"):
        options.add_argument(f"--{name}", type=Path, required=True)
    given = options.parse_args()
    for head, examples in desk_examples(given.bitext, given.clinc).items():
        with written(given.out / f"{head}.jsonl") as part:
            part.write_text("".join(json.dumps(one._asdict()) + "\n" for one in examples))
        print(f"{head}: {len(examples)} examples, {len({one.label for one in examples})} labels")


if __name__ == "__main__":
    main()
