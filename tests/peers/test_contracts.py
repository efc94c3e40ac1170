"""The published contracts find what is wrong with LangChain's classes, and nothing with ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOUND = {
    "InMemoryStore": {
        "a comparison with what is not there is no error",
        "a namespace is listed while it has items",
        "another value takes its place",
        "pages of a query are the whole",
        "two items may say the same",
        "values are not shared with the caller",
        "what was said before is not searched",
    },
    "VectorStoreRetrieverMemory": {
        "async clears what sync does",
        "clearing empties it and no other",
    },
    "InMemoryChatMessageHistory": set(),
}


def test_the_contracts_find_what_is_wrong() -> None:
    """``python -m tests.peers`` names just these promises that LangChain's classes break, and
    none that ours do.
    """
    ours = {"OurChatHistory", "OurLangGraphStore"}
    only = " or ".join(f"Test{name}" for name in (*FOUND, *ours))
    done = subprocess.run(
        [sys.executable, "-m", "tests.peers", "-k", only],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| `")]
    broken = {name.strip(" `"): {*filter(None, said.strip().split("; "))} for name, _, said in rows}
    assert broken == {**FOUND, **{name: set() for name in ours}}
