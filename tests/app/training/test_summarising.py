"""Summaries are learnt as the service asks for them, and written by what has learnt them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.chains.completions import Completions
from app.chains.speech import Speech
from app.chains.summaries import MAX_TOKENS, SummaryChain
from app.cli import app
from app.llm import Model
from app.llm.embedded import base_of
from app.main import create_app
from app.metrics import Metrics
from app.places import Places
from app.settings import Settings
from app.training.base import Base
from app.training.card import Card, Figures, Refused
from app.training.dialogues import Dialogue, Said, read_dialogues
from app.training.finetune import Work, finetune
from app.training.options import Options
from app.training.redaction import redact
from app.training.registry import Registry
from app.training.sequences import IGNORED, laid_out
from app.training.summarising import summarised
from memory import InvalidInput, Message
from tests.app.conftest import Running, run_service  # noqa: F401
from tests.app.training.cards import card, files
from tests.app.training.test_sequences import SENTENCES, tokenizer  # noqa: F401
from tests.doubles import ScriptedChat

SUMMARY = "The customer asks for a parcel. The agent sends it tomorrow."
THINGS = "kettle lamp chair phone table radio clock bicycle jacket camera".split()
TURNS = [
    {"role": "customer", "text": "My name is Ada Lovelace. My lamp from order 4417-XZ is broken."},
    {"role": "agent", "text": "We will send you a new one on Monday, Ada."},
]


def desk(path: Path, *lines: dict[str, Any]) -> Path:
    """A file of these lines."""
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def dialogue(*summaries: str, turns: Any = TURNS) -> Dialogue:
    """One that people have summed up."""
    said = tuple(Said(one["role"], one["text"]) for one in turns)
    return Dialogue("d", said, "", summaries=summaries)


@hypothesis_settings(max_examples=20, deadline=None)
@given(
    said=st.lists(
        st.tuples(st.sampled_from(["customer", "agent"]), SENTENCES), min_size=1, max_size=60
    ),
    context=st.sampled_from([512, 8192]),
)
def test_what_is_learnt_is_what_the_service_asks(said: list[tuple[Any, str]], context: int) -> None:
    """The same prompt, of any conversation, also of one that the model cannot read whole."""
    chat = ScriptedChat(answer=lambda _: "Something was asked.")
    model = Model(chat, "scripted", context)
    metrics = Metrics()
    completions = Completions(model, Places(1, 0, 60.0), Speech(60.0, 300.0, metrics), metrics)
    at = datetime(2026, 5, 4, tzinfo=UTC)
    messages = [
        Message(str(i), "s", "human" if role == "customer" else "ai", text, at=at, seq=i)
        for i, (role, text) in enumerate(said)
    ]
    made = asyncio.run(SummaryChain(completions).abstractive(messages, MAX_TOKENS))
    assert made.text == "Something was asked."
    turns = tuple(Said(role, text) for role, text in said)
    learnt = Dialogue("d", turns, "", summaries=(made.text,))
    (exchange,) = summarised([learnt], Settings(context_tokens=context))
    assert [exchange.prompt] == chat.asked
    assert exchange.answer == made.text


def test_only_the_summary_is_taught(tokenizer: Any) -> None:  # noqa: F811
    """With the token that ends it; the conversation before it is read."""
    (exchange,) = summarised([dialogue("A lamp was broken.")], Settings())
    (one,) = laid_out([exchange], tokenizer)
    taught = [label for label in one.labels if label != IGNORED]
    assert tokenizer.decode(taught) == "A lamp was broken.<|im_end|>"
    assert f"Customer: {TURNS[0]['text']}\nAgent: " in tokenizer.decode(one.ids)


def test_of_several_summaries_the_one_that_agrees_with_the_others_is_learnt() -> None:
    """The one that says nothing is not, wherever it stands."""
    told = (
        "The agent was very polite and did his best.",
        "A lamp was broken, a new lamp comes on Monday.",
        "The lamp was broken and a new one comes on Monday.",
    )
    for start in range(3):
        (exchange,) = summarised([dialogue(*told[start:], *told[:start])], Settings())
        assert exchange.answer in told[1:]


def test_a_summary_that_the_service_would_refuse_is_not_learnt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Else it would learn to name what nobody said; one with a longer summary is asked for it."""
    made_up = "Call 555-0199 about the lamp."
    (exchange,) = summarised([dialogue(made_up, "A lamp was broken.")], Settings())
    assert exchange.answer == "A lamp was broken."
    assert not caplog.text
    assert list(summarised([dialogue(made_up), dialogue("lamp " * 1200)], Settings())) == []
    assert "2 dialogues are left out" in caplog.text
    (exchange,) = summarised([dialogue("The lamp was broken. " * 60)], Settings())
    assert "at most 80 words" not in str(exchange.prompt[0].text)


def test_what_is_somebodys_own_has_the_same_stand_in_in_the_summary() -> None:
    """A name, and a number: neither is learnt, and both still agree."""
    redacted = redact(dialogue("Ada Lovelace's lamp of order 4417-XZ was broken."))
    (summary,) = redacted.summaries
    assert len(redacted.turns) == 2
    assert "Ada" not in summary
    assert "4417" not in summary
    number = summary.split("order ")[1].split()[0]
    assert f"order {number} " in redacted.turns[0].text
    assert len(list(summarised([redacted], Settings()))) == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "line 2: it has no summary to learn: give it"),
        ({"summaries": []}, "line 2: it has no summary to learn"),
        ({"summaries": "A lamp."}, "line 2: it has no summary to learn"),
        ({"labels": {"summaries": [7]}}, "line 2: it has no summary to learn"),
        ({"summaries": ["\ud800"]}, "line 2: the text has a lone"),
    ],
)
def test_data_without_summaries_is_told_with_its_line(
    more: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """And what a line has to have; where replies are learnt it is none of their business."""
    good = {"turns": TURNS, "labels": {"summaries": ["A lamp."]}}
    data = desk(tmp_path / "desk.jsonl", good, {"turns": TURNS, **more})
    with pytest.raises(InvalidInput, match=why):
        list(read_dialogues([data], summarised=True))
    assert len(list(read_dialogues([data]))) == 2


def test_placeholders_are_filled_in_the_summary_too(tmp_path: Path) -> None:
    """By the number that the customer said; one of which nothing is left is no summary."""
    turns = [{"role": "customer", "text": "My order {{Order Number}} is late."}, TURNS[1]]
    data = desk(
        tmp_path / "desk.jsonl",
        {"turns": turns, "summaries": ["Order {{Order Number}} is late.", "By {{Date}}."]},
        {"turns": turns, "summaries": ["By {{Date}}."]},
    )
    (read,) = read_dialogues([data], summarised=True)
    (summary,) = read.summaries
    assert f"My {summary[0].lower()}{summary[1:]}" == read.turns[0].text


def test_sessions_of_the_service_have_no_summaries() -> None:
    """None that a person has written, which it says."""
    done = CliRunner().invoke(app, ["finetune", "--task", "summary", "--from-service", "all"])
    assert isinstance(done.exception, InvalidInput)
    assert "give --data FILE" in str(done.exception)


def learnt(tmp_path: Path, gguf: Path) -> Card:
    """Tune the tiny model on a desk's dialogues, which all have one summary."""
    lines = [
        {
            "id": f"d{k}",
            "turns": [
                {"role": "customer", "text": f"Where is the {THINGS[k % 10]} number {k}?"},
                {"role": "agent", "text": "It comes tomorrow."},
            ],
            "summaries": [SUMMARY],
        }
        for k in range(120)
    ]
    data = desk(tmp_path / "desk.jsonl", *lines)
    options = Options(
        batch=4, rank=16, dropout=0.0, patience=0, check=100, epochs=2, learning_rate=1e-2
    )
    work = Work(
        [data], str(gguf), tmp_path / "out", options,
        examples=10, returning=0, licences=["own"], task="summary",
    )  # fmt: skip
    dialogues = list(read_dialogues([data], summarised=True))
    registry = Registry(tmp_path / "models")
    made = finetune(work, dialogues, registry, Settings(data_dir=tmp_path))
    assert made is not None
    return made


def test_an_adapter_learns_to_summarise_and_writes_summaries_only(
    base: Base,
    tiny: Path,
    tmp_path: Path,
    run_service: Callable[..., Running],  # noqa: F811
) -> None:
    """What it has learnt comes as the summary; replies stay the base's, and no reply is its own."""
    made = learnt(tmp_path, tiny)
    assert (made.task, made.base["sha256"]) == ("summary", base.sha256)
    assert made.figures.beats(made.compared["base"]), made
    assert made.figures.rouge_l > 0.9
    assert [one["name"] for one in made.data] == ["desk.jsonl"]
    given = {"llm": f"embedded:{tiny}", "temperature": 0, "reply_tokens": 12, "states_mib": 0}
    said = [
        {"role": "human", "text": "Where is the lamp number 7?"},
        {"role": "ai", "text": "It comes tomorrow."},
    ]

    def reply(service: Running, customer: str) -> str:
        return service.chat("Where is the lamp?", customer=customer).text.split('"reply"')[-1][:60]

    with pytest.raises(Refused, match="has learnt to write summaries"):
        Registry(tmp_path / "models").promote(made.id, made.base["sha256"])
    service = run_service(**given, summary_adapter=made.id)
    before = reply(service, "a")
    body = {"messages": said, "how": "model"}
    summary = service.client.post("/v1/summaries", json=body).json()
    assert summary["model"] == {"text": SUMMARY, "fault": None}
    assert reply(service, "b") == before
    plain = run_service(**given, data_dir=tmp_path / "plain")
    assert reply(plain, "a") == before
    assert SUMMARY not in plain.client.post("/v1/summaries", json=body).text


def test_what_may_not_write_summaries_is_told_at_the_start(tiny: Path, tmp_path: Path) -> None:
    """One that is not there, one that has learnt to reply, one that is no better, a model that
    takes none: with what to do.
    """
    registry = Registry(tmp_path / "models")
    base = {"name": "tiny", "sha256": base_of(f"embedded:{tiny}")}
    good, bad = Figures(9.0, 0.3), Figures(30.0, 0.3)
    for name, figures, more in (
        ("replies", good, {"base": base}),
        ("worse", bad, {"base": base, "task": "summary"}),
        ("other", good, {"task": "summary"}),
    ):
        registry.add(files(tmp_path / name, name), card(name, figures, **more))
    for llm, adapter, why in (
        (f"embedded:{tiny}", "absent", "`memory-service model list` shows which are"),
        (f"embedded:{tiny}", "replies", "finetune --task summary"),
        (f"embedded:{tiny}", "worse", "does not beat the base"),
        (f"embedded:{tiny}", "other", "for another base"),
        ("fake:echo", "worse", "Leave MEMORY_SERVICE_SUMMARY_ADAPTER out"),
    ):
        settings = Settings(
            data_dir=tmp_path, llm=llm, summary_adapter=adapter, understanding="off"
        )
        with pytest.raises(InvalidInput, match=why):
            create_app(settings)
