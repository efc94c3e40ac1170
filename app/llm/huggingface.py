"""``huggingface:BASE#ADAPTER``: a model in this process on torch, in bf16 on a GPU."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field
from typing_extensions import override

from app.llm.model import Choices, Model, UnusableModel
from memory import InvalidInput


class HuggingFaceChat(BaseChatModel):
    """A causal language model of transformers, asked one at a time; what it says is streamed."""

    model: Any = Field(exclude=True)
    tokenizer: Any = Field(exclude=True)
    context: int
    model_name: str = "huggingface"
    max_tokens: int | None = None
    temperature: float | None = None
    timeout: float
    asking: Any = Field(default_factory=threading.Lock, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "huggingface"

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        import torch
        from transformers import StoppingCriteriaList, TextIteratorStreamer

        given = self.tokenizer.apply_chat_template(
            convert_to_openai_messages(messages),
            add_generation_prompt=True, return_tensors="pt", return_dict=True,
        ).to(self.model.device)  # fmt: skip
        read = given["input_ids"].shape[1]
        most = min(kwargs.get("max_tokens") or self.max_tokens or self.context, self.context - read)
        if most <= 0:
            msg = f"the prompt has {read} tokens, which fills the model's {self.context}"
            raise InvalidInput(msg)
        streamer = TextIteratorStreamer(
            self.tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=self.timeout
        )
        sampling, seed = self._sampling(kwargs), kwargs.get("seed")
        left = threading.Event()
        failed: list[BaseException] = []
        written = 0

        def count(ids: Any, _scores: Any, **_more: Any) -> Any:
            nonlocal written
            written = ids.shape[1] - read
            return ids.new_full((ids.shape[0],), left.is_set()).bool()

        def run() -> None:
            try:
                # The seed is of this answer: whoever else draws goes on as before.
                with self.asking, torch.random.fork_rng(enabled=seed is not None):
                    if seed is not None:
                        torch.manual_seed(seed)
                    self.model.generate(
                        **given, streamer=streamer, max_new_tokens=most,
                        stopping_criteria=StoppingCriteriaList([count]),
                        pad_token_id=self.tokenizer.pad_token_id or self.tokenizer.eos_token_id,
                        **sampling,
                    )  # fmt: skip
            except BaseException as error:
                failed.append(error)
                streamer.end()

        thread = threading.Thread(target=run, name="huggingface")
        thread.start()
        try:
            for text in _until(streamer, stop or []):
                if text:
                    chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
                    if run_manager:
                        run_manager.on_llm_new_token(text, chunk=chunk)
                    yield chunk
        finally:
            left.set()  # whoever went away is not written for any more
            thread.join()
        if failed:
            raise failed[0]
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        last = AIMessageChunk(
            content="", usage_metadata=usage, chunk_position="last",
            response_metadata={"model_name": self.model_name},
        )  # fmt: skip
        ended = {"finish_reason": "length" if written >= most else "stop"}
        yield ChatGenerationChunk(message=last, generation_info=ended)

    def _sampling(self, asked: dict[str, Any]) -> dict[str, Any]:
        """How words are chosen: as asked for, or else as the model was opened."""
        temperature = asked.get("temperature", self.temperature)
        if not temperature:
            return {"do_sample": False}
        top_p = asked.get("top_p")
        sampling = {"do_sample": True, "temperature": temperature}
        return sampling if top_p is None else {**sampling, "top_p": top_p}


def _until(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """A text's pieces up to the first of some words, which may begin in one and end in another."""
    if not any(stops):
        yield from pieces
        return
    held = ""
    most = max(map(len, stops)) - 1  # characters that may be the beginning of one
    for piece in pieces:
        held += piece
        if found := [
            (at + len(stop), at) for stop in stops if stop and (at := held.find(stop)) >= 0
        ]:
            yield held[: min(found)[1]]  # the first to be complete, whatever pieces came
            return
        yield held[: max(len(held) - most, 0)]
        held = held[max(len(held) - most, 0) :]
    yield held


class HuggingFaceModel(Model):
    """The model at ``huggingface:BASE`` or ``huggingface:BASE#ADAPTER``.

    BASE is a folder, or a name of the Hugging Face hub; ADAPTER the folder of a peft adapter.
    """

    def __init__(self, url: str, choices: Choices) -> None:
        """Load the model.

        Raises:
            UnusableModel: torch's packages are not installed, or there is no such model.
        """
        try:
            import peft  # noqa: F401
            import transformers  # noqa: F401
        except ImportError as error:
            msg = f"{url} needs {error.name}: pip install 'langchain-memory-service[train]'"
            raise UnusableModel(msg) from error
        from app.training.base import open_base

        name, _, adapter = url.partition(":")[2].partition("#")
        folder = Path(adapter).expanduser() if adapter else None
        if folder is not None and not (folder / "adapter_config.json").is_file():
            msg = f"{url}: {folder} is no folder of a peft adapter"
            raise UnusableModel(msg)
        if not name:
            msg = f"{url} names no model: use huggingface:BASE or huggingface:BASE#ADAPTER"
            raise UnusableModel(msg)
        try:
            base = open_base(name)
            if folder is not None:
                _check_card(folder, base.sha256)
            model = base.model(folder)
            tokenizer = base.tokenizer()
        except (InvalidInput, OSError, ValueError, RuntimeError) as error:
            msg = f"{url} cannot be loaded: {error}"
            raise UnusableModel(msg) from error
        if not tokenizer.chat_template:
            msg = f"{url} has no chat template: take a model that was tuned to chat"
            raise UnusableModel(msg)
        most = getattr(model.config, "max_position_embeddings", None) or choices.context
        context = min(choices.context, most)
        called = base.name if folder is None else f"{base.name}#{folder.name}"
        chat = HuggingFaceChat(
            model=model, tokenizer=tokenizer, context=context, model_name=called,
            max_tokens=choices.max_tokens, temperature=choices.temperature,
            timeout=choices.timeout,
        )  # fmt: skip
        self.at_once = 1
        super().__init__(chat, called, context)


def _check_card(adapter: Path, base: str) -> None:
    """Refuse an adapter whose card names other weights, or another base."""
    from app.training.registry import Registry

    if not (adapter / "card.json").is_file():
        return  # not one of ours
    registry = Registry(adapter.resolve().parent)
    registry.whole(adapter.resolve().name)
    card = registry.card(adapter.resolve().name)
    if card.base["sha256"] != base:
        msg = f"the adapter {card.id} is for another base, {card.base['name']}"
        raise InvalidInput(msg)
