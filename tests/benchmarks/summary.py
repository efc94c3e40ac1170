"""How near a summary comes to what people wrote about the same conversations.

ROUGE F-measures (stemmed) against every human summary of a thread, their mean; a second column
has the best of them. Each system is measured twice: as the text that is put into a prompt, with
its ``Customer:`` and ``Agent:`` labels, and without the labels.

    python -m tests.benchmarks.summary --data dev.jsonl.gz [--limit 40] [--model] [--adapter FOLDER]

Ours are what `POST /v1/summaries` answers with, by the same functions; what it refuses to give of
the model's is an empty text, and counted.

A line of the data is ``{"turns": [{"role", "text"}, ...], "labels": {"summaries": [...]}}``; the
first speaker, or whoever has the role ``customer``, is the customer.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rouge_score.rouge_scorer import RougeScorer

from app.chains.completions import Completions
from app.chains.speech import Speech
from app.chains.summaries import SummaryChain, extractive
from app.llm import open_llm
from app.metrics import Metrics
from app.places import Places
from app.serving import for_summaries
from app.training.registry import Registry
from memory import Message, count_tokens
from memory.extractive import Sentence, render
from memory.sentences import split
from tests.benchmarks.report import Report

LEAD = 60  # tokens; the human summaries take about 40
KINDS = ("rouge1", "rouge2", "rougeL")
BASELINE, OURS = "first customer + last agent message", "extractive (ours)"
_LABEL = re.compile(r"^(?:Customer|Agent): ", re.MULTILINE)
_scorer = RougeScorer(KINDS, use_stemmer=True)

System = Callable[[list[Message]], str]


@dataclass
class Scores:
    """What a system got, a number for each thread."""

    mean: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    best: list[float] = field(default_factory=list)  # ROUGE-1 against the nearest reference
    unlabelled: list[float] = field(default_factory=list)  # ROUGE-1 without the labels
    tokens: list[int] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def add(self, text: str, references: list[str], seconds: float) -> None:
        """Score one summary."""
        scored = [_scorer.score(reference, text) for reference in references]
        bare = [_scorer.score(reference, _LABEL.sub("", text)) for reference in references]
        for kind in KINDS:
            self.mean[kind].append(statistics.mean(one[kind].fmeasure for one in scored))
        self.best.append(max(one["rouge1"].fmeasure for one in scored))
        self.unlabelled.append(statistics.mean(one["rouge1"].fmeasure for one in bare))
        self.tokens.append(count_tokens(text))
        self.ms.append(1000 * seconds)

    def row(self) -> list[str]:
        """The cells of its line in the table."""
        figures = [*self.mean.values(), self.best, self.unlabelled]
        cells = [f"{statistics.mean(figure):.3f}" for figure in figures]
        return [*cells, f"{statistics.mean(self.tokens):.0f}", f"{statistics.median(self.ms):.1f}"]


def threads(path: Path, limit: int | None) -> Iterator[tuple[list[Message], list[str]]]:
    """Each conversation with its human summaries."""
    now = datetime.now(UTC)
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for number, line in enumerate(lines):
            if number == limit:
                return
            row = json.loads(line)
            roles = [turn["role"] for turn in row["turns"]]
            customer = "customer" if "customer" in roles else roles[0]
            yield (
                [
                    Message(
                        id=str(seq), session="s", role="human" if role == customer else "ai",
                        text=turn["text"], at=now, seq=seq,
                    )
                    for seq, (role, turn) in enumerate(zip(roles, row["turns"], strict=True), 1)
                ],
                row["labels"]["summaries"],
            )  # fmt: skip


def first_and_last(messages: list[Message]) -> str:
    """The customer's first message and the agent's last, whole."""
    first = next((m for m in messages if m.role == "human"), None)
    last = next((m for m in reversed(messages) if m.role == "ai"), None)
    ends = [m for m in (first, last) if m is not None]
    return render(Sentence(m.text, m.role, m.id, m.seq) for m in ends)


def lead(budget: int) -> System:
    """The first sentences that fit."""

    def summarise(messages: list[Message]) -> str:
        kept: list[Sentence] = []
        for message in messages:
            for text in split(message.text):
                longer = [*kept, Sentence(text, message.role, message.id, message.seq)]
                if count_tokens(render(longer)) > budget:
                    return render(kept)
                kept = longer
        return render(kept)

    return summarise


@contextmanager
def embedded_model(budget: int, temperature: float, adapter: Path | None) -> Iterator[System]:
    """The service's summaries by the embedded language model, or by an adapter of it."""
    found = None if adapter is None else adapter.resolve()
    model = open_llm(
        "embedded:", max_tokens=budget, temperature=temperature,
        summaries=for_summaries(found and found.name, Registry(found.parent if found else Path())),
    )  # fmt: skip
    metrics = Metrics()
    speech = Speech(60.0, 300.0, metrics)
    chain = SummaryChain(Completions(model, Places(1, 0, 60.0), speech, metrics))
    refused: Counter[str] = Counter()

    def summarise(messages: list[Message]) -> str:
        made = asyncio.run(chain.abstractive(messages, budget))
        if made.fault is not None:
            refused[made.fault] += 1
        return made.text or ""

    try:
        yield summarise
    finally:
        model.close()
        print(f"refused{' of the tuned' if adapter else ''}: {dict(refused)}\n")


def difference(ours: list[float], other: list[float]) -> str:
    """The mean difference over the threads, with its 95 % interval (paired bootstrap)."""
    apart = [a - b for a, b in zip(ours, other, strict=True)]
    chance = random.Random(0)
    means = sorted(statistics.mean(chance.choices(apart, k=len(apart))) for _ in range(2000))
    return f"{statistics.mean(apart):+.3f} (95 %: {means[50]:+.3f} to {means[-51]:+.3f})"


def measure(systems: dict[str, System], path: Path, limit: int | None) -> dict[str, Scores]:
    """Let every system summarise every thread."""
    scores = {name: Scores() for name in systems}
    for messages, references in threads(path, limit):
        for name, system in systems.items():
            start = time.perf_counter()
            text = system(messages)
            scores[name].add(text, references, time.perf_counter() - start)
    return scores


def show(scores: dict[str, Scores]) -> None:
    """Print the table, and how sure the differences to ours are."""
    head = ["R-1", "R-2", "R-L", "R-1 best", "R-1 bare", "tokens", "ms"]
    print(f"{len(scores[OURS].ms)} threads\n\n{'':36}" + "".join(f"{cell:>9}" for cell in head))
    for name, score in scores.items():
        print(f"{name:36}" + "".join(f"{cell:>9}" for cell in score.row()))
    print()
    for name, score in scores.items():
        if name != OURS:
            labelled = difference(scores[OURS].mean["rouge1"], score.mean["rouge1"])
            bare = difference(scores[OURS].unlabelled, score.unlabelled)
            print(f"ours less {name}: R-1 {labelled}, bare {bare}")


def put(report: Report, scores: dict[str, Scores]) -> Report:
    """Put what was found into the report; nothing of it but the time is chance."""
    for name, score in scores.items():
        for kind, values in score.mean.items():
            report.figure(f"{kind}: {name}", statistics.mean(values), "", better="more",
                          noise=0)  # fmt: skip
        report.figure(f"tokens: {name}", statistics.mean(score.tokens), "tokens",
                      better="neither", noise=0)  # fmt: skip
        report.sample(f"a summary: {name}", score.ms, "ms")
        if name != OURS:
            ours, theirs = (statistics.mean(scores[one].mean["rouge1"]) for one in (OURS, name))
            report.ratio(f"rouge1, ours / {name}", ours / theirs, better="more", noise=0,
                         at_least=1)  # fmt: skip
    return report


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a .jsonl or .jsonl.gz file")
    parser.add_argument("--limit", type=int, help="only the first threads")
    parser.add_argument("--budget", type=int, default=120, help="tokens of a summary (%(default)s)")
    parser.add_argument("--model", action="store_true", help="ask the embedded model as well")
    parser.add_argument("--adapter", type=Path, help="of `finetune --task summary`, its folder")
    parser.add_argument("--temperature", type=float, default=0.2, help="the model's (%(default)s)")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    systems: dict[str, System] = {
        BASELINE: first_and_last,
        "lead sentences": lead(min(LEAD, options.budget)),
        OURS: lambda messages: extractive(messages, options.budget).text,
    }
    with ExitStack() as stack:
        for name, asked, adapter in (
            ("by the embedded model", options.model, None),
            ("by the embedded model, tuned", options.adapter is not None, options.adapter),
        ):
            if asked:
                model = embedded_model(options.budget, options.temperature, adapter)
                systems[name] = stack.enter_context(model)
        scores = measure(systems, options.data, options.limit)
    show(scores)
    put(Report("summary", options), scores).write(options.json)


if __name__ == "__main__":
    main()
