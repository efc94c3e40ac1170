"""Tools of the client's, passed through the OpenAI-compatible door."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from tests.app.conftest import KEY, Running, as_served
from tests.app.test_openai import client_of, said_in, sessions_of
from tests.llm.openai_double import Calls, Messages, OpenAIDouble

LOOK_UP: Any = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Where an order is.",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "string"}},
            "required": ["order"],
        },
    },
}
FOUND = "It lies in Zaltbommel"  # what only the tool says


def agent(messages: Messages) -> str | Calls:
    """Look up the orders that the last message of the user's names, then say what was found."""
    last = max(n for n, one in enumerate(messages) if one["role"] == "user")
    found = [str(one["content"]) for one in messages[last:] if one["role"] == "tool"]
    question = str(messages[last]["content"]).splitlines()[-1]
    orders = [word.strip("?.") for word in question.split() if "-" in word]
    if found or not orders:
        return f"{len(found)} found."
    return [("look_up", json.dumps({"order": order})) for order in orders]


@pytest.fixture
def desk(scripted: Running, double: OpenAIDouble) -> Iterator[openai.OpenAI]:
    """The client of a service whose model asks for tools."""
    double.reply = agent
    with client_of(scripted) as client:
        yield client


def result(call: Any, text: str = FOUND) -> dict[str, Any]:
    """What a tool says."""
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def ask(client: openai.OpenAI, said: list[Any], **more: Any) -> Any:
    """Ask with the tool."""
    given = {"model": "any", "user": "ada", "messages": said, "tools": [LOOK_UP], **more}
    return client.chat.completions.create(**given)


def statuses(service: Running, session: str = "default") -> list[tuple[str, str]]:
    """What was said in a session, with the statuses of its turns."""
    found = service.client.get(f"/v1/customers/ada/sessions/{session}/messages").json()
    return [(m["text"], m["status"]) for m in found["messages"]]


def test_calls_come_back_and_their_results_lead_to_the_turns_answer(
    desk: openai.OpenAI, scripted: Running, double: OpenAIDouble
) -> None:
    """One turn: it waits for the tool and gets its result. What is said next is asked with both,
    or without tools with neither; what the tool said is no memory.
    """
    said: list[Any] = [{"role": "user", "content": "Where is 4417-XZ?"}]
    first = ask(desk, said, tool_choice="auto", parallel_tool_calls=False).choices[0]
    assert first.finish_reason == "tool_calls"
    assert first.message.content is None
    (call,) = first.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "look_up", {"order": "4417-XZ"},
    )  # fmt: skip
    sent = double.requests[-1]
    assert (sent["tools"], sent["tool_choice"], sent["parallel_tool_calls"]) == (
        [LOOK_UP], "auto", False,
    )  # fmt: skip
    assert statuses(scripted) == [("Where is 4417-XZ?", "calling")]

    said += [first.message, result(call)]
    second = ask(desk, said).choices[0]
    assert (second.message.content, second.finish_reason) == ("1 found.", "stop")
    asked, calling, told = double.requests[-1]["messages"][-3:]
    assert asked["content"] == "Where is 4417-XZ?"
    assert calling["tool_calls"][0]["id"] == told["tool_call_id"] == call.id
    assert told["content"] == FOUND
    done = [("Where is 4417-XZ?", "complete"), ("1 found.", "complete")]
    assert statuses(scripted) == done

    said += [second.message, {"role": "user", "content": "Thank you"}]
    assert ask(desk, said).choices[0].message.content == "0 found."
    told = double.requests[-1]["messages"][1:]
    assert [m["content"] for m in told if m["content"]] == [
        "Where is 4417-XZ?", FOUND, "1 found.", "Thank you",
    ]  # fmt: skip
    assert told[1]["tool_calls"][0]["id"] == told[2]["tool_call_id"] == call.id
    ask(desk, [{"role": "user", "content": "Bye"}], tools=None)
    assert FOUND not in json.dumps(double.requests[-1]["messages"])
    assert sessions_of(scripted) == ["default"]
    scripted.settle()
    assert FOUND not in scripted.client.get("/v1/customers/ada/memories").text


def test_a_stream_has_the_pieces_of_calls_and_usage(desk: openai.OpenAI, scripted: Running) -> None:
    """Later in a conversation two calls come in pieces, each with its id; usage comes last."""
    said: list[Any] = [{"role": "user", "content": "Hello"}]
    said.append(ask(desk, said).choices[0].message)
    said.append({"role": "user", "content": "Where are 4417-XZ and 4418-XZ?"})
    chunks = [*ask(desk, said, stream=True, stream_options={"include_usage": True})]
    pieces = [p for c in chunks for one in c.choices for p in one.delta.tool_calls or ()]
    assert [p.id for p in pieces if p.index == 0][1:] == [None] * (len(pieces) // 2 - 1)
    calls: list[Any] = []
    for piece in pieces:
        if piece.id is not None:
            assert (piece.index, piece.type) == (len(calls), "function")
            calls.append(piece)
        else:
            calls[piece.index].function.arguments += piece.function.arguments
    assert [json.loads(c.function.arguments)["order"] for c in calls] == ["4417-XZ", "4418-XZ"]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"
    assert chunks[-1].usage.prompt_tokens > 0

    calling = {
        "role": "assistant",
        "tool_calls": [
            {"id": c.id, "type": "function",
             "function": {"name": c.function.name, "arguments": c.function.arguments}}
            for c in calls
        ],
    }  # fmt: skip
    said += [calling, *map(result, calls)]
    text = "".join(c.choices[0].delta.content or "" for c in ask(desk, said, stream=True))
    assert text == "2 found."
    assert said_in(scripted)[2:] == [
        ("human", "Where are 4417-XZ and 4418-XZ?"), ("ai", "2 found."),
    ]  # fmt: skip
    assert sessions_of(scripted) == ["default"]


def test_a_client_that_never_returns_holds_nobody_up(
    desk: openai.OpenAI, scripted: Running
) -> None:
    """The session goes on at once; what was waited for says so; who returns late has a branch."""
    hello: list[Any] = [{"role": "user", "content": "Hello"}]
    hello.append(ask(desk, hello).choices[0].message)
    said = [*hello, {"role": "user", "content": "Where is 4417-XZ?"}]
    calling = ask(desk, said).choices[0].message
    assert scripted.chat("Never mind", session="default").status_code == 200
    assert statuses(scripted)[2:] == [
        ("Where is 4417-XZ?", "calling"), ("Never mind", "complete"), ("0 found.", "complete"),
    ]  # fmt: skip
    late = ask(desk, [*said, calling, result(calling.tool_calls[0])])
    assert late.choices[0].message.content == "1 found."
    assert len(statuses(scripted)) == 5
    (branch,) = set(sessions_of(scripted)) - {"default"}
    assert said_in(scripted, branch)[2:] == [("human", "Where is 4417-XZ?"), ("ai", "1 found.")]


def test_results_that_come_again_after_a_failure_are_answered_once(
    desk: openai.OpenAI, scripted: Running, double: OpenAIDouble
) -> None:
    """A model that fails over the results is asked again by the same request; so it is with keys
    of the client's own, which are new ones each time.
    """
    said: list[Any] = [{"role": "user", "content": "Where is 4417-XZ?"}]
    calling = ask(desk, said, extra_headers={"Idempotency-Key": "one"}).choices[0].message
    said += [calling, result(calling.tool_calls[0])]
    double.mode = "500"
    with pytest.raises(openai.InternalServerError):
        ask(desk, said, extra_headers={"Idempotency-Key": "two"})
    double.mode = "ok"
    answer = ask(desk, said, extra_headers={"Idempotency-Key": "three"})
    assert answer.choices[0].message.content == "1 found."
    assert said_in(scripted) == [("human", "Where is 4417-XZ?"), ("ai", "1 found.")]


@pytest.mark.parametrize("more", [{}, {"metadata": {"session": "monday"}}])
@pytest.mark.parametrize("keyed", [False, True])
def test_a_round_that_comes_twice_is_one_turn(
    desk: openai.OpenAI, scripted: Running, more: dict[str, Any], keyed: bool
) -> None:
    """The results of the same calls have the same answer, with a history or without, and with
    keys that are new each time; the same question that is asked anew is another turn.
    """
    session = "monday" if more else "default"
    said: list[Any] = []
    keys = (({"Idempotency-Key": f"key {n}"} if keyed else {}) for n in range(9))
    for turn in (1, 2):
        said.append({"role": "user", "content": "Where is 4417-XZ?"})
        calling = ask(desk, said, extra_headers=next(keys), **more).choices[0].message
        results = [*said, calling, result(calling.tool_calls[0])]
        answers = [ask(desk, results, extra_headers=next(keys), **more) for _ in range(2)]
        assert [one.id for one in answers] == [answers[0].id] * 2
        assert len(said_in(scripted, session)) == 2 * turn
        said.append(answers[0].choices[0].message)
    assert sessions_of(scripted) == [session]


def test_results_are_taken_by_another_process(double: OpenAIDouble, tmp_path: Path) -> None:
    """A service that starts anew goes on where the one before has asked for a tool; what the tool
    says is kept with the answer, is exported with it, and goes with the customer.
    """
    double.reply = agent
    given: dict[str, Any] = {"data_dir": tmp_path, "llm": double.url}
    said: list[Any] = [{"role": "user", "content": "Where is 4417-XZ?"}]
    with as_served(**given) as service, client_of(service) as client:
        calling = ask(client, said).choices[0].message
    said += [calling, result(calling.tool_calls[0])]
    with as_served(**given) as service, client_of(service) as client:
        assert ask(client, said).choices[0].message.content == "1 found."
        assert statuses(service) == [("Where is 4417-XZ?", "complete"), ("1 found.", "complete")]
        service.settle()
        exported = service.client.get("/v1/customers/ada/export").text
        service.client.delete("/v1/customers/ada").raise_for_status()
    assert "Where is 4417-XZ?" in exported
    assert FOUND in exported
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(FOUND.encode() in path.read_bytes() for path in files)


def test_results_are_no_messages_of_the_customers(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """They do not count against how many messages a customer may send."""
    double.reply = agent
    service = run_service(llm=double.url, rate_customer="1/day")
    said: list[Any] = [{"role": "user", "content": "Where is 4417-XZ?"}]
    with client_of(service) as client:
        calling = ask(client, said).choices[0].message
        said += [calling, result(calling.tool_calls[0])]
        answered = ask(client, said).choices[0].message
        with pytest.raises(openai.RateLimitError):
            ask(client, [*said, answered, {"role": "user", "content": "Thank you"}])


CALLING = {
    "role": "assistant",
    "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    ],
}
ASKED = {"role": "user", "content": "Where is it?"}
TOLD = {"role": "tool", "tool_call_id": "a", "content": FOUND}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": [ASKED, CALLING]}, "result"),
        ({"messages": [ASKED, TOLD]}, "no call"),
        ({"messages": [ASKED, CALLING, TOLD, TOLD]}, "no call"),
        ({"messages": [ASKED, CALLING, {**TOLD, "tool_call_id": "b"}]}, "no call"),
        ({"messages": [ASKED, CALLING, CALLING, TOLD]}, "follow"),
        ({"messages": [ASKED, CALLING, {"role": "assistant", "content": "x"}, TOLD]}, "follow"),
        ({"tools": [LOOK_UP, LOOK_UP]}, "same name"),
        ({"tools": None, "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tools": [{**LOOK_UP, "function": {"name": "a", "description": "word " * 9_000}}]},
         "send fewer"),
    ],
)  # fmt: skip
def test_what_fits_nothing_is_refused(scripted: Running, body: dict, said: str) -> None:
    """Calls and results come in pairs, a choice is of the tools, and tools leave room."""
    given = {"user": "ada", "messages": [ASKED], "tools": [LOOK_UP], **body}
    answer = scripted.client.post("/v1/chat/completions", json=given)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert scripted.client.get("/v1/customers").json()["customers"] == []


def test_a_model_that_takes_no_tools_says_so(service: Running) -> None:
    """Nobody gets an answer that the tools were left out of."""
    with client_of(service) as client, pytest.raises(openai.BadRequestError, match="takes none"):
        ask(client, [ASKED])


def test_a_customers_own_token_brings_no_tools(run_service: Callable[..., Running]) -> None:
    """What a tool is and what it says steers the model: that is for those who run the service."""
    jwt = pytest.importorskip("jwt")
    secret = "a secret of thirty-two bytes or so"
    service = run_service(token_secret=secret)
    token = jwt.encode({"sub": "ada", "exp": time.time() + 60}, secret, "HS256")
    for more in ({"tools": [LOOK_UP]}, {"messages": [ASKED, CALLING, TOLD]}):
        answer = service.client.post(
            "/v1/chat/completions", json={"messages": [ASKED], **more},
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert answer.status_code == 400
        assert "own token" in answer.json()["error"]["message"]


def test_broken_arguments_go_back_to_the_model_as_they_are(
    desk: openai.OpenAI, double: OpenAIDouble
) -> None:
    """A model may write what is no JSON: it sees it again, and what the client says of it."""
    said: list[Any] = [{"role": "user", "content": "Where is 4417-XZ?"}]
    calling = ask(desk, said).choices[0].message.model_dump()
    calling["tool_calls"][0]["function"]["arguments"] = '{"order": '
    told = {"role": "tool", "tool_call_id": calling["tool_calls"][0]["id"], "content": "no JSON"}
    ask(desk, [*said, calling, told])
    sent = double.requests[-1]["messages"][-2]
    assert sent["tool_calls"][0]["function"]["arguments"] == '{"order": '


def test_the_form_of_an_answer_is_the_models(scripted: Running, double: OpenAIDouble) -> None:
    """A JSON schema goes to the model's server as it came, and the answer is what it says."""
    form: Any = {"type": "json_schema", "json_schema": {"name": "at", "schema": {"type": "object"}}}
    double.reply = '{"city": "Bonn"}'
    with client_of(scripted) as client:
        for stream in (False, True):
            answer = client.chat.completions.create(
                model="any", user="ada", messages=[{"role": "user", "content": "Where is it?"}],
                response_format=form, stream=stream,
            )  # fmt: skip
            text = (
                "".join(c.choices[0].delta.content or "" for c in answer)
                if stream
                else answer.choices[0].message.content
            )
            assert json.loads(text) == {"city": "Bonn"}
            assert double.requests[-1]["response_format"] == form


looked_up: list[str] = []


@tool
def look_up(order: str) -> str:
    """Where an order is."""
    looked_up.append(order)
    return FOUND


def chat_of(service: Running) -> ChatOpenAI:
    """LangChain's model, which is the service."""
    return ChatOpenAI(
        base_url=f"{service.address}/v1", api_key=KEY, model="any", max_retries=0,
        model_kwargs={"user": "ada"},
    )  # fmt: skip


def test_langchains_bind_tools(scripted: Running, double: OpenAIDouble) -> None:
    """Calls are LangChain's tool calls, streamed or not, and results are its tool messages."""
    double.reply = agent
    chat = chat_of(scripted).bind_tools([look_up])
    question = HumanMessage("Where is 4417-XZ?")
    streamed: AIMessageChunk | None = None
    for chunk in chat.stream([question]):
        assert isinstance(chunk, AIMessageChunk)
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed is not None
    (call,) = streamed.tool_calls
    assert (call["name"], call["args"]) == ("look_up", {"order": "4417-XZ"})
    told = ToolMessage(FOUND, tool_call_id=call["id"])
    answer = chat.invoke([question, streamed, told])
    assert answer.content == "1 found."
    assert said_in(scripted) == [("human", "Where is 4417-XZ?"), ("ai", "1 found.")]


def test_langchains_agent_has_memory_and_tools(scripted: Running, double: OpenAIDouble) -> None:
    """An agent of create_agent calls its tools; its whole history is stored once, as it was said
    and answered, whichever way it is run.
    """
    double.reply = agent
    looked_up.clear()
    helper = create_agent(chat_of(scripted), [look_up], system_prompt="Be brief.")
    state: dict[str, Any] = {"messages": [HumanMessage("Where is 4417-XZ?")]}
    state = helper.invoke(state)
    assert [type(one) for one in state["messages"]] == [
        HumanMessage, AIMessage, ToolMessage, AIMessage,
    ]  # fmt: skip
    state["messages"].append(HumanMessage("And 4418-XZ and 4419-XZ?"))
    *_, state = helper.stream(state, stream_mode="values")
    state["messages"].append(HumanMessage("Thank you"))
    state = helper.invoke(state)
    assert looked_up[0] == "4417-XZ"
    assert sorted(looked_up[1:]) == ["4418-XZ", "4419-XZ"]
    assert said_in(scripted) == [
        ("human", "Where is 4417-XZ?"), ("ai", "1 found."),
        ("human", "And 4418-XZ and 4419-XZ?"), ("ai", "2 found."),
        ("human", "Thank you"), ("ai", "0 found."),
    ]  # fmt: skip
    assert sessions_of(scripted) == ["default"]
