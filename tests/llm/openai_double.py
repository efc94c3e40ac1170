"""A server on 127.0.0.1 that speaks the OpenAI chat protocol and does what a test tells it to."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

Messages = list[dict[str, Any]]
Calls = list[tuple[str, str]]  # of tools: their names, and their arguments as JSON
Mode = Literal["ok", "hang", "500", "empty", "cut"]


class OpenAIDouble:
    """``with OpenAIDouble("hello") as double: open_llm(double.url)``.

    ``reply`` is what it answers, or a function of the request's messages; calls of tools are an
    answer too, whose ids are the text's place in the conversation. ``mode`` is how:
    ``ok``; ``hang`` (takes the request and stays silent until the test ends); ``500``;
    ``empty`` (a well-formed answer without text); ``cut`` (drops the connection half-way).
    ``requests`` are the bodies it was sent, ``keys`` the keys; ``models`` is what it offers,
    ``key``, if set, the only one it accepts, and ``delay`` the seconds before each word of a
    stream; ``pause`` words on, a stream waits until ``go`` is set. All of them can be changed at
    any time.
    """

    def __init__(
        self, reply: str | Callable[[Messages], str | Calls] = "hello", mode: Mode = "ok"
    ) -> None:
        self.reply = reply
        self.mode = mode
        self.models = ["double"]
        self.key: str | None = None
        self.delay = 0.0
        self.pause: int | None = None
        self.go = threading.Event()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.gone = threading.Event()  # set when a client leaves in the middle of a stream
        self.over = threading.Event()  # set when the test has ended
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def base(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def url(self) -> str:
        """What ``open_llm`` and ``--llm`` take."""
        return f"{self.base}#{self.models[0]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # they are waited for, so that no test leaves a socket behind

    def __init__(self, double: OpenAIDouble) -> None:
        self.double = double
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self._admitted():
            models = [{"id": name, "object": "model"} for name in self.server.double.models]
            self._json(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        double = self.server.double
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._admitted():
            return
        double.requests.append(body)
        match double.mode:
            case "hang":
                double.over.wait()
                self.close_connection = True
            case "500":
                self._json(500, {"error": {"message": "it broke", "type": "server_error"}})
            case mode:
                self._answer(body, mode)

    def _answer(self, body: dict[str, Any], mode: Mode) -> None:
        messages, reply = body["messages"], self.server.double.reply
        said = "" if mode == "empty" else reply if isinstance(reply, str) else reply(messages)
        text = said if isinstance(said, str) else ""
        calls = [] if isinstance(said, str) else _calls(said, len(messages))
        words = re.findall(r"\s*\S+\s*$|\s*\S+", text)
        read = sum(len(str(message["content"]).split()) for message in messages)
        usage = {
            "prompt_tokens": read,
            "completion_tokens": len(words),
            "total_tokens": read + len(words),
        }
        if body.get("stream"):
            self._stream(
                _events(body, words, calls, usage),
                cut=len(words) // 2 + 1 if mode == "cut" else None,
            )
            return
        message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": "tool_calls" if calls else "stop",
        }
        answer = _head(body, "chat.completion") | {"choices": [choice], "usage": usage}
        self._json(200, answer, cut=mode == "cut")

    def _stream(self, events: Iterator[dict[str, Any]], *, cut: int | None) -> None:
        """Server-sent events, as a chunked body that ``cut`` leaves unfinished after so many."""
        double = self.server.double
        self._start(200, "text/event-stream", ("Transfer-Encoding", "chunked"))
        try:
            for number, event in enumerate(events):
                while number == double.pause and not double.go.wait(0.02):
                    if double.over.is_set():
                        return
                if double.over.wait(double.delay) or number == cut:
                    return
                self._chunk(f"data: {json.dumps(event)}\n\n")
            self._chunk("data: [DONE]\n\n")
            self._chunk("")
        except OSError:
            double.gone.set()

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status: int, content: dict[str, Any], *, cut: bool = False) -> None:
        data = json.dumps(content).encode()
        self._start(status, "application/json", ("Content-Length", str(len(data))))
        self.wfile.write(data[: len(data) // 2] if cut else data)

    def _start(self, status: int, kind: str, length: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header(*length)
        self.send_header("Connection", "close")
        self.end_headers()

    def _admitted(self) -> bool:
        """Whether the request has the key, if there is one; answers it if not."""
        double = self.server.double
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        double.keys.append(key)
        if double.key in (None, key):
            return True
        self._json(401, {"error": {"message": "wrong key", "type": "invalid_request_error"}})
        return False


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 0, "model": body["model"]}


def _calls(said: Calls, place: int) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{place}_{number}", "type": "function",
         "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(said)
    ]  # fmt: skip


def _events(
    body: dict[str, Any], words: list[str], calls: list[dict[str, Any]], usage: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed answer: each word or piece of a call, the end, and the usage."""
    head = _head(body, "chat.completion.chunk")
    for word in words:
        delta = {"role": "assistant", "content": word}
        yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    for index, call in enumerate(calls):
        function = call["function"]
        named = call | {"index": index, "function": function | {"arguments": ""}}
        pieces = [{"index": index, "function": {"arguments": piece}}
                  for piece in re.findall(r".{1,5}", function["arguments"])]  # fmt: skip
        for piece in [named, *pieces]:
            delta = {"role": "assistant", "content": None, "tool_calls": [piece]}
            yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    ended = "tool_calls" if calls else "stop"
    yield head | {"choices": [{"index": 0, "delta": {}, "finish_reason": ended}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield head | {"choices": [], "usage": usage}
