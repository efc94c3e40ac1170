"""Facts by a model: what rules do not see, as far as it stands in the conversation.

For a model that can write JSON to a schema. Whatever it gives is checked against the messages: a
fact whose quotation or value does not stand in the message that it names is dropped. When the
model fails there are no facts of its making, and those taken by rule stay.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel, Field

from memory import mentions
from memory.clock import end_of
from memory.dates import dates
from memory.fact_writer import GIVEN_OUT, fact
from memory.marks import on_one_line
from memory.slots import FREE
from memory.types import Message, Record, Writer

_logger = logging.getLogger(__name__)

_AT_ONCE = 20  # messages in a prompt
_SYSTEM = (
    "You read a customer-service conversation and list the facts that it states. Of the customer: "
    "numbers of orders, invoices, tickets and parcels, e-mail, phone, address, dates, amounts of "
    "money, products, the name, preferences, open problems. Of the agent: only what the agent "
    "promises, and ticket and tracking numbers that the agent gives out. Copy each value and a "
    "quotation around it letter by letter from the message. List nothing that is only asked, "
    "denied, supposed or given as an example, and nothing of anybody else's."
)


class _Fact(BaseModel):
    message: int = Field(description="the number of the message that states it")
    slot: Literal[
        "order_number", "invoice_number", "ticket_number", "tracking_number", "email", "phone",
        "address", "date", "amount", "product", "name", "preference", "problem", "promise",
    ]  # fmt: skip
    value: str = Field(description="the value, as it stands in the message")
    quotation: str = Field(description="the words of the message that state it")


class _Facts(BaseModel):
    """The facts that the conversation states."""

    facts: list[_Fact]


def facts_by_model(llm: BaseChatModel, *, region: str = "US") -> Writer:
    """A writer that asks a chat model; it is for the digest, never for a reader.

    Args:
        llm: a model whose ``with_structured_output`` knows the method "json_schema".
        region: as for ``facts``.
    """
    asked = llm.with_structured_output(_Facts, method="json_schema")
    return partial(_written, asked=asked, region=region)


def _written(
    messages: Sequence[Message],
    *,
    asked: Runnable[Any, Any],
    region: str,
) -> list[Record]:
    found: list[Record] = []
    said = [m for m in messages if m.role in {"human", "ai"} and m.text.strip()]
    for start in range(0, len(said), _AT_ONCE):
        part = said[start : start + _AT_ONCE]
        # A line a message: with a line break of his own a customer could write the agent's.
        lines = (f"[{n}] {_SPEAKER[m.role]}: {on_one_line(m.text)}" for n, m in enumerate(part))
        try:
            answer = asked.invoke([SystemMessage(_SYSTEM), HumanMessage("\n".join(lines))])
        except Exception as error:  # whatever a model's client raises; the rules' facts stay
            # Not its text: it may repeat the prompt.
            _logger.warning("the model found no facts: %s", type(error).__name__)
            continue
        if isinstance(answer, _Facts):
            records = (_checked(given, part, region) for given in answer.facts)
            found += [record for record in records if record is not None]
    return list({record.id: record for record in found}.values())


_SPEAKER = {"human": "Customer", "ai": "Agent"}


def _checked(given: _Fact, said: Sequence[Message], region: str) -> Record | None:
    """A fact as a record, if it stands in the message that it names and may come from there."""
    if not 0 <= given.message < len(said):
        return None
    message = said[given.message]
    agents = given.slot == "promise" or (given.slot in GIVEN_OUT and message.role == "ai")
    if (message.role == "ai") != agents:
        return None
    quotation, value = _plain(given.quotation), _plain(given.value)
    if not value or value not in quotation or quotation not in _plain(message.text):
        return None
    form = _form(given, message, region)
    if form is None:
        return None
    record = replace(fact(message, given.slot, form, given.quotation), source="model")
    days = dates(given.quotation, message.at.date(), day_first=region != "US")
    if given.slot == "promise" and days:
        due = end_of(days[-1].day)
        record = replace(record, valid_to=due)
    return record


def _plain(said: str) -> str:
    return " ".join(said.casefold().split())


def _form(given: _Fact, message: Message, region: str) -> str | None:
    """The value in the form in which its slot's values compare."""
    said = " ".join(mentions.narrow(given.value).split())
    if given.slot.endswith("_number"):
        return said.lstrip("#").upper() if any(c.isdigit() for c in said) else None
    if given.slot == "email":
        return next((m.value for m in mentions.emails(said)), None)
    if given.slot == "phone":
        return next((m.value for m in mentions.phones(said, region, asked=True)), None)
    if given.slot == "amount":
        return next((m.value for m in mentions.amounts(said)), None)
    if given.slot == "date":
        # The sentence says whether it is over.
        sentence = " ".join(mentions.narrow(given.quotation).split())
        at = max(0, sentence.casefold().find(said.casefold()))
        days = dates(sentence, message.at.date(), day_first=region != "US")
        return next((found.day.isoformat() for found in days if found.end > at), None)
    return " ".join(given.quotation.split()) if given.slot in FREE else said
