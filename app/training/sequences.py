"""What a model is trained on: the service's own prompts, as token ids with labels.

Between two folds every prompt begins with the one before it and its answer, so one sequence
teaches all the answers of a window: it is the last prompt before the fold, with its answer.
Where a prompt does not go on from the one before (a fold, a corrected fact, a chat template that
rewrites what was said), a new sequence begins, and only its new answers are taught.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

from app.settings import Settings
from app.training.dialogues import Dialogue
from app.training.play import Exchange, play
from memory import Encoder, InvalidInput

IGNORED = -100  # the label of what is not taught, as torch's cross entropy has it


class Tokenizer(Protocol):
    """What is asked of a Hugging Face tokenizer; it is to be a fast one with a chat template."""

    is_fast: bool
    all_special_ids: list[int]
    chat_template: Any

    def apply_chat_template(self, conversation: Any, **choices: Any) -> Any:
        """Messages as the model reads them."""

    def __call__(self, text: str, **choices: Any) -> Any:
        """A text's token ids and where each stands."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Token ids, and for each the label: itself where it is taught, else ``IGNORED``.

    Taught are the agent's answers with the token that ends each.
    """

    ids: list[int]
    labels: list[int]


def sequences(
    dialogues: Iterable[Dialogue],
    tokenizer: Tokenizer,
    settings: Settings,
    *,
    memory: bool = True,
    encoder: Encoder | None = None,
) -> Iterator[Sequence]:
    """The training sequences of dialogues; every answer is taught in one of them.

    Args:
        dialogues: redacted ones.
        tokenizer: the base model's.
        settings: the service's, which lay out the prompts.
        memory: False for the question alone in each prompt, one sequence an answer.
        encoder: the settings' one if not given.

    Raises:
        InvalidInput: the tokenizer cannot be used.
    """
    for _, exchanges in play(dialogues, settings, memory=memory, encoder=encoder):
        yield from laid_out(exchanges, tokenizer)


def laid_out(exchanges: Iterable[Exchange], tokenizer: Tokenizer) -> Iterator[Sequence]:
    """The training sequences of exchanges, of which each may go on from the one before.

    Raises:
        InvalidInput: the tokenizer cannot be used.
    """
    check_tokenizer(tokenizer)
    text, spans = "", list[tuple[int, int]]()
    for prompt, answer in exchanges:
        asked = rendered(tokenizer, prompt, ask=True)
        whole = rendered(tokenizer, [*prompt, AIMessage(answer)])
        if not whole.startswith(asked):
            msg = (
                "the tokenizer's chat template writes an answer otherwise than it asks for "
                "one, so nothing can be taught with it: use another base"
            )
            raise InvalidInput(msg)
        if spans and not asked.startswith(text):
            yield _sequence(tokenizer, text, spans)
            spans = []
        text = whole
        spans.append((len(asked), len(whole)))
    if spans:
        yield _sequence(tokenizer, text, spans)


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """Raise InvalidInput if a base's tokenizer cannot say what is to be taught."""
    if not tokenizer.is_fast:
        msg = "the base's tokenizer is a slow one that cannot say where tokens stand: use another"
        raise InvalidInput(msg)
    if not tokenizer.chat_template:
        msg = "the base's tokenizer has no chat template: take a model that was tuned to chat"
        raise InvalidInput(msg)


def rendered(tokenizer: Tokenizer, messages: list[BaseMessage], *, ask: bool = False) -> str:
    """Messages as the model reads them; with ``ask`` up to where its answer begins."""
    openai = convert_to_openai_messages(messages)
    text: str = tokenizer.apply_chat_template(openai, tokenize=False, add_generation_prompt=ask)
    return text


def _sequence(tokenizer: Tokenizer, text: str, spans: list[tuple[int, int]]) -> Sequence:
    """A text's tokens, those in the spans (start and end in characters) with labels."""
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = read["input_ids"]
    starts = [start for start, _ in read["offset_mapping"]]
    labels = [IGNORED] * len(ids)
    special = set(tokenizer.all_special_ids)
    for begin, end in spans:
        first, last = bisect.bisect_left(starts, begin), bisect.bisect_left(starts, end)
        # After the token that ends the answer the template may write more, which no model does.
        ending = next((i for i in range(last - 1, first - 1, -1) if ids[i] in special), last - 1)
        labels[first : ending + 1] = ids[first : ending + 1]
    return Sequence(ids, labels)
