"""What a model says once, to a prompt that no session has; nothing of it is stored."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable

from app.chains.failures import is_outage, is_refusal, model_problem, silent
from app.chains.speech import Speech, storable, usage_of
from app.llm import Model
from app.metrics import Metrics
from app.places import Leaving, Place, Places

_KEPT = "Nothing was stored"


@dataclass(slots=True)
class Completion:
    """An answer, and the tokens it took as far as the model's server says; ``cut`` at its end."""

    text: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    cut: bool = False


class Completions:
    """Asks the model in the places of turns, within the same limits of time."""

    def __init__(self, model: Model, places: Places, speech: Speech, metrics: Metrics) -> None:
        self.model = model
        self._places = places
        self._speech = speech
        self._metrics = metrics

    def of(self, model: Model, waiting: int, patience: float) -> Completions:
        """The same for another model, which has places of its own."""
        places = Places(model.at_once, waiting, patience, model.breaker)
        return Completions(model, places, self._speech, self._metrics)

    async def complete(
        self,
        prompt: ChatPromptTemplate,
        values: dict[str, str],
        max_tokens: int,
        chat: Runnable[Any, Any] | None = None,
    ) -> Completion:
        """What the model says to a prompt with these values, at most so long.

        ``chat`` is the model as it answers this, where it does so otherwise.

        Raises:
            Overloaded, CircuitOpen: the model is not asked.
            Problem: it has failed, or answered nothing.
        """
        place = self._places.enter()
        made = Completion()
        try:
            await place.take()
            answers = (chat or self.model.chat).bind(max_tokens=max_tokens)
            await self._say(prompt | answers, values, place, made)
        finally:
            place.leave()
            self._metrics.tokens(made.usage)
        if not made.text.strip():
            raise silent(self.model.name, _KEPT)
        return made

    async def _say(
        self, chain: Runnable[Any, Any], values: dict[str, str], place: Place, made: Completion
    ) -> None:
        try:
            async with contextlib.aclosing(self._speech.chunks(chain, values)) as chunks:
                async for chunk in chunks:
                    place.answers()
                    made.text += storable(str(chunk.text))
                    made.usage.update(usage_of(chunk))
                    made.cut = made.cut or chunk.response_metadata.get("finish_reason") == "length"
        except Leaving:
            raise Leaving from None
        except Exception as error:
            if is_outage(error):
                place.fails()
            elif is_refusal(error):
                place.answers()
            raise model_problem(error, self.model.name, kept=_KEPT) from error
