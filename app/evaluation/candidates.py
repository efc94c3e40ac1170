"""Who answers: a model the service can open, an adapter, or the nearest answer there was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from langchain_core.messages import BaseMessage

from app.llm.model import Model, UnusableModel
from app.llm.open import open_llm
from app.progress import bar
from app.settings import Settings
from app.training.base import Base, open_base
from app.training.card import GGUF
from app.training.dialogues import Dialogue
from app.training.registry import NoSuchAdapter, Registry
from memory import Encoder, InvalidInput

Loads = Callable[[], tuple[Any, Any]] | None  # a model and its tokenizer

_AT_A_TIME = 4  # answers of a model
_SECONDS = 900.0  # for an answer: a slow machine is nothing to be measured here
_BATCH = 64  # texts embedded at a time


class Candidate(Protocol):
    """Somebody whose answers are measured.

    ``torch`` gives the model and its tokenizer to take the perplexity of, where it can be loaded.
    """

    name: str
    torch: Loads

    def answer(self, prompts: Sequence[list[BaseMessage]]) -> list[str]:
        """The answer to each prompt."""


class ModelCandidate:
    """A model at an address, or an adapter on the embedded model."""

    def __init__(self, name: str, opened: Callable[[], Model], torch: Loads) -> None:
        self.name = name
        self.torch = torch
        self._opened = opened

    def answer(self, prompts: Sequence[list[BaseMessage]]) -> list[str]:
        """The model's most probable answer to each prompt.

        Raises:
            UnusableModel: it does not answer.
        """
        model = self._opened()
        try:
            answers = []
            with bar(total=len(prompts), desc=self.name, unit="answer") as shown:
                for start in range(0, len(prompts), _AT_A_TIME):
                    some: list[Any] = list(prompts[start : start + _AT_A_TIME])
                    made = model.chat.batch(some, {"max_concurrency": _AT_A_TIME})
                    answers += [str(one.text).strip() for one in made]
                    shown.update(len(some))
            return answers
        except Exception as error:  # each kind of model has its own
            msg = f"{self.name} does not answer ({type(error).__name__}: {error})"
            raise UnusableModel(f"{msg}: see that it runs, and is called so") from error
        finally:
            model.close()


def open_candidate(given: str, settings: Settings) -> Candidate:
    """The candidate that ``--model`` names.

    Args:
        given: an address as ``--llm`` takes it, or the id (or the folder) of a tuned adapter.
        settings: with the folder of the adapters, and how long an answer may be.

    Raises:
        InvalidInput: it is none of these.
    """

    def opened(url: str, adapter: Path | None = None) -> Model:
        key = settings.llm_api_key
        return open_llm(
            url, api_key=key.get_secret_value() if key else None, timeout=_SECONDS,
            max_tokens=settings.reply_tokens, temperature=0.0, context=settings.context_tokens,
            slots=_AT_A_TIME, adapter=lambda _: adapter,
        )  # fmt: skip

    scheme, colon, rest = given.partition(":")
    match scheme.lower() if colon else "":
        case "embedded":
            base = _loaded(rest or None, None)
            return ModelCandidate(given, lambda: opened(given), base)
        case "huggingface":
            name, _, adapter = rest.partition("#")
            folder = Path(adapter).expanduser() if adapter else None
            if folder is not None and not (folder / "adapter_config.json").is_file():
                msg = f"--model {given}: {folder} is no folder of a peft adapter"
                raise InvalidInput(msg)
            return ModelCandidate(given, lambda: opened(given), _loaded(name, folder))
        case "http" | "https" | "fake":
            return ModelCandidate(given, lambda: opened(given), None)
    folder = _adapter(given, settings)
    return ModelCandidate(
        folder.name, lambda: opened("embedded:", folder / GGUF), _loaded(None, folder)
    )


def _adapter(given: str, settings: Settings) -> Path:
    """The folder of an adapter of the embedded model."""
    folder = Path(given).expanduser()
    here = folder.is_dir()
    registry = Registry(folder.resolve().parent if here else settings.data_dir / "models")
    name = folder.resolve().name if here else given
    try:
        base = registry.card(name).base
    except NoSuchAdapter as error:
        msg = (
            f"--model {given!r} is neither an address (embedded:, http(s)://host/v1#model, "
            "huggingface:BASE#ADAPTER) nor an adapter that `memory-service model list` shows"
        )
        raise InvalidInput(msg) from error
    whole = registry.whole(name)
    if base["sha256"] != open_base().sha256:
        msg = (
            f"{given} is for another base, {base['name']}: say --model huggingface:BASE#{whole}, "
            "BASE being its name on the hub, or where its folder or GGUF file lies"
        )
        raise InvalidInput(msg)
    return whole


def _loaded(base: str | None, adapter: Path | None) -> Loads:
    def load() -> tuple[Any, Any]:
        found: Base = open_base(base)
        try:
            return found.model(adapter), found.tokenizer()
        except (OSError, ValueError, RuntimeError) as error:
            msg = f"{adapter or base or found.name} cannot be loaded: {error}"
            raise UnusableModel(msg) from error

    return load


class NearestAnswer:
    """What an agent answered to the training question that is nearest in meaning.

    With a conversation in the prompt, nearest together with what the agent had said before.
    """

    def __init__(self, dialogues: Iterable[Dialogue], encoder: Encoder) -> None:
        self.name = "nearest training answer"
        self.torch: Loads = None
        self._encoder = encoder
        alone: dict[str, str] = {}
        after: dict[str, str] = {}
        for dialogue in dialogues:
            before = ""
            for question, answer in dialogue.exchanges():
                alone.setdefault(question, answer)
                after.setdefault(_after(before, question), answer)
                before = answer
        if not alone:
            msg = "there is no training dialogue to take answers from: give --train FILE"
            raise InvalidInput(msg)
        self._alone = self._index(alone)
        self._after = self._index(after)

    def answer(self, prompts: Sequence[list[BaseMessage]]) -> list[str]:
        """The nearest answer to each prompt's question."""
        found = []
        for prompt in prompts:
            *earlier, asked = prompt
            question = asked.additional_kwargs.get("said") or str(asked.text)
            before = next((str(m.text) for m in reversed(earlier) if m.type == "ai"), "")
            vectors, answers = self._after if before else self._alone
            (vector,) = self._encoder.encode([_after(before, question)])
            found.append(answers[int(np.argmax(vectors @ vector))])
        return found

    def _index(self, answers: dict[str, str]) -> tuple[Any, list[str]]:
        texts = list(answers)
        parts = [
            self._encoder.encode(texts[start : start + _BATCH])
            for start in bar(range(0, len(texts), _BATCH), desc=self.name)
        ]
        return np.concatenate(parts), list(answers.values())


def _after(before: str, question: str) -> str:
    return f"{before}\n{question}" if before else question
