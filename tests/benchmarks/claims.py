"""How the embedded model's answers are taken: what is said, and what is passed on to a person.

    .venv/bin/python -m tests.benchmarks.claims [--checking off] [--quoting off] [--list]

`claims.jsonl` has 56 conversations with firms of thirteen kinds, six of them in Chinese: only what
the customer writes, by an author who has not seen the program, and of what kind each message is.
They are answered by the service as it comes, without articles. What of an answer is so has to be
read: `--list` prints each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from app.main import create_app
from app.settings import Settings
from tests.benchmarks.report import Report

MESSAGES = Path(__file__).with_suffix(".jsonl")
HOW = {"passed_on": "passed on", "noted": "noted", "quoted": "quoted", None: "by the model"}


async def answers(settings: Settings, limit: int | None) -> list[tuple[str, str, dict[str, Any]]]:
    """Each message's kind and text, with its answer."""
    app, found = create_app(settings), []
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service", timeout=120) as client,
    ):
        for line in MESSAGES.read_text("utf-8").splitlines()[:limit]:
            conversation = json.loads(line)
            for message in conversation["messages"]:
                body = {"customer": conversation["id"], "message": message["text"]}
                answer = await client.post(
                    "/v1/chat", json=body, headers={"Authorization": "Bearer k"}
                )
                answer.raise_for_status()
                found.append((message["kind"], message["text"], answer.json()))
    return found


def main() -> None:
    """Print how many messages of each kind are answered how."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--checking", choices=("auto", "off"), default="auto")
    options.add_argument("--quoting", choices=("auto", "off"), default="auto")
    options.add_argument("--limit", type=int, help="only the first conversations")
    options.add_argument("--list", action="store_true", help="print every answer")
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    report = Report("claims", given)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder), api_key="k", rate_customer="off", log_level="error",
            checking=given.checking, quoting=given.quoting,
        )  # fmt: skip
        found = asyncio.run(answers(settings, given.limit))
    counts = Counter((kind, HOW[answer["template"]]) for kind, _, answer in found)
    if given.list:
        for kind, text, answer in found:
            print(f"[{kind}] {text}\n    {HOW[answer['template']]}: {answer['reply']}")
    print(f"| {len(found)} messages | {' | '.join(HOW.values())} |\n|---|{'---:|' * len(HOW)}")
    for kind in dict.fromkeys(kind for kind, _, _ in found):
        print(f"| {kind} | {' | '.join(str(counts[kind, how]) for how in HOW.values())} |")
    for how in HOW.values():
        many = sum(count for (_, said), count in counts.items() if said == how)
        report.figure(how, many, "messages", better="neither", noise=0)
    report.write(given.json)


if __name__ == "__main__":
    main()
