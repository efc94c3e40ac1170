"""``evaluate recall``: folders of conversations with gold that is known by hand."""

from __future__ import annotations

import gzip
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from typer.testing import CliRunner

import app.embeddings
from app.cli import app as service
from app.evaluation.dialogues import POOLED, Conversation, Question, Unit, read_dialogues
from app.evaluation.recall import (
    COSTS,
    Answered,
    Measured,
    bootstrap,
    curve,
    figures,
    measure,
    sample,
)
from app.evaluation.systems import Found, LangChain, Mem0, Ours, pairs
from app.settings import Settings
from memory import InvalidInput
from tests.doubles import WordEncoder

TURNS = [
    {"id": 1, "role": "speaker_a", "text": "My kettle leaks at the spout"},
    {"id": 2, "role": "speaker_b", "text": "Oh dear, we send you another"},
    {"id": 3, "role": "speaker_a", "text": "See this", "image_caption": "a puddle"},
    {"id": 4, "role": "speaker_b", "text": "The parcel goes to Bergen"},
]
CONVERSATIONS = [
    {
        "id": "c1",
        "labels": {"speaker_a": "Ann", "speaker_b": "Bo"},
        "sessions": [
            {"id": "s1", "date": "1:56 pm on 8 May, 2023", "turns": TURNS[:2]},
            {"id": "s2", "date": "2023/05/09 (Tue) 14:47", "turns": TURNS[2:]},
        ],
    },
    {
        "id": "c2",
        "sessions": [
            {"id": "s1", "date": None, "turns": [
                {"id": 1, "role": "user", "text": "我的猫叫小白。",
                 "date": "2024年04月01日 周一 08:06"},
                {"id": 2, "role": "user", "text": "kettle", "date": "2024-04-02T10:00:00+02:00"},
            ]},
        ],
    },
]  # fmt: skip
QUESTIONS = [
    {"id": "q1", "conversation": "c1", "question": "Does the kettle leak at the spout?",
     "type": "single", "evidence": [1]},
    {"id": "q2", "conversation": "c1", "question": "See the puddle? Oh dear, send another",
     "type": "multi", "evidence": [3, 2]},
    {"id": "q3", "conversation": "c1", "question": "Is it blue?", "type": "adversarial",
     "evidence": [1]},
    {"id": "q4", "conversation": "c1", "question": "Who?", "type": "single", "evidence": []},
    {"id": "q5", "conversation": "c2", "question": "kettle", "type": "single", "evidence": ["2"],
     "date": "2024年04月05日 星期天 18:34"},
]  # fmt: skip


def write(folder: Path, name: str, lines: list[Any]) -> Path:
    """A JSONL file in a folder."""
    folder.mkdir(exist_ok=True)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two conversations with five questions, three of which can be asked."""
    write(tmp_path / "data", "conversations.jsonl", CONVERSATIONS)
    return write(tmp_path / "data", "questions.jsonl", QUESTIONS)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run ``memory-service evaluate recall`` with the tests' encoder."""
    encoder = WordEncoder()
    monkeypatch.setattr(app.embeddings, "open_embeddings", lambda url: encoder)

    def run(*args: object) -> Any:
        return CliRunner().invoke(service, ["evaluate", "recall", *map(str, args)])

    return run


@pytest.fixture
def ours() -> Iterator[Ours]:
    """This memory, with the tests' encoder."""
    with closing(Ours(Settings(), WordEncoder())) as made:
        yield made


# --- reading -------------------------------------------------------------------------------


def test_a_folder_is_read_with_its_names_dates_and_captions(folder: Path) -> None:
    """Ids may be numbers; dates are as people write them; a caption is part of what was said."""
    dialogues = read_dialogues(folder)
    first, second = dialogues.conversations["c1"].sessions
    assert [(m.type, m.name, m.id) for m in first.messages] == [
        ("human", "Ann", "1"),
        ("ai", "Bo", "2"),
    ]
    assert first.times[0] == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert second.times[1] == datetime(2023, 5, 9, 14, 47, tzinfo=UTC)
    assert second.messages[0].text == "See this [a puddle]"
    (chinese,) = dialogues.conversations["c2"].sessions
    assert chinese.times == [
        datetime(2024, 4, 1, 8, 6, tzinfo=UTC),
        datetime(2024, 4, 2, 8, 0, tzinfo=UTC),
    ]


def test_questions_that_nothing_answers_are_left_out_and_counted(folder: Path) -> None:
    """Adversarial ones and those without evidence; the others keep their gold and date."""
    dialogues = read_dialogues(folder)
    assert [q.id for q in dialogues.questions] == ["q1", "q2", "q5"]
    assert sum(dialogues.left_out.values()) == 2
    assert dialogues.questions[1].gold == {Unit("turn", "2"), Unit("turn", "3")}
    assert dialogues.questions[2].at == datetime(2024, 4, 5, 18, 34, tzinfo=UTC)


def test_sessions_without_a_conversation_are_one_customers(tmp_path: Path, ours: Ours) -> None:
    """All in one scope; the evidence names sessions; abstention is left out; gzip is read."""
    sessions = [
        {"id": f"s{i}", "date": "2023/04/10 (Mon) 14:47", "question": "q",
         "turns": [{"role": "user", "text": f"word{i}"}]}
        for i in range(7)
    ]  # fmt: skip
    questions = [
        {"id": "q1", "question": "word3", "type": "a", "evidence": ["s3"], "abstention": False,
         "question_date": "2023/04/11 (Tue) 10:00"},
        {"id": "q2", "question": "word3", "type": "a", "evidence": ["s3"], "abstention": True},
    ]  # fmt: skip
    for name, lines in (("evidence_sessions", sessions), ("questions", questions)):
        text = "\n".join(map(json.dumps, lines))
        (tmp_path / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    dialogues = read_dialogues(tmp_path)
    assert list(dialogues.conversations) == [POOLED]
    assert dialogues.questions[0].gold == {Unit("session", "s3")}
    (measured,) = measure([ours], dialogues, COSTS["chars"])
    found = figures(measured.answered, [500], seed=0)
    assert found["hit_at_5_sessions"].mean == 1
    assert found["recall_at_5_records"].mean == 1


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("conversations", "{not json", "JSON"),
        ("conversations", '{"id": "x"}', "sessions"),
        ("conversations", '{"id": "c1", "sessions": []}', "already"),
        ("conversations", {"sessions": [{"id": "s", "turns": [{"role": "user"}]}]}, "text"),
        ("conversations", {"sessions": [{"id": "s", "turns": TURNS}] * 2}, "session 's' already"),
        ("conversations", {"sessions": [{"id": "s", "turns": TURNS[:1] * 2}]}, "turn '1' already"),
        ("conversations", {"sessions": [{"id": "s", "date": "soon", "turns": []}]}, "2024-05-04"),
        (
            "conversations",
            {"sessions": [{"id": "s", "turns": [{"role": "king", "text": "x"}]}]},
            "king",
        ),
        (
            "conversations",
            {"sessions": [{"id": "s", "turns": [{"role": "user", "text": "a\0"}]}]},
            "NUL",
        ),
        ("questions", {"conversation": "c9", "question": "?", "evidence": []}, "c9"),
        ("questions", {"conversation": "c1", "question": "?", "evidence": ["99"]}, "99"),
        ("questions", {"conversation": "c1", "question": "", "evidence": []}, "question"),
        ("questions", {"question": "?", "evidence": []}, "conversation"),
    ],
)
def test_a_bad_line_is_named(folder: Path, name: str, line: Any, words: str) -> None:
    """The error has the file, the line's number, and what is wrong with it."""
    file = folder / f"{name}.jsonl"
    number = len(file.read_text().splitlines()) + 1
    bad = line if isinstance(line, str) else json.dumps({"id": "new", **line})
    file.write_text(file.read_text() + bad)
    with pytest.raises(InvalidInput, match=f"{name}.jsonl, line {number}: ") as error:
        read_dialogues(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    """No folder, no file, no question, a file that is no gzip."""
    with pytest.raises(InvalidInput, match="no folder"):
        read_dialogues(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"no conversations\.jsonl"):
        read_dialogues(tmp_path)
    (folder / "questions.jsonl").write_text("\n")
    with pytest.raises(InvalidInput, match="no question with evidence"):
        read_dialogues(folder)
    (folder / "questions.jsonl").unlink()
    with pytest.raises(InvalidInput, match=r"no questions\.jsonl"):
        read_dialogues(folder)
    (folder / "questions.jsonl.gz").write_text("not gzip")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_dialogues(folder)
    (folder / "conversations.jsonl").write_text("")
    with pytest.raises(InvalidInput, match="no conversation"):
        read_dialogues(folder)


# --- figures -------------------------------------------------------------------------------


def turns(*ids: str) -> frozenset[Unit]:
    """Turns by their ids."""
    return frozenset(Unit("turn", i) for i in ids)


def question(gold: frozenset[Unit]) -> Question:
    """A question with this gold."""
    return Question("q", "c", "?", "single", gold, None)


def found(*ids: str, session: str = "s", text: str = "x" * 42) -> Found:
    """A find that covers messages of a session; its text takes ten tokens."""
    return Found((*turns(*ids), Unit("session", session)), text, f"- said: {text}")


def test_figures_are_those_reckoned_by_hand() -> None:
    """Finds of 14 tokens each (42 / 4.2 + 4): a, b+c (18), d; the gold is a and c."""
    finds = [found("a"), found("b", "c"), found("d")]
    answered = Answered.of(question(turns("a", "c")), finds, COSTS["chars"], 0.0)
    assert answered.tokens.tolist() == [14, 32, 46]
    assert [answered.recall_at_tokens(b) for b in (13, 14, 31, 32, 1000)] == [0, 0.5, 0.5, 1, 1]
    assert [answered.recall_at_records(n) for n in (0, 1, 2, 9)] == [0, 0.5, 1, 1]
    assert np.isnan(answered.hit_at_sessions())
    assert curve([answered], [14, 32]) == [0.5, 1]


def test_r_precision_looks_at_as_many_messages_as_are_gold() -> None:
    """Of the first two messages one is gold; one said again does not count twice."""
    finds = [found("a"), found("a"), found("b"), found("c")]
    answered = Answered.of(question(turns("a", "c")), finds, COSTS["chars"], 0.0)
    assert answered.r_precision() == 0.5


def test_sessions_are_counted_once_each() -> None:
    """The gold session is the sixth: no hit within five; the fifth would be one."""
    names = ["s1", "s1", "s2", "s3", "s4", "s5", "s6"]
    finds = [found(str(i), session=s) for i, s in enumerate(names)]
    sixth = Answered.of(question(frozenset({Unit("session", "s6")})), finds, COSTS["chars"], 0)
    fifth = Answered.of(question(frozenset({Unit("session", "s5")})), finds, COSTS["chars"], 0)
    assert (sixth.hit_at_sessions(), fifth.hit_at_sessions()) == (0, 1)
    assert sixth.recall_at_records(7) == 1


def test_nothing_found_is_nothing_recalled() -> None:
    """Every figure is 0."""
    answered = Answered.of(question(turns("a")), [], COSTS["lines"], 0.0)
    assert answered.recall_at_tokens(500) == answered.r_precision() == 0


FINDS = st.lists(
    st.builds(
        found,
        st.sampled_from("abcdef"),
        st.sampled_from("abcdef"),
        session=st.sampled_from(["s", "t"]),
        text=st.text(max_size=80),
    ),
    max_size=12,
)


@given(
    finds=FINDS,
    gold=st.frozensets(st.sampled_from("abcdefg"), min_size=1),
    budgets=st.lists(st.integers(0, 400), min_size=2, max_size=2).map(sorted),
    cost=st.sampled_from(sorted(COSTS)),
)
def test_recall_grows_with_the_budget(
    finds: list[Found], gold: frozenset[str], budgets: list[int], cost: str
) -> None:
    """More tokens or records never recall less, and all figures are shares."""
    answered = Answered.of(question(turns(*gold)), finds, COSTS[cost], 0.0)
    small, large = budgets
    assert 0 <= answered.recall_at_tokens(small) <= answered.recall_at_tokens(large) <= 1
    assert answered.recall_at_records(small) <= answered.recall_at_records(large)
    reached = gold & {unit.id for each in finds for unit in each.covers if unit.kind == "turn"}
    assert answered.recall_at_records(len(finds)) == len(reached) / len(gold)
    assert 0 <= answered.r_precision() <= len(reached) / len(gold)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 5))
def test_an_interval_holds_its_mean(values: list[float], seed: int) -> None:
    """The same seed gives the same bounds; what is always the same has no width."""
    figure = bootstrap(np.array(values), seed)
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9
    assert figure == bootstrap(np.array(values), seed)
    assert figure.mean == pytest.approx(np.mean(values))


def test_a_sample_is_of_the_seed(folder: Path) -> None:
    """So many questions, in their order, the same each time; at most all."""
    dialogues = read_dialogues(folder)
    drawn = [sample(dialogues, 2, seed).questions for seed in range(12)]
    assert all(len(q) == 2 for q in drawn)
    assert len({tuple(each.id for each in q) for q in drawn}) > 1
    assert sample(dialogues, 2, 1).questions == drawn[1]
    assert sample(dialogues, 9, 1) is dialogues


# --- systems -------------------------------------------------------------------------------


def by_type(measured: Measured, kind: str | None = None) -> dict[str, float]:
    """The means of a system's figures."""
    made = figures(measured.of_type(kind), [8, 500], seed=0)
    return {name: figure.mean for name, figure in made.items()}


def test_this_memory_recalls_what_shares_the_questions_words(folder: Path, ours: Ours) -> None:
    """The gold comes first: one message of q1 and q5, both of q2."""
    (measured,) = measure([ours], read_dialogues(folder), COSTS["chars"])
    assert by_type(measured)["r_precision"] == 1
    assert by_type(measured)["recall_at_500_tokens"] == 1
    # "See this [a puddle]" and "Oh dear, we send you another": (19 + 28) / 4.2 + 2 * 4 = 19.19.
    (multi,) = measured.of_type("multi")
    assert [multi.recall_at_tokens(budget) for budget in (8.5, 19.1, 19.2)] == [0, 0.5, 1]
    assert measured.messages == 6
    assert measured.seconds > 0
    assert all(a.seconds > 0 for a in measured.answered)


def test_a_conversation_does_not_see_another(folder: Path, ours: Ours) -> None:
    """c2 asks for the kettle and finds its own message, not c1's."""
    dialogues = read_dialogues(folder)
    for name in ("c1", "c2"):
        ours.remember(dialogues.conversations[name])
    finds, _ = ours.find(dialogues.questions[2])
    assert finds[0].text == "kettle"
    assert {unit.id for each in finds for unit in each.covers} <= {"1", "2", "s1"}


def test_the_ranking_is_deeper_than_a_recall(tmp_path: Path, ours: Ours) -> None:
    """A hundred messages with the word are all ranked, though a turn is given fewer."""
    lines = [{"id": i, "role": "user", "text": f"kettle {i}"} for i in range(100)]
    talk = {"id": "c", "sessions": [{"id": "s", "turns": lines}]}
    write(tmp_path, "conversations.jsonl", [talk])
    asked = {"id": "q", "conversation": "c", "question": "kettle", "evidence": [1]}
    write(tmp_path, "questions.jsonl", [asked])
    dialogues = read_dialogues(tmp_path)
    ours.remember(dialogues.conversations["c"])
    finds, _ = ours.find(dialogues.questions[0])
    assert len(finds) == 100


def test_messages_are_paired_as_turns() -> None:
    """What is asked twice, or answered twice, stands alone."""
    a, b, c, d, e = (
        HumanMessage("a"), HumanMessage("b"), AIMessage("c"), AIMessage("d"), HumanMessage("e")
    )  # fmt: skip
    assert pairs([a, b, c, d, e]) == [(a, None), (b, c), (None, d), (e, None)]
    assert pairs([]) == []


def test_langchain_gets_the_documents_that_it_would_make_itself(folder: Path) -> None:
    """What is put in in bulk is what ``save_context`` puts in, and covers both messages."""
    dialogues = read_dialogues(folder)
    theirs = LangChain(WordEncoder())
    theirs.remember(dialogues.conversations["c1"])
    finds, seconds = theirs.find(dialogues.questions[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs._memory.save_context(
            {"input": "My kettle leaks at the spout"}, {"output": "Oh dear, we send you another"}
        )
    saved = theirs._memory.load_memory_variables({"input": "kettle leaks spout"})["history"]
    assert finds[0].line in [d.page_content for d in saved if not d.metadata]
    assert finds[0].text == "My kettle leaks at the spout\nOh dear, we send you another"
    assert finds[0].covers == (Unit("turn", "1"), Unit("turn", "2"), Unit("session", "s1"))
    assert finds[0].messages == 2
    assert seconds > 0
    theirs.close()


MEM0_DOUBLE = '''
"""A stand-in for mem0: keeps what is inserted, finds it by shared words."""
import re, types

class Memory:
    def from_config(config):
        self, rows = Memory(), []
        self.rows = rows
        self.embedding_model = types.SimpleNamespace(embed_batch=lambda texts: texts)
        self.vector_store = types.SimpleNamespace(
            insert=lambda vectors, ids, payloads: rows.extend(payloads))
        print("mem0 says hello")
        return self

    def reset(self):
        self.rows.clear()

    def search(self, question, top_k, filters, threshold):
        words = set(re.findall(r"\\w+", question.lower()))
        found = [r for r in self.rows if r["user_id"] == filters["user_id"]]
        found.sort(key=lambda r: -len(words.intersection(re.findall(r"\\w+", r["data"].lower()))))
        return {"results": [
            {"memory": r["data"], "metadata": {"message": r["message"], "session": r["session"]}}
            for r in found[:top_k]]}
'''


def test_mem0_is_asked_in_a_process_of_its_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its finds come back with their messages; one conversation is one user."""
    (tmp_path / "mem0.py").write_text(MEM0_DOUBLE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(Mem0(Path(sys.executable))) as theirs:
        (measured,) = measure([theirs], read_dialogues(folder), COSTS["chars"])
    assert [a.r_precision() for a in measured.answered] == [1, 1, 1]
    assert len(measured.answered[2].units) == 2


def test_mem0_that_is_not_there_is_said() -> None:
    """No interpreter, one that cannot be run, one without mem0: each with what to do."""
    with pytest.raises(InvalidInput, match="--mem0-python mem0/bin/python"):
        Mem0(None)
    with pytest.raises(InvalidInput, match="cannot be run"):
        Mem0(Path("/nowhere/python"))
    with (
        closing(Mem0(Path(sys.executable))) as theirs,
        pytest.raises(InvalidInput, match=r"No module named 'mem0'.*pip install mem0ai"),
    ):
        theirs.remember(Conversation("c", []))


# --- the command ---------------------------------------------------------------------------


def test_json_has_every_figure_with_its_interval(folder: Path, run: Callable[..., Any]) -> None:
    """One object a system; all, and each type; nothing but JSON on standard output."""
    done = run("--data", folder, "--json", "--against", "langchain", "--count", "chars")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made.keys() == {"questions", "left_out", "count", "seed", "embeddings", "systems"}
    assert (made["questions"], made["count"], made["embeddings"]) == (3, "chars", "words")
    assert sum(made["left_out"].values()) == 2
    assert [s["system"] for s in made["systems"]] == ["this memory", "LangChain"]
    for system in made["systems"]:
        assert system["recall_ms"].keys() == {"p50", "p95", "mean"}
        assert system["messages_per_second"] > 0
        assert {k: t["questions"] for k, t in system["types"].items()} == {
            "all": 3, "multi": 1, "single": 2,
        }  # fmt: skip
        for kind in system["types"].values():
            assert kind["figures"].keys() == {
                *(f"recall_at_{n}_tokens" for n in (500, 1000, 2000)),
                *(f"recall_at_{n}_records" for n in (5, 10, 20)),
                "r_precision",
            }
            for figure in kind["figures"].values():
                assert 0 <= figure["low"] <= figure["mean"] <= figure["high"] <= 1
    ours = made["systems"][0]["types"]
    assert ours["single"]["figures"]["r_precision"]["mean"] == 1
    assert ours["all"]["figures"]["recall_at_500_tokens"]["mean"] == 1


def test_the_table_has_a_row_for_each_type(folder: Path, run: Callable[..., Any]) -> None:
    """With what was left out, and the budgets that were asked for."""
    done = run("--data", folder, "--budget", 10, "--budget", 300)
    assert done.exit_code == 0, done.output
    assert "left out: 1 (no evidence given)" in done.stdout
    assert "recall 10 tokens" in done.stdout
    assert "recall 1,000 tokens" not in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("this memory ")]
    assert [row.split()[2] for row in rows] == ["all", "multi", "single"]
    assert "1 questions" in run("--data", folder, "--limit", 1).stdout


def test_a_picture_is_drawn(folder: Path, tmp_path: Path, run: Callable[..., Any]) -> None:
    """A PNG of some size."""
    file = tmp_path / "recall.png"
    done = run("--data", folder, "--plot", file, "--against", "langchain")
    assert done.exit_code == 0, done.output
    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size > 10_000


def test_a_picture_that_cannot_be_drawn_is_refused_before_anything_is_measured(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a PNG, no such folder, no matplotlib: the folder of data is not even looked at."""
    for name, words in (("a.svg", "a.png"), ("no/a.png", "no folder")):
        error = run("--data", "x", "--plot", tmp_path / name).exception
        assert isinstance(error, InvalidInput)
        assert words in str(error)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    error = run("--data", "x", "--plot", tmp_path / "a.png").exception
    assert "[plot]" in str(error)


def test_an_unknown_system_is_refused(folder: Path, run: Callable[..., Any]) -> None:
    """With those that are known."""
    error = run("--data", folder, "--against", "langchain,zep").exception
    assert isinstance(error, InvalidInput)
    assert "langchain, mem0" in str(error)
