"""What a translation memory answers without a model, and how well.

    python -m tests.benchmarks.translation --data dev.jsonl.gz [train.jsonl.gz ...] [--limit 500]
        [--ways 700]

Half of the dialogues (of lines without a dialogue: of the source sentences) are imported as memory;
the other half is translated. A sentence is *answered* where the memory knows it but for numbers,
names, case, spaces and punctuation. BLEU (sacrebleu's zh tokens) and chrF are of what the memory
gives against the other half's own translations, of sentences whose text has as many of them on
both sides. Calls are those of a translator that only counts, over the whole other half twice.

A line of the data is ``{"source", "target", "dialogue"?}``, English and Chinese.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from app.chains.translate import TranslationChain
from app.translators import Hints, Translator
from memory import MemoryStore, open_store
from memory.embeddings import embedded
from memory.normal_form import fill
from memory.sentences import split
from memory.translation_memory import CLOSE, TranslationMemory
from memory.translations import Pair, Translation
from tests.benchmarks.report import Report

FLOORS = (CLOSE, 0.75, 0.85)
SHARES = (1.0, 0.5, 0.25, 0.0)  # of the words in a score, that are compared
EXACT_MS = 10.0  # the longest that an answer from memory should take


class Counting(Translator):
    """A translator that only counts; numbers stay as they are."""

    name = "counting"

    def __init__(self) -> None:
        self.calls = 0

    def takes(self, pair: Pair) -> bool:
        """All languages."""
        return True

    async def translate(self, text: str, pair: Pair, hints: Hints) -> str:
        """The text, in marks."""
        self.calls += 1
        return f"「{text}」"


@dataclass
class Scored:
    """Translations with what people wrote for the same; of one sentence there may be several."""

    given: list[str] = field(default_factory=list)
    wanted: list[list[str]] = field(default_factory=list)

    def add(self, given: str, wanted: list[str]) -> None:
        """One more."""
        self.given.append(given)
        self.wanted.append(wanted)

    def scores(self, language: str) -> tuple[float, float]:
        """BLEU and chrF of the corpus."""
        most = max(map(len, self.wanted), default=1)
        columns = [[one[n] if n < len(one) else None for one in self.wanted] for n in range(most)]
        bleu = BLEU(tokenize="zh" if language == "zh" else "13a", force=True)
        return (
            bleu.corpus_score(self.given, columns).score,  # type: ignore[arg-type]
            CHRF().corpus_score(self.given, columns).score,  # type: ignore[arg-type]
        )


Text = tuple[str, list[str]]  # with what people wrote for it


def halves(paths: Iterable[Path], limit: int | None, seed: int) -> tuple[list[Text], list[Text]]:
    """What is imported, and what is translated."""
    groups: dict[str, dict[str, list[str]]] = {}
    for path in paths:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for line in lines:
                row = json.loads(line)
                group = groups.setdefault(row.get("dialogue") or row["source"].casefold(), {})
                group.setdefault(row["source"], []).append(row["target"])
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    names = names[:limit]
    half = len(names) // 2
    known, asked = (
        [text for name in some for text in groups[name].items()]
        for some in (names[:half], names[half:])
    )
    return known, asked


def turned(texts: Sequence[Text]) -> list[Text]:
    """The same, to be translated the other way."""
    back: dict[str, list[str]] = {}
    for source, targets in texts:
        for target in targets:
            back.setdefault(target, []).append(source)
    return list(back.items())


def sentences(texts: Sequence[Text]) -> list[Text]:
    """Their sentences, with the translations that have as many; those without any stand alone."""
    found: list[Text] = []
    for source, targets in texts:
        here = split(source)
        there = [parts for target in targets if len(parts := split(target)) == len(here)]
        found += [(one, [parts[n] for parts in there]) for n, one in enumerate(here)]
    return found


def measure(report: Report, memory: TranslationMemory, asked: Sequence[Text], pair: Pair) -> None:
    """How much is answered, how well, and how long that takes."""
    way = f"{pair.source} to {pair.target}"
    exact, near = Scored(), {floor: Scored() for floor in FLOORS}
    answered = 0
    closer = dict.fromkeys(FLOORS, 0)
    took: dict[str, list[float]] = {"exact": [], "exact, CPU": [], "close": []}
    asked = sentences(asked)
    for sentence, wanted in asked:
        began, used = time.perf_counter(), time.thread_time()
        found = memory.exact(sentence, pair)
        took["exact, CPU"].append(1000 * (time.thread_time() - used))
        took["exact"].append(1000 * (time.perf_counter() - began))
        if found is not None:
            answered += 1
            if wanted:
                exact.add(found.target, wanted)
            continue
        began = time.perf_counter()
        close = memory.near(sentence, pair, 1)
        took["close"].append(1000 * (time.perf_counter() - began))
        for floor in FLOORS:
            if close and close[0].score >= floor:
                closer[floor] += 1
                if wanted:
                    near[floor].add(close[0].target, wanted)
    report.figure(f"answered without a model, {way}", answered / len(asked), "", better="more",
                  noise=0)  # fmt: skip
    print(f"{way}: {len(asked)} sentences, {answered} known ({answered / len(asked):.3f})")
    for name, scored, count in [
        ("known", exact, answered),
        *((f"close, from {floor}", near[floor], closer[floor]) for floor in FLOORS),
    ]:
        if scored.given:
            bleu, chrf = scored.scores(pair.target)
            print(f"  {name:18} {count:6} ({count / len(asked):.3f})  "
                  f"BLEU {bleu:5.1f}  chrF {chrf:5.1f}")  # fmt: skip
            report.figure(f"BLEU, {name}, {way}", bleu, "", better="more", noise=0)
            report.figure(f"chrF, {name}, {way}", chrf, "", better="more", noise=0)
    for name, times in took.items():
        p50, p95 = np.percentile(times, [50, 95])
        print(f"  {name}: {p50:.2f} ms (95 %: {p95:.2f})")
        report.sample(f"a sentence, {name}, {way}", times, "ms")
    report.bar(f"CPU of the slowest 5 % of exact looks, {way}",
               float(np.percentile(took["exact, CPU"], 95)), "ms", at_most=EXACT_MS)  # fmt: skip


def ways(memory: TranslationMemory, store: MemoryStore, asked: Sequence[Text], pair: Pair) -> None:
    """How good the closest is, by how much of a score comes from its words."""
    encoder = embedded()
    given = {share: Scored() for share in SHARES}
    for sentence, wanted in asked:
        (vector,) = encoder.encode([sentence])
        with store.translation_indexes(encoder).reading(memory.owner, pair) as direction:
            close = direction.near(sentence, vector)
        for share, scored in given.items():
            scores = [share * edit + (1 - share) * cosine for _, edit, cosine in close]
            best = close[scores.index(max(scores))][0] if close else None
            scored.add(fill(best.source, best.target, sentence).text if best else "", wanted)
    print(f"the closest for {len(asked)} sentences that are not known, by the share of its words")
    for share, scored in given.items():
        bleu, chrf = scored.scores(pair.target)
        print(f"  {share:4}  BLEU {bleu:5.1f}  chrF {chrf:5.1f}")


def calls(report: Report, memory: TranslationMemory, asked: Sequence[Text], pair: Pair) -> None:
    """How often a translator is asked for the same texts, the first and the second time."""
    counting = Counting()
    chain = TranslationChain([counting])
    total = sum(len(split(text)) for text, _ in asked)
    made = []
    for _ in range(2):
        before = counting.calls

        async def again() -> None:
            for text, _ in asked:
                await chain.translate(memory, text, pair)

        asyncio.run(again())
        made.append(counting.calls - before)
    for which, number in zip(("first", "second"), made, strict=True):
        print(f"calls for {total} sentences, the {which} time: {number}")
        report.figure(f"calls a sentence, the {which} time", number / total, "", noise=0)


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help=".jsonl(.gz) files")
    parser.add_argument("--limit", type=int, help="only so many dialogues or sentences")
    parser.add_argument("--ways", type=int, default=0, help="weigh words and meaning, on so many")
    parser.add_argument("--seed", type=int, default=1, help="of the halves (%(default)s)")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    known, asked = halves(options.data, options.limit, options.seed)
    report = Report("translation", options)
    pair = Pair("en", "zh")
    with open_store() as store:
        memory = TranslationMemory(store, embedded())
        added, _ = memory.put(
            [Translation(pair, text, target) for text, targets in known for target in targets]
        )
        began = time.perf_counter()
        memory.embed()
        store.wait()
        print(f"{added} translations in memory, embedded in {time.perf_counter() - began:.0f} s")
        if options.ways:
            unknown = [
                one for one in sentences(asked) if one[1] and memory.exact(one[0], pair) is None
            ]
            ways(memory, store, random.Random(options.seed).sample(unknown, options.ways), pair)
        measure(report, memory, asked, pair)
        measure(report, memory, turned(asked), pair.back)
        calls(report, memory, asked, pair)
    report.write(options.json)


if __name__ == "__main__":
    main()
