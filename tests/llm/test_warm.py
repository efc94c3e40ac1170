"""Who comes back after others have had the slots need not be read again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.llm import Model, open_llm
from app.llm.states import Conversation, States
from memory import MemoryStore, Scope, count_tokens, open_store
from memory.transcript import make_message

# Its answer is far likelier than any other, so that it is the same however it was reckoned.
ASKS = "Whose orders are these? Say it again."
NAMES = ["ada", "bob", "cleo"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    """A store in which three customers have said something."""
    with open_store(f"sqlite:///{tmp_path / 'memory.db'}") as store:
        for name in NAMES:
            store.transcript.add(Scope(name), [make_message("human", "Good day.", 3)])
        yield store


def opened(store: MemoryStore, folder: Path, context: int = 8192) -> Model:
    """The embedded model with two slots."""
    return open_llm(
        "embedded:", slots=2, max_tokens=8, temperature=0, context=context,
        states=States(folder, 1 << 30, store), timeout=600,
    )  # fmt: skip


def conversation(store: MemoryStore, name: str) -> Conversation:
    """A customer's session as it is now."""
    owner = Scope(name).owner
    return Conversation(owner, "now", store.records.state(owner).generation)


def prompt(name: str, more: str = "") -> list[BaseMessage]:
    """A conversation of some 400 tokens, and a question that ends with ``more``."""
    said = " ".join(f"The order {n * 37} of {name} came late on day {n}." for n in range(26))
    told = AIMessage(f"These are the orders of {name}.")
    return [SystemMessage("You help."), HumanMessage(said), told, HumanMessage(f"{ASKS} {more}")]


def ask(model: Model, who: Conversation, messages: list[BaseMessage]) -> tuple[str, int]:
    """The answer, and how many tokens were read for it."""

    async def asked() -> tuple[str, int]:
        whole = None
        async for chunk in model.answering(who).astream(messages):
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        usage = whole.usage_metadata
        return whole.text, usage["input_tokens"] - usage["input_token_details"]["cache_read"]

    return asyncio.run(asked())


def test_a_customer_who_comes_back_is_read_from_where_they_left(
    store: MemoryStore, tmp_path: Path
) -> None:
    """After others have had both slots, and after a restart: what is read is the new question and
    at most 16 tokens, and the answer is the one that a server gives who reads everything. A file
    that is damaged, or another customer's, changes no answer.
    """
    ada, bob, cleo = (conversation(store, name) for name in NAMES)
    folder = tmp_path / "states"
    model = opened(store, folder)
    try:
        first, read = ask(model, ada, prompt("ada"))
        assert read > 400
        for who, name in ((bob, "bob"), (cleo, "cleo")):
            assert ask(model, who, prompt(name))[1] > 380
        more = "Thanks."
        warm, read = ask(model, ada, prompt("ada", more))
        assert read <= count_tokens(f"{ASKS} {more}") + 16
    finally:
        model.close()

    model = opened(store, folder)
    try:
        again, read = ask(model, ada, prompt("ada", more))
        assert (again, read <= 16) == (warm, True)
        states = States(folder, 1 << 30, store)
        reader = model._reader()  # type: ignore[attr-defined]
        of_ada, of_bob, of_cleo = (str(states.find(who, reader)) for who in (ada, bob, cleo))
        assert "None" not in (of_ada, of_bob, of_cleo)
        shutil.copy(folder / of_ada, folder / of_bob)
        (folder / of_cleo).write_bytes(b"no state")
        mixed = [ask(model, who, prompt(name)) for who, name in ((bob, "bob"), (cleo, "cleo"))]
        assert all(read > 380 for _, read in mixed)
        assert not (folder / of_cleo).exists() or (folder / of_cleo).stat().st_size > 1_000_000
    finally:
        model.close()

    cold = open_llm("embedded:", slots=1, max_tokens=8, temperature=0, timeout=600)
    try:
        said = [cold.chat.invoke(prompt(n, m)).text for n, m in
                (("ada", ""), ("ada", more), ("bob", ""), ("cleo", ""))]  # fmt: skip
    finally:
        cold.close()
    assert [first, warm, *(text for text, _ in mixed)] == said


def test_who_is_erased_leaves_the_slots_and_the_folder(store: MemoryStore, tmp_path: Path) -> None:
    """Nothing is read back for somebody who comes anew under the same name."""
    ada = conversation(store, "ada")
    folder = tmp_path / "states"
    model = opened(store, folder)
    try:
        ask(model, ada, prompt("ada"))
        store.erase(ada.owner)
        model.drop(ada.owner)
        store.transcript.add(Scope("ada"), [make_message("human", "Good day.", 3)])
        assert ask(model, conversation(store, "ada"), prompt("ada"))[1] > 400
    finally:
        model.close()
    assert len(list(folder.iterdir())) == 1


def test_conversations_that_do_not_fit_together_make_way_for_each_other(
    store: MemoryStore, tmp_path: Path
) -> None:
    """Two slots, and a context that has room for one of the conversations: none fails."""
    model = opened(store, tmp_path / "states", context=640)
    try:
        for _ in range(2):
            for name in NAMES:
                assert ask(model, conversation(store, name), prompt(name))[0]
    finally:
        model.close()
