"""mem0 in an environment of its own: JSON lines on standard input and output.

Requests are ``{"do": "grow", "user", "messages": [{"id", "session", "role", "text", "name"}]}``
and ``{"do": "find", "user", "question", "limit"}``; each answer is ``{"seconds", "found": [{"id",
"session", "text"}]}``, timed here, so that the pipe does not count. ``infer=False``: no language
model is asked.
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


def grow(memory: Any, user: str, messages: list[dict[str, str]]) -> None:
    """What ``add`` with ``infer=False`` would store for each message, written to disk once.

    What was stored before goes: mem0's FAISS store takes its few finds from all users' memories,
    so that one among many users would find little.
    """
    memory.reset()
    at = datetime.now(UTC).isoformat()
    memory.vector_store.insert(
        vectors=memory.embedding_model.embed_batch([m["text"] for m in messages]),
        ids=[str(uuid.uuid4()) for _ in messages],
        payloads=[
            {
                "user_id": user,
                "role": {"human": "user", "ai": "assistant"}.get(m["role"], m["role"]),
                **({"actor_id": m["name"]} if m["name"] else {}),
                "data": m["text"],
                "hash": md5(m["text"].encode(), usedforsecurity=False).hexdigest(),
                "created_at": at,
                "updated_at": at,
                "text_lemmatized": m["text"],  # what mem0 keeps without spaCy
                "message": m["id"],
                "session": m["session"],
            }
            for m in messages
        ],
    )


def find(memory: Any, user: str, question: str, limit: int) -> list[dict[str, str]]:
    """The memories that mem0 ranks first; ``threshold=0`` keeps the far ones, for large budgets."""
    found = memory.search(question, top_k=limit, filters={"user_id": user}, threshold=0.0)
    return [
        {"id": r["metadata"]["message"], "session": r["metadata"]["session"], "text": r["memory"]}
        for r in found["results"]
    ]


def main(folder: str, model: str) -> None:
    """Answer requests until the input ends."""
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # whatever mem0 prints is no answer
        memory = open_memory(Path(folder), model)
        for line in sys.stdin:
            request = json.loads(line)
            found: list[dict[str, str]] = []
            began = time.perf_counter()
            if request["do"] == "grow":
                grow(memory, request["user"], request["messages"])
            else:
                found = find(memory, request["user"], request["question"], request["limit"])
            seconds = time.perf_counter() - began
            print(json.dumps({"seconds": seconds, "found": found}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
