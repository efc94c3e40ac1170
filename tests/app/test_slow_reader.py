"""A client that does not read, or hardly: neither memory, nor a place, nor its session is held."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from anyio import CancelScope
from starlette.requests import Request
from starlette.types import Message

from app.feed import Feed, unless_gone
from tests.app.conftest import KEY, Running, as_served, until
from tests.app.test_chat import transcript
from tests.llm.openai_double import OpenAIDouble

CUT_SECONDS = 1.5


@contextmanager
def patient_service(tmp_path: Path, double: OpenAIDouble) -> Iterator[Running]:
    """A service as ``serve`` serves it, that writes one answer at a time and lets nobody wait."""
    with as_served(
        data_dir=tmp_path, llm=double.url, log_level="warning",
        answers_at_once=1, answers_waiting=0, reader_timeout=CUT_SECONDS,
    ) as service:  # fmt: skip
        yield service


def ask_without_reading(address: str, message: str) -> socket.socket:
    """A stream is asked for, over a connection whose client takes a few kilobytes and no more."""
    url = urlsplit(address)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((url.hostname, url.port))
    body = {"customer": "ada", "session": "s1", "message": message, "stream": True}
    content = json.dumps(body).encode()
    client.sendall(
        b"POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {KEY}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )
    return client


def is_open(client: socket.socket) -> bool:
    """Whether the service has the connection, which is in this process too."""
    here = client.getsockname()
    return any(end.raddr == here for end in psutil.Process().net_connections("tcp"))


def was_cut(client: socket.socket) -> bool:
    """Whether the connection ends without the end of the answer; reads what is left of it."""
    client.settimeout(30)
    rest = b""
    try:
        while piece := client.recv(65536):
            rest += piece
    except ConnectionResetError:
        pass
    return not rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("words", "pause"), [(2_000, None), (2_000, 1_500), (8_000, None)])
def test_an_answer_that_nobody_reads_is_stored_and_its_connection_is_cut(
    tmp_path: Path, double: OpenAIDouble, words: int, pause: int | None
) -> None:
    """Whether the model still speaks then or not, and also an answer that is longer than what is
    held for a reader. The next customer has the place as soon as the model has ended.
    """
    double.reply, double.pause = " ".join(f"word{n}" for n in range(words)), pause
    with patient_service(tmp_path, double) as service:
        client = ask_without_reading(service.address, "hello")
        until(lambda: bool(double.requests))
        if pause is not None:
            until(lambda: not is_open(client))
            double.go.set()
        until(lambda: service.app.state.chain.places.inside == 0)
        double.reply = "yes"
        assert service.chat("hello", customer="bob").status_code == 200
        said = transcript(service)
        assert [status for _, _, status in said] == ["complete", "complete"]
        assert said[1][1].endswith(f"word{words - 1}")
        until(lambda: not is_open(client))
        assert was_cut(client)
        client.close()


def test_one_who_reads_slowly_gets_it_all(tmp_path: Path, double: OpenAIDouble) -> None:
    """A reader who takes longer than the limit in all, but never so long for nothing."""
    double.reply = " ".join(f"word{n}" for n in range(1_500))
    with patient_service(tmp_path, double) as service:
        client = ask_without_reading(service.address, "hello")
        client.settimeout(30)
        heard, began = b"", time.monotonic()
        while not heard.endswith(b"0\r\n\r\n"):
            piece = client.recv(2048)
            assert piece, heard[-200:]
            heard += piece
            time.sleep(0.05)
        assert time.monotonic() - began > CUT_SECONDS
        assert b"word1499" in heard
        assert heard.count(b"event: done") == 1
        client.close()


async def becomes(true: Callable[[], bool]) -> None:
    """Wait for something that a task of the loop is about to do."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


def feed_of(*pieces: bytes, end: asyncio.Event | None = None) -> tuple[Feed, list[str]]:
    """A feed of some pieces, and what becomes of the turn."""
    ended: list[str] = []

    async def made() -> AsyncGenerator[bytes, None]:
        try:
            for piece in pieces:
                yield piece
            if end is not None:
                await end.wait()
            ended.append("went on to its end")
        except asyncio.CancelledError:
            ended.append("was stopped")
            raise

    return Feed(made(), b"too slow", 0.2), ended


def test_what_is_held_is_bounded_and_the_turn_goes_on_without_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than that is let go of after a moment, and a reader who comes after all is told so;
    that it leaves then stops nothing.
    """
    monkeypatch.setattr("app.feed._SPARED", 0.01)

    async def run() -> None:
        end = asyncio.Event()
        feed, ended = feed_of(*[b"x" * 100_000] * 50, end=end)
        await feed.begun()
        await becomes(lambda: feed._lost)
        assert [piece async for piece in feed.pieces()] == [b"too slow"]
        feed.leave()
        end.set()
        await becomes(lambda: ended == ["went on to its end"])

    asyncio.run(run())


def test_a_reader_who_keeps_up_may_have_any_length() -> None:
    """What was read is no longer held."""

    async def run() -> None:
        async def made() -> AsyncGenerator[bytes, None]:
            for _ in range(100):
                yield b"x" * 100_000
                await asyncio.sleep(0)

        read = [piece async for piece in Feed(made(), b"too slow", 60).pieces()]
        assert sum(map(len, read)) == 10_000_000

    asyncio.run(run())


def test_a_model_that_never_waits_leaves_its_reader_time() -> None:
    """Who takes each piece as it comes is not told to be too slow."""

    async def run() -> None:
        feed, _ = feed_of(*[b"x" * 10_000] * 200)
        read = []
        async for piece in feed.pieces():
            read.append(piece)
            await asyncio.sleep(0)  # as a connection does
        assert sum(map(len, read)) == 2_000_000

    asyncio.run(run())


def test_a_reader_who_leaves_stops_the_turn() -> None:
    """At once, and not when somebody collects the garbage."""

    async def run() -> None:
        feed, ended = feed_of(b"a", end=asyncio.Event())
        await feed.begun()
        await asyncio.sleep(0.3)  # with nothing to take
        feed.leave()
        await becomes(lambda: ended == ["was stopped"])

    asyncio.run(run())


@pytest.mark.parametrize("whole", [False, True])
def test_one_who_leaves_breaks_off_nothing_that_is_shielded(whole: bool) -> None:
    """An answer that is being stored when its reader leaves is stored."""

    async def run() -> None:
        storing, stored = asyncio.Event(), list[str]()

        async def made() -> AsyncGenerator[bytes, None]:
            try:
                yield b"a"
            finally:
                with CancelScope(shield=True):
                    storing.set()
                    await asyncio.sleep(0.05)
                    stored.append("a")

        async def all_of_it() -> list[bytes]:
            return [piece async for piece in made()]

        async def leave() -> Message:
            await storing.wait()
            return {"type": "http.disconnect"}

        if whole:
            request = Request({"type": "http"}, leave)
            assert await unless_gone(request, all_of_it()) in (None, [b"a"])
        else:
            feed = Feed(made(), b"", 60)
            await storing.wait()
            feed.leave()
            await becomes(lambda: bool(stored))
        assert stored == ["a"]

    asyncio.run(run())


def test_one_who_leaves_after_having_taken_nothing_for_a_while_stops_nothing() -> None:
    """The connection was cut, and the client did not ask for an end."""

    async def run() -> None:
        end = asyncio.Event()
        feed, ended = feed_of(b"a", b"b", end=end)
        assert await anext(aiter(feed.pieces())) == b"a"
        await asyncio.sleep(0.3)
        feed.leave()
        end.set()
        await becomes(lambda: ended == ["went on to its end"])

    asyncio.run(run())


def test_one_whose_connection_was_cut_stops_nothing() -> None:
    """However long ago that was: it takes what it is given, to no purpose, until it is seen."""

    async def run() -> None:
        end = asyncio.Event()
        feed, ended = feed_of(b"a", b"b", end=end)
        read = aiter(feed.pieces())
        assert [await anext(read), await anext(read)] == [b"a", b"b"]
        feed.leave(cut=True)
        end.set()
        await becomes(lambda: ended == ["went on to its end"])

    asyncio.run(run())


def test_what_fails_before_the_first_piece_is_raised_before_it() -> None:
    """So that it has a status of its own."""

    async def made() -> AsyncGenerator[bytes, None]:
        raise ValueError
        yield b""

    async def run() -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - nothing is to be said
            await Feed(made(), b"", 60).begun()

    asyncio.run(run())


def test_the_connection_of_a_whole_answer_is_cut_too(tmp_path: Path, double: OpenAIDouble) -> None:
    """Whatever it is that nobody reads, here articles."""
    double.reply = "yes"
    with patient_service(tmp_path, double) as service:
        text = " ".join(f"word{n}" for n in range(5_000))
        article = {"source": "long.md", "text": text}
        assert service.client.post("/v1/knowledge", json=article).status_code < 300
        url = httpx.URL(service.address)
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((url.host, url.port))
        client.sendall(
            b"GET /v1/knowledge/long.md HTTP/1.1\r\nHost: x\r\n"
            + f"Authorization: Bearer {KEY}\r\n\r\n".encode()
        )
        until(lambda: is_open(client))
        until(lambda: not is_open(client))
        client.settimeout(30)
        heard = b""
        try:
            while piece := client.recv(65536):
                heard += piece
        except ConnectionResetError:
            pass
        assert len(heard) < len(text)
        client.close()
