"""What an agent did before it answered: its calls of tools, each with its result.

They are kept with the answer, in its row, so that a call is never without its result, nor a result
without its call, whatever is folded into a summary, forgotten or left out. Whoever lays out a
prompt without them has the answer as it was given.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)

from memory.history import MESSAGE_OVERHEAD, from_langchain, inert_content
from memory.layout import written
from memory.types import CountTokens, Message

_KEY = "steps"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def paired(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages, less each that calls a tool of which there is no result, and each result of
    no call.
    """
    waiting: dict[str | None, list[int]] = defaultdict(list)  # places of calls, by their ids
    called: dict[int, int] = {}  # the place of the call, by that of its result
    for place, message in enumerate(messages):
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                waiting[call["id"]].append(place)
        elif isinstance(message, ToolMessage) and waiting[message.tool_call_id]:
            called[place] = waiting[message.tool_call_id].pop()
    results = Counter(called.values())
    whole = {
        place
        for place, message in enumerate(messages)
        if isinstance(message, AIMessage) and results[place] == len(message.tool_calls)
    }
    return [
        message
        for place, message in enumerate(messages)
        if (place in whole if isinstance(message, AIMessage) else True)
        and (called.get(place) in whole if isinstance(message, ToolMessage) else True)
    ]


def answer_after(
    said: str, steps: Sequence[BaseMessage], generation: int, count_tokens: CountTokens
) -> Message:
    """An answer to store, with the steps to it.

    Args:
        said: the answer.
        steps: in pairs; what is neither a call nor a result is not kept.
        generation: the customer's, when the question was asked: once something has been corrected
            or forgotten since, the steps may say it, and are shown no more.
        count_tokens: tokens of a text.
    """
    kept = [_bare(step) for step in steps if isinstance(step, (AIMessage, ToolMessage))]
    answer = AIMessage(storable(said))
    if not kept:
        return from_langchain(answer, count_tokens)
    rows = {"generation": generation, "messages": [message_to_dict(step) for step in kept]}
    # As a line of JSON: answers in a row are merged, and lines one after the other are lines.
    line = json.dumps(json.loads(storable(json.dumps(rows, ensure_ascii=False, default=str))))
    answer.additional_kwargs = {_KEY: f"{line}\n"}
    message = from_langchain(answer, count_tokens)
    more = taken(kept, count_tokens)
    return Message(
        message.id, message.session, message.role, message.text, message.at,
        tokens=message.tokens + more, data=message.data,
    )  # fmt: skip


def taken(steps: Sequence[BaseMessage], count_tokens: CountTokens) -> int:
    """The tokens that steps take of a prompt."""
    return sum(count_tokens(written(step)) + MESSAGE_OVERHEAD for step in steps)


def results_in(answer: Message | None) -> set[str]:
    """The ids of the calls whose results are kept with an answer."""
    carried = ((answer and answer.data) or {}).get("data", {}).get("additional_kwargs") or {}
    return {
        step.tool_call_id
        for line in str(carried.get(_KEY, "")).splitlines()
        for step in messages_from_dict(json.loads(line)["messages"])
        if isinstance(step, ToolMessage)
    }


def expanded(messages: Sequence[BaseMessage], generation: int) -> list[BaseMessage]:
    """A prompt's messages with the steps before their answers, as they were sent then."""
    return [one for message in messages for one in _with_steps(message, generation)]


def shown(message: BaseMessage) -> BaseMessage:
    """A message as it may stand in a prompt (see ``memory.marks``)."""
    content = inert_content(message.content)
    return (
        message if content == message.content else message.model_copy(update={"content": content})
    )


def storable(text: str) -> str:
    """A text without what no database takes: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def _with_steps(message: BaseMessage, generation: int) -> Iterator[BaseMessage]:
    lines = message.additional_kwargs.get(_KEY)
    if not isinstance(message, AIMessage) or not isinstance(lines, str):
        yield message
        return
    for line in lines.splitlines():
        rows = json.loads(line)
        if rows["generation"] == generation:
            yield from map(shown, messages_from_dict(rows["messages"]))
    rest = {name: value for name, value in message.additional_kwargs.items() if name != _KEY}
    yield message.model_copy(update={"additional_kwargs": rest})


def _bare(step: AIMessage | ToolMessage) -> AIMessage | ToolMessage:
    """A step without what a model's server said about it, and without what no model reads."""
    if isinstance(step, ToolMessage):
        return step.model_copy(update={"artifact": None, "response_metadata": {}, "id": None})
    return step.model_copy(
        update={"response_metadata": {}, "usage_metadata": None, "id": None}
    )  # fmt: skip
