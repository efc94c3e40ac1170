"""How often what was in a shop's last orders is recommended, from the orders before.

    python -m tests.benchmarks.orders --data tau_bench [--json FILE]

The data is the retail database of tau-bench (``retail_products.jsonl``, ``retail_users.jsonl.gz``,
``retail_orders.jsonl.gz``; ``tests.orders`` has the schema). Of each customer with two orders the
last is left out; each thing in it is to be among the first ten of all variants, and of all
products, less what they bought before. The shop is invented: what it is worth as a test of
recommendations is told by chance, which stands beside.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from app.embeddings import open_embeddings
from app.interest.histories import Histories
from app.interest.ranking import Rank, Score, evaluate
from memory.collaborative import liked
from memory.types import Floats
from tests.benchmarks.recommendation import matrix_of, ours, popularity
from tests.benchmarks.report import Report
from tests.orders import events_of, items_of


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, packed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def read(folder: Path) -> tuple[list[dict[str, Any]], list[list[list[str]]]]:
    """The items of a shop, and each customer's orders as what was bought with them."""
    items = items_of(lines(folder / "retail_products.jsonl"))
    orders = [*lines(folder / "retail_orders.jsonl.gz")]
    events = events_of(lines(folder / "retail_users.jsonl.gz"), orders)
    bought: list[list[list[str]]] = []
    for done in events.values():
        by_order: dict[str, list[str]] = {}
        for event in done:
            if event["kind"] == "bought":
                by_order.setdefault(event["id"].split()[0], []).append(event["item"])
        bought.append([*by_order.values()])
    return items, bought


def measured(
    bought: list[list[list[str]]], place: dict[str, int], texts: Floats
) -> dict[str, Score]:  # fmt: skip
    """How well each system finds what was in last orders.

    Args:
        bought: of each customer the orders, of each the items' ids.
        place: of these among the texts.
        texts: (n, d) of what is ranked.
    """
    before = [
        np.array([place[one] for order in (o[:-1] if len(o) > 1 else o) for one in order], np.int64)
        for o in bought
    ]
    matrix = matrix_of(before, len(texts))
    ones = [np.ones(len(each), np.float32) for each in before]
    known = liked(Histories(before, ones, texts).done())
    asked = [
        (history, item)
        for history, orders in zip(before, bought, strict=True)
        if len(orders) > 1
        for item in {place[one] for one in orders[-1]} - {*history.tolist()}
    ]
    histories, wanted = [history for history, _ in asked], [item for _, item in asked]
    chance = np.random.default_rng(0)
    systems: dict[str, Rank] = {
        "chance": lambda *_: chance.random(len(texts)),
        "popularity": popularity(matrix),
        "ours, texts alone": ours(texts, None),
        "ours": ours(texts, known),
    }
    return {name: evaluate(rank, histories, wanted) for name, rank in systems.items()}


def main() -> None:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="the folder, or files")
    parser.add_argument("--encoder", default="embedded:", help="of the texts (%(default)s)")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    given = options.data[0]
    items, bought = read(given if given.is_dir() else given.parent)
    report = Report("orders", options)
    encoder = open_embeddings(options.encoder)
    texts = encoder.encode([f"{item['title']}\n{item['text']}" for item in items])
    products: dict[str, str] = {item["variant_of"]: item["title"] for item in items}
    number = {product: n for n, product in enumerate(products)}
    levels: dict[str, tuple[dict[str, int], Floats]] = {
        "variants": ({item["id"]: n for n, item in enumerate(items)}, texts),
        "products": (
            {item["id"]: number[item["variant_of"]] for item in items},
            encoder.encode([*products.values()]),
        ),
    }
    print(f"{len(bought)} customers, {sum(map(len, bought))} orders that stand")
    for level, (place, of) in levels.items():
        print(f"\n{f'{len(of)} {level}':24}{'HR@10':>8}{'NDCG@10':>9}{'of':>6}")
        for name, score in measured(bought, place, of).items():
            print(f"{name:24}{score.hr:8.4f}{score.ndcg:9.4f}{len(score.hits):6}")
            report.figure(f"HR@10 of {level}: {name}", score.hr, "", better="more", noise=0)
            report.figure(f"NDCG@10 of {level}: {name}", score.ndcg, "", better="more", noise=0)
    report.write(options.json)


if __name__ == "__main__":
    main()
