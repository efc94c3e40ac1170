"""Many clients at once, before a model that takes its time.

    python -m tests.benchmarks.overload [--clients 200] [--silent 20]

Starts ``memory-service serve`` with as many places as it has for the embedded model, before a
model server that writes a word every 50 ms. All clients ask at the same moment, each as a
customer of its own; who is refused comes again when it was told to, with the same key. Then
others ask for long answers and never read them. Resident memory is the service's (VmRSS, Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.benchmarks.footprint import MEMORY, resident, start, stop
from tests.benchmarks.report import Report

PLACES = 4  # answers at a time
WORDS, SECONDS = 20, 0.05  # of an answer, and before each of its words
LONG = 2_000  # words of an answer that nobody reads; they come at once
HEADERS = {"Authorization": "Bearer k"}


async def model(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request of the OpenAI chat protocol, word by word."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if head.startswith("get"):  # /readyz asks whether it is there
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()
        return
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    body = json.loads(await reader.readexactly(length))
    long = "long" in str(body["messages"][-1]["content"])
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    try:
        for n in range(LONG if long else WORDS):
            await asyncio.sleep(0 if long else SECONDS)
            writer.write(_event({"role": "assistant", "content": f"word{n} "}, None))
            await writer.drain()
        writer.write(_event({}, "stop") + b"data: [DONE]\n\n")
        await writer.drain()
    except ConnectionError:
        pass  # the service has left
    writer.close()


def _event(delta: dict[str, str], end: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": end}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "slow"}
    return f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode()


def serve_model(listener: socket.socket) -> None:
    """Be the model's server."""

    async def run() -> None:
        async with await asyncio.start_server(model, sock=listener) as server:
            await server.serve_forever()

    asyncio.run(run())


@dataclass
class Seen:
    """What clients and a watcher have seen."""

    refused: list[float] = field(default_factory=list)  # seconds until a refusal had come
    told: list[int] = field(default_factory=list)  # Retry-After
    answered: list[float] = field(default_factory=list)  # seconds, from the first try on
    other: list[int] = field(default_factory=list)  # statuses
    ready: list[float] = field(default_factory=list)  # seconds that /readyz took
    memory: list[float] = field(default_factory=list)  # MB


async def client(http: httpx.AsyncClient, number: int, seen: Seen) -> int:
    """Ask, and come again when told to; returns how often it was refused."""
    body = {
        "customer": f"c{number}", "message": "Where is my order?", "stream": True,
        "idempotency_key": "k",
    }  # fmt: skip
    began, refusals = time.perf_counter(), 0
    while True:
        asked = time.perf_counter()
        answer = await http.post("/v1/chat", json=body)
        if answer.status_code == 503:
            seen.refused.append(time.perf_counter() - asked)
            seen.told.append(int(answer.headers["retry-after"]))
            refusals += 1
            await asyncio.sleep(seen.told[-1])
        elif answer.status_code == 200 and b"event: done" in answer.content:
            seen.answered.append(time.perf_counter() - began)
            return refusals
        else:
            seen.other.append(answer.status_code)
            return refusals


async def watch(http: httpx.AsyncClient, process: subprocess.Popen[bytes], seen: Seen) -> None:
    """Look how the service is, again and again."""
    while True:
        asked = time.perf_counter()
        (await http.get("/readyz")).raise_for_status()
        seen.ready.append(time.perf_counter() - asked)
        seen.memory.append(resident(process))
        await asyncio.sleep(0.05)


async def crowd(
    address: str, process: subprocess.Popen[bytes], clients: int, report: Report
) -> None:
    """All ask at once."""
    seen = Seen()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=address, headers=HEADERS, timeout=600, limits=limits
    ) as http:
        await client(http, -1, Seen())  # what is done only once is done
        before = resident(process)
        watching = asyncio.create_task(watch(http, process, seen))
        asking = [asyncio.create_task(client(http, n, seen)) for n in range(clients)]
        refusals = await asyncio.gather(*asking)
        watching.cancel()
    at_first = sum(not n for n in refusals)
    print(f"{clients} clients at once: {at_first} answered at the first try, {clients - at_first} "
          f"refused; in the end {len(seen.answered)} answered, after {len(seen.refused)} refusals "
          f"and {max(seen.answered):.0f} s; other statuses: {seen.other}")  # fmt: skip
    # The first refusals, while all ask: one behind the other on the same cores as their clients.
    fastest = [1000 * seconds for seconds in sorted(seen.refused)]
    print(f"refusals: median {fastest[len(fastest) // 2]:.0f} ms, slowest {fastest[-1]:.0f} ms; "
          f"told to wait {min(seen.told)} to {max(seen.told)} s")  # fmt: skip
    print(f"/readyz meanwhile: slowest {1000 * max(seen.ready):.0f} ms")
    print(f"resident: {before:.0f} MB before, {max(seen.memory):.0f} at most, "
          f"{resident(process):.0f} after")  # fmt: skip
    report.sample("a refusal in the crowd", fastest, "ms")
    report.sample("an answer in the crowd", seen.answered, "s")
    report.sample("/readyz in the crowd", [1000 * seconds for seconds in seen.ready], "ms")
    report.figure("answered in the end", len(seen.answered), "clients", better="more", noise=0,
                  at_least=clients)  # fmt: skip
    report.figure("statuses other than 200 and 503", len(seen.other), "answers", noise=0, at_most=0)
    least = clients * WORDS * SECONDS / PLACES
    report.ratio("until all are answered / what the model takes", max(seen.answered) / least)
    report.figure("resident before the crowd", before, "MB", noise=MEMORY)
    report.figure("resident in the crowd (at most)", max(seen.memory), "MB", noise=MEMORY)


async def one_by_one(address: str, clients: int, report: Report) -> None:
    """While so many wait, another is refused again and again, with nobody beside it."""
    seen, alone = Seen(), Seen()
    async with httpx.AsyncClient(base_url=address, headers=HEADERS, timeout=600) as http:
        asking = [asyncio.create_task(client(http, n, seen)) for n in range(1000, 1000 + clients)]
        await asyncio.sleep(1)
        body = {"customer": "alone", "message": "Where is my order?", "stream": True}
        while not all(task.done() for task in asking) and len(alone.refused) < 50:
            asked = time.perf_counter()
            if (await http.post("/v1/chat", json=body)).status_code == 503:
                alone.refused.append(time.perf_counter() - asked)
        await asyncio.gather(*asking)
    took = sorted(1000 * seconds for seconds in alone.refused)
    print(f"{len(took)} refusals one after the other: median {took[len(took) // 2]:.1f} ms, "
          f"slowest {took[-1]:.0f} ms")  # fmt: skip
    report.sample("a refusal with nobody beside it", took, "ms")


async def silent(
    address: str, process: subprocess.Popen[bytes], clients: int, report: Report
) -> None:
    """Ask for long answers that are read, then for as many that are not."""
    body = {"message": "a long one", "stream": True}
    async with httpx.AsyncClient(base_url=address, headers=HEADERS, timeout=600) as http:
        for n in range(clients):
            (await http.post("/v1/chat", json=body | {"customer": f"r{n}"})).raise_for_status()
        before = most = resident(process)
        sockets = []
        for n in range(clients):
            sockets.append(_ask_only(httpx.URL(address), body | {"customer": f"s{n}"}))
            while await _status(http, f"s{n}") not in ("complete", "refused"):
                await asyncio.sleep(0.1)
            most = max(most, resident(process))
        seen = Seen()
        await client(http, 0, seen)
        told = [await _status(http, f"s{n}") for n in range(clients)]
    whole, soon = told.count("complete"), seen.answered[0]
    print(f"{clients} long answers that nobody reads: {whole} stored whole; then somebody is "
          f"answered in {soon:.1f} s, after {len(seen.refused)} refusals")  # fmt: skip
    await asyncio.sleep(7)  # they are cut after five
    print(f"resident: {before:.0f} MB after as many that were read, {most:.0f} at most, "
          f"{resident(process):.0f} once they were cut")  # fmt: skip
    report.figure("stored whole of what nobody reads", whole, "answers", better="more", noise=0,
                  at_least=clients)  # fmt: skip
    report.figure("an answer beside those who do not read", soon, "s")
    report.ratio("resident, unread / read", most / before, noise=MEMORY)
    for one in sockets:
        one.close()


def _ask_only(url: httpx.URL, body: dict[str, object]) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect((url.host, url.port))
    content = json.dumps(body).encode()
    head = (
        "POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer k\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    one.sendall(head.encode() + content)
    return one


async def _status(http: httpx.AsyncClient, customer: str) -> str:
    found = await http.get(f"/v1/customers/{customer}/sessions/default/messages")
    messages = found.json().get("messages", [])
    return str(messages[-1]["status"]) if messages else "none"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--silent", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    report = Report("overload", options)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    fake = multiprocessing.Process(target=serve_model, args=(listener,), daemon=True)
    fake.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1#slow"
    with tempfile.TemporaryDirectory() as name:
        process, served, _ = start(
            Path(name), Path(name) / "log", llm=address, answers_at_once=str(PLACES),
            reply_tokens="4000", answers_waiting="16", reader_timeout="5", rate_key="off",
            log_level="error",
        )  # fmt: skip
        try:
            asyncio.run(crowd(served.rstrip("/"), process, options.clients, report))
            asyncio.run(one_by_one(served.rstrip("/"), 24, report))
            asyncio.run(silent(served.rstrip("/"), process, options.silent, report))
        finally:
            stop(process)
            fake.terminate()
    report.write(options.json)


if __name__ == "__main__":
    main()
