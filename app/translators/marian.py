"""``huggingface:NAME#en-zh``: a MarianMT model, as Helsinki-NLP's, in this process on torch."""

from __future__ import annotations

from typing import Any

from app.llm import UnusableModel
from app.translators.translator import Offline, primary
from memory.errors import InvalidInput
from memory.translations import Pair

_BEAMS = 4  # as these models are made to be asked


class MarianTranslator(Offline):
    """A model of transformers that translates from one language into another."""

    def __init__(self, address: str, timeout: float) -> None:
        """Load the model at ``NAME#SOURCE-TARGET``, a folder or a name on the hub."""
        super().__init__(timeout)
        self.name, _, languages = address.partition("#")
        source, _, target = languages.partition("-")
        try:
            self._pair = Pair(source, target)
        except InvalidInput as error:
            msg = (
                f"the translator huggingface:{address} does not say from which language into "
                f"which: write huggingface:{self.name}#en-zh"
            )
            raise UnusableModel(msg) from error
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(self.name)
            self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(self.name).eval()
        except (OSError, ValueError, ImportError) as error:
            msg = f"{self.name} is no model that translates, or cannot be had: {error}"
            raise UnusableModel(msg) from error

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """One way."""
        return [(self._pair.source, self._pair.target)]

    def takes(self, pair: Pair) -> bool:
        """Whether these are its languages."""
        return (primary(pair.source), primary(pair.target)) == (
            primary(self._pair.source), primary(self._pair.target)
        )  # fmt: skip

    def run(self, text: str, pair: Pair) -> str:  # noqa: ARG002 - it has one
        """Translate a sentence, as far as the model reads: to 512 tokens."""
        import torch

        read = self._tokenizer([text], return_tensors="pt", truncation=True, max_length=512)
        with torch.inference_mode():
            made = self._model.generate(**read, num_beams=_BEAMS, max_new_tokens=512)
        return str(self._tokenizer.batch_decode(made, skip_special_tokens=True)[0])
