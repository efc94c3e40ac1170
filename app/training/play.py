"""Dialogues played through the service's own memory: the prompt before each answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.conversation import conversation_memory
from app.embeddings import open_embeddings
from app.settings import Settings
from app.training.dialogues import Dialogue
from memory import ConversationMemory, Encoder, InvalidInput, Scope, open_store
from memory.clock import from_then
from memory.history import MESSAGE_OVERHEAD
from memory.language import language_of

_FIRST, _DAYS = datetime(2020, 1, 2, 9, 30, tzinfo=UTC), 3_650

_logger = logging.getLogger(__name__)


class Exchange(NamedTuple):
    """The messages that a model would be given, and what the agent answered."""

    prompt: list[BaseMessage]
    answer: str


def play(
    dialogues: Iterable[Dialogue],
    settings: Settings,
    *,
    memory: bool = True,
    encoder: Encoder | None = None,
) -> Iterator[tuple[Dialogue, list[Exchange]]]:
    """Each dialogue with the prompts that the service would have sent in it.

    Args:
        dialogues: each of them is of a customer of its own, who remembers its sessions.
        settings: the service's: budgets, system text, embeddings.
        memory: False for prompts of the system text and the question alone.
        encoder: the settings' one if not given.
    """
    if not memory:
        head = [SystemMessage(settings.system)] if settings.system else []
        for dialogue in dialogues:
            pairs = dialogue.exchanges()
            yield dialogue, [Exchange([*head, HumanMessage(q)], a) for q, a in pairs]
        return
    encoder = encoder or open_embeddings(settings.embeddings)
    with open_store("sqlite://") as store:
        for number, dialogue in enumerate(dialogues):
            sessions = dialogue.sessions()
            found: list[Exchange] = []
            for place, exchanges in enumerate(sessions):
                scope = Scope(customer=str(number), session=str(place))
                played = conversation_memory(store, scope, settings, encoder)
                with from_then(day_of(dialogue, place)):
                    if len(sessions) == 1 and _fits(played, exchanges):
                        found += _at_once(played, exchanges)
                    else:
                        found += _turn_by_turn(played, exchanges, dialogue.id)
            yield dialogue, found


def day_of(dialogue: Dialogue, session: int) -> datetime:
    """When a session is played: on a day of its own, the same whenever it is asked for.

    The days of dialogues lie years apart, so that no model learns a date.
    """
    drawn = blake2b(dialogue.id.encode(), digest_size=4).digest()
    return _FIRST + timedelta(int.from_bytes(drawn) % _DAYS + session * (1 + drawn[0] % 9))


def _fits(memory: ConversationMemory, exchanges: list[tuple[str, str]]) -> bool:
    """Whether nothing of a customer's only session ever leaves the window, nor changes its head.

    The head is in the language of the customer, who may go over to another.
    """
    if memory.language == "auto" and {language_of(q) for q, _ in exchanges} - {None, "en"}:
        return False
    texts = (text for pair in exchanges for text in pair)
    tokens = sum(memory.count_tokens(text) + MESSAGE_OVERHEAD for text in texts)
    return tokens <= memory.summary.window_tokens


def _at_once(memory: ConversationMemory, exchanges: list[tuple[str, str]]) -> list[Exchange]:
    """What stands in the window is not recalled, so all prompts are beginnings of the last."""
    memory.add_messages([m for q, a in exchanges for m in (HumanMessage(q), AIMessage(a))])
    laid_out = memory.beginning()
    head = len(laid_out) - 2 * len(exchanges)
    return [
        Exchange(laid_out[: head + 2 * turn + 1], answer)
        for turn, (_, answer) in enumerate(exchanges)
    ]


def _turn_by_turn(
    memory: ConversationMemory, exchanges: list[tuple[str, str]], name: str
) -> Iterator[Exchange]:
    for question, answer in exchanges:
        try:
            turn = memory.start(question)
            layout = memory.layout(question, turn)
        except InvalidInput as error:
            _logger.warning("%s is left out from a question on: %s", name, error)
            return
        yield Exchange(layout.messages, answer)
        memory.finish(turn, answer, "complete", layout)
        memory.digest()
