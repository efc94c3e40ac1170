"""A model's answer as it may be said, in whatever pieces it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk

from app.templates.checking import Checked
from memory import Layout
from memory.claims import claim
from memory.grounds import Grounds
from memory.sentences import split

MESSAGE = "Please cancel order 4417-XZ, it is late."
GROUNDS = Grounds(own=(MESSAGE,))
SENTENCES = (
    "Thank you.", "I understand.", "I have cancelled it.", "Your order is 4417-XZ!",
    "It costs 9 €.", "What is your name?", "Dr. No e.g. says so.", "- a point\n", "\n\n", "…",
    "Yes.", "谢谢您。", "我已取消。",
)  # fmt: skip


def through(pieces: list[str]) -> tuple[list[AIMessageChunk], Checked]:
    """What is said of an answer that comes in these pieces."""
    checked = Checked(MESSAGE, None, Layout([], "", [], [], 0), GROUNDS)

    async def chunks() -> AsyncGenerator[AIMessageChunk, None]:
        for piece in pieces:
            yield AIMessageChunk(content=piece)
        yield AIMessageChunk(content="", response_metadata={"finish_reason": "stop"})

    async def said() -> list[AIMessageChunk]:
        return [chunk async for chunk in checked.chunks(chunks())]

    return asyncio.run(said()), checked


@given(st.lists(st.sampled_from(SENTENCES), max_size=6), st.data())
def test_it_is_the_same_in_any_pieces(sentences: list[str], data: st.DataObject) -> None:
    """It is a beginning of the answer, of which each sentence may be said, and what is said in
    place of the rest; it has ended, and the model's first sentence that claims something is gone.
    """
    text = " ".join(sentences)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    chunks, checked = through(pieces)
    said = "".join(str(chunk.text) for chunk in chunks)
    whole, again = through([text])
    assert said == "".join(str(chunk.text) for chunk in whole)
    assert checked.layout == again.layout
    assert any(chunk.response_metadata.get("finish_reason") for chunk in chunks)
    own = said.partition("I cannot do that")[0]
    assert text.startswith(own.rstrip()) or not own.strip()
    assert all(claim(sentence, GROUNDS) != "unsupported" for sentence in split(own))
    asks_back = "What is your name?" in own
    assert (checked.layout.template == "passed_on") != asks_back
