"""What the service counts and times, as Prometheus reads it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.auth import create_key
from app.main import create_app
from app.metrics import answered_at, ended, registry_of
from app.settings import Settings
from memory import InvalidInput, StoreUnavailable
from memory.clock import now
from tests.app.conftest import KEY, Running, events, until
from tests.llm.openai_double import OpenAIDouble

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """The samples of an answer, by name (without the prefix) and labels."""
    return {
        (s.name.removeprefix("memory_service_"), frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def scrape(service: Running) -> Samples:
    """What /metrics says now."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    return read(answer.text)


def one(samples: Samples, name: str, **labels: str) -> float:
    """A sample; 0 where nothing was counted yet."""
    return samples.get((name, frozenset(labels.items())), 0)


def test_turns_are_there_before_the_first(service: Running) -> None:
    """At 0, so that a rate sees the first that fails."""
    found = scrape(service)
    kinds = {("complete", "model"), ("failed", "template"), ("stopped", "none"), ("again", "none")}
    for outcome, by in kinds:
        assert found["turns_total", frozenset({("outcome", outcome), ("by", by)})] == 0


def test_a_turn_is_counted_with_its_steps(scripted: Running, double: OpenAIDouble) -> None:
    """Whether it comes whole or as a stream: outcome, times, tokens, cache, and the digest."""
    assert scripted.chat("Where is my order?").status_code == 200
    with scripted.client.stream(
        "POST", "/v1/chat", json={"customer": "ada", "message": "And now?", "stream": True}
    ) as response:
        assert [name for name, _ in events(response)][-1] == "done"
    scripted.settle()
    route = {"method": "POST", "route": "/v1/chat", "status": "200"}

    def ended() -> bool:  # a request is counted when its answer is on its way already
        found = scrape(scripted)
        return one(found, "http_requests_total", **route) == 2 and not one(
            found, "answers", state="writing"
        )

    until(ended)
    found = scrape(scripted)
    assert one(found, "turns_total", outcome="complete", by="model") == 2
    for name in ("turn_seconds", "first_token_seconds"):
        assert one(found, f"{name}_count", by="model") == 2
    steps = ("admit", "save_message", "load", "search", "model", "save_answer", "digest")
    for step in steps:
        assert one(found, "step_seconds_count", step=step) == 2, step
    assert one(found, "step_seconds_count", step="embed") >= 2
    assert one(found, "model_tokens_total", direction="read") > 0
    assert one(found, "model_tokens_total", direction="written") > 0
    looks = sum(one(found, "index_cache_total", result=r) for r in ("hit", "miss", "stale"))
    assert looks >= 4
    assert one(found, "http_request_seconds_count", route="/v1/chat") == 2
    assert one(found, "answers", state="writing") == one(found, "answers", state="waiting") == 0
    assert one(found, "circuit_open", of="model") == 0
    assert one(found, "background_waiting") == 0
    assert one(found, "process_resident_memory_bytes") > 0


def test_turns_of_a_dead_process_are_counted_by_who_ends_them(
    run_service: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As stopped, which is what they are stored as."""
    monkeypatch.setattr("app.chains.digests.LEASE_SECONDS", -0.95)
    monkeypatch.setattr("memory.turns.Turns.settle", lambda *_, **__: 2)
    service = run_service()

    def stopped() -> float:
        return one(scrape(service), "turns_total", outcome="stopped", by="none")

    until(lambda: stopped() > 0)
    assert stopped() == 2


def test_a_fold_and_a_repeated_turn_are_counted(run_service: Callable[..., Running]) -> None:
    """A summary's new version; a turn that is asked for again is none more."""
    service = run_service(prompt_tokens=400)
    for i in range(6):
        service.chat(f"My parcel {i} is late, " + "and I have waited for it for so long. " * 4,
                     idempotency_key=f"k{i}")  # fmt: skip
        service.settle()
    service.chat("My parcel 5 is late, " + "and I have waited for it for so long. " * 4,
                 idempotency_key="k5")  # fmt: skip
    found = scrape(service)
    assert one(found, "folds_total") > 0
    assert one(found, "turns_total", outcome="again", by="none") == 1
    assert one(found, "turns_total", outcome="complete", by="model") == 6


def test_what_goes_wrong_is_counted_by_kind(scripted: Running, double: OpenAIDouble) -> None:
    """A model that fails, in either form of answer, and requests that are refused; and a circuit
    that is open.
    """
    double.mode = "500"
    scripted.chat("one")
    scripted.chat("two", stream=True).read()
    for attempt in range(3):
        scripted.chat(f"more {attempt}")
    assert scripted.chat("refused").status_code == 503
    scripted.client.post("/v1/chat", json={"customer": "ada"})
    scripted.client.get("/v1/customers/nobody-there/sessions")
    scripted.client.get("/no/such/ada@mail.example")
    httpx.get(f"{scripted.address}/v1/customers", timeout=60)
    nowhere = {"method": "GET", "route": "none", "status": "404"}
    until(lambda: one(scrape(scripted), "http_requests_total", **nowhere) == 1)
    found = scrape(scripted)
    assert one(found, "turns_total", outcome="failed", by="model") == 5
    for kind, count in (
        ("model-failed", 5), ("not-answering", 1), ("invalid-request", 1), ("no-such-customer", 1),
        ("no-such-request", 1), ("unauthorized", 1),
    ):  # fmt: skip
        assert one(found, "problems_total", kind=kind) == count, kind
    assert one(found, "circuit_open", of="model") == 1


def test_no_label_says_whose_or_what(service: Running) -> None:
    """Names and values of labels are this program's own, whatever was asked for."""
    service.chat("my door code is 48151623", customer="ada.byron")
    service.client.get("/v1/customers/ada.byron/sessions")
    service.client.request("BREW", "/ada.byron")
    service.settle()
    text = service.client.get("/metrics").text
    for secret in ("ada", "48151623", "door", KEY, "BREW"):
        assert secret not in text, secret
    labels = {label for _, pairs in read(text) for label, _ in pairs}
    assert labels <= {
        "by", "direction", "kind", "le", "method", "of", "outcome", "result", "route", "state",
        "status", "step", "version",
    }  # fmt: skip


def test_names_are_as_prometheus_wants_them(service: Running) -> None:
    """A prefix, a unit that is a base unit, and _total behind what is counted."""
    for family in text_string_to_metric_families(service.client.get("/metrics").text):
        assert family.documentation, family.name
        if family.name.startswith(("process_", "python_")):
            continue
        assert re.fullmatch(r"memory_service_[a-z_]+", family.name)
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples)


def test_the_readme_s_rules_ask_for_what_there_is(service: Running) -> None:
    """Its examples are YAML, and each metric that a rule names is shown."""
    readme = (Path(__file__).parents[2] / "app/README.md").read_text(encoding="utf-8")
    part = readme.split("## Watching it")[1].split("\n## ")[0]
    scraping, rules = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", part, re.DOTALL))
    assert [job["job_name"] for job in scraping["scrape_configs"]] == ["memory-service"]
    service.chat("hello")
    shown = service.client.get("/metrics").text
    for rule in rules["groups"][0]["rules"]:
        names = re.findall(r"memory_service_\w+", rule["expr"])
        assert names, rule
        for name in names:
            assert f"# TYPE {name.removesuffix('_bucket')} " in shown, name


def test_a_key_for_metrics_reads_them_and_nothing_else(service: Running) -> None:
    """Nor does it leave entries in the audit log; other tenants' keys read none of them."""
    store = service.app.state.store
    key, _ = create_key(store, "metrics")
    others, _ = create_key(store, "metrics", "northern")
    with httpx.Client(base_url=service.address, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        assert client.get("/metrics").headers["content-type"].startswith("text/plain")
        assert client.get("/v1/customers").status_code == 403
        assert client.get("/metrics", headers={"Authorization": ""}).status_code == 401
        refused = client.get("/metrics", headers={"Authorization": f"Bearer {others}"})
        assert refused.status_code == 403
    entered = [(e.action, e.outcome) for e in store.audit.entries(10)]
    assert entered == [("read.metrics", "refused"), ("read.customers", "refused")]


def test_a_key_for_metrics_reads_them_while_the_database_is_away(
    run_service: Callable[..., Running], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was let in; one that was not seen before cannot be known, nor a key for more. Back
    again, the database says whom it lets in.
    """
    service = run_service(database=postgres_url)
    store = service.app.state.store
    keys = [create_key(store, role) for role in ("metrics", "metrics", "admin")]

    def away(*_: object) -> None:
        msg = "the database is not available"
        raise StoreUnavailable(msg)

    def scraped(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return service.client.get("/metrics", headers=headers).status_code

    (seen, made), (unseen, _), (admin, _) = keys
    assert [scraped(seen), scraped(admin)] == [200, 200]
    with monkeypatch.context() as patched:
        patched.setattr(store.database, "_connected", away)
        assert [scraped(seen), scraped(unseen), scraped(admin)] == [200, 503, 503]
    assert scraped(unseen) == 200
    store.keys.revoke(made.id, now())
    assert scraped(seen) == 401


def test_apps_of_one_process_count_apart(tmp_path: Path) -> None:
    """Each has a registry of its own."""
    apps = [
        create_app(Settings(data_dir=tmp_path / name, api_key=KEY, llm="fake:echo",
                            understanding="off"))
        for name in ("one", "two")
    ]  # fmt: skip
    apps[0].state.metrics.turn_again()
    told = [read(app.state.metrics.text().decode()) for app in apps]
    assert [one(t, "turns_total", outcome="again", by="none") for t in told] == [1, 0]
    for app in apps:
        app.state.model.close()
        app.state.store.close()


def test_metrics_have_a_port_of_their_own_if_it_is_set(service: Running) -> None:
    """Without a key, with how things stand at that moment; a port that is taken is told."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service.chat("hello")
    registry = service.app.state.metrics.registry
    with answered_at(registry, "127.0.0.1", port):
        found = read(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text)
        assert one(found, "turns_total", outcome="complete", by="model") == 1
        assert ("answers", frozenset({("state", "writing")})) in found
        with (
            pytest.raises(InvalidInput, match="MEMORY_SERVICE_METRICS_PORT"),
            answered_at(registry, "127.0.0.1", port),
        ):
            pass


WORKER = """
import sys
from app.metrics import Metrics
metrics = Metrics()
sys.stdin.readline()
metrics.before_reading(lambda: metrics.answers.labels("writing").set(1))
metrics.turn("complete", "model", 0.5, {"input_tokens": 7, "output_tokens": 3})
metrics.lag.set(4)
metrics.gauge()
print(metrics.text().decode(), end="\\n---\\n", flush=True)
sys.stdin.read()
"""


def test_processes_that_serve_together_answer_for_all(tmp_path: Path) -> None:
    """Whichever is asked: counts and states are added up, what is the same for all is not; one that
    has ended leaves its counts, and its state goes.
    """
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True, env=environment)
            )
            for _ in range(2)
        ]  # fmt: skip
        told = []
        for worker in workers:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("now\n")
            worker.stdin.flush()
            told.append(read("".join(iter(worker.stdout.readline, "---\n"))))
        for n, found in enumerate(told, 1):
            assert one(found, "turns_total", outcome="complete", by="model") == n
            assert one(found, "turn_seconds_count", by="model") == n
            assert one(found, "model_tokens_total", direction="read") == 7 * n
            assert one(found, "answers", state="writing") == n
            assert one(found, "digest_lag_seconds") == 4
        alive = {pid for name, pid in told[1] if name == "process_resident_memory_bytes"}
        assert len(alive) == 2
        workers[0].communicate("")
        ended(workers[0].pid, tmp_path)
        left = {
            (s.name.removeprefix("memory_service_"), frozenset(s.labels.items())): s.value
            for family in registry_of(tmp_path).collect()
            for s in family.samples
        }
        assert one(left, "turns_total", outcome="complete", by="model") == 2
        assert one(left, "answers", state="writing") == 1
        assert sum(name == "process_resident_memory_bytes" for name, _ in left) == 1
