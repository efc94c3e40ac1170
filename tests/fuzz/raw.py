"""Bytes to a port: what may be no JSON, no text, or no HTTP at all."""

from __future__ import annotations

import re
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, seed, settings

from tests.app.conftest import KEY
from tests.fuzz.hunt import asked

_AUTHORIZED = f"Authorization: Bearer {KEY}".encode()
_REDIRECTS = {301, 302, 303, 307, 308}
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

_odd_name = st.sampled_from([
    b"ada", b"", b"%00", b"%2F", b"%2f..%2F", b"..", b"%2e%2e", b"%", b"%zz", b"%ED%A0%80", b"\xff",
    b"%F0%9F%98%80", b"a" * 300, b"a" * 9000, b"a;b", b"a%0Ab", b"%25", b"[", b"*", b"{customer}",
    b"99999999999999999999999999", b"-1", b"1e400", b"%C0%80", b"a b", b"\\", b"null",
])  # fmt: skip
_name = st.integers(0, 5).flatmap(lambda n: _odd_name if n else st.binary(min_size=1, max_size=9))
_target = st.one_of(
    st.sampled_from([
        b"/v1/chat", b"/v1/prompt", b"/v1/customers", b"/v1/knowledge", b"/v1/knowledge/search",
        b"/v1/admin/models", b"/openapi.json", b"/healthz", b"/", b"/web/", b"*", b"//", b"",
        b"http://elsewhere/v1/chat", b"/v1/../v1/chat", b"/v1/chat/", b"/v1/customers/ada/export",
    ]),
    st.builds(b"/v1/customers/%b/%b".__mod__, st.tuples(_name, st.sampled_from([
        b"sessions", b"memories", b"recall", b"card", b"export", b"forget", b"sessions/monday",
        b"sessions/%2F/messages", b"memories/%00", b"sessions/x/rating",
    ]))),
    st.builds(b"/v1/customers/ada/%b?%b=%b".__mod__, st.tuples(
        st.sampled_from([b"memories", b"sessions/monday/messages"]),
        st.sampled_from([b"limit", b"before", b"slot", b"history", b"after", b"%00"]), _name,
    )),
    st.builds(b"/v1/customers?after=%b".__mod__, st.tuples(_name)),
    st.builds(b"/v1/%b/%b".__mod__, st.tuples(st.sampled_from([b"knowledge", b"admin/models"]),
                                              _name)),
    st.builds(b"/web/%b".__mod__, st.tuples(_name)),
)  # fmt: skip
_methods = st.sampled_from(
    [b"GET", b"POST"] * 5 + [b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"get", b"G T", b""]
)
_versions = st.sampled_from([b"HTTP/1.1"] * 20 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/x"])
_header = st.one_of(
    st.sampled_from([
        b"Content-Type: application/json", b"Content-Type: text/plain", b"Content-Type: \xff",
        b"Content-Type: application/json; charset=utf-16", b"Content-Encoding: gzip",
        b"Content-Type: multipart/form-data", b"Expect: 100-continue", b"Accept: nothing/at-all",
        b"Authorization: ", b"Authorization: Bearer \xe4", b"Authorization: Bearer a.b.c",
        b"Authorization: Bearer " + b"x" * 20_000, b"Cookie: \x01", b"Upgrade: websocket",
        b"Connection: Upgrade", b"Upgrade: h2c", b"X-Forwarded-For: nobody", b"Forwarded: for=_x",
        b"X-Forwarded-Proto: gopher", b"Content-Length: -1", b"Content-Length: 1_0",
        b"Content-Length: 99999999999999999999", b"Transfer-Encoding: gzip", b"Host: ",
        b"Transfer-Encoding: chunked, chunked", b"No colon", b": no name", b" folded",
        b"Range: bytes=0-", b"If-Modified-Since: never", b"Origin: null", b"X: " + b"y" * 70_000,
    ]),
    st.binary(max_size=20),
)  # fmt: skip
_LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["\\ud800", "\\u0000", "ada", "monday", 10**40, -(2**63) - 1, 1e308]),
)  # fmt: skip
_VALUES = st.recursive(
    _LEAF, lambda one: st.one_of(st.lists(one, max_size=3),
                                 st.dictionaries(st.text(max_size=5), one, max_size=3)),
    max_leaves=5,
)  # fmt: skip
_FIELDS = st.sampled_from(
    "customer session message stream idempotency_key query max_tokens text slot value pinned "
    "expires_at policy dry_run rating source title format limit sources about".split()
)


def _object(pairs: list[tuple[str, object]]) -> bytes:
    """An object that may name a field twice, with lone surrogates as escapes."""
    import json

    said = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs)
    return ("{" + ", ".join(said) + "}").replace("\\\\u", "\\u").encode()


_body = st.one_of(
    st.lists(st.tuples(_FIELDS, _VALUES), max_size=6).map(_object),
    st.sampled_from([
        b"", b"{", b"nul", b"[" * 20_000, b'{"message": ' * 3_000, b"\xff\xfe{\x00}\x00", b"NaN",
        b'{"customer": "ada", "message": NaN}', b'{"query": "x", "max_tokens": 1e400}',
        b'{"customer": "ada", "message": "a", "message": "b"}', b"9" * 6_000, b'"\\ud800"',
        b'\xef\xbb\xbf{"customer": "ada", "message": "x"}', b"a=b&c=d", b"\x1f\x8b\x08\x00",
        b'{"customer": "ada", "message": "' + b"x" * 40_000 + b'"}',
        b'{"customer": "' + b"x" * 400 + b'", "message": "x"}', b" " * 220_000,
        b'{"query": "x", "max_tokens": -Infinity}', b'{"policy": {"max_records": 1' + b"0" * 300,
        b'{"policy": {"max_records": 1' + b"0" * 300 + b'}, "dry_run": true}',
        b'{"customer": "ada", "session": "monday", "message": "hello", "stream": true}',
    ]),
    st.binary(max_size=60),
)  # fmt: skip


class Sending(NamedTuple):
    """Bytes, and whether whole answers are to be waited for."""

    data: bytes
    whole: bool


_SAID = b'{"customer": "ada", "session": "monday", "message": "My order is 4417-XZ"}'
# Sound requests, to be sent in odd ways: each a method, a target and a body.
_sound = st.sampled_from([
    (b"POST", b"/v1/chat", _SAID), (b"POST", b"/v1/prompt", _SAID),
    (b"POST", b"/v1/chat", _SAID[:-1] + b', "stream": true}'),
    (b"POST", b"/v1/customers/ada/recall", b'{"query": "order"}'),
    (b"POST", b"/v1/customers/ada/memories", b'{"text": "Prefers to be called."}'),
    (b"POST", b"/v1/customers/ada/forget", b'{"policy": {"max_records": 5}}'),
    (b"PUT", b"/v1/customers/ada/sessions/monday/rating", b'{"rating": "good"}'),
    (b"POST", b"/v1/knowledge", b'{"source": "a/b.md", "text": "# Orders"}'),
    (b"GET", b"/v1/knowledge/a%2Fb.md", b""), (b"DELETE", b"/v1/knowledge/a%2Fb.md", b""),
    (b"GET", b"/v1/customers/ada/export", b""), (b"GET", b"/v1/customers/ada/card", b""),
    (b"GET", b"/v1/customers/ada/sessions/monday/messages", b""), (b"GET", b"/openapi.json", b""),
    (b"DELETE", b"/v1/customers/ada", b""), (b"GET", b"/", b""), (b"GET", b"/web/chat.js", b""),
])  # fmt: skip


@st.composite
def sendings(draw: st.DrawFn) -> Sending:
    """One request or several in a row; whole, chunked, cut off, or with a length that is wrong."""
    requests, whole = [], True
    for more in range(draw(st.integers(0, 2)), -1, -1):
        method, target, body = draw(st.one_of(_sound, st.tuples(_methods, _target, _body)))
        headers = [b"Host: x"]
        if draw(st.integers(0, 5)):
            headers.append(_AUTHORIZED)
        if draw(st.integers(0, 3)):
            headers.append(b"Content-Type: application/json")
        if not draw(st.integers(0, 3)):
            headers += draw(st.lists(_header, min_size=1, max_size=2))
        if not more:
            headers.append(b"Connection: close")
        frame = draw(st.sampled_from(["length", "length", "chunked", "cut", "lies", "none"]))
        if frame == "none":
            body = b""
        elif frame == "chunked":
            headers.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            headers.append(b"Content-Length: %d" % (len(body) + 5 * (frame == "lies")))
        line = b" ".join([method, target, draw(_versions)])
        request = line + b"\r\n" + b"\r\n".join(headers) + b"\r\n\r\n" + body
        if frame == "cut":
            request = request[: draw(st.integers(0, len(request)))]
        requests.append(request)
        if frame in ("cut", "lies"):
            whole = False
            break
    return Sending(b"".join(requests), whole)


def statuses(address: str, sending: Sending) -> list[int]:
    """Send it; the statuses of what came back before the server closed, or we did."""
    host, port = address.removeprefix("http://").split(":")
    got = b""
    with socket.create_connection((host, int(port)), 60) as connection:
        try:
            connection.sendall(sending.data)
            if not sending.whole:
                connection.settimeout(0.02)  # what is cut off gets no answer, or one at once
            while piece := connection.recv(65_536):
                got += piece
        except (TimeoutError, ConnectionError):
            pass  # it hung up on what is no HTTP, or waits for what does not come
    return [int(status) for status in _STATUS.findall(got)]


@dataclass
class Sent:
    """What was sent, and what was wrong."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def long(folder: Path, database: str | None, times: int, number: int) -> Sent:
    """Send so many, to a service of their own; after each it answers as before."""
    found = Sent()
    healthy = Sending(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", True)
    with asked(folder, database) as (address, app, errors):

        @seed(number)
        @settings(
            max_examples=times, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(sendings())
        def send(sending: Sending) -> None:
            came = statuses(address, sending)
            found.sent += 1
            found.statuses.update(came)
            if any(status >= 500 or status in _REDIRECTS for status in came):
                found.faults.append(f"{came} for {sending.data[:600]!r}")
            if statuses(address, healthy) != [200]:
                found.faults.append(f"no answer after {sending.data[:600]!r}")
            if errors:
                found.faults.append(f"after {sending.data[:600]!r}: {errors.pop()}")

        send()
        app.state.store.wait(60)
        found.faults += errors
    return found
