"""What the demo's templates answer, and of what it is said that nobody knows it.

.venv/bin/python -m tests.benchmarks.templates [--understanding embedded:] [--list]

Asked are the 228 messages of `desk_test.jsonl` and the shop's 60 questions, each by a customer of
the demo in a session of its own; every slot has a value, so that the intent alone decides.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from pathlib import Path

from app.conversation import conversation_memory
from app.demo.loading import SHOP, TEMPLATES, load_shop
from app.embeddings import open_embeddings
from app.settings import Settings
from app.templates.answering import Ready, open_templates
from app.templates.choosing import INTENT
from app.templates.template import CERTAIN, FILLABLE, UNKNOWN
from app.understanding.opening import open_understanding
from memory import Knowledge, Scope, open_store
from tests.benchmarks.report import Better, Report

DESK = Path(__file__).with_name("desk_test.jsonl")
SLOTS = {slot: "X" for slot in FILLABLE if not slot.endswith("_number")}
ANSWERED: dict[str, Better] = {
    "its template": "more", "another template": "less", "nobody knows it": "neither",
    "the model": "neither",
}  # fmt: skip
NUMBERS = {slot: "X-1" for slot in FILLABLE if slot.endswith("_number")}


def main() -> None:
    """Print how many of what were answered how."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--understanding", default="embedded:")
    options.add_argument("--list", action="store_true", help="print every answer")
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    settings, report = Settings(), Report("templates", given)
    encoder = open_embeddings(settings.embeddings)
    understanding = open_understanding(given.understanding)
    templates = open_templates(TEMPLATES, understanding, encoder)
    known = {template.intent for template in templates.templates.answers}
    desk = [json.loads(line) for line in DESK.read_text().splitlines()]
    shop = [json.loads(line) for line in (SHOP / "questions.jsonl").read_text().splitlines()]
    asked = [(one["text"], one["intent"]) for one in desk]
    asked += [(one["question"], "an article" if one["article"] else "nothing") for one in shop]
    counts: dict[str, Counter[str]] = {}
    seconds: list[float] = []
    with open_store() as store:
        load_shop(store, settings)
        memory = conversation_memory(
            store, Scope("mara-okafor", "asked"), settings, encoder,
            knowledge=Knowledge(store, encoder),
        )  # fmt: skip
        for text, belongs in asked:
            labels = understanding.read([text])[0] if understanding is not None else None
            layout = memory.layout(text, found=templates.near(memory, text) or None)
            began = time.perf_counter()
            found = templates.answer(memory, text, labels, layout, given=SLOTS | NUMBERS)
            seconds.append(time.perf_counter() - began)
            said = found.layout.template if isinstance(found, Ready) else None
            of = belongs if belongs in {"oos", "an article", "nothing"} else "intent"
            of = "an intent with a template" if belongs in known else of
            how = {None: "the model", UNKNOWN: "nobody knows it", belongs: "its template"}
            counts.setdefault(of, Counter())[how.get(said, "another template")] += 1
            if given.list:
                intent = (labels or {}).get(INTENT)
                print(f"{of:26} {said or '-':24} {intent and intent.name} | {text}")
    for of, count in counts.items():
        print(f"{of:26} {count.total():4}  {dict(count)}")
        for answered, better in ANSWERED.items():
            report.figure(f"{of}: {answered}", count[answered], "messages", better=better, noise=0)
    if understanding is not None:
        read = understanding.read([one["text"] for one in desk])
        sure = [
            labels[INTENT].name == one["intent"]
            for labels, one in zip(read, desk, strict=True)
            if labels[INTENT].name is not None and labels[INTENT].confidence >= CERTAIN
        ]
        print(f"intents that are certain ({CERTAIN:g}): {sum(sure)} of {len(sure)} are right")
        report.figure("certain intents: wrong", len(sure) - sum(sure), "messages", noise=0)
    print(f"deciding: {statistics.median(seconds) * 1000:.2f} ms (median)")
    report.sample("deciding", [1000 * one for one in seconds], "ms")
    report.write(given.json)


if __name__ == "__main__":
    main()
