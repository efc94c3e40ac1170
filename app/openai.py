"""What OpenAI's clients ask for, read: a conversation, tools, and how it is to be answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from app.branches import Past
from app.chains.asking import Asking
from app.llm import Model
from app.problems import Problem, check_size
from app.roles import Principal
from app.schemas.openai import ChatMessage, CompletionRequest, ToolCall
from app.settings import Settings
from memory import InvalidInput, check_text
from memory.marks import inert

_ROLES = {"user": "human", "assistant": "ai"}


class Asked(NamedTuple):
    """What was said before, what is said now, and what is wanted of the answer."""

    history: list[Past]
    question: str
    asking: Asking


def refused(where: str, said: str) -> Problem:
    """A request that is not taken, as OpenAI's clients are told."""
    return Problem(400, "invalid-request", "Invalid request", f"{where}: {said}.")


def read(body: CompletionRequest, who: Principal, model: Model, settings: Settings) -> Asked:
    """What a request asks for.

    Raises:
        Problem: it asks for what there is not, or may not say what it says.
    """
    _check_supported(body, model)
    if who.customer is not None and body.tools:
        raise refused("tools", "a customer's own token gives the model none: leave them out")
    _check_tools(body, model)
    last = max((n for n, one in enumerate(body.messages) if one.role == "user"), default=-1)
    instructions: list[str] = []
    said: list[Past] = []
    rest: list[tuple[str, ChatMessage]] = []
    for number, message in enumerate(body.messages):
        where = f"messages[{number}]"
        text = _text(message, where)
        if message.role == "function":
            raise refused(where, "functions are not taken: send tools")
        if message.role in ("system", "developer"):
            if who.customer is not None:
                why = "a customer's own token gives the model no instructions: leave it out"
                raise refused(where, why)
            instructions.append(text)
        elif number == last and not text.strip():
            raise refused(where, "it is empty: send what the user says")
        elif number > last:
            rest.append((where, message))
        elif message.role in _ROLES and not message.tool_calls and text.strip():
            # What tools said for earlier answers is the client's: the answers are remembered.
            said.append(Past(_ROLES[message.role], text))
    if not said or said[-1].role != "human" or (rest and rest[-1][1].role != "tool"):
        raise refused(
            "messages",
            "the last one must be the user's, or the result of a tool, after "
            "something that the user says",
        )
    *history, (_, question) = said
    check_size(question, settings.max_message_bytes)
    after = _called(rest, settings.max_message_bytes)
    if after and who.customer is not None:
        raise refused("messages", "a customer's own token brings no results of tools")
    told = "\n\n".join(filter(str.strip, instructions))
    asking = Asking(told, _choices(body, settings.reply_tokens), after)
    if asking.tokens > model.context // 2:
        why = f"they take {asking.tokens} tokens of the model's {model.context}: send fewer"
        raise refused("tools", why)
    return Asked(history, question, asking)


def _check_supported(body: CompletionRequest, model: Model) -> None:
    """Refuse what would be answered otherwise than it was asked for."""
    if body.n not in (None, 1):
        raise refused("n", "one answer is given: leave it out")
    if body.functions:
        raise refused("functions", "they are not taken: send tools")
    if body.logprobs:
        raise refused("logprobs", "they are not given: leave it out")
    kind = (body.response_format or {}).get("type", "text")
    if kind not in ("text", "json_object", "json_schema"):
        raise refused("response_format", "it is text, json_object or json_schema")
    if kind != "text" and not model.takes_formats:
        raise refused("response_format", f"the model {model.name} answers in text: leave it out")
    if body.modalities not in (None, [], ["text"]):
        raise refused("modalities", "answers are text: leave it out")


def _check_tools(body: CompletionRequest, model: Model) -> None:
    names = {tool.function.name for tool in body.tools or ()}
    if body.tools and not model.takes_tools:
        said = f"the model {model.name} takes none: leave them out, or serve one that does"
        raise refused("tools", said)
    if len(names) != len(body.tools or ()):
        raise refused("tools", "two have the same name")
    chosen = body.tool_choice
    if chosen in (None, "none", "auto"):
        return
    if not names:
        raise refused("tool_choice", "there are no tools: leave it out")
    if isinstance(chosen, dict):
        function = chosen.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if chosen.get("type") != "function" or name not in names:
            raise refused("tool_choice", "it is none, auto, required, or names one of the tools")


def _choices(body: CompletionRequest, longest: int) -> dict[str, Any]:
    """What is passed on to the model, as LangChain calls it."""
    most = body.max_completion_tokens or body.max_tokens
    tools = [tool.model_dump(exclude_unset=True) for tool in body.tools or ()]
    choices = {
        "temperature": body.temperature, "top_p": body.top_p, "seed": body.seed,
        "stop": [body.stop] if isinstance(body.stop, str) else body.stop,
        "max_tokens": most and min(most, longest),
        "tools": tools,
        "tool_choice": body.tool_choice if tools else None,
        "parallel_tool_calls": body.parallel_tool_calls if tools else None,
    }  # fmt: skip
    if (body.response_format or {}).get("type", "text") != "text":
        # Not as LangChain's own argument, which would have the client read the answer.
        choices["extra_body"] = {"response_format": body.response_format}
    given = {name: value for name, value in choices.items() if value not in (None, [])}
    for name in ("tools", "extra_body"):
        _check_sendable(name, given.get(name))
    return given


def _check_sendable(name: str, value: Any) -> None:
    try:
        check_text(json.dumps(value, ensure_ascii=False))
    except InvalidInput as error:
        raise refused(name, str(error)) from None


def _called(messages: Sequence[tuple[str, ChatMessage]], longest: int) -> list[BaseMessage]:
    """What follows the question: calls of tools, each with its result.

    Raises:
        Problem: a call has no result, or a result no call.
    """
    waiting: set[str] = set()
    called: list[BaseMessage] = []
    for where, message in messages:
        text = _text(message, where)
        check_size(text, longest)
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                raise refused(where, "its tool_call_id is of no call before it that has no result")
            waiting.remove(message.tool_call_id)
            called.append(ToolMessage(inert(text), tool_call_id=message.tool_call_id))
        elif waiting or not message.tool_calls:
            raise refused(where, "only calls of tools and their results follow the user's message")
        else:
            waiting = {call.id for call in message.tool_calls}
            called.append(_calling(inert(text), message.tool_calls))
    if waiting:
        raise refused("messages", f"the call {min(waiting)!r} has no result: send it as a tool's")
    return called


def _calling(text: str, calls: Sequence[ToolCall]) -> AIMessage:
    """A model's message that calls tools, with the arguments that are none too."""
    whole, broken = [], []
    for call in calls:
        arguments = inert(call.function.arguments)
        try:
            args = json.loads(arguments)
        except ValueError:
            args = None
        if isinstance(args, dict):
            whole.append(tool_call(name=call.function.name, args=args, id=call.id))
        else:
            broken.append(
                invalid_tool_call(name=call.function.name, args=arguments, id=call.id, error=None)
            )
    return AIMessage(text, tool_calls=whole, invalid_tool_calls=broken)


def _text(message: ChatMessage, where: str) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    for part in message.content:
        if part.type != "text" or part.text is None:
            raise refused(where, f"it has a part of type {part.type[:60]!r}: only text is taken")
    return "\n".join(part.text or "" for part in message.content)
