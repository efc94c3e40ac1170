"""What whoever asks a model wants of it, beside the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage

from memory import count_tokens


@dataclass(frozen=True, slots=True)
class Asking:
    """``instructions`` stand after the service's own in the prompt, and are stored nowhere.

    ``choices`` are the model's: ``temperature``, ``max_tokens``, ``stop``, ``tools`` and their
    like. ``after`` follows the message already: the calls of tools with which the model has
    answered so far, each with its result; they are kept with the answer.
    """

    instructions: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    after: Sequence[BaseMessage] = ()

    @property
    def tools(self) -> list[dict[str, Any]]:
        """What the model may ask for in place of an answer, in the OpenAI form."""
        return self.choices.get("tools") or []

    @property
    def results(self) -> set[str]:
        """The ids of the calls whose results it brings."""
        return {one.tool_call_id for one in self.after if isinstance(one, ToolMessage)}

    @property
    def tokens(self) -> int:
        """What stands in the prompt beside its messages; chat templates indent it."""
        return count_tokens(json.dumps(self.tools, indent=2)) if self.tools else 0

    @property
    def of_the_model(self) -> bool:
        """Whether only a model can answer, and no template."""
        return bool(self.after or "extra_body" in self.choices)

    @property
    def of_a_client(self) -> bool:
        """Whether a client says what the model is and may do: the answer is the client's then."""
        return bool(self.instructions or self.tools or self.of_the_model)


PLAIN = Asking()
