"""Questions for what a shop has, answered with items of its catalogue: the demo's.

.venv/bin/python -m tests.benchmarks.offering [--list]

`offering.jsonl` has thirty that name a product, thirty that name a kind of thing that is there, and
thirty for near things that are not, by who wrote the rules: a third at a time, each written before
it was asked, and then set on.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

from app.conversation import conversation_memory
from app.demo.loading import load_shop
from app.embeddings import open_embeddings
from app.settings import Settings
from app.templates.offering import Offering
from app.templates.quoting import Quoting
from memory import Catalogue, Knowledge, Scope, open_store
from tests.benchmarks.report import Report

QUESTIONS = Path(__file__).with_suffix(".jsonl")


def main() -> None:
    """Print of how many of what kind items are named, and how often the right ones alone."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--list", action="store_true", help="print every answer")
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    settings, report = Settings(understanding="off"), Report("offering", given)
    encoder = open_embeddings(settings.embeddings)
    asked = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    with open_store() as store:
        load_shop(store, settings)
        catalogue, knowledge = Catalogue(store, encoder), Knowledge(store, encoder)
        quoting, offering = Quoting(encoder), Offering(store, encoder)
        for one in asked:
            memory = conversation_memory(store, Scope("new"), settings, encoder, None, knowledge)
            layout = memory.layout(one["question"])
            quoted = quoting.answer(memory, one["question"], None, layout)
            ready = offering.answer(memory, one["question"], None, layout, quoted=quoted)
            said = [] if ready is None else ready.text.splitlines()[1:]
            titles = [*catalogue.titles(one.get("items", [])).values()]
            right = all(any(line[2:].startswith(title) for title in titles) for line in said)
            for place, counted in enumerate((True, bool(said), bool(said) and right)):
                counts[one["kind"]][place] += counted
            if given.list:
                print(f"{one['kind']:9} {one['question']} | {' '.join(said)}")
    for kind, (many, offered, right) in sorted(counts.items()):
        print(f"{kind:9} {many:3}: items are named {offered}, the right ones {right}")
        if kind == "not there":
            report.ratio(f"{kind}: named", offered / many, better="less")
        else:
            report.ratio(f"{kind}: right", right / many, better="more")
    report.write(given.json)


if __name__ == "__main__":
    main()
