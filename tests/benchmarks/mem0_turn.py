"""mem0 for ``turn.py``, in an environment of its own: JSON lines on standard input and output.

Requests are ``{"do": "grow" | "save", "turns": [[customer, agent], ...]}`` and
``{"do": "load", "question": text}``; each answer is ``{"seconds": ..., "found": ...}``, timed
here, so that the pipe does not count. ``infer=False``: no language model is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any

USER = "ada"


def open_memory(folder: Path, model: str) -> Any:
    """A mem0 Memory over FAISS in ``folder``, embedding with the model in a local folder."""
    os.environ.update(
        MEM0_DIR=str(folder), MEM0_TELEMETRY="False", HF_HUB_OFFLINE="1",
        OPENAI_API_KEY="not used: infer=False",
    )  # fmt: skip
    from mem0 import Memory

    config = {"path": str(folder / "faiss"), "embedding_model_dims": 384}
    return Memory.from_config(
        {
            "embedder": {
                "provider": "huggingface",
                "config": {"model": model, "embedding_dims": 384},
            },
            "vector_store": {"provider": "faiss", "config": config},
            "history_db_path": str(folder / "history.db"),
        }
    )


def messages(turn: list[str]) -> list[dict[str, str]]:
    """A turn as mem0 takes it."""
    return [
        {"role": role, "content": text}
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


def grow(memory: Any, turns: list[list[str]]) -> None:
    """Add turns in bulk: what ``add`` would store for each message, but written to disk once."""
    said = [message for turn in turns for message in messages(turn)]
    at = datetime.now(UTC).isoformat()
    memory.vector_store.insert(
        vectors=memory.embedding_model.embed_batch([m["content"] for m in said]),
        ids=[str(uuid.uuid4()) for _ in said],
        payloads=[
            {
                "user_id": USER,
                "role": m["role"],
                "data": m["content"],
                "hash": md5(m["content"].encode()).hexdigest(),
                "created_at": at,
                "updated_at": at,
                "text_lemmatized": m["content"],  # what mem0 keeps without spaCy
            }
            for m in said
        ],
    )


def answer(memory: Any, request: dict[str, Any]) -> int:
    """Do what a request asks for; returns how many memories were found or stored."""
    if request["do"] == "grow":
        grow(memory, request["turns"])
        return 2 * len(request["turns"])
    if request["do"] == "save":
        (turn,) = request["turns"]
        return len(memory.add(messages(turn), user_id=USER, infer=False)["results"])
    return len(memory.search(request["question"], filters={"user_id": USER})["results"])


def main(folder: str, model: str) -> None:
    """Answer requests until the input ends."""
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # whatever mem0 prints is no answer
        memory = open_memory(Path(folder), model)
        for line in sys.stdin:
            request = json.loads(line)
            began = time.perf_counter()
            found = answer(memory, request)
            seconds = time.perf_counter() - began
            print(json.dumps({"seconds": seconds, "found": found}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
