"""A model is an address."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.llm import UnusableModel, open_llm


@pytest.mark.parametrize(
    "url", ["", "echo", "fake:", "fake:parrot", "ftp://host/model", "gpt-5", "fake", ":", "//host"]
)
def test_an_unknown_address_says_which_are_known(url: str) -> None:
    """What is no model's address is refused with the forms that are."""
    with pytest.raises(UnusableModel, match="fake:echo") as error:
        open_llm(url)
    assert isinstance(error.value, ValueError)
    assert repr(url) in str(error.value)


def test_a_driver_is_imported_only_when_it_is_asked_for() -> None:
    """Trying the service without a model imports neither llama.cpp nor the OpenAI client."""
    code = """
import sys
from app.llm import open_llm
open_llm("fake:echo").chat.invoke("hello")
print(sorted({"xllamacpp", "openai", "langchain_openai", "gguf", "torch"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
