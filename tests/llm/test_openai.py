"""Models behind the OpenAI protocol: what they are sent, and what becomes of their faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import openai
import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from app.llm import Model, UnusableModel, open_llm
from tests.llm.openai_double import Messages, Mode, OpenAIDouble

_PROMPT = [SystemMessage("Be brief."), HumanMessage("Where is order 58231?")]


@contextmanager
def _opened(url: str, **choices: object) -> Iterator[Model]:
    model = open_llm(url, **choices)  # type: ignore[arg-type]
    try:
        yield model
    finally:
        model.close()


def _last(messages: Messages) -> str:
    return f"You asked: {messages[-1]['content']}"


def test_the_model_gets_the_messages_and_the_settings() -> None:
    """Messages, model, key, temperature and the longest answer arrive; the answer comes back."""
    with (
        OpenAIDouble(_last) as double,
        _opened(double.url, api_key="secret", max_tokens=77, temperature=0.5) as model,
    ):
        reply = model.chat.invoke(_PROMPT)
        (request,) = double.requests
    assert reply.text == "You asked: Where is order 58231?"
    assert [message["content"] for message in request["messages"]] == [m.text for m in _PROMPT]
    assert (request["model"], request["temperature"]) == ("double", 0.5)
    assert 77 in (request.get("max_tokens"), request.get("max_completion_tokens"))
    assert set(double.keys) == {"secret"}
    assert model.name == "double"


def test_the_address_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for other programs that speak to OpenAI changes nothing here."""
    for name in ("OPENAI_PROXY", "OPENAI_API_BASE", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "somebody's")
    with OpenAIDouble() as double, _opened(double.url, api_key="ours") as model:
        assert model.chat.invoke("hi").text == "hello"
    assert double.keys == ["ours"]


def test_an_answer_streams_with_its_usage_sync_and_async() -> None:
    """Each word arrives by itself, and the counts of tokens with the last."""

    async def collect(model: Model) -> list[str]:
        return [chunk.text async for chunk in model.chat.astream(_PROMPT) if chunk.text]

    with OpenAIDouble("one two three") as double, _opened(double.url) as model:
        chunks = list(model.chat.stream(_PROMPT))
        pieces = [chunk.text for chunk in chunks if chunk.text]
        assert pieces == ["one", " two", " three"]
        assert asyncio.run(collect(model)) == asyncio.run(collect(model)) == pieces
    (usage,) = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert (usage["input_tokens"], usage["output_tokens"]) == (6, 3)


def test_the_only_model_of_a_server_needs_no_name() -> None:
    """Without a fragment the server is asked, and its one model taken."""
    with OpenAIDouble() as double, _opened(double.base + "/") as model:
        assert model.name == "double"
        assert model.chat.invoke("hi").text == "hello"


def test_of_several_models_one_must_be_named() -> None:
    """The error lists them, and says how one is named."""
    with OpenAIDouble() as double:
        double.models = ["small", "large"]
        with pytest.raises(UnusableModel, match=r"#MODEL: small, large"):
            open_llm(double.base)
        double.models = []
        with pytest.raises(UnusableModel, match=r"has 0 models.*#MODEL"):
            open_llm(double.base)


def test_a_server_that_is_not_there_is_a_clear_error_and_only_where_it_must_be_asked() -> None:
    """Without a name there is nothing to go on; with one the server may start later."""
    with OpenAIDouble() as double:
        base = double.base
    with pytest.raises(UnusableModel, match=r"does not say which models.*#MODEL"):
        open_llm(base)
    with _opened(f"{base}#double") as model:
        fault = model.check()
        assert fault is not None
        assert f"{base} does not answer" in fault


def test_readiness_says_what_is_wrong() -> None:
    """Ready is None; a refused key names its setting."""
    with OpenAIDouble() as double:
        double.key = "right"
        with _opened(double.url, api_key="right") as model:
            assert model.check() is None
        with _opened(double.url, api_key="wrong") as model:
            assert "MEMORY_SERVICE_LLM_API_KEY" in str(model.check())
            with pytest.raises(openai.AuthenticationError):
                model.chat.invoke("hi")


@pytest.mark.parametrize(
    ("mode", "error"),
    [("500", "InternalServerError"), ("hang", "Timeout"), ("cut", "RemoteProtocolError|APIConn")],
)
@pytest.mark.parametrize("streaming", [True, False])
def test_a_fault_is_an_error_and_is_not_tried_again(
    mode: Mode, error: str, streaming: bool
) -> None:
    """One request, one error, no later than the time that a model may be silent."""
    with (
        OpenAIDouble("one two three four five", mode) as double,
        _opened(double.url, timeout=0.5) as model,
    ):
        pieces: list[str] = []

        def ask() -> None:
            if not streaming:
                model.chat.invoke(_PROMPT)
            for chunk in model.chat.stream(_PROMPT):
                pieces.append(chunk.text)  # noqa: PERF401 - those before the fault count

        with pytest.raises((openai.APIError, httpx.TransportError)) as raised:
            ask()
        assert len(double.requests) == 1
    names = " ".join(cls.__name__ for cls in type(raised.value).__mro__)
    assert any(name in names for name in error.split("|")), names
    assert "".join(pieces) == ("one two three" if mode == "cut" and streaming else "")


def test_an_empty_answer_is_empty_and_no_error() -> None:
    """What to make of silence is for whoever asked."""
    with OpenAIDouble(mode="empty") as double, _opened(double.url) as model:
        assert model.chat.invoke("hi").text == ""
        assert "".join(chunk.text for chunk in model.chat.stream("hi")) == ""


def test_leaving_a_stream_closes_the_connection() -> None:
    """The server learns at once that nobody listens, from a generator and from a task."""

    async def leave(model: Model, steps: int) -> None:
        async def listen() -> None:
            async for _ in model.chat.astream(_PROMPT):
                heard.set()

        heard = asyncio.Event()
        task = asyncio.create_task(listen())
        waiting = asyncio.create_task(heard.wait())
        await asyncio.wait([task, waiting], return_when="FIRST_COMPLETED")
        assert not task.done(), task.exception()
        time.sleep(0.05)  # the next words arrive, and are on their way to the task
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=60)
        assert done, "the stream goes on although its task was cancelled"

    with OpenAIDouble("word " * 10_000) as double, _opened(double.url) as model:
        double.delay = 0.01
        stream = model.chat.stream(_PROMPT)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert double.gone.wait(60)
        for steps in range(8):  # at whatever moment the cancellation comes
            double.gone.clear()
            asyncio.run(leave(model, steps))
            assert double.gone.wait(60)
