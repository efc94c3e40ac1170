"""What the transcript promises, over both databases: ids, times and order as they came."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from memory import BufferMemory, ConversationMemory, Event, InvalidInput, MemoryStore, Scope
from memory.history import to_langchain
from memory.transcript import Said, Used
from tests.doubles import WordEncoder

_CALM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

ADA = Scope("ada", "s1")
DAY = datetime(2024, 5, 17, 9, 30, 15, 123456, UTC)


@pytest.fixture
def memory(store: MemoryStore) -> BufferMemory:
    """Ada's session."""
    return BufferMemory(store=store, scope=ADA)


def window(store: MemoryStore, scope: Scope = ADA) -> list[Said]:
    """What the store has of a session."""
    return store.transcript.window(scope)


def test_ids_and_times_are_kept(memory: BufferMemory, store: MemoryStore) -> None:
    """Imported messages come back with their ids, their times to the microsecond, in order."""
    messages = [HumanMessage(f"text {n}", id=f"id-{n}") for n in range(5)]
    times = [DAY - timedelta(days=400 * n, microseconds=n) for n in range(5)]
    assert memory.add_messages(messages, at=times) == 5
    found = [s.message for s in window(store)]
    assert [(m.id, m.text, m.at) for m in found] == [
        (f"id-{n}", f"text {n}", times[n]) for n in range(5)
    ]
    assert [s.status for s in window(store)] == [None] * 5


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_any_time_is_kept(memory: BufferMemory, store: MemoryStore, at: datetime) -> None:
    """Times before 1970, far ones and those of other zones name the same moment afterwards."""
    memory.add_messages([HumanMessage("hello")], at=[at])
    assert window(store)[0].message.at == at


def test_a_time_without_a_zone_is_utc(memory: BufferMemory, store: MemoryStore) -> None:
    """As ``add_messages`` says."""
    memory.add_messages([HumanMessage("hello")], at=[DAY.replace(tzinfo=None)])
    assert window(store)[0].message.at == DAY


def test_an_id_is_stored_once(memory: BufferMemory, store: MemoryStore) -> None:
    """An import run again, or with an id twice in it, adds only what is new, in the order given;
    the first text of an id stays.
    """
    first = [HumanMessage("a", id="1"), AIMessage("b", id="2"), HumanMessage("a again", id="1")]
    assert memory.add_messages(first) == 2
    assert memory.add_messages(first) == 0
    assert memory.add_messages([*first, HumanMessage("c", id="3")]) == 1
    assert [s.message.text for s in window(store)] == ["a", "b", "c"]
    session = store.transcript.session(ADA)
    assert session is not None
    assert session.messages == 3


def test_an_id_is_a_session_s_own(
    memory: BufferMemory, store: MemoryStore, encoder: WordEncoder
) -> None:
    """Sessions that number their messages from 1 each keep theirs, and what stands in one's window
    hides nothing of the other's from recall.
    """
    memory.add_messages([HumanMessage("my cat is Tom", id="1")])
    assert memory.add_messages([HumanMessage("my dog is Rex", id="1")]) == 0
    for scope in (Scope("ada", "s2"), Scope("bob", "s1")):
        other = BufferMemory(store=store, scope=scope)
        assert other.add_messages([HumanMessage("my dog is Rex", id="1")]) == 1
    for digested in (False, True):
        for session, recalled in (("s1", "my dog is Rex"), ("s2", "my cat is Tom")):
            both = ConversationMemory(
                store=store, scope=Scope("ada", session), embeddings=encoder, background=False
            )
            assert [r.text for r in both.layout("my cat? my dog?").recalled] == [recalled]
            if digested:
                both.digest()


def test_two_imports_at_once_store_each_message_once(
    memory: BufferMemory, store: MemoryStore
) -> None:
    """Eight threads import the same file: nothing twice, nothing missing, nothing out of order."""
    messages = [HumanMessage(f"text {n}", id=f"id-{n}") for n in range(700)]
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda _: memory.add_messages(messages), range(8)))
    assert sorted(stored) == [0] * 7 + [700]
    assert [s.message.id for s in window(store)] == [f"id-{n}" for n in range(700)]


def test_times_must_be_as_many_as_messages(memory: BufferMemory, store: MemoryStore) -> None:
    """A list of times that does not fit is refused before anything is stored."""
    with pytest.raises(InvalidInput, match="2 messages need as many times, not 1"):
        memory.add_messages([HumanMessage("a"), AIMessage("b")], at=[DAY])
    assert window(store) == []
    assert memory.add_messages([]) == 0


CALL = {"name": "lookup", "args": {"order": "A-1", "text": "\u4f60\u597d \0"}, "id": "c1"}
RICH: Sequence[BaseMessage] = [
    HumanMessage("plain"),
    HumanMessage("named", name="Ada"),
    HumanMessage([{"type": "text", "text": "blocks"}, {"type": "image_url", "image_url": "x:y"}]),
    AIMessage("calls", tool_calls=[{**CALL, "type": "tool_call"}]),
    AIMessage("", additional_kwargs={"refusal": "no"}),
    ToolMessage("found", tool_call_id="c1"),
    SystemMessage("be kind"),
    ChatMessage("from the side", role="supervisor"),
    FunctionMessage("42", name="answer"),
]


def test_a_message_comes_back_as_it_was(memory: BufferMemory, store: MemoryStore) -> None:
    """Names, content blocks, tool calls and roles survive: the same class, the same content."""
    memory.add_messages([m.model_copy(update={"id": f"id-{n}"}) for n, m in enumerate(RICH)])
    for n, (before, after) in enumerate(zip(RICH, window(store), strict=True)):
        again = to_langchain(after.message)
        assert again == before.model_copy(update={"id": f"id-{n}"})
        assert type(again) is type(before)


def test_a_streamed_message_is_stored_whole(memory: BufferMemory, store: MemoryStore) -> None:
    """The sum of a stream's chunks is stored as the message that it is."""
    memory.add_messages([AIMessageChunk("on ", id="r1") + AIMessageChunk("its way", id="r1")])
    assert to_langchain(window(store)[0].message) == AIMessage("on its way", id="r1")


def test_what_is_no_message_is_refused(memory: BufferMemory, store: MemoryStore) -> None:
    """An instruction to LangGraph is not something that was said."""
    with pytest.raises(InvalidInput, match="no message role"):
        memory.add_messages([HumanMessage("a"), RemoveMessage(id="1")])
    assert window(store) == []


# --- text ------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=400)


@given(texts=st.lists(TEXT, min_size=1, max_size=4))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=_CALM,
)
def test_any_unicode_is_kept(memory: BufferMemory, store: MemoryStore, texts: list[str]) -> None:
    """What a customer wrote comes back to the last code point, whatever script or control."""
    memory.clear()
    memory.add_messages([HumanMessage(text) for text in texts])
    assert [s.message.text for s in window(store)] == texts
    assert memory.load_memory_variables({}) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "شكرا جزيلا \u202e abc \u202c",
        "'; DROP TABLE messages; --",
        "%s {0} :name ${x} \\x00",
        "a\r\nb\x0b\x85\u2028c",
        "word " * 6_554,  # 32 kB
    ],
)
def test_odd_texts_are_kept(memory: BufferMemory, store: MemoryStore, text: str) -> None:
    """Empty (as answers), blank, emoji, right-to-left, hostile and long texts are stored as they
    are.
    """
    memory.save_context({"input": f"{text}."}, {"output": text})
    assert [s.message.text for s in window(store)] == [f"{text}.", text]


BAD_TEXTS = ["a\0b", "\0", "half \ud83d an emoji", "\udfff"]


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_a_text_no_database_can_hold_is_refused(
    memory: BufferMemory, store: MemoryStore, bad: str
) -> None:
    """NUL and lone surrogates are refused by name and place, as question, as answer, in an import
    and among content blocks; nothing of the turn or the import is stored.
    """
    with pytest.raises(InvalidInput, match="at character"):
        memory.save_context({"input": bad}, {"output": "fine"})
    with pytest.raises(InvalidInput, match="at character"):
        memory.save_context({"input": "fine"}, {"output": bad})
    with pytest.raises(InvalidInput, match="at character"):
        memory.add_messages([HumanMessage("fine"), HumanMessage(bad)])
    with pytest.raises(InvalidInput):
        memory.add_messages([HumanMessage("fine"), HumanMessage("x", id=bad)])
    with pytest.raises(InvalidInput):
        memory.save_context({"input": HumanMessage("x", id=bad)}, {"output": "fine"})
    assert window(store) == []
    assert store.transcript.sessions(ADA.owner) == []


def test_a_lone_surrogate_beside_the_text_is_refused(
    memory: BufferMemory, store: MemoryStore
) -> None:
    """Also in a tool call's arguments, which are stored as JSON; an escaped NUL is fine there."""
    call = {"name": "f", "args": {"x": "\ud800"}, "id": "c1", "type": "tool_call"}
    with pytest.raises(InvalidInput, match="surrogate"):
        memory.save_context({"input": "a"}, {"output": AIMessage("b", tool_calls=[call])})
    assert window(store) == []


def test_an_answer_no_database_can_hold_leaves_the_turn_open(
    memory: BufferMemory, store: MemoryStore
) -> None:
    """A refused answer is not half stored: the turn can still be finished with another."""
    turn = store.turns.start(ADA, memory._message("human", "hello"))
    with pytest.raises(InvalidInput):
        store.turns.finish(ADA, turn, memory._message("ai", "a\0"), "complete")
    assert store.turns.finish(ADA, turn, memory._message("ai", "a"), "complete") is not None
    assert [s.message.text for s in window(store)] == ["hello", "a"]


# --- sessions ----------------------------------------------------------------------------------


def test_sessions_are_listed_the_last_used_first(store: MemoryStore) -> None:
    """A customer's sessions, how much was said in each, and nobody else's."""
    for session in ("first", "second", "third", "first"):
        BufferMemory(store=store, scope=Scope("ada", session)).save_context(
            {"input": "hello"}, {"output": "good day"}
        )
    BufferMemory(store=store, scope=Scope("bob", "theirs")).save_context(
        {"input": "hello"}, {"output": "good day"}
    )
    found = store.transcript.sessions(ADA.owner)
    assert [(s.session, s.messages) for s in found] == [("first", 4), ("third", 2), ("second", 2)]
    assert all(s.created_at <= s.updated_at for s in found)


def test_sessions_come_in_pages_also_those_used_at_once(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, in the order of the whole list."""
    at = datetime.now(UTC)
    monkeypatch.setattr("memory.transcript.now", lambda: at)
    for session in ("b", "a", "d", "c"):
        BufferMemory(store=store, scope=Scope("ada", session)).add_messages([HumanMessage("hi")])
    seen = store.transcript.sessions(ADA.owner, 2)
    last = Used(seen[-1].session, seen[-1].updated_at)
    seen += store.transcript.sessions(ADA.owner, 9, last)
    assert [one.session for one in seen] == ["a", "b", "c", "d"]
    assert seen == store.transcript.sessions(ADA.owner)


def test_a_session_has_the_times_of_its_messages(store: MemoryStore) -> None:
    """Of what was said years ago too, whenever and in whatever order it was imported; adding it
    again changes nothing, a time to come is none, and what is said now is the last.
    """
    memory = BufferMemory(store=store, scope=ADA)
    past = [HumanMessage("hello", id="1"), AIMessage("good day", id="2")]
    times = [datetime(2023, 5, 4, 9, 30, tzinfo=UTC), datetime(2023, 5, 4, 9, 31, tzinfo=UTC)]

    def session() -> tuple[datetime, datetime]:
        found = store.transcript.session(ADA)
        assert found is not None
        return found.created_at, found.updated_at

    for _ in range(2):
        memory.add_messages(past, times)
        assert session() == (times[0], times[1])
    earlier = times[0] - timedelta(days=1)
    memory.add_messages([HumanMessage("before", id="0")], [earlier])
    assert session() == (earlier, times[1])
    memory.add_messages([HumanMessage("later", id="3")], [datetime(2999, 1, 1, tzinfo=UTC)])
    assert times[1] < session()[1] <= datetime.now(UTC)
    before = session()[1]
    memory.save_context({"input": "hello"}, {"output": "good day"})
    assert session()[0] == earlier
    assert before < session()[1] <= datetime.now(UTC)


def test_customers_come_in_pages_also_those_heard_at_once(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last heard first, each once with the last of their sessions, none of another tenant."""
    said = [("old", 0), ("Ada", 2), ("ada", 2), ("王", 2), ("zoë b", 2), ("ada", 1), ("new", 3)]
    for number, (customer, minutes) in enumerate(said):
        at = DAY + timedelta(minutes=minutes)
        monkeypatch.setattr("memory.transcript.now", lambda at=at: at)
        for name, tenant in ((customer, "default"), (f"their {customer}", "other")):
            scope = Scope(name, f"s{number}", tenant)
            BufferMemory(store=store, scope=scope).add_messages([HumanMessage("hi")])
    seen = store.transcript.heard("default", 2)
    while found := store.transcript.heard("default", 2, seen[-1]):
        seen += found
    assert {one.customer: one.at - DAY for one in seen} == {
        customer: timedelta(minutes=minutes) for customer, minutes in said if minutes != 1
    }
    assert len(seen) == 6
    assert [one.at for one in seen] == sorted((one.at for one in seen), reverse=True)


def test_customers_who_only_did_something_are_listed(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the last thing stored, or said if that was later; none of another tenant, none erased."""
    monkeypatch.setattr("memory.transcript.now", lambda: DAY)
    BufferMemory(store=store, scope=Scope("ada", "s1")).add_messages([HumanMessage("hi")])
    days = {"ada": 1, "ben": 2, "eve": 4, "cyd": 3}
    for customer, day in days.items():
        for n in range(2):
            event = Event("lamp", "viewed", DAY + timedelta(days=day - 1 + n))
            store.events.add((("other" if customer == "cyd" else "default"), customer), [event])
    BufferMemory(store=store, scope=Scope("zoe", "s1")).add_messages([HumanMessage("hi")])
    store.erase(("default", "eve"))
    seen = store.transcript.heard("default", 9)
    assert [(one.customer, (one.at - DAY).days) for one in seen] == [
        ("ben", 2), ("ada", 1), ("zoe", 0),
    ]  # fmt: skip
    assert [one.customer for one in store.transcript.heard("default", 9, None, "B")] == ["ben"]


def test_the_newest_messages_come_in_pages(memory: BufferMemory, store: MemoryStore) -> None:
    """``newest`` with ``before`` walks back through a session, nothing twice, nothing missing."""
    memory.add_messages([HumanMessage(f"{n}") for n in range(25)])
    pages: list[str] = []
    before = None
    while page := store.transcript.newest(ADA, 10, before):
        pages = [*(s.message.text for s in page), *pages]
        before = page[0].message.seq
    assert pages == [str(n) for n in range(25)]


def test_a_rating_is_kept_with_its_session_alone(store: MemoryStore) -> None:
    """It outlasts what is said later, and goes with the session; another value is refused."""
    for scope in (ADA, Scope("ada", "s2"), Scope("bob", "s1")):
        BufferMemory(store=store, scope=scope).save_context({"input": "a"}, {"output": "b"})
    assert store.transcript.rate(ADA, "good")
    BufferMemory(store=store, scope=ADA).save_context({"input": "c"}, {"output": "d"})
    ratings = dict(store.transcript.rated())
    assert ratings == {ADA: "good", Scope("ada", "s2"): None, Scope("bob", "s1"): None}
    with pytest.raises(InvalidInput, match="good or bad"):
        store.transcript.rate(ADA, "great")  # type: ignore[arg-type]
    assert not store.transcript.rate(Scope("ada", "s3"), "good")
    store.delete_session(ADA)
    assert ADA not in dict(store.transcript.rated())
