"""Time to the first token on the embedded model, and what its server had to read for it.

    python -m tests.benchmarks.first_token [--turns 50]

One long conversation of a customer who has been here before, over one llama.cpp server: ours
beside LangChain's CombinedMemory (window of 10 turns, 6 documents). "Read" is the server's own
count (``timings.prompt_n``); "own" is what the turn brings: its question and what was recalled
for it. Then folds without time to think, five sessions in turn on four slots, and the tokens a
second that reach an HTTP client.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from langchain_core.messages import BaseMessage, HumanMessage, convert_to_openai_messages

from app.llm import Model, open_llm
from app.serving import open_served
from app.settings import Settings
from app.training.registry import Registry
from memory import ConversationMemory, Scope, count_tokens, embedded, open_store
from tests.benchmarks.report import Report

SHOWN = (3, 10, 30, 50)
REPLY_TOKENS = 40
PRODUCTS = ["lamp", "desk", "sofa", "kettle", "bicycle", "printer", "tent", "jacket", "router"]
COLOURS = ["red", "blue", "white", "green", "black"]
PROBLEMS = ["arrived broken", "is late", "makes a noise", "has the wrong colour", "will not start"]


def past(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Turns of earlier conversations."""
    for product in PRODUCTS:
        order = f"{rng.choice('ABCK')}{rng.choice('XYZ')}-{rng.randrange(10_000, 99_999)}"
        problem = rng.choice(PROBLEMS)
        colour = rng.choice(COLOURS)
        yield (f"My {colour} {product} from order {order} {problem}.",
               f"I am sorry the {product} {problem}. I opened a ticket for {order}.")  # fmt: skip
        yield (f"When will the new {product} come?",
               f"The new {product} leaves our store on {rng.randrange(1, 28)} May.")  # fmt: skip


def questions(rng: random.Random) -> Iterator[str]:
    """What the customer asks now, each bearing on something said before."""
    forms = [
        "What was the order number of my {p}?", "Is there any news about the {p} that {x}?",
        "Can I send the {p} back if it {x} again?", "Which colour did I choose for the {p}?",
        "How long is the warranty on a {p}?", "When does the new {p} leave your store?",
    ]  # fmt: skip
    while True:
        yield rng.choice(forms).format(p=rng.choice(PRODUCTS), x=rng.choice(PROBLEMS))


class Server:
    """The embedded model's server, asked directly so that its own timings can be read."""

    def __init__(self, model: Model) -> None:
        chat: Any = model.chat
        self.model = model
        self._client = httpx.Client(
            base_url=chat.openai_api_base,
            headers={"Authorization": f"Bearer {chat.openai_api_key.get_secret_value()}"},
            timeout=300,
        )

    def ask(
        self, messages: list[BaseMessage], most: int = REPLY_TOKENS
    ) -> tuple[str, float, int, float]:
        """The reply, seconds to the first token, tokens read, and tokens a second written."""
        body = {
            "messages": convert_to_openai_messages(messages), "max_tokens": most,
            "temperature": 0.2, "stream": True,
        }  # fmt: skip
        began, first, said, read, rate = time.perf_counter(), 0.0, [], 0, 0.0
        with self._client.stream("POST", "chat/completions", json=body) as response:
            for line in response.iter_lines():
                if not line.startswith("data: {"):
                    continue
                data = json.loads(line[6:])
                delta = data["choices"][0]["delta"].get("content") if data.get("choices") else None
                if delta:
                    first = first or time.perf_counter() - began
                    said.append(delta)
                if "timings" in data:
                    read = data["timings"]["prompt_n"]
                    rate = data["timings"]["predicted_per_second"]
        return "".join(said), first, read, rate


Row = dict[str, float]


class Ours:
    """A session of ConversationMemory with the service's own budgets."""

    def __init__(self, store: Any, server: Server, customer: str, rng: random.Random) -> None:
        self.server = server
        scope = Scope(customer=customer, session="past")
        settings = Settings()

        def make(scope: Scope) -> ConversationMemory:
            return ConversationMemory(
                store=store, scope=scope, system=settings.system, background=False,
                max_tokens=settings.prompt_tokens, summary_tokens=settings.summary_tokens,
                recall_tokens=settings.recall_tokens,
            )  # fmt: skip

        before = make(scope)
        for question, answer in past(rng):
            before.save_context({"input": question}, {"output": answer})
        before.digest()
        self.memory = make(Scope(customer=customer, session="now"))
        self.server.model.warm(self.memory.beginning())

    def turn(self, question: str, think: bool = True) -> Row:
        """One turn; with ``think`` the digest and its warming are done before the next."""
        began = time.perf_counter()
        turn = self.memory.start(question)
        layout = self.memory.layout(question, turn)
        loaded = time.perf_counter() - began
        reply, first, read, _ = self.server.ask(layout.messages)
        self.memory.finish(turn, reply, "complete", layout)
        version = self.memory.summary.current().version
        self.memory.digest()
        folded = self.memory.summary.current().version != version
        if folded and think:
            self.server.model.warm(self.memory.beginning())
        own = count_tokens(str(layout.messages[-1].content))
        return {"first": loaded + first, "read": read, "own": own, "folded": folded,
                "recalled": len(layout.recalled), "prompt": layout.tokens}  # fmt: skip


class LangChain:
    """CombinedMemory as its documentation shows it."""

    TEMPLATE = (
        "The following is a friendly conversation between a human and an AI.\n"
        "Relevant pieces of previous conversation:\n{past}\n\nCurrent conversation:\n{recent}\n"
        "Human: {input}\nAI:"
    )

    def __init__(self, server: Server, rng: random.Random) -> None:
        import faiss
        from langchain_classic.memory import (
            CombinedMemory,
            ConversationBufferWindowMemory,
            VectorStoreRetrieverMemory,
        )
        from langchain_community.docstore import InMemoryDocstore
        from langchain_community.vectorstores import FAISS

        self.server = server
        vectors = FAISS(embedded(), faiss.IndexFlatL2(384), InMemoryDocstore({}), {})
        retriever = vectors.as_retriever(search_kwargs={"k": 6})
        recalled = VectorStoreRetrieverMemory(
            retriever=retriever, memory_key="past", input_key="input",
        )  # fmt: skip
        for question, answer in past(rng):
            recalled.save_context({"input": question}, {"output": answer})
        window = ConversationBufferWindowMemory(k=10, memory_key="recent", input_key="input")
        self.memory = CombinedMemory(memories=[window, recalled])

    def turn(self, question: str) -> Row:
        """One turn."""
        began = time.perf_counter()
        loaded = self.memory.load_memory_variables({"input": question})
        prompt = self.TEMPLATE.format(input=question, **loaded)
        took = time.perf_counter() - began
        reply, first, read, _ = self.server.ask([HumanMessage(prompt)])
        self.memory.save_context({"input": question}, {"output": reply})
        return {"first": took + first, "read": read, "prompt": count_tokens(prompt)}


def long_conversation(store: Any, server: Server, turns: int) -> dict[str, list[Row]]:
    """Ours and LangChain's, turn by turn in one run."""
    ours = Ours(store, server, "ada", random.Random(1))
    theirs = LangChain(server, random.Random(1))
    asked = questions(random.Random(2))
    found: dict[str, list[Row]] = {"ours": [], "langchain": []}
    for _ in range(turns):
        question = next(asked)
        found["ours"].append(ours.turn(question))
        found["langchain"].append(theirs.turn(question))
    return found


def interleaved(store: Any, server: Server, sessions: int, turns: int) -> list[Row]:
    """Several customers in turn on fewer slots."""
    talks = [
        (Ours(store, server, f"customer-{i}", random.Random(i)), questions(random.Random(i)))
        for i in range(sessions)
    ]
    return [ours.turn(next(asked)) for _ in range(turns) for ours, asked in talks]


def streaming(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Tokens a second, a value for each round: from the bare server, and through our HTTP."""
    import uvicorn

    from app.main import create_app

    listener = socket.create_server(("127.0.0.1", 0))
    settings = Settings(
        data_dir=folder / "service",
        api_key="k",
        reply_tokens=200,
        rate_customer="off",
        checking="off",
    )
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    bare = Server(app.state.model)
    raw: list[float] = []
    ours: list[float] = []
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        headers={"Authorization": "Bearer k"}, timeout=120,
    )  # fmt: skip
    try:
        for i in range(rounds + 1):
            text = f"Tell me a very long story, number {i}, about a lamp and a table."
            body = {"customer": f"c{i}", "message": text, "stream": True}
            prompt = client.post("/v1/prompt", json={"customer": f"c{i}", "message": text})
            messages = prompt.json()["messages"]
            rates = (_rate(bare, messages), _service_rate(client, body))
            if i:  # the first round loads what is loaded once
                raw.append(rates[0])
                ours.append(rates[1])
    finally:
        client.close()
        server.should_exit = True
        thread.join()
    return raw, ours


def _rate(server: Server, messages: list[dict[str, Any]]) -> float:
    body = {"messages": messages, "max_tokens": 200, "temperature": 0.2, "stream": True}
    with server._client.stream("POST", "chat/completions", json=body) as response:
        return _pace(line.startswith('data: {"') and '"content":"' in line
                     for line in response.iter_lines())  # fmt: skip


def _service_rate(client: httpx.Client, body: dict[str, Any]) -> float:
    with client.stream("POST", "/v1/chat", json=body) as response:
        return _pace(line == "event: token" for line in response.iter_lines())


def _pace(is_token: Iterator[bool]) -> float:
    """Tokens a second, from the first to the last."""
    times = [time.perf_counter() for token in is_token if token]
    return (len(times) - 1) / (times[-1] - times[0])


def _over(row: Row) -> int:
    return int(row["read"] - row["own"])


def show(found: dict[str, Any], sessions: int) -> None:
    """Print the tables."""
    print("| turn | ours: first token | read | own | recalled | prompt | LangChain: first token"
          " | read | prompt |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    ours, theirs = found["ours"], found["langchain"]
    for turn in [t for t in SHOWN if t <= len(ours)]:
        a, b = ours[turn - 1], theirs[turn - 1]
        print(f"| {turn} | {a['first']:.2f} s | {a['read']:.0f} | {a['own']:.0f} "
              f"| {a['recalled']:.0f} | {a['prompt']:.0f} "
              f"| {b['first']:.2f} s | {b['read']:.0f} | {b['prompt']:.0f} |")  # fmt: skip
    last = slice(-10, None)
    print(f"\nmedian of the last ten turns: ours "
          f"{statistics.median(r['first'] for r in ours[last]):.2f} s, LangChain "
          f"{statistics.median(r['first'] for r in theirs[last]):.2f} s")  # fmt: skip
    folds = sum(bool(r["folded"]) for r in ours)
    print(f"ours over all {len(ours)} turns ({folds} folds, time to think): read at most own + "
          f"{max(map(_over, ours))}, worst first token {max(r['first'] for r in ours):.2f} s, "
          f"recalled at least {min(r['recalled'] for r in ours):.0f}")  # fmt: skip
    for name, title in (("hasty", "folds without time to think"),
                        ("interleaved", f"{sessions} sessions in turn, four slots")):  # fmt: skip
        rows = found[name]
        print(f"{title}, {len(rows)} turns: read own + {statistics.median(map(_over, rows)):.0f} "
              f"(median), own + {max(map(_over, rows))} (worst); first token "
              f"{statistics.median(r['first'] for r in rows):.2f} s (median), "
              f"{max(r['first'] for r in rows):.2f} s (worst)")  # fmt: skip
    raw, ours_rate = map(statistics.median, found["streaming"])
    print(f"streaming: {ours_rate:.1f} tokens/s through HTTP, {raw:.1f} from the bare server: "
          f"{ours_rate / raw:.2f}")  # fmt: skip


def put(report: Report, found: dict[str, Any]) -> Report:
    """Put what was found into the report."""
    ours, theirs = found["ours"], found["langchain"]
    named = {"ours": ours, "LangChain": theirs, "ours, no time to think": found["hasty"],
             "ours, sessions in turn": found["interleaved"]}  # fmt: skip
    for name, rows in named.items():
        report.sample(f"first token: {name}", [row["first"] for row in rows], "s")
    last = slice(-10, None)
    report.ratio_of(
        "LangChain / ours, first token (last ten turns)", [row["first"] for row in theirs[last]],
        [row["first"] for row in ours[last]], better="more",
    )  # fmt: skip
    report.figure("read beside its own (most)", max(map(_over, ours)), "tokens", noise=0,
                  at_most=16)  # fmt: skip
    report.figure("recalled (least)", min(row["recalled"] for row in ours), "records",
                  better="more", noise=0, at_least=3)  # fmt: skip
    report.figure("folds", sum(bool(row["folded"]) for row in ours), "folds", better="neither")
    for name in ("ours, no time to think", "ours, sessions in turn"):
        report.figure(f"read beside its own (most): {name}", max(map(_over, named[name])), "tokens")
    raw, http = found["streaming"]
    report.sample("streaming: the bare server", raw, "tokens/s", better="more")
    report.sample("streaming: through HTTP", http, "tokens/s", better="more")
    report.ratio_of("streaming, HTTP / bare", http, raw, better="more", at_least=0.8)
    for what, key, unit in (("first token", "first", "s"), ("read", "read", "tokens")):
        report.growth(what, "turns", unit, {
            name: {turn: row[key] for turn, row in enumerate(rows, 1)}
            for name, rows in (("ours", ours), ("LangChain", theirs))
        })  # fmt: skip
    return report


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=5, help="that are in turn")
    parser.add_argument("--rounds", type=int, default=5, help="of streaming")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message=".*deprecated.*")
    with tempfile.TemporaryDirectory() as folder:
        # Answering as the service does: with the adapter that is shipped.
        registry = Registry(Path(folder, "models"))
        model = open_served(lambda adapter: open_llm("embedded:", adapter=adapter), registry)
        server = Server(model)
        with open_store(f"sqlite:///{folder}/first.db") as store:
            found: dict[str, Any] = long_conversation(store, server, options.turns)
            hasty = Ours(store, server, "hasty", random.Random(3))
            asked = questions(random.Random(4))
            found["hasty"] = [hasty.turn(next(asked), think=False) for _ in range(options.turns)]
            found["interleaved"] = interleaved(
                store, server, options.sessions, max(options.turns // 3, min(options.turns, 4))
            )
        model.close()
        found["streaming"] = streaming(Path(folder), options.rounds)
    show(found, options.sessions)
    put(Report("first_token", options), found).write(options.json)


if __name__ == "__main__":
    main()
