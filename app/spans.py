"""Traces by OpenTelemetry: a span of each request, and one within it of each step of its turn.

Spans have names of steps, routes and kinds of errors; no text, no name, no key. Where they are
sent, and how many, OpenTelemetry's own variables say (``OTEL_EXPORTER_OTLP_ENDPOINT``,
``OTEL_TRACES_SAMPLER``, ...).
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AbstractContextManager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import Scope
from typing_extensions import override

from memory import Watch

_NAME = "memory-service"
_END_SECONDS = 2.0  # how long the end of the service waits for spans to be sent
_incoming = TraceContextTextMapPropagator()


class Tracing:
    """Traces the requests of one app; nothing is registered for the whole process."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        """Begin; without a ``processor`` spans are sent by OTLP, in batches."""
        program = {
            SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", _NAME),
            SERVICE_VERSION: version("langchain-memory-service"),
        }
        self._provider = TracerProvider(resource=Resource.create(program), shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_NAME)

    def watch(self, others: Watch) -> Watch:
        """What makes spans of steps, and tells ``others`` of them too."""
        return _Traced(others, self._tracer)

    def request(self, scope: Scope) -> RequestSpan:
        """The span of a request, which goes on with the trace that comes with it."""
        return RequestSpan(self._tracer, scope)

    def close(self) -> None:
        """Send what is there, if that is soon done."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_END_SECONDS)


class RequestSpan:
    """The span of a request, while its block is under way."""

    def __init__(self, tracer: Tracer, scope: Scope) -> None:
        self._entered = tracer.start_as_current_span(
            "request",
            context=_incoming.extract(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            record_exception=False,  # its text may repeat anything
            set_status_on_exception=False,
        )

    def __enter__(self) -> RequestSpan:
        self._span = self._entered.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.__exit__(None, None, None)

    @property
    def trace_id(self) -> str:
        """Of the trace, as others write it."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def tell(self, method: str, route: str, status: int, identity: str) -> None:
        """What the request was, as is known in the end."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "request.id": identity,
            }
        )
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)


class _Traced(Watch):
    """Makes spans of steps."""

    def __init__(self, others: Watch, tracer: Tracer) -> None:
        self._others = others
        self._tracer = tracer

    @override
    def step(self, name: str) -> AbstractContextManager[object]:
        return _Step(self._others.step(name), self._tracer, name)

    @override
    def happened(self, what: str) -> None:
        self._others.happened(what)
        if (span := trace.get_current_span()).is_recording():  # not of a request that is over
            span.add_event(what)


class _Step:
    """A step with its span, and whoever else wants to know of it."""

    __slots__ = ("_entered", "_others", "_span")

    def __init__(self, others: AbstractContextManager[object], tracer: Tracer, name: str) -> None:
        self._others = others
        self._entered = tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        )

    def __enter__(self) -> None:
        self._others.__enter__()
        self._span: Span = self._entered.__enter__()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, asyncio.CancelledError):
            self._span.set_status(StatusCode.ERROR, kind.__name__)
        self._entered.__exit__(None, None, None)
        self._others.__exit__(None, None, None)
