"""One conversation through every door: what was said at one is known at all others."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from memory import (
    ConversationMemory,
    LangGraphStore,
    MemoryMiddleware,
    MemoryStore,
    Scope,
    open_store,
)
from memory.client import MemoryClient
from tests.app.conftest import KEY, Running, double, run_service
from tests.app.test_mcp import connected
from tests.forked import console
from tests.llm.openai_double import OpenAIDouble

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # people's programs have it still
    from langchain_classic.chains import ConversationChain

__all__ = ["double", "run_service"]
pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")

SCOPE = Scope("ada", "monday")
ASKED = "What do you know of me?"


@dataclass
class Doors:
    """A customer's doors: each method says something there, and is what was shown for it."""

    service: Running
    double: OpenAIDouble
    store: MemoryStore  # of a program beside the service
    folder: Path

    def rest(self, text: str) -> str:
        """A message over REST, and the prompt that it led to."""
        self.service.chat(text, session=SCOPE.session).raise_for_status()
        return self._prompt()

    def openai(self, text: str) -> str:
        """OpenAI's client."""
        with openai.OpenAI(base_url=f"{self.service.address}/v1", api_key=KEY) as client:
            client.chat.completions.create(
                model="any", user=SCOPE.customer, messages=[{"role": "user", "content": text}],
                metadata={"session": SCOPE.session},
            )  # fmt: skip
        return self._prompt()

    def mcp(self, text: str) -> str:
        """A note by an MCP client, and what it recalls."""

        async def steps() -> str:
            async with connected(self.service) as client:
                told = {"customer": SCOPE.customer, "text": text}
                await client.call_tool("remember", told)
                query = {"customer": SCOPE.customer, "query": ASKED, "max_tokens": 2000}
                return str((await client.call_tool("recall", query)).structured_content)

        return anyio.run(steps)

    def conversation_chain(self, text: str) -> str:
        """LangChain's chain, over a memory of the same database."""
        ConversationChain(llm=self._model(), memory=self._memory()).invoke({"input": text})
        return self._prompt()

    def agent(self, text: str) -> str:
        """LangChain's agent, with the middleware over it."""
        agent = create_agent(
            self._model(), [], system_prompt="Be brief.",
            middleware=[MemoryMiddleware(self._memory())],
        )  # fmt: skip
        agent.invoke({"messages": [HumanMessage(text)]})
        return self._prompt()

    def langgraph(self, text: str) -> str:
        """An item of a LangGraph store, and the memories that a search finds."""
        items = LangGraphStore(self._memory())
        items.put(("memories",), text[:8], {"text": text})
        return str([one.value for one in items.search(("memories",), query=ASKED, limit=100)])

    def terminal(self, text: str) -> str:
        """``memory-service chat``, with the service."""
        environment = {k: v for k, v in os.environ.items() if "MEMORY_SERVICE" not in k} | {
            "MEMORY_SERVICE_DATA_DIR": str(self.folder), "MEMORY_SERVICE_API_KEY": KEY,
        }  # fmt: skip
        done = console(
            "chat", "--customer", SCOPE.customer, "--session", SCOPE.session,
            "--url", self.service.address, environment=environment, stdin=f"{text}\n",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return self._prompt()

    def client(self, text: str) -> str:
        """The typed client."""
        with MemoryClient(self.service.address, KEY) as client:
            client.chat(SCOPE.customer, text, session=SCOPE.session)
        return self._prompt()

    def settle(self) -> None:
        """Wait for what runs in the background, here and there."""
        self.service.settle()
        self.store.wait(30)

    def _prompt(self) -> str:
        return json.dumps(self.double.requests[-1]["messages"], ensure_ascii=False)

    def _model(self) -> ChatOpenAI:
        return ChatOpenAI(
            model="double", base_url=self.double.base, api_key=SecretStr("none"), max_retries=0
        )

    def _memory(self) -> ConversationMemory:
        return ConversationMemory(
            store=self.store, scope=SCOPE, embeddings=self.service.app.state.encoder
        )


@pytest.fixture(params=["one process", "two processes"])
def doors(
    request: pytest.FixtureRequest,
    run_service: Callable[..., Running],
    double: OpenAIDouble,
    tmp_path: Path,
) -> Iterator[Doors]:
    """A service with its doors; on Postgres the library's are beside it, with a store of their own,
    and on SQLite within it, since its database is one process's.
    """
    given: dict[str, Any] = {"llm": double.url, "rate_customer": "off"}
    if request.param == "one process":
        service = run_service(**given)
        yield Doors(service, double, service.app.state.store, tmp_path)
        return
    url = request.getfixturevalue("postgres_url")
    service = run_service(**given, database=url)
    with open_store(url) as store:
        yield Doors(service, double, store, tmp_path)


def test_what_is_said_at_one_door_is_known_at_all(doors: Doors) -> None:
    """Whoever comes to a door is known there by what was said at all before it, and at each once
    more by what was said after it; in the session stands what was said in it, once.
    """
    kept = {
        doors.rest: "I keep a parrot",
        doors.openai: "I collect barometers",
        doors.mcp: "Prefers letters on vellum",
        doors.conversation_chain: "I grow quinces",
        doors.agent: "I play the bassoon",
        doors.langgraph: "Has a cabin in Lapland",
        doors.terminal: "I restore gramophones",
        doors.client: "I sail a dinghy",
    }
    words: list[str] = []
    for door, text in kept.items():
        shown = door(f"{text}. {ASKED}")
        missing = [word for word in words if word not in shown]
        assert not missing, (door.__name__, shown)
        words.append(text.rpartition(" ")[2])
        doors.settle()
    for door in kept:
        shown = door(f"Once more: {door.__name__}? {ASKED}")
        missing = [word for word in words if word not in shown]
        assert not missing, (door.__name__, shown)
        doors.settle()
    path = f"/v1/customers/{SCOPE.customer}/sessions/{SCOPE.session}/messages"
    found = doors.service.client.get(path, params={"limit": 100}).json()["messages"]
    spoken = [door for door in kept if door not in (doors.mcp, doors.langgraph)]
    assert [m["text"] for m in found if m["role"] == "human"] == [
        *(f"{kept[door]}. {ASKED}" for door in spoken),
        *(f"Once more: {door.__name__}? {ASKED}" for door in spoken),
    ]
    assert [m["role"] for m in found] == ["human", "ai"] * 12
    assert {m["status"] for m in found} == {"complete"}
