"""Language models: a model is an address, ``open_llm(url)``."""

from app.llm.model import Model, UnusableModel
from app.llm.open import open_llm

__all__ = ["Model", "UnusableModel", "open_llm"]
