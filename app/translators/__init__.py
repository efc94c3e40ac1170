"""What translates a sentence that no memory knows: an address, ``open_translators(setting)``."""

from app.translators.open import open_translators
from app.translators.translator import Hints, Translator, primary

__all__ = ["Hints", "Translator", "open_translators", "primary"]
