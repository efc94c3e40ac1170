"""How soon the service is ready, and what it holds after many different conversations.

    python -m tests.benchmarks.footprint [--starts 4] [--contexts 200] [--tokens 800]

Starts ``memory-service serve`` with the embedded model four times and takes the median of the
time until ``/readyz`` says yes; then sends messages of so many tokens, each as a customer of its
own, and reads the process's resident memory (VmRSS, Linux).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from memory import count_tokens
from tests.benchmarks.report import Report

MEMORY = 0.05  # of resident memory is the allocator's chance
WORDS = (
    "order parcel invoice refund lamp table colour delivery address window garden summer weight "
    "shop price winter paint screw cable battery receipt return exchange voucher street number "
    "morning evening neighbour kitchen wooden broken silent heavy light small large quick slow"
).split()


def text_of(tokens: int, rng: random.Random) -> str:
    """A message of about so many tokens."""
    words: list[str] = []
    while count_tokens(" ".join(words)) < tokens:
        words += rng.choices([*WORDS, *(str(rng.randrange(10_000)) for _ in range(5))], k=20)
    return " ".join(words)


def start(folder: Path, log: Path, **more: str) -> tuple[subprocess.Popen[bytes], str, float]:
    """A running service, its address, and the seconds until it was ready; ``more`` settings."""
    environment = {
        **os.environ, "MEMORY_SERVICE_DATA_DIR": str(folder), "MEMORY_SERVICE_API_KEY": "k",
        "MEMORY_SERVICE_RATE_CUSTOMER": "off",
        "MEMORY_SERVICE_REPLY_TOKENS": "16",
        **{f"MEMORY_SERVICE_{name.upper()}": value for name, value in more.items()},
    }  # fmt: skip
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--port", "0"], env=environment, stdout=output
        )
    while process.poll() is None and time.perf_counter() - began < 120:
        if found := re.search(r"Chat at (\S+)", log.read_text()):
            try:
                if httpx.get(f"{found[1]}readyz").status_code == 200:
                    return process, found[1], time.perf_counter() - began
            except httpx.TransportError:
                pass
        time.sleep(0.02)
    process.kill()
    raise SystemExit(f"the service did not start: {log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a service."""
    process.send_signal(signal.SIGINT)
    process.wait(30)


def resident(process: subprocess.Popen[bytes]) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]) * 1024 / 1e6


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--contexts", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=800)
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    report = Report("footprint", options)
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name), Path(name) / "log"
        times = []
        for _ in range(options.starts - 1):
            process, address, took = start(folder, log)
            times.append(took)
            stop(process)
        process, address, took = start(folder, log)
        times.append(took)
        held = {0: resident(process)}
        try:
            print(f"ready after {statistics.median(times):.1f} s (median of {len(times)})")
            print(f"resident when ready: {held[0]:.0f} MB")
            headers = {"Authorization": "Bearer k"}
            with httpx.Client(base_url=address, headers=headers, timeout=300) as client:
                for i in range(1, options.contexts + 1):
                    body = {"customer": f"c{i}", "message": text_of(options.tokens, rng)}
                    client.post("/v1/chat", json=body).raise_for_status()
                    if i % 50 == 0 or i == options.contexts:
                        held[i] = resident(process)
                        print(f"after {i} contexts of {options.tokens} tokens: "
                              f"{held[i]:.0f} MB", flush=True)  # fmt: skip
        finally:
            stop(process)
    report.sample("until it is ready", times, "s")
    report.bar("until it is ready", statistics.median(times), "s", at_most=10)
    report.figure("resident when ready", held[0], "MB", noise=MEMORY)
    report.figure("resident after all contexts", held[max(held)], "MB", noise=MEMORY,
                  at_most=1000)  # fmt: skip
    report.growth("resident memory", "contexts", "MB", {"the service": held})
    report.write(options.json)


if __name__ == "__main__":
    main()
