"""Tables that LangChain's own SQLChatMessageHistory has written, in SQLite and Postgres."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from app.sources import langchain
from app.sources.databases import shown
from app.sources.formats import open_source
from app.sources.source import Options
from memory import InvalidInput, MemoryStore, Scope
from tests.app.sources.conftest import Import, faults, left_out, said

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LangChain says that the package is no longer maintained
    from langchain_community.chat_message_histories import SQLChatMessageHistory

PATTERN = "{customer}:{session}"
CALLS = [{"name": "lookup", "args": {"order": "4417-XZ"}, "id": "c1", "type": "tool_call"}]
TALK: list[BaseMessage] = [
    SystemMessage("Be kind"),
    HumanMessage("Where is my order 4417-XZ?", id="h1", additional_kwargs={"channel": "web"}),
    AIMessage("", tool_calls=CALLS),
    ToolMessage("on its way", tool_call_id="c1"),
    AIMessage([{"type": "text", "text": "It is on its way."}], id="run-1"),
]


def history(url: str, session_id: str, *messages: BaseMessage) -> None:
    """Write messages as a LangChain program does."""
    written = SQLChatMessageHistory(session_id, connection=url)
    written.add_messages(messages)
    written.engine.dispose()


def insert(url: str, *rows: tuple[str | None, Any]) -> None:
    """Add rows as they are."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for session_id, message in rows:
            connection.execute(
                sa.text("INSERT INTO message_store (session_id, message) VALUES (:s, :m)"),
                {"s": session_id, "m": message},
            )
    engine.dispose()


@pytest.fixture
def source(url: str, tmp_path: Path) -> str:
    """An empty database, of each kind in turn, beside the one that is imported into."""
    return url.replace("memory.db", "their.db")


def test_what_langchain_wrote_comes_back_whole(
    bring: Import, target: MemoryStore, source: str
) -> None:
    """Tool calls and content blocks too; a second import stores nothing, more rows are added."""
    history(source, "ada:may", *TALK)
    history(source, "bob:x:y", HumanMessage("hi"), AIMessage("hello"))
    report = bring(source, session_id=PATTERN)
    assert (report.format, report.conversations, report.messages, report.bad) == (
        "langchain", 2, 7, 0,
    )  # fmt: skip
    assert (report.new_messages, report.undated) == (7, 7)
    roles = ["system", "human", "ai", "tool", "ai"]
    assert [role for role, _ in said(target, "ada", "may")] == roles
    from memory import BufferMemory

    kept = BufferMemory(
        store=target, scope=Scope("ada", "may"), return_messages=True, count_tokens=len
    )
    messages = kept.load_memory_variables({})["history"]
    assert messages[1].additional_kwargs == {"channel": "web"}
    assert messages[2].tool_calls == CALLS
    assert messages[3].tool_call_id == "c1"
    assert messages[4].id == "run-1"
    assert said(target, "bob", "x:y") == [("human", "hi"), ("ai", "hello")]
    history(source, "ada:may", HumanMessage("thanks"))
    again = bring(source, session_id=PATTERN)
    assert (again.messages, again.new_messages) == (8, 1)
    assert said(target, "ada", "may")[-1] == ("human", "thanks")


def test_a_file_of_sqlite_is_read_and_not_touched(
    bring: Import, target: MemoryStore, tmp_path: Path
) -> None:
    """By its path, whatever its name would mean in a URL; a mistyped one is not made."""
    file = tmp_path / "their 100%?#.db"
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)))
    written = SQLChatMessageHistory("ada", connection=engine)
    written.add_messages(TALK)
    engine.dispose()
    before = file.read_bytes()
    file.chmod(0o400)
    assert bring(file, session_id="{customer}").new_messages == 5
    assert file.read_bytes() == before
    assert {s.session for s in target.transcript.sessions(Scope("ada").owner)} == {"ada"}
    for missing in (f"sqlite:///{tmp_path}/none.db", "sqlite://", "postgresql://nobody@nowhere"):
        with pytest.raises(InvalidInput, match=r"there is no|name a file|cannot be read"):
            bring(missing, session_id=PATTERN)
    assert not (tmp_path / "none.db").exists()


def test_the_url_of_an_asynchronous_program_will_do(bring: Import, sqlite_url: str) -> None:
    """As it stands in that program's settings."""
    their = sqlite_url.replace("memory.db", "their.db")
    history(their, "ada", *TALK)
    assert bring(their.replace("sqlite:", "sqlite+aiosqlite:"), customer="ada").new_messages == 5


def test_a_database_is_named_as_it_was_given(sqlite_url: str) -> None:
    """Without its password; what it is read by is no business of who reads the report."""
    their = sqlite_url.replace("memory.db", "their.db")
    history(their, "ada", *TALK)
    assert open_source(their, Options(customer="ada")).name == their
    assert shown("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


def test_nobody_shares_a_customer_by_mistake(
    bring: Import, target: MemoryStore, sqlite_url: str
) -> None:
    """Whose a session is has to be said, by a pattern that says it or by one name for all."""
    their = sqlite_url.replace("memory.db", "their.db")
    history(their, "ada:1", HumanMessage("a"))
    history(their, "bob:1", HumanMessage("b"))
    for options, why in (
        ({}, "--session-id.*'ada:1'"),
        ({"session_id": "{session}"}, "--customer"),
        ({"session_id": "{customer}:{customer}"}, "no pattern"),
        ({"session_id": "{name}"}, "no pattern"),
        ({"session_id": "ada"}, "no pattern"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=why):
            bring(their, **options)
    assert target.owners() == []
    report = bring(their, session_id="ada:{session}", customer="ada")
    assert faults(report) == {
        "session_id 'bob:1'": "it does not fit 'ada:{session}' (1 messages)"
    }  # fmt: skip
    assert said(target, "ada", "1") == [("human", "a")]
    assert bring(their, customer="all").new_messages == 2
    assert said(target, "all", "bob:1") == [("human", "b")]


def test_every_form_that_a_message_had_is_read(
    bring: Import, target: MemoryStore, source: str
) -> None:
    """Old LangChain's, flat ones, OpenAI's, those of ``dumps``; others are named by their rows."""
    history(source, "ada", HumanMessage("new"))
    rows = [
        {"type": "human", "data": {"content": "old", "additional_kwargs": {}, "example": False}},
        {"type": "ai", "content": "flat"},
        {"role": "assistant", "content": "as OpenAI has it"},
        json.loads(dumps(HumanMessage("dumped"))),
        {"type": "AIMessageChunk", "data": {"content": "a chunk"}},
        {"type": "chat", "data": {"content": "by a role", "role": "user"}},
        {"type": "chat", "data": {"content": "by another", "role": "moderator"}},
        {"type": "human", "data": {"content": " "}},
        {"type": "remove", "data": {"id": "x", "content": ""}},
        {"type": "king", "data": {"content": "x"}},
        {"type": "human", "data": {"content": 5}},
        {"type": "human", "data": {"content": "a\0b"}},
        [1],
    ]  # fmt: skip
    insert(source, *(("ada", json.dumps(row)) for row in rows), ("ada", "{cut"), (None, "{}"))
    report = bring(source, customer="ada")
    assert [text for _, text in said(target, "ada", "ada")] == [
        "new", "old", "flat", "as OpenAI has it", "dumped", "a chunk", "by a role", "by another",
    ]  # fmt: skip
    assert left_out(report) == {"empty message": 1, "message that removes another": 1}
    bad = faults(report)
    assert bad.keys() == {"session_id None"} | {
        f"session_id 'ada', id {row}" for row in (11, 12, 13, 14, 15)
    }
    assert "king" in bad["session_id 'ada', id 11"]
    assert "NUL" in bad["session_id 'ada', id 13"]


def test_a_message_that_was_written_twice_is_imported_once(
    bring: Import, target: MemoryStore, sqlite_url: str
) -> None:
    """Known by its id; one id for two texts, or one text without ids, is two messages."""
    their = sqlite_url.replace("memory.db", "their.db")
    twice = HumanMessage("where?", id="h1")
    history(their, "ada", twice, AIMessage("here", id="a1"), twice, AIMessage("there", id="a1"),
            HumanMessage("yes"), HumanMessage("yes"))  # fmt: skip
    report = bring(their, customer="ada")
    assert left_out(report) == {"message that is there twice": 1}
    texts = ["where?", "here", "there", "yes", "yes"]
    assert [text for _, text in said(target, "ada", "ada")] == texts
    assert bring(their, customer="ada").new_messages == 0


def test_a_long_session_is_never_whole_in_memory(
    bring: Import, target: MemoryStore, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one conversation all the same, in its order."""
    monkeypatch.setattr(langchain, "_MOST", 4)
    their = sqlite_url.replace("memory.db", "their.db")
    history(their, "ada", *(HumanMessage(f"{n}") for n in range(10)))
    report = bring(their, customer="ada", at=None)
    assert (report.conversations, report.new_messages) == (1, 10)
    assert [text for _, text in said(target, "ada", "ada")] == [f"{n}" for n in range(10)]


def test_a_table_with_times_tells_them(bring: Import, target: MemoryStore, source: str) -> None:
    """As that of langchain_postgres, whose messages are JSON; it is named by an option."""
    engine = sa.create_engine(source)
    kind = "JSONB" if engine.dialect.name == "postgresql" else "TEXT"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE chat (id INTEGER PRIMARY KEY, session_id TEXT, message {kind}, "
            "created_at TIMESTAMP WITH TIME ZONE)"
        )
        connection.exec_driver_sql(
            "INSERT INTO chat VALUES (1, 'ada', "
            """'{"type": "human", "data": {"content": "hi"}}', '2024-05-04 09:30:00+00:00')"""
        )
    engine.dispose()
    with pytest.raises(InvalidInput, match="say --table chat"):
        bring(source, "langchain", customer="ada")
    report = bring(source, customer="ada", table="chat")
    assert (report.new_messages, report.undated, str(report.first)) == (
        1, 0, "2024-05-04 09:30:00+00:00",
    )  # fmt: skip


def test_a_database_of_something_else_is_told_from_it(bring: Import, sqlite_url: str) -> None:
    """With what is in it."""
    from memory import open_store

    with open_store(sqlite_url):
        pass
    with pytest.raises(InvalidInput, match=r"no table that can be imported.*customers"):
        bring(sqlite_url.removeprefix("sqlite:///"), customer="ada")
