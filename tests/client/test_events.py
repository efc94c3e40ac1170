"""A streamed answer: in whatever pieces it arrives, and wherever it is cut off."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from fastapi.sse import format_sse_event
from hypothesis import example, given
from hypothesis import strategies as st

from memory.client import ChatAnswer, Event, Given, Restarted, ServiceProblem, Token, Unreadable
from memory.client.events import Decoder, Telling
from memory.client.results import Usage

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def answer(reply: str) -> ChatAnswer:
    """The end of an answer."""
    return ChatAnswer(
        reply=reply, turn="t", session="s", recalled=[], knowledge=[], evidence=None,
        template=None, understanding=None, usage=Usage(input_tokens=1, output_tokens=1),
        status="complete",
    )  # fmt: skip


GIVEN = Given(turn="t", recalled=[], knowledge=[], evidence=None, understanding=None)


@given(
    st.lists(TEXT, max_size=6),
    st.lists(st.integers(1, 40), min_size=1),
    st.sampled_from([b"\n", b"\r\n"]),
)
@example(["one\u2028two\x85three\x1e"], [3], b"\r\n")
def test_events_are_the_same_in_whatever_pieces_they_arrive(
    said: list[str], sizes: list[int], end: bytes
) -> None:
    """Cut anywhere, in the middle of a character too, and with either end of a line; what only
    Python takes for the end of a line is part of the text.
    """
    sent = format_sse_event(event="recalled", data_str=GIVEN.model_dump_json())
    for text in said:
        # As pydantic writes it: what is not ASCII stands as it is.
        data = json.dumps({"text": text}, ensure_ascii=False)
        sent += b": a comment\n\n" + format_sse_event(event="token", data_str=data)
    sent += format_sse_event(event="of-a-newer-service", data_str="{}")
    sent += format_sse_event(event="done", data_str=answer("".join(said)).model_dump_json())
    sent = sent.replace(b"\n", end)
    decoder, heard, at = Decoder(), list[Event](), 0
    while at < len(sent):
        size = sizes[at % len(sizes)]
        heard += decoder.decode(sent[at : at + size])
        at += size
    assert heard == [GIVEN, *map(Token, said), answer("".join(said))]


def test_a_failed_answer_is_a_problem() -> None:
    """The event ``error`` is raised as the problem that it is."""
    problem = {"type": "urn:problem:model-timeout", "title": "Slow", "status": 504, "detail": "x"}
    sent = format_sse_event(event="error", data_str=json.dumps(problem))
    with pytest.raises(ServiceProblem) as raised:
        list(Decoder().decode(sent))
    assert (raised.value.status, raised.value.name) == (504, "model-timeout")


@pytest.mark.parametrize("data", ["{", '{"txt": 1}', "[]", "null", '{"text": "x"}'], ids=range(5))
def test_what_is_no_event_of_the_service_is_told(data: str) -> None:
    """Another program's events are not taken for an answer."""
    name = "done" if data == '{"text": "x"}' else "token"
    with pytest.raises(Unreadable, match=name):
        list(Decoder().decode(format_sse_event(event=name, data_str=data)))


@given(st.data())
def test_the_pieces_since_the_last_beginning_are_the_answer(data: st.DataObject) -> None:
    """However often it is cut off, and in whatever words it comes again; and what is told again in
    the same words is heard once.
    """
    words = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=5)
    told = data.draw(st.lists(words, min_size=1, max_size=4))
    telling, heard = Telling(), list[Any]()
    for number, pieces in enumerate(told):
        telling.begin()
        events: list[Event] = [GIVEN, *map(Token, pieces)]
        if number == len(told) - 1:
            events.append(answer("".join(pieces)))
        heard += [new for event in events for new in telling.hear(event)]
    assert telling.ended
    assert heard[-1] == answer("".join(told[-1]))
    begun = max((n for n, event in enumerate(heard) if isinstance(event, Restarted)), default=-1)
    since = heard[begun + 1 :]
    assert "".join(e.text for e in since if isinstance(e, Token)) == "".join(told[-1])
    assert GIVEN in since
    whole = ["".join(pieces) for pieces in told]
    if all(later.startswith(before) for before, later in itertools.pairwise(whole)):
        assert begun == -1
