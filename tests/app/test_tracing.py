"""Traces of requests by OpenTelemetry: off by themselves, a span for each step, and no text."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.main import create_app
from app.metrics import Metrics
from app.settings import Settings
from app.spans import Tracing
from app.tracing import open_tracing
from memory import InvalidInput
from tests.app.conftest import KEY, Running, events, serving
from tests.llm.openai_double import OpenAIDouble

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Traced:
    """A service whose spans are kept here."""

    def __init__(self, running: Running, kept: InMemorySpanExporter) -> None:
        self.running = running
        self._kept = kept

    def spans(self, requests: int = 1) -> list[ReadableSpan]:
        """Those of so many requests, which were made since they were asked for last."""
        deadline = time.monotonic() + 60
        while True:  # a request's span ends when its answer is on its way already
            ended = [span.kind for span in self._kept.get_finished_spans()]
            if ended.count(SpanKind.SERVER) == requests:
                break
            assert time.monotonic() < deadline, ended
            time.sleep(0.01)
        self.running.settle()
        found = list(self._kept.get_finished_spans())
        self._kept.clear()
        return found


@pytest.fixture
def traced(tmp_path: Path, double: OpenAIDouble) -> Iterator[Traced]:
    """A service that asks the scripted model, and is traced."""
    kept = InMemorySpanExporter()
    settings = Settings(data_dir=tmp_path, api_key=KEY, llm=double.url, understanding="off")
    app = create_app(settings, tracing=Tracing(SimpleSpanProcessor(kept)))
    with serving(app) as address:
        running = Running(app, address)
        with running.client:
            yield Traced(running, kept)


def parents(spans: list[ReadableSpan]) -> dict[str, str | None]:
    """Of each span's name the name of the one that it is within."""
    names = {span.context.span_id: span.name for span in spans}
    return {s.name: None if s.parent is None else names.get(s.parent.span_id) for s in spans}


def test_a_turn_is_a_trace_with_a_span_for_each_step(traced: Traced) -> None:
    """In the trace that the request brings; the digest too, which ends after the answer."""
    client = traced.running.client
    articles = {"source": "a.md", "text": "# Lamps\n\nSend a lamp back within 30 days."}
    client.post("/v1/knowledge", json=articles)
    traced.spans()
    answer = traced.running.chat("my door code is 48151623")
    body = {"customer": "ada", "message": "And a lamp?", "stream": True}
    headers = {"traceparent": PARENT, "X-Request-ID": "mine"}
    whole = traced.spans()
    with client.stream("POST", "/v1/chat", json=body, headers=headers) as response:
        list(events(response))
    streamed = traced.spans()
    root = "POST /v1/chat"
    for spans in (whole, streamed):
        assert parents(spans) == {
            root: None, "admit": root, "save_message": "admit", "load": root, "embed": "load",
            "search": "load", "knowledge": "load", "model": root, "save_answer": root,
            "digest": root,
        } | ({"embed": parents(spans)["embed"]})  # fmt: skip
        (model,) = [span for span in spans if span.name == "model"]
        assert [event.name for event in model.events] == ["first-token"]
        (first,) = [span for span in spans if span.name == root]
        assert first.kind is SpanKind.SERVER
        assert first.attributes is not None
        assert first.attributes["http.response.status_code"] == 200
    assert any(s.name == "embed" and s.parent is not None for s in whole)
    assert {format(span.context.trace_id, "032x") for span in streamed} == {TRACE}
    (first,) = [span for span in whole if span.name == root]
    assert first.attributes is not None
    assert first.attributes["request.id"] == answer.headers["x-request-id"]


def test_spans_have_no_text(traced: Traced, double: OpenAIDouble) -> None:
    """Nor a name or a key, whatever fails: of errors there is the kind."""
    double.mode = "500"
    traced.running.chat("my door code is 48151623", session="greenhouse")
    traced.running.client.get("/v1/customers/ada/sessions?secret=kestrel")
    traced.running.client.post("/v1/chat", json={"customer": "ada", "message": 5})
    spans = traced.spans(3)
    # Without ids and times: letters of a name or digits of a code stand in them now and then.
    told = re.sub(r"[0-9a-f-]{16,}|[0-9T:.-]{16,}Z", "", "".join(s.to_json() for s in spans))
    for secret in ("48151623", "door", "greenhouse", "ada", "kestrel", KEY, "I repeat"):
        assert secret not in told, secret
    (model,) = [span for span in spans if span.name == "model"]
    assert model.status.status_code is StatusCode.ERROR
    assert model.status.description == "OpenAIAPIError"
    assert [event for span in spans for event in span.events if event.name == "exception"] == []
    assert "GET /v1/customers/{customer}/sessions" in {span.name for span in spans}


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector's address, and what it was sent."""
    sent: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["content-length"]))
            sent.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()
        thread.join()


def test_spans_are_sent_to_a_collector(
    tmp_path: Path,
    collector: tuple[str, list[ExportTraceServiceRequest]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By OTLP, because the standard variable names one; at the latest when the service ends."""
    address, sent = collector
    monkeypatch.setenv(ENDPOINT, address)
    app = create_app(Settings(data_dir=tmp_path, api_key=KEY, llm="fake:echo", understanding="off"))
    with serving(app) as served:
        running = Running(app, served)
        with running.client:
            assert running.chat("hello").status_code == 200
    resources = [each for request in sent for each in request.resource_spans]
    spans = {s.name for r in resources for scope in r.scope_spans for s in scope.spans}
    assert {"POST /v1/chat", "load", "model", "save_answer"} <= spans
    program = {a.key: a.value.string_value for a in resources[0].resource.attributes}
    assert program["service.name"] == "memory-service"


def test_nothing_is_traced_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the setting or by a collector's address; the setting `off` is stronger than that."""
    monkeypatch.delenv(ENDPOINT, raising=False)
    assert open_tracing(Settings()) is None
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    assert open_tracing(Settings(tracing="off")) is None
    made = open_tracing(Settings())
    assert made is not None
    made.close()


def test_a_service_that_is_not_traced_times_its_steps_alone(service: Running) -> None:
    """No span is made, nor anything for one."""
    assert type(service.app.state.store.watch) is Metrics


def test_what_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the setting it is an error; a variable that others may be meant by is not."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "app.spans")
    with pytest.raises(InvalidInput, match=r"\[tracing\]"):
        open_tracing(Settings(tracing="on"))
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    assert open_tracing(Settings()) is None
    assert "[tracing]" in caplog.text
