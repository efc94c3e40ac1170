"""Questions that the demo's shop answers, and near ones that it does not: `POST /v1/answers`.

.venv/bin/python -m tests.benchmarks.near_misses [--list]

`near_misses.jsonl` has both: another product, place or number, or what is not so. Of four lines two
were set on and two are measured on.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from app.chains.answers import best
from app.chains.confidence import SURE
from app.conversation import conversation_memory
from app.demo.loading import load_shop
from app.embeddings import open_embeddings
from app.settings import Settings
from memory import Knowledge, Scope, open_store
from tests.benchmarks.report import Report

QUESTIONS = Path(__file__).with_suffix(".jsonl")


def main() -> None:
    """Print of how many of what kind it is said that they are known, and answered rightly."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--list", action="store_true", help="print every answer")
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    settings, report = Settings(understanding="off"), Report("near_misses", given)
    encoder = open_embeddings(settings.embeddings)
    asked = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    with open_store() as store:
        load_shop(store, settings)
        knowledge = Knowledge(store, encoder)
        for number, one in enumerate(asked):
            memory = None
            if whose := one.get("customer"):
                memory = conversation_memory(store, Scope(whose, "asked"), settings, encoder)
            found = best(memory, knowledge, encoder, one["question"])
            sure = found[0].confidence if found else 0.0
            said = found[0].sentence if found else ""
            right = one.get("answer", "\0").casefold() in said.casefold()
            part = "set on" if number % 4 < 2 else "measured on"
            for kind in {one.get("kind", "with an answer"), *(["near misses"] * ("kind" in one))}:
                count = counts[part, kind]
                for place, counted in enumerate((True, sure >= SURE, sure >= SURE and right)):
                    count[place] += counted
            if given.list:
                print(f"{sure:.2f} {one.get('kind', 'answer'):9} {one['question']} | {said}")
    for (part, kind), (many, known, right) in sorted(counts.items()):
        print(f"{part:12} {kind:15} {many:3}: known {known}, by the right sentence {right}")
        answerable = kind == "with an answer"
        report.ratio(
            f"{part}: {kind}: known", known / many, better="more" if answerable else "less"
        )
        if answerable:
            report.ratio(f"{part}: {kind}: right", right / many, better="more")
    report.write(given.json)


if __name__ == "__main__":
    main()
