"""The memories that are measured: this one as the service uses it, LangChain's, and mem0."""

from __future__ import annotations

import inspect
import json
import subprocess
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage

from app.conversation import conversation_memory
from app.evaluation.dialogues import Conversation, Question, Unit
from app.settings import Settings
from memory import (
    ConversationMemory,
    Encoder,
    InvalidInput,
    MemoryStore,
    Retriever,
    Scope,
    open_store,
)
from memory.readers import lines

DEPTH = 200  # how many finds of a question are looked at

MEM0 = "mem0ai==2.2.1 faiss-cpu sentence-transformers torch"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a system found: what it covers, its text, and how it stands in a prompt.

    It covers the messages that it was made from and their session. A record that stands for
    several messages covers each of them; so does a fact, though its text is shorter than the
    messages that it was taken from.
    """

    covers: tuple[Unit, ...]
    text: str
    line: str

    @property
    def messages(self) -> int:
        """How many messages it stands for."""
        return sum(unit.kind == "turn" for unit in self.covers)


class System(Protocol):
    """A memory that can be given a conversation and asked questions about it."""

    name: str

    def remember(self, conversation: Conversation) -> float:
        """Forget the last conversation and take in this one; returns the seconds it took."""
        ...

    def find(self, question: Question) -> tuple[list[Found], float]:
        """The best ``DEPTH`` finds, best first, and the seconds that a recall takes."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class Ours:
    """ConversationMemory as the service makes it, over a private store for each conversation.

    A recall is timed as the service makes it for a turn, the embedding of the question
    included; the ranking is then got once more, deeper.
    """

    name = "this memory"

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        self._settings = settings
        self._encoder = encoder
        self._store: MemoryStore | None = None

    def remember(self, conversation: Conversation) -> float:
        """Store the messages with their times, and digest them."""
        self.close()
        self._store = open_store("sqlite://")
        began = time.perf_counter()
        for session in conversation.sessions:
            memory = self._memory(session.id)
            memory.add_messages(session.messages, session.times)
            memory.digest()
        spent = time.perf_counter() - began
        self._asked = self._memory("questions")  # a session in which nothing was said
        self._deep = self._asked.model_copy(update={"retriever": _deepened(self._asked.retriever)})
        return spent

    def find(self, question: Question) -> tuple[list[Found], float]:
        """The records' ranking."""
        began = time.perf_counter()
        self._asked.vector.recall(question.text, at=question.at)
        spent = time.perf_counter() - began
        ranked = self._deep.vector.ranked(question.text, at=question.at)[:DEPTH]
        return [
            Found(_units(r.messages, r.session), r.text, said)
            for r, said in zip(ranked, lines(ranked), strict=True)
        ], spent

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _memory(self, session: str) -> ConversationMemory:
        assert self._store is not None
        scope = Scope(customer="customer", session=session)
        return conversation_memory(self._store, scope, self._settings, self._encoder)


def _deepened(retriever: Retriever) -> Retriever:
    """The retriever with room for ``DEPTH`` finds, if it has a ``k`` that says for how many."""
    if "k" not in inspect.signature(retriever).parameters:
        return retriever
    return partial(cast("Any", retriever), k=DEPTH)


def _units(messages: Sequence[str], session: str) -> tuple[Unit, ...]:
    return (*(Unit("turn", m) for m in messages), Unit("session", session))


class LangChain:
    """VectorStoreRetrieverMemory over FAISS: a document a turn, with the same embedding model."""

    name = "LangChain"

    def __init__(self, encoder: Encoder) -> None:
        self._embeddings = _Encoding(encoder)
        self._dimension = encoder.dimension

    def remember(self, conversation: Conversation) -> float:
        """Embed the documents that saving each turn would make, in bulk."""
        import faiss

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are deprecated, and say so
            from langchain_classic.memory import VectorStoreRetrieverMemory
            from langchain_community.docstore.in_memory import InMemoryDocstore
            from langchain_community.vectorstores import FAISS

            documents = FAISS(
                self._embeddings, faiss.IndexFlatL2(self._dimension), InMemoryDocstore(), {}
            )
            self._memory = VectorStoreRetrieverMemory(
                retriever=documents.as_retriever(search_kwargs={"k": DEPTH}), return_docs=True
            )
        began = time.perf_counter()
        made = [
            _document(asked, answered, session.id)
            for session in conversation.sessions
            for asked, answered in pairs(session.messages)
        ]
        documents.add_documents(made)
        return time.perf_counter() - began

    def find(self, question: Question) -> tuple[list[Found], float]:
        """The documents' ranking."""
        began = time.perf_counter()
        found = self._memory.load_memory_variables({"input": question.text})["history"]
        spent = time.perf_counter() - began
        assert not isinstance(found, str)
        return [
            Found(
                _units(d.metadata["messages"], d.metadata["session"]),
                d.metadata["said"],
                d.page_content,
            )
            for d in found
        ], spent

    def close(self) -> None:
        """It holds nothing."""


def pairs(messages: Sequence[BaseMessage]) -> list[tuple[BaseMessage | None, BaseMessage | None]]:
    """Messages as turns of what was asked and answered; where one is missing, None."""
    made: list[tuple[BaseMessage | None, BaseMessage | None]] = []
    for message in messages:
        if message.type == "human":
            made.append((message, None))
        elif made and made[-1][1] is None:
            made[-1] = (made[-1][0], message)
        else:
            made.append((None, message))
    return made


def _document(asked: BaseMessage | None, answered: BaseMessage | None, session: str) -> Document:
    """The document that LangChain's ``save_context`` makes of a turn."""
    texts = [str(m.text) if m else "" for m in (asked, answered)]
    return Document(
        f"input: {texts[0]}\noutput: {texts[1]}",
        metadata={
            "messages": [m.id for m in (asked, answered) if m],
            "session": session,
            "said": "\n".join(filter(None, texts)),
        },
    )


class _Encoding(Embeddings):
    """An encoder as LangChain wants it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._encoder.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class Mem0:
    """mem0 with ``infer=False`` over FAISS, in an environment of its own (``mem0_process.py``).

    It embeds with the same weights, by sentence-transformers.
    """

    name = "mem0"

    def __init__(self, python: Path | None) -> None:
        if python is None:
            msg = (
                "mem0 is measured in an environment of its own: make one with "
                f"`python3 -m venv mem0 && mem0/bin/pip install {MEM0}`, and give "
                "--mem0-python mem0/bin/python"
            )
            raise InvalidInput(msg)
        from memory.embeddings import pull

        self._folder = tempfile.TemporaryDirectory(prefix="mem0-")
        folder = Path(self._folder.name)
        self._log = folder / "log"
        program = Path(__file__).with_name("mem0_process.py")
        try:
            with self._log.open("w") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the caller's own Python
                    [python, program, folder, pull().parent],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                )  # fmt: skip
        except OSError as error:
            self._folder.cleanup()
            msg = f"--mem0-python {python} cannot be run: {error.strerror}"
            raise InvalidInput(msg) from error
        self._customer = 0

    def remember(self, conversation: Conversation) -> float:
        """Add every message, as a user of its own for each conversation."""
        self._customer += 1
        messages = [
            {
                "id": message.id, "session": session.id, "role": message.type,
                "text": str(message.text), "name": message.name,
            }
            for session in conversation.sessions
            for message in session.messages
            if str(message.text).strip()
        ]  # fmt: skip
        return float(self._ask(do="grow", messages=messages)["seconds"])

    def find(self, question: Question) -> tuple[list[Found], float]:
        """The memories' ranking."""
        answer = self._ask(do="find", question=question.text, limit=DEPTH)
        return [
            Found(_units([m["id"]], m["session"]), m["text"], m["text"]) for m in answer["found"]
        ], float(answer["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)
        self._folder.cleanup()

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request["user"] = str(self._customer)
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._process.stdout.readline()
        if not answer:
            last = (self._log.read_text().strip().splitlines() or ["it said nothing"])[-1]
            msg = f"mem0 ended: {last}. --mem0-python needs `pip install {MEM0}`"
            raise InvalidInput(msg)
        return json.loads(answer)
