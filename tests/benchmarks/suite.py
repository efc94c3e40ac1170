"""The benchmarks that there are, each with the arguments of its small form and its time."""

from __future__ import annotations

import shlex
from typing import Any

from tests.benchmarks.running import Benchmark


def _benchmark(name: str, quick: str = "", minutes: float = 15, **more: Any) -> Benchmark:
    program = ("-m", f"tests.benchmarks.{name}")
    return Benchmark(name, program, tuple(shlex.split(quick)), minutes * 60, **more)


BENCHMARKS = (
    _benchmark("turn", "--sizes 100,300 --rounds 5", minutes=40),
    _benchmark("watching", "--rounds 2"),
    _benchmark("heads", "--rounds 10 --messages 50"),
    _benchmark("first_load", "--messages 4000 --customers 40 --repeats 1", minutes=60),
    _benchmark(
        "scale", "--customers 200,400 --postgres '' --turns 2 --measured 5 --cached 50", minutes=90,
    ),
    _benchmark("operations", "--messages 10000", minutes=30),
    _benchmark("retention", "--customers 10 --messages 40 --seconds 1"),
    _benchmark("load", "--rounds 1 --seconds 0.5 --customers 1,4"),
    _benchmark("shares", "--turns 10 --rounds 1"),
    _benchmark("importing", "--conversations 6"),
    _benchmark("overload", "--clients 30 --silent 2"),
    _benchmark("footprint", "--starts 1 --contexts 4 --tokens 100", minutes=40),
    _benchmark("first_token", "--turns 2 --sessions 2 --rounds 2", minutes=60),
    _benchmark("warm", "--customers 5 --tokens 150", minutes=30),
    _benchmark("reading", "--limit 2", minutes=30),
    _benchmark("templates"),
    _benchmark("near_misses"),
    _benchmark("offering"),
    _benchmark("claims", "--limit 2"),
    _benchmark("monitoring", "--seeds 1 --surges 1 --days 1 --rows", minutes=60),
    _benchmark(
        "facts", "--limit 100", without_data=True,
        data=("multiwoz21/dev.jsonl.gz", "crosswoz/dev.jsonl.gz", "star/train.jsonl.gz"),
    ),
    _benchmark("summary", "--limit 5", data=("tweetsumm/dev.jsonl.gz",)),
    _benchmark(
        "recommendation", minutes=60,
        data=("movielens_small/ratings.csv.gz", "movielens_small/movies.csv.gz"),
    ),
    _benchmark(
        "orders",
        data=("tau_bench/retail_products.jsonl", "tau_bench/retail_users.jsonl.gz",
              "tau_bench/retail_orders.jsonl.gz"),
    ),
    _benchmark(
        "translation", "--limit 20",
        data=("service_chat_en_zh/dev.jsonl.gz", "service_chat_en_zh/train.jsonl.gz"),
    ),
)  # fmt: skip
