"""What a customer who comes back waits for, after others have had the embedded model's slots.

    python -m tests.benchmarks.warm [--customers 8] [--tokens 1400]

Each customer has a conversation of so many tokens and nothing is recalled. Each is read cold once,
on four slots; then each comes back with one more question, when the others have been there. "Read"
is what the server counts as not known to it. Beside it the same without files of states, and with
keys and values in 8 bits, half as large. The states of one run lie in one temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import xllamacpp
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.llm import Model, open_llm
from app.llm.states import Conversation, States
from memory import MemoryStore, Scope, count_tokens, open_store
from memory.transcript import make_message
from tests.benchmarks.report import Report

QUESTION = "Which of them was late?"
KEPT = "kept in files"
MORE = "And what was in the second one?"


def prompt(customer: int, tokens: int) -> list[BaseMessage]:
    """A conversation of so many tokens, of which no other customer's has more than the start."""
    said: list[BaseMessage] = [SystemMessage("You are a helpful customer-service assistant.")]
    n = 0
    while sum(count_tokens(one.text) + 6 for one in said) < tokens - 20:  # 6: the template's
        n += 1
        parcel = n * 37 + customer
        said.append(HumanMessage(f"Customer {customer}: parcel {parcel} came on day {n}."))
        said.append(AIMessage(f"I have noted parcel {parcel}."))
    return [*said, HumanMessage(QUESTION)]


async def ask(model: Model, who: Conversation, messages: list[BaseMessage]) -> dict[str, Any]:
    """Milliseconds to the first token, tokens read, and the answer."""
    began, first, whole = time.perf_counter(), 0.0, None
    async for chunk in model.answering(who).astream(messages):
        if chunk.text and not first:
            first = time.perf_counter() - began
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    usage = whole.usage_metadata
    read = usage["input_tokens"] - usage["input_token_details"]["cache_read"]
    return {"first": first * 1000, "read": read, "text": whole.text}


def run(store: MemoryStore, folder: Path | None, customers: int, tokens: int) -> dict[str, Any]:
    """Everybody once, cold, and then everybody again."""
    states = None if folder is None else States(folder, 4 << 30, store)
    model = open_llm("embedded:", max_tokens=16, temperature=0, states=states)
    cold, warm = [], []
    try:
        who = []
        for n in range(customers):
            scope = Scope(f"customer {n}")
            store.transcript.add(scope, [make_message("human", "Good day.", 3)])
            who.append(
                Conversation(scope.owner, "now", store.records.state(scope.owner).generation)
            )
        said = [prompt(n, tokens) for n in range(customers)]
        for one, messages in zip(who, said, strict=True):
            found = asyncio.run(ask(model, one, messages))
            cold.append(found)
            messages += [AIMessage(found["text"]), HumanMessage(MORE)]
        warm = [asyncio.run(ask(model, *both)) for both in zip(who, said, strict=True)]
    finally:
        model.close()
    files = [path.stat().st_size for path in folder.iterdir()] if folder is not None else []
    first = {"cold": [one["first"] for one in cold], "warm": [one["first"] for one in warm]}
    middle = {name: statistics.median(times) for name, times in first.items()}
    return {
        **middle, "ratio": middle["warm"] / middle["cold"], "times": first,
        "read": max(one["read"] for one in warm), "own": count_tokens(MORE),
        "megabytes": statistics.mean(files) / 1e6 if files else 0.0,
    }  # fmt: skip


def in_8_bits(folder: Path, *args: Any) -> dict[str, Any]:
    """As ``run``, with keys and values in 8 bits."""
    plain = xllamacpp.CommonParams

    def params() -> Any:
        made = plain()
        made.cache_type_k = made.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
        return made

    with mock.patch.object(xllamacpp, "CommonParams", params), open_store("sqlite://") as store:
        return run(store, folder, *args)


def put(report: Report, found: dict[str, dict[str, Any]]) -> Report:
    """Put what was found into the report; the bars are of what the service does."""
    for name, row in found.items():
        report.sample(f"cold: {name}", row["times"]["cold"], "ms")
        report.sample(f"back: {name}", row["times"]["warm"], "ms")
        kept = name == KEPT
        report.ratio_of(
            f"back / cold: {name}", row["times"]["warm"], row["times"]["cold"],
            in_turn=False, at_most=0.1 if kept else None,
        )  # fmt: skip
        report.figure(f"read beside its own: {name}", row["read"] - row["own"], "tokens",
                      noise=0, at_most=16 if kept else None)  # fmt: skip
        if row["megabytes"]:
            report.figure(f"a state: {name}", row["megabytes"], "MB", noise=0)
    return report


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=8)
    options.add_argument("--tokens", type=int, default=1400)
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    sizes = (given.customers, given.tokens)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        with open_store("sqlite://") as store:
            found[KEPT] = run(store, Path(folder) / "whole", *sizes)
        with open_store("sqlite://") as store:
            found["kept by llama.cpp in 128 MiB"] = run(store, None, *sizes)
        found["in files, in 8 bits"] = in_8_bits(Path(folder) / "half", *sizes)
    print("| | cold, ms | back, ms | back / cold | tokens read | of them own | MB a file |")
    print("|---|---|---|---|---|---|---|")
    for name, row in found.items():
        print(f"| {name} | {row['cold']:,.0f} | {row['warm']:,.0f} | {row['ratio']:.3f} "
              f"| {row['read']} | {row['own']} | {row['megabytes']:.1f} |")  # fmt: skip
    put(Report("warm", given), found).write(given.json)


if __name__ == "__main__":
    main()
