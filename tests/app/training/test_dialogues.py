"""Dialogues to learn from, in the forms in which people have them."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from app.training.dialogues import Dialogue, Said, checksum, from_service, read_dialogues
from memory import ConversationMemory, InvalidInput, MemoryStore, Scope

ASKED, ANSWERED = "Where is my parcel?", "It is with the courier."


def read(tmp_path: Path, *lines: Any, name: str = "d.jsonl") -> list[Dialogue]:
    """The dialogues of a file of these lines."""
    file = tmp_path / name
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return list(read_dialogues([file]))


@pytest.mark.parametrize(
    "line",
    [
        {"turns": [{"role": "customer", "text": ASKED}, {"role": "agent", "text": ANSWERED}]},
        {"customer": "ada", "session": "s1", "messages": [
            {"role": "human", "text": ASKED}, {"role": "ai", "text": ANSWERED}]},
        {"messages": [{"role": "system", "content": "You are terse."},
                      {"role": "user", "content": ASKED},
                      {"role": "assistant", "content": ANSWERED}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]},
                      {"role": "assistant", "content": ANSWERED}]},
        {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}]},
        {"text": ASKED, "response": ANSWERED},
        {"question": ASKED, "answer": ANSWERED},
        {"instruction": ASKED, "input": "", "output": ANSWERED, "text": f"{ASKED} {ANSWERED}"},
        {"input": ASKED, "output": ANSWERED},
        *({"conversations": [{"from": "user", "value": ASKED}, {"from": name, "value": ANSWERED}]}
          for name in ("chatgpt", "bing", "Bard")),
        {"messages": [{"role": "developer", "content": "You are terse."},
                      {"role": "user", "content": ASKED},
                      {"role": "assistant", "content": None, "tool_calls": [{"id": "c1",
                       "type": "function", "function": {"name": "track", "arguments": "{}"}}]},
                      {"role": "tool", "tool_call_id": "c1", "content": "courier"},
                      {"role": "function", "name": "track", "content": [1]},
                      {"role": "assistant", "content": ANSWERED}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz"])
def test_every_form_gives_the_same_turns(tmp_path: Path, line: Any, name: str) -> None:
    """Whose words they are does not depend on the file's form, nor on its packing."""
    (dialogue,) = read(tmp_path, line, name=name)
    assert dialogue.turns == (Said("customer", ASKED), Said("agent", ANSWERED))
    assert dialogue.source == str(tmp_path / name)


def test_a_dialogue_keeps_its_name_when_others_are_added(tmp_path: Path) -> None:
    """Its own id, its customer and session, or else its words name it; never its place."""
    pair = {"text": ASKED, "response": ANSWERED}
    other = {"text": "Hello?", "response": "Yes?"}
    (alone,) = read(tmp_path, pair)
    _, second = read(tmp_path, other, pair)
    assert second.id == alone.id
    named = read(
        tmp_path, pair | {"id": "q1"}, pair | {"customer": "ada", "session": "s1"}, pair | {"id": 0}
    )
    assert [d.id for d in named] == ["q1", "ada/s1", "0"]


def test_an_instruction_s_input_is_a_part_of_the_question(tmp_path: Path) -> None:
    """As Alpaca has it: what to do, and with what."""
    line = {"instruction": "Answer the customer.", "input": ASKED, "output": ANSWERED}
    (dialogue,) = read(tmp_path, line)
    assert dialogue.exchanges() == [(f"Answer the customer.\n{ASKED}", ANSWERED)]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('[{"text": "a", "response": "b"}]', r"one JSON array\. .*`jq -c '\.\[\]'"),
        ('\n[\n  {"text": "a", "response": "b"}\n]', r"one JSON array\. .*`jq -c '\.\[\]'"),
        ('{\n  "text": "a",\n  "response": "b"\n}', r"on one line, .*`jq -c \. "),
    ],
)
def test_json_that_is_no_jsonl_is_told_how_to_become_it(
    tmp_path: Path, text: str, remedy: str
) -> None:
    """An array, in one line or in several, and an object over several lines."""
    with pytest.raises(InvalidInput, match=remedy):
        read(tmp_path, text)


def test_exchanges_are_what_the_service_would_have_seen() -> None:
    """Turns of one side in a row are one message; a greeting and an unanswered end are none."""
    turns = [
        ("agent", "Hello!"), ("customer", " Hi."), ("customer", "Are you there?"),
        ("agent", "Yes."),
        ("agent", "How can I help? "), ("customer", "Wait."),
    ]  # fmt: skip
    dialogue = Dialogue("d", tuple(Said(role, text) for role, text in turns), "")  # type: ignore[arg-type]
    assert dialogue.exchanges() == [("Hi.\nAre you there?", "Yes.\nHow can I help?")]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"turns": [', "not JSON"),
        ("[1, 2]", "no JSON object"),
        ("{}", '"turns"'),
        ({"turns": []}, "the dialogue is empty"),
        ({"turns": [{"role": "customer", "text": "  "}]}, "the dialogue is empty"),
        ({"turns": "hello"}, "list"),
        ({"turns": [{"role": "customer", "text": "Hello?"}]}, "the agent says nothing"),
        ({"turns": [{"role": "agent", "text": "Hello?"}]}, "the customer says nothing"),
        ({"turns": [{"role": "robot", "text": "Hello?"}]}, "'robot'"),
        ({"turns": [{"role": "customer"}]}, 'no "text"'),
        ({"turns": ["Hello?"]}, "turn 1"),
        ({"text": 5, "response": "Five."}, 'no "text"'),
        ({"messages": [{"role": "user", "content": None}]}, 'turn 1 has no "text"'),
        ({"text": "a\u0000b", "response": "c"}, "NUL"),
        ({"id": ["a"], "text": "a", "response": "c"}, '"id"'),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(
    tmp_path: Path, line: Any, fault: str
) -> None:
    """The error says where it is and what is wrong with it."""
    with pytest.raises(InvalidInput) as raised:
        read(tmp_path, {"text": ASKED, "response": ANSWERED}, "", line)
    assert f"{tmp_path / 'd.jsonl'}, line 3" in str(raised.value)
    assert fault in str(raised.value)


def test_a_line_of_a_hundred_megabytes_is_an_error_and_not_read(tmp_path: Path) -> None:
    """It is named without having been in memory, packed or not."""
    file = tmp_path / "d.jsonl.gz"
    with gzip.open(file, "wb", compresslevel=1) as out:
        for _ in range(100):
            out.write(b"x" * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=r"line 1 is longer than 4,194,304 bytes"):
            list(read_dialogues([file]))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 30 * 2**20


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b'{"text": "caf\xe9"}'])
def test_what_is_not_utf_8_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    """Another encoding is named as one, with the line."""
    file = tmp_path / "d.jsonl"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"line 1 is not UTF-8 .* convert"):
        list(read_dialogues([file]))


def test_a_file_that_is_missing_or_cut_off_is_named(tmp_path: Path) -> None:
    """So is one that is called .gz and is not packed."""
    (tmp_path / "plain.gz").write_text("{}")
    whole = gzip.compress(json.dumps({"text": ASKED, "response": ANSWERED}).encode() * 99)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    for name in ("none.jsonl", "plain.gz", "cut.gz"):
        with pytest.raises(InvalidInput, match=f"{name} cannot be read"):
            list(read_dialogues([tmp_path / name]))


# --- placeholders ----------------------------------------------------------------------------


def filled(tmp_path: Path, asked: str, answer: str) -> tuple[str, str]:
    """A question and its answer as they are read."""
    (dialogue,) = read(tmp_path, {"id": "q", "text": asked, "response": answer})
    return dialogue.turns[0].text, dialogue.turns[1].text


@pytest.mark.parametrize(
    ("answer", "read_as"),
    [
        ("Call us at {{Support Phone Number}}, or write.",
         "Call us at our support phone number, or write."),
        ("Call our number, {{Support Phone Number}}, or write.", "Call our number or write."),
        ("Go to our {{Website Name}} and log in.", "Go to our website and log in."),
        ("Visit the {{Website Name}} website.", "Visit the website."),
        ("1. Open {{Order History}}.\n2. Click on {{Cancel Order}}.",
         "1. Open Order History.\n2. Click on Cancel Order."),
        ("We are available {{Customer Support Hours}}.", "We are available during business hours."),
        ("I see order {{Order Number Anonymized}}.", "I see order 4417-XZ."),
        ("The fee is {{Cancellation Fee}}. It is taken once.", "It is taken once."),
        ("1. Pay {{Amount}} now.\n2. Wait.", "2. Wait."),
        ("Dear {{Customer Name}}, hello. We look into it.", "We look into it."),
    ],
)  # fmt: skip
def test_placeholders_are_filled_or_their_sentence_is_left_out(
    tmp_path: Path, answer: str, read_as: str
) -> None:
    """No made-up number or address of the company is learnt, and the answer still reads."""
    assert filled(tmp_path, "Where is order 4417-XZ?", answer)[1] == read_as


def test_a_number_that_the_customer_leaves_open_is_the_same_in_the_answer(tmp_path: Path) -> None:
    """It is made up once for the dialogue, and the same at the next reading."""
    asked = "cancel {{Order Number}}"
    first = filled(tmp_path, asked, "I cancel order {{Order ID}} for you.")
    number = first[0].removeprefix("cancel ")
    assert number.isdigit()
    assert first[1] == f"I cancel order {number} for you."
    assert filled(tmp_path, asked, "I cancel order {{Order ID}} for you.") == first


def test_an_answer_of_which_nothing_is_left_is_left_out(tmp_path: Path) -> None:
    """Such a dialogue has nothing to learn from."""
    assert read(tmp_path, {"text": "How much?", "response": "It is {{Amount}}."}) == []


# --- the service's own -----------------------------------------------------------------------


def said_in(store: MemoryStore, scope: Scope, answer: str = ANSWERED) -> None:
    """A question and its answer in a session."""
    memory = ConversationMemory(store=store, scope=scope, background=False)
    memory.save_context({"input": ASKED}, {"output": answer})


def test_the_service_s_own_sessions_are_read_by_their_rating(store: MemoryStore) -> None:
    """Bad ones never, unrated ones if asked for."""
    for customer in ("ada", "bob", "cyd"):
        said_in(store, Scope(customer, "monday"), f"{ANSWERED} Bye, {customer}.")
    assert store.transcript.rate(Scope("ada", "monday"), "good")
    assert store.transcript.rate(Scope("bob", "monday"), "bad")
    rated = list(from_service(store, rated_only=True))
    assert [d.id for d in rated] == ["ada"]
    assert rated[0].exchanges() == [(ASKED, f"{ANSWERED} Bye, ada.")]
    assert [d.id for d in from_service(store, rated_only=False)] == ["ada", "cyd"]


def test_a_customer_s_sessions_are_one_dialogue_oldest_first(store: MemoryStore) -> None:
    """So no customer is both learnt and measured on, and memory across sessions is learnt."""
    for session in ("tuesday", "monday", "friday"):  # as they came, not by their names
        said_in(store, Scope("ada", session), f"It is {session}.")
    said_in(store, Scope("ada", tenant="shop"))
    store.transcript.rate(Scope("ada", "monday"), "bad")
    (own,) = from_service(store, rated_only=False)  # nobody else's than the first tenant's
    (of_shop,) = from_service(store, rated_only=False, tenant="shop")
    assert own.sessions() == [[(ASKED, "It is tuesday.")], [(ASKED, "It is friday.")]]
    assert (own.id, of_shop.id) == ("ada", "shop/ada")


def test_a_checksum_is_of_what_is_said_and_not_of_its_order(store: MemoryStore) -> None:
    """The same sessions have the same; one word more has another."""
    for customer in ("ada", "bob"):
        said_in(store, Scope(customer))
    own = list(from_service(store, rated_only=False))
    assert checksum(own) == checksum(reversed(own))
    said_in(store, Scope("bob"))
    assert checksum(own) != checksum(from_service(store, rated_only=False))


def test_turns_without_a_whole_answer_are_left_out(store: MemoryStore) -> None:
    """A stopped or failed answer is no example, and its question goes with it."""
    memory = ConversationMemory(store=store, scope=Scope("ada", "monday"), background=False)
    memory.save_context({"input": ASKED}, {"output": ANSWERED})
    for status in ("stopped", "failed"):
        turn = memory.start(f"And when will it be {status}?")
        memory.finish(turn, "I am", status)
    (dialogue,) = from_service(store, rated_only=False)
    assert dialogue.exchanges() == [(ASKED, ANSWERED)]
