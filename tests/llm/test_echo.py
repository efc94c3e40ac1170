"""The echo: the shape of a model, without one."""

from __future__ import annotations

import asyncio

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.llm import open_llm
from memory import count_tokens

_PROMPT: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("first"),
    AIMessage("first"),
    HumanMessage(" Where is\nmy  order 58231? "),
]


def test_it_repeats_the_last_human_message() -> None:
    """The reply is the message as it was said, with the tokens that were read and written."""
    reply = open_llm("fake:echo").chat.invoke(_PROMPT)
    assert reply.text == _PROMPT[-1].text
    usage = reply.usage_metadata
    assert usage is not None
    assert usage["input_tokens"] == sum(count_tokens(message.text) for message in _PROMPT)
    assert usage["output_tokens"] == count_tokens(reply.text)


def test_it_streams_word_by_word_sync_and_async_alike() -> None:
    """The pieces are words, together they are the reply, and the usage comes once."""
    chat = open_llm("fake:echo").chat

    async def collect() -> list[tuple[str, bool]]:
        return [
            (chunk.text, chunk.usage_metadata is not None) async for chunk in chat.astream(_PROMPT)
        ]

    pieces = [(chunk.text, chunk.usage_metadata is not None) for chunk in chat.stream(_PROMPT)]
    assert [text for text, _ in pieces if text] == [" Where", " is", "\nmy", "  order", " 58231? "]
    assert sum(counted for _, counted in pieces) == 1
    assert asyncio.run(collect()) == pieces


def test_it_repeats_what_was_said_and_not_what_was_put_beside_it() -> None:
    """Where a message carries recalled records before the question, the question is repeated."""
    message = HumanMessage("<memory>old</memory>\n\nnew", additional_kwargs={"said": "new"})
    assert open_llm("fake:echo").chat.invoke([message]).text == "new"


def test_without_a_human_message_or_without_text_the_reply_is_empty() -> None:
    """Nothing to repeat is an empty answer, streamed or not, and no error."""
    chat = open_llm("fake:echo").chat
    for prompt in ([SystemMessage("Be brief.")], [HumanMessage("")]):
        assert chat.invoke(prompt).text == ""
        assert "".join(chunk.text for chunk in chat.stream(prompt)) == ""


def test_it_is_ready_and_has_nothing_to_warm_or_close() -> None:
    """The echo answers all that a model is asked."""
    model = open_llm("fake:echo", context=4096)
    assert (model.name, model.context, model.check()) == ("echo", 4096, None)
    model.warm(_PROMPT)
    model.close()
