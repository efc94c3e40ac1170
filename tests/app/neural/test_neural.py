"""Training networks with an external memory by command, and saying how well they do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from app.cli import app
from app.neural.figures import of_summaries
from app.neural.model import CARD, WEIGHTS, Card, load, made, save
from app.neural.options import Options
from app.neural.sequences import Sequences
from app.neural.summaries import Example, Summaries, read_examples
from app.neural.tasks import ITEM, TASKS
from app.neural.training import train
from app.neural.words import Vocabulary, words
from memory import InvalidInput

SMALL: dict[str, Any] = {"width": 16, "slots": 8, "slot_width": 6, "batch": 4, "longest": 3}


def run(*arguments: object) -> tuple[int, str]:
    """The command line's exit code and all it said."""
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    said = done.output + ("" if done.exception is None else str(done.exception))
    return done.exit_code, said


def test_copying_asks_for_what_was_given() -> None:
    """After the mark the vectors are wanted again, in their order, and nothing is given then."""
    batch = TASKS["copy"].make([3, 1], torch.Generator().manual_seed(1))
    assert batch.given.shape == (2, 7, 9)
    assert batch.real.sum(1).tolist() == [7, 3]
    for row, length in enumerate((3, 1)):
        asked = batch.asked[row]
        assert torch.equal(batch.wanted[row][asked], batch.given[row, :length, :8])
        assert batch.given[row, length, 8] == 1
        assert not batch.given[row][asked].any()


def test_recalling_asks_for_what_came_after() -> None:
    """The item after the one that is shown again is wanted."""
    batch = TASKS["recall"].make([4, 2], torch.Generator().manual_seed(3))
    for row, length in enumerate((4, 2)):
        at = torch.arange(length).unsqueeze(1) * (ITEM + 1) + torch.arange(1, ITEM + 1)
        items = batch.given[row, at, :6]
        end = length * (ITEM + 1)
        cue = batch.given[row, end + 1 : end + 1 + ITEM, :6]
        (place,) = [n for n, item in enumerate(items[:-1]) if torch.equal(item, cue)]
        assert torch.equal(batch.wanted[row][batch.asked[row]], items[place + 1])
        assert int(batch.real[row].sum()) == end + 2 + 2 * ITEM


@pytest.mark.parametrize("core", ["lstm", "transformer"])
def test_training_learns_and_is_kept(tmp_path: Path, core: Any) -> None:
    """The loss falls; what is loaded again gives the same, to the last bit."""
    torch.manual_seed(1)
    options = Options("copy", core, steps=150, learning_rate=0.01, **SMALL | {"longest": 2})
    trained = made(options)
    assert isinstance(trained, Sequences)
    before = trained.score(2)
    card = train(trained, Card(options), tmp_path / "kept")
    assert card.steps == 150
    assert card.losses[-1][1] < 0.69  # of a coin
    assert trained.score(2).bits > before.bits
    again, kept = load(tmp_path / "kept")
    assert kept == card
    assert isinstance(again, Sequences)
    assert again.score(5) == trained.score(5)


def test_a_network_learns_to_summarise(tmp_path: Path) -> None:
    """Of a few dialogues it learns the summaries by heart; kept and loaded it says the same."""
    torch.manual_seed(1)
    examples = [
        Example(f"customer: my {thing} is {fault}\nagent: sorry", [f"The {thing} is {fault}."])
        for thing in ("kettle", "lamp")
        for fault in ("broken", "late")
    ]
    options = Options("summary", steps=150, learning_rate=0.02, **SMALL)
    trained = made(options, examples)
    assert isinstance(trained, Summaries)
    card = Card(options, words=trained.vocabulary.known)
    train(trained, card, tmp_path)
    said = trained.summarise([e.dialogue for e in examples])
    assert said == ["the kettle is broken.", "the kettle is late.", "the lamp is broken.",
                    "the lamp is late."]  # fmt: skip
    again, _ = load(tmp_path)
    assert isinstance(again, Summaries)
    assert again.summarise([examples[1].dialogue]) == said[1:2]
    figures = of_summaries(said, examples)
    assert figures["rougeL"] == pytest.approx(1)
    assert figures["bleu"] == pytest.approx(100)


def test_by_command(tmp_path: Path) -> None:
    """Two networks are trained, compared in a table and as JSON, and drawn."""
    small = ("--steps", 2, "--batch", 2, "--width", 8, "--longest", 3)
    for name, more in (("with", ()), ("without", ("--no-memory",))):
        code, said = run("train", "neural", "--task", "recall", "--out", tmp_path / name, *small,
                         *more)  # fmt: skip
        assert code == 0, said
    folders = (tmp_path / "with", tmp_path / "without")
    code, said = run("evaluate", "neural", *folders, "--lengths", "2,4", "--plot",
                     tmp_path / "curves.png")  # fmt: skip
    assert code == 0, said
    assert "| lstm without memory |" in said
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    code, said = run("evaluate", "neural", *folders, "--lengths", "2", "--json")
    assert set(json.loads(said)) == {"lstm with memory", "lstm without memory"}
    code, said = run("train", "neural", "--task", "copy", "--out", tmp_path / "with", *small)
    assert code == 1
    assert "has a network already" in said


def test_dialogues_are_read_from_jsonl(tmp_path: Path) -> None:
    """Plain or compressed; those without a summary are left out, and a bad line is named."""
    line = {"turns": [{"role": "a", "text": "Hi"}], "labels": {"summaries": ["They met."]}}
    file = tmp_path / "some.jsonl.gz"
    with gzip.open(file, "wt") as opened:
        opened.write(f"{json.dumps(line)}\n\n{json.dumps(line | {'labels': {}})}\n")
    assert read_examples(file) == [Example("a: Hi", ["They met."])]
    for content, said in ((b'{"turns": 3}\n', "line 1"), (b"", "no dialogue"), (b"\xff", "read")):
        bad = tmp_path / "bad.jsonl"
        bad.write_bytes(content)
        with pytest.raises(InvalidInput, match=said):
            read_examples(bad)


@pytest.mark.parametrize("fault", ["gone", "cut", "card"])
def test_a_damaged_network_is_refused(tmp_path: Path, fault: str) -> None:
    """Weights that are missing or cut off, and a card that is another's, are told of."""
    options = Options("copy", **SMALL)
    save(made(options), Card(options), tmp_path)
    if fault == "gone":
        (tmp_path / WEIGHTS).unlink()
    elif fault == "cut":
        whole = (tmp_path / WEIGHTS).read_bytes()
        (tmp_path / WEIGHTS).write_bytes(whole[:-100])
    else:
        (tmp_path / CARD).write_text('{"options": {"task": "dance"}}')
    with pytest.raises(InvalidInput, match=r"train neural|train it again"):
        load(tmp_path)


def test_words_and_back() -> None:
    """A text comes back in lower case, with its signs where they were; unknown words are left out.

    A name's placeholder is one word.
    """
    text = "#Person1#'s kettle isn't here, he said."
    assert words(text)[0] == "#person1#"
    vocabulary = Vocabulary.of([text], 100)
    assert vocabulary.text(vocabulary.numbers(text)) == "#person1#'s kettle isn't here, he said."
    assert Vocabulary(["a"]).numbers("a b") == [4, 3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "summary"), "needs --data"),
        (("--task", "copy", "--data", "x.jsonl"), "makes its own data"),
        (("--task", "copy", "--width", "9"), "multiple of 4"),
    ],
)
def test_what_cannot_be_trained_is_said_first(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Options that do not go together are refused before anything is made."""
    code, output = run("train", "neural", "--out", tmp_path / "out", *arguments)
    assert code == 1
    assert said in output
    assert not (tmp_path / "out").exists()
