"""``memory-service evaluate reply``: answers held against those that agents gave."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from langchain_core.messages import BaseMessage
from typer.testing import CliRunner

from app.evaluation import replies
from app.evaluation.candidates import NearestAnswer, open_candidate
from app.evaluation.cli import app, learnt
from app.evaluation.examples import write_page
from app.llm import UnusableModel
from app.settings import Settings
from app.training.card import Figures
from app.training.dialogues import Dialogue, Said
from app.training.perplexity import perplexity
from app.training.registry import Registry
from app.training.sequences import Sequence as Taught
from app.training.splits import part_of
from memory import InvalidInput
from memory.weights import sha256
from tests.app.training.cards import card
from tests.doubles import WordEncoder

SETTINGS = Settings(system="Be kind.")


def dialogue(name: str, *texts: str) -> Dialogue:
    """Customer and agent in turn."""
    roles = ("customer", "agent") * len(texts)
    said = tuple(Said(role, text) for role, text in zip(roles, texts, strict=False))  # type: ignore[arg-type]
    return Dialogue(name, said, "")


DIALOGUES = [
    dialogue("a", "Where is my parcel?", "It is with the courier now.",
             "And when will it come?", "It comes on Monday before noon."),
    dialogue("b", "Do you sell blue lamps?", "We sell blue and green lamps."),
]  # fmt: skip


class Scripted:
    """Answers by a function of the prompt, and keeps what it was asked."""

    torch = None

    def __init__(self, name: str, answer: Callable[[list[BaseMessage]], str]) -> None:
        self.name = name
        self.asked: list[list[BaseMessage]] = []
        self._answer = answer

    def answer(self, prompts: Sequence[list[BaseMessage]]) -> list[str]:
        """What was given says."""
        self.asked += prompts
        return [self._answer(prompt) for prompt in prompts]


def test_the_agent_s_own_answers_score_full_and_others_none() -> None:
    """Whoever says what the agent said has BLEU 100 and ROUGE 1; other words have none."""
    known = dict(pair for one in DIALOGUES for pair in one.exchanges())
    knowing = Scripted("knowing", lambda prompt: known[str(prompt[-1].text)])
    other = Scripted("other", lambda _: "zebra")
    _, found, _ = replies.measure([knowing, other], DIALOGUES, SETTINGS, WordEncoder())
    assert [(one.system, one.memory) for one in found] == [
        ("knowing", True), ("knowing", False), ("other", True), ("other", False),
    ]  # fmt: skip
    for one in found[:2]:
        assert one.bleu == pytest.approx(100)
        assert {name: f.mean for name, f in one.rouge.items()} == pytest.approx(
            dict.fromkeys(replies.ROUGE, 1.0)
        )
        assert one.perplexity is None
    for one in found[2:]:
        assert one.bleu == pytest.approx(0)
        assert one.rouge["rougeL"].mean == 0


def test_with_memory_the_conversation_is_in_the_prompt_and_no_prompt_is_asked_twice() -> None:
    """Without memory it is the system's text and the question; the first question is the same."""
    candidate = Scripted("echo", lambda prompt: str(prompt[-1].text))
    asked, found, _ = replies.measure([candidate], DIALOGUES, SETTINGS, WordEncoder())
    assert [len(exchange.prompt) for exchange in asked[True]] == [2, 4, 2]
    assert [len(exchange.prompt) for exchange in asked[False]] == [2, 2, 2]
    assert len(candidate.asked) == 4
    assert found[0].answers == found[1].answers


def test_a_question_that_fits_no_prompt_is_left_out_of_both() -> None:
    """The answers with memory and without stay side by side."""
    long = dialogue("long", "Hello?", "Yes?", "word " * 9000, "Oh.")
    asked, _, _ = replies.measure(
        [Scripted("echo", lambda prompt: "Yes?")], [long, *DIALOGUES], SETTINGS, WordEncoder()
    )
    assert [e.answer for e in asked[True]] == [e.answer for e in asked[False]]
    assert len(asked[True]) == 4


def test_the_nearest_answer_looks_at_what_was_said_before() -> None:
    """One question alone has one answer; after different words of the agent it has others."""
    train = [
        dialogue("t", "Where is my bike?", "Which colour was it?", "green", "The green one left."),
        dialogue("u", "Do you sell lamps?", "Which size would you like?", "green", "Not a size."),
    ]  # fmt: skip
    candidate = NearestAnswer(train, WordEncoder())
    held_out = [
        dialogue("h", "Do you sell lamps here?", "Which size would you like?", "green", "?")
    ]
    asked, found, _ = replies.measure([candidate], held_out, SETTINGS, WordEncoder())
    with_memory, without = found
    assert with_memory.answers == ["Which size would you like?", "Not a size."]
    assert without.answers == ["Which size would you like?", "The green one left."]
    assert asked[True][1].answer == "?"
    with pytest.raises(InvalidInput, match="--train"):
        NearestAnswer([], WordEncoder())


def test_a_model_that_knows_nothing_is_as_perplexed_as_there_are_words() -> None:
    """Each of 50 tokens is as likely as the others; what is not taught does not count."""

    class Even:
        device = torch.device("cpu")

        def __call__(self, ids: torch.Tensor) -> Any:
            logits = torch.zeros(*ids.shape, 50)
            logits[:, 0, 7] = 100.0  # sure of the second token, which is not taught
            return SimpleNamespace(logits=logits)

    one = Taught([1, 7, 3, 4], [-100, -100, 3, 4])
    assert perplexity(Even(), [one, one]) == pytest.approx(50, rel=1e-4)


def test_one_that_does_not_answer_takes_nothing_from_the_others() -> None:
    """Its fault is kept beside the figures of those before and after it."""

    def away(_: list[BaseMessage]) -> str:
        msg = "away does not answer"
        raise UnusableModel(msg)

    some = [Scripted("a", lambda _: "Yes."), Scripted("away", away), Scripted("b", lambda _: "No.")]
    _, found, failed = replies.measure(some, DIALOGUES, SETTINGS, WordEncoder())
    assert [one.system for one in found] == ["a", "a", "b", "b"]
    assert failed == {"away": "away does not answer"}


def test_a_page_shows_examples_and_runs_nothing_that_was_said(tmp_path: Path) -> None:
    """What stands in a dialogue is text there, whatever it looks like."""
    odd = [dialogue("x", "<script>alert(1)</script>", "</dd><img src=x onerror=y>")]
    asked, found, _ = replies.measure(
        [Scripted("<b>", lambda _: "<i>")], odd, SETTINGS, WordEncoder()
    )
    write_page(tmp_path / "page.html", "<table>", asked, found)
    page = (tmp_path / "page.html").read_text()
    for raw in ("<script>", "<img", "<i>", "<b>", "<table>"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)" in page
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_page(tmp_path / "none" / "page.html", "", asked, found)


# --- the command -----------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sixty dialogues of one exchange."""
    file = tmp_path / "dialogues.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"id": f"d{i}", "text": f"Where is parcel {i}?", "response": f"At {i}."})
            for i in range(60)
        )
    )
    return file


def reply(data: Path, *more: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    folder = str(data.parent / "service")
    done = CliRunner().invoke(
        app,
        [
            "reply",
            "--data",
            str(data),
            "--model",
            "fake:echo",
            "--json",
            "--data-dir",
            folder,
            *more,
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_command_says_all_figures_side_by_side(data: Path, tmp_path: Path) -> None:
    """A model and the nearest training answer, each with memory and without, and a page."""
    page = tmp_path / "page.html"
    made = reply(data, "--train", str(data), "--limit", "5", "--html", str(page))
    assert (made["data"], made["part"], made["dialogues"], made["replies"]) == (
        "dialogues.jsonl", "all", 5, 5,
    )  # fmt: skip
    assert [(one["system"], one["memory"]) for one in made["systems"]] == [
        ("fake:echo", True), ("fake:echo", False),
        ("nearest training answer", True), ("nearest training answer", False),
    ]  # fmt: skip
    assert made["systems"][2]["rouge"]["rougeL"]["mean"] == 1
    assert made["systems"][0]["rouge"]["rougeL"]["mean"] < 0.6
    assert "nearest training answer" in page.read_text()
    assert (
        reply(data, "--train", str(data), "--limit", "5")["systems"][0]["bleu"]
        == (made["systems"][0]["bleu"])
    )


def test_of_the_test_part_nothing_is_among_the_training_answers(data: Path) -> None:
    """It is what finetune keeps apart; the nearest answer comes from the part that it learns."""
    made = reply(data, "--part", "test")
    held_out = [i for i in range(60) if part_of(f"d{i}") == "test"]
    assert made["dialogues"] == len(held_out)
    assert made["systems"][2]["rouge"]["rougeL"]["mean"] < 1


def test_what_an_adapter_has_learnt_is_known_from_its_card(data: Path, tmp_path: Path) -> None:
    """Measured on the very file that it was tuned on, only what was kept apart counts."""
    settings = Settings(data_dir=tmp_path / "service")
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    one = card("one", Figures(9.0, 0.2), data=[{"name": "dialogues.jsonl", "sha256": sha256(data)}])
    Registry(settings.data_dir / "models").add([weights], one)
    assert learnt(data, ["one"], settings)
    assert learnt(data, ["huggingface:some/base#models/one"], settings)
    assert not learnt(data, ["another"], settings)
    data.write_text(data.read_text() + "\n")
    assert not learnt(data, ["one"], settings)


@pytest.mark.parametrize("given", ["nonsense", "gpt:4", "/"])
def test_what_is_no_model_is_refused(given: str, tmp_path: Path) -> None:
    """The message says what would be one."""
    with pytest.raises(InvalidInput, match=r"embedded:.*model list"):
        open_candidate(given, Settings(data_dir=tmp_path))


def test_an_adapter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Before its base is looked for, or loaded."""
    with pytest.raises(InvalidInput, match=r"--model .*: /nowhere is no folder of a peft adapter"):
        open_candidate("huggingface:some/base#/nowhere", Settings(data_dir=tmp_path))


def test_a_model_that_is_away_is_told_and_the_others_measured(data: Path, tmp_path: Path) -> None:
    """Its name and what to do on stderr, exit code 1; with nobody else there are no figures."""
    closed = socket.create_server(("127.0.0.1", 0))
    away = f"http://127.0.0.1:{closed.getsockname()[1]}/v1#some"
    closed.close()
    page = tmp_path / "page.html"
    given = ["reply", "--data", str(data), "--limit", "2", "--data-dir", str(tmp_path / "service")]
    done = CliRunner().invoke(
        app, [*given, "--json", "--html", str(page), "--model", away, "--model", "fake:echo"]
    )
    assert done.exit_code == 1
    assert "does not answer" in done.stderr
    made = json.loads(done.stdout)
    assert [one["system"] for one in made["systems"]] == ["fake:echo", "fake:echo"]
    assert list(made["failed"]) == [away]
    assert "fake:echo" in page.read_text()
    with pytest.raises(InvalidInput, match="does not answer"):
        CliRunner().invoke(app, [*given, "--model", away], catch_exceptions=False)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--html", "{}/none/page.html"], "there is no folder"),
        (["--html", "{}"], "cannot be written"),
        (["--train", "/dev/null"], "no dialogue to take answers from"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_measured(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], why: str
) -> None:
    """A page that cannot be written, and training answers of which there are none."""
    monkeypatch.setattr(replies, "measure", lambda *_, **__: pytest.fail("it was measured"))
    with pytest.raises(InvalidInput, match=why):
        reply(data, *(one.format(tmp_path) for one in more))


def test_bad_data_is_named_before_a_model_is_asked(data: Path) -> None:
    """A bad line and an empty part are errors with what to do."""
    data.write_text('{"text": "a"}')
    with pytest.raises(InvalidInput, match="line 1"):
        reply(data)
    data.write_text("")
    with pytest.raises(InvalidInput, match="no dialogue"):
        reply(data)
