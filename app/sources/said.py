"""Messages and names, as other programs write them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.sources.source import Options
from memory import NAME_LIMIT, InvalidInput, check_name, check_text
from memory.lookalikes import plain

KINDS: dict[str, type[BaseMessage]] = {
    **dict.fromkeys(("customer", "human", "user"), HumanMessage),
    **dict.fromkeys(("agent", "ai", "assistant", "bot"), AIMessage),
    "system": SystemMessage,
}


def message(kind: type[BaseMessage], text: str, place: str, own_id: Any = None) -> BaseMessage:
    """A message with an id that is the same whenever it is read.

    Args:
        kind: of LangChain's messages.
        text: what was said.
        place: where it stands in its conversation, which is called by name.
        own_id: its id, if it has one that can be an id here.

    Raises:
        InvalidInput: a database cannot hold the text.
    """
    check_text(text)
    return kind(content=text, id=usable_id(own_id) or stable_id(place, kind.__name__, text))


def usable_id(given: Any) -> str | None:
    """An id as it is, None if it cannot be one here."""
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if not isinstance(given, str) or not given:
        return None
    try:
        return check_name("message id", given)
    except InvalidInput:
        return None


def stable_id(*parts: str) -> str:
    """An id made of what says which thing it is."""
    said = "\0".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(said, digest_size=16).hexdigest()


def string(given: dict[str, Any], name: str) -> str | None:
    """A member that is a string; None if it is empty, null or not there."""
    found = given.get(name)
    if found is not None and not isinstance(found, str):
        shown = json.dumps(found, ensure_ascii=False, default=str)
        such = json.dumps(shown) if isinstance(found, (int, float)) else '"..."'
        msg = f'"{name}" is {shown[:60]}: give a string in quotes, {such}'
        raise InvalidInput(msg)
    return found or None


def name_of(given: Any) -> str | None:
    """A name that may be a number, None if it is none."""
    if isinstance(given, bool) or not isinstance(given, (str, int)):
        return None
    return str(given) or None


def customer_of(given: dict[str, Any], options: Options, *names: str) -> str:
    """Whose a record is: as the field says, or a member called by one of ``names``.

    Raises:
        InvalidInput: neither it nor the options say.
    """
    for path in (options.customer_field,) if options.customer_field else names:
        found: Any = given
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if (name := name_of(found)) is not None:
            return check_name("customer", name)
    if options.customer is not None:
        return check_name("customer", options.customer)
    field = options.customer_field or names[0]
    msg = f'it has no "{field}": add one, or say --customer NAME for the whole file'
    raise InvalidInput(msg)


def named(name: str | None, otherwise: str) -> str:
    """A session's name; one that is too long to be one is made short, the same each time."""
    name = name or plain(otherwise)
    return name if len(name) <= NAME_LIMIT else f"{name[:150]}~{stable_id(name)}"
