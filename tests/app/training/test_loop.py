"""The whole loop: dialogues are learnt, measured, refused or promoted, served, and rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from app.settings import Settings
from app.training.base import Base
from app.training.card import Card, Figures
from app.training.cli import how_to_serve
from app.training.dialogues import read_dialogues
from app.training.finetune import Work, finetune
from app.training.learnt import learnt_in
from app.training.measure import Asked, HeldOut, measure
from app.training.options import Options
from app.training.play import Exchange
from app.training.registry import Registry
from app.training.sequences import Sequence
from memory import InvalidInput
from tests.app.conftest import Running, run_service  # noqa: F401
from tests.doubles import WordEncoder

ANSWER = "Your parcel comes tomorrow morning."
MODELS = "/v1/admin/models"


def written(path: Path, count: int = 60) -> Path:
    """A desk's dialogues, whose agent has one answer only."""
    things = "kettle lamp chair phone table radio clock bicycle jacket camera".split()
    lines = []
    for k in range(count):
        turns = []
        for turn in range(1 + k % 2):
            asked = f"Where is the {things[k % 10]} number {k}{turn} that I have ordered?"
            turns += [{"role": "customer", "text": asked}, {"role": "agent", "text": ANSWER}]
        lines.append(json.dumps({"id": f"d{k}", "turns": turns}))
    path.write_text("\n".join(lines))
    return path


def tune(tmp_path: Path, gguf: Path, name: str, **options: object) -> Card:
    """Tune the tiny model on them."""
    data = written(tmp_path / "desk.jsonl", 120)
    given = {"batch": 4, "rank": 16, "dropout": 0.0, "patience": 0, "check": 50, **options}
    work = Work(
        [data], str(gguf), tmp_path / name, Options(**given),  # type: ignore[arg-type]
        examples=10, returning=0, facts=5, licences=["own"],
    )  # fmt: skip
    dialogues = [replace(one, customer=f"of {one.id}") for one in read_dialogues([data])]
    card = finetune(
        work, dialogues, Registry(tmp_path / "models"), Settings(data_dir=tmp_path), WordEncoder()
    )
    assert card is not None
    said = ("that I have ordered", ANSWER)
    left = [path for path in work.out.rglob("*") if path.is_file()]
    assert left
    assert not [path for path in left for one in said if one.encode() in path.read_bytes()]
    return card


def test_the_whole_loop(
    base: Base,
    tiny: Path,
    tmp_path: Path,
    run_service: Callable[..., Running],  # noqa: F811
) -> None:
    """What has learnt nothing is refused; what has learnt answers, until it is rolled back."""
    worse = tune(tmp_path, tiny, "worse", steps=1, learning_rate=1e-9)
    better = tune(tmp_path, tiny, "better", epochs=3, learning_rate=1e-2)
    assert better.figures.beats(better.compared["base"]), better
    assert better.figures.rouge_l > 0.9
    # The one answer that it has learnt has no fact, and admits nothing.
    assert (better.figures.recalled, better.figures.admitted) == (0, 0)
    assert better.compared["base"].recalled == 0
    assert (better.counts["answers"], better.counts["asked"]) == (10, 6)
    service = run_service(llm=f"embedded:{tiny}", temperature=0, reply_tokens=24, checking="off")

    def said(customer: str) -> str:
        question = "Where is the lamp number 7 that I have ordered?"
        answer = service.chat(question, customer=customer).json()
        # Random weights may well say nothing.
        return str(answer.get("reply") or answer["title"])

    before = said("a")
    assert "parcel" not in before
    refused = service.client.post(f"{MODELS}/{worse.id}/promote")
    assert refused.status_code == 409
    assert "does not beat the base" in refused.json()["detail"]
    assert said("b") == before
    promoted = service.client.post(f"{MODELS}/{better.id}/promote")
    assert promoted.json()["in_service"] == better.id, promoted.text
    assert said("c") == ANSWER
    assert service.client.post(f"{MODELS}/rollback").json()["in_service"] is None
    assert said("d") == before
    kept = Registry(tmp_path / "models").card(better.id)
    assert kept.base == {"name": "tiny", "sha256": base.sha256}
    assert kept.data[0]["name"] == "desk.jsonl"
    assert (kept.data[0]["licence"], kept.data[0]["dialogues"]) == ("own", 120)
    assert sum(kept.counts[f"{part}_dialogues"] for part in ("train", "dev", "test")) == 120
    everybody = {f"of d{k}" for k in range(120)}
    assert set(kept.customers or ()) == everybody
    noted = learnt_in(tmp_path / "models")
    assert {folder.name: set(names) for folder, names in noted.items()} == {
        "worse": everybody,
        "better": everybody,
    }
    assert set(kept.weights) == {
        "adapter.gguf",
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_what_is_refused_leaves_a_folder_that_can_be_used(
    base: Base, tiny: Path, tmp_path: Path
) -> None:
    """A wrong base and a rank too large are told before anything is written there."""
    data, out = written(tmp_path / "desk.jsonl"), tmp_path / "out"
    for named, options in (("/nowhere", Options()), (str(tiny), Options(rank=65))):
        with pytest.raises(InvalidInput, match=r"/nowhere|rank is 65"):
            finetune(
                Work([data], named, out, options), read_dialogues([data]),
                Registry(tmp_path / "models"), Settings(data_dir=tmp_path),
            )  # fmt: skip
        assert list(out.iterdir()) == []


def test_facts_are_looked_for_in_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is there or is not, in any case; what was never said is to be admitted."""
    ask: list[BaseMessage] = [HumanMessage("Which was it?")]
    answers = {
        "Ours.": "Ours.", "AB-12": "It is ab-12.", "Monday morning": "On Monday.",
        "12": "It is 312.", "2": "No. 2", None: "You have not told me.",
    }  # fmt: skip
    asked = [Asked(ask, fact) for fact in list(answers)[1:]] + [Asked(ask, None)]
    told = [*answers.values(), "It is AB-12."]
    monkeypatch.setattr("app.training.measure._answers", lambda *_: told)
    monkeypatch.setattr("app.training.measure.perplexity", lambda *_: 3.0)
    given = HeldOut([], [Exchange(ask, "Ours.")], asked)
    double = SimpleNamespace(model=lambda _: None, tokenizer=lambda: None)
    found = measure(double, None, given)  # type: ignore[arg-type]
    assert found == Figures(3.0, 1.0, recalled=1 / 2, admitted=1 / 2)
    told[1:] = []
    alone = measure(double, None, HeldOut([], given.exchanges))  # type: ignore[arg-type]
    assert alone == Figures(3.0, 1.0)


def test_what_was_measured_on_is_told_apart() -> None:
    """More answers, or others, are another held-out part; the same are the same."""
    asked: list[BaseMessage] = [HumanMessage("Where?")]
    one, two = Exchange(asked, "Here."), Exchange(asked, "There.")
    parts = [
        HeldOut([], [one]), HeldOut([], [one, two]), HeldOut([], [two]),
        HeldOut([], [one], [Asked(asked, "There.")]), HeldOut([], [one], [Asked(asked, None)]),
        HeldOut([], [Exchange([SystemMessage("Where?")], "Here.")]),
        HeldOut([Sequence([1, 2], [1, 2])], [one]),
    ]  # fmt: skip
    assert len({part.sha256() for part in parts}) == len(parts)
    assert parts[1].sha256() == HeldOut([], [one, two]).sha256()


@pytest.mark.parametrize(
    ("base", "data_dir", "method", "told"),
    [
        (None, None, "lora", "memory-service model promote x"),
        (None, "/my data", "lora", "model promote x --data-dir '/my data'"),
        ("/m/tiny.gguf", None, "lora", "model promote x --llm embedded:/m/tiny.gguf"),
        ("org/name", None, "lora", "--llm 'huggingface:org/name#{data}/models/x'"),
        ("org/name", None, "full", "--llm huggingface:{data}/out/model"),
    ],
)
def test_the_advice_is_a_command_that_works(
    base: str | None, data_dir: str | None, method: Any, told: str, tmp_path: Path
) -> None:
    """With the folder and the base that were given."""
    work = Work([], base, tmp_path / "out", Options(method))
    advice = how_to_serve(
        "x", work, Settings(data_dir=tmp_path), None if data_dir is None else Path(data_dir)
    )
    assert advice.endswith(told.format(data=tmp_path)), advice


def test_too_little_data_is_refused(base: Base, tiny: Path, tmp_path: Path) -> None:
    """Three dialogues leave a part empty; and a folder in use is left alone."""
    data = written(tmp_path / "desk.jsonl", 3)
    registry = Registry(tmp_path / "models")
    work = Work([data], str(tiny), tmp_path / "out", Options())
    with pytest.raises(InvalidInput, match="give more dialogues"):
        finetune(work, read_dialogues([data]), registry, Settings(data_dir=tmp_path))
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="--resume"):
        finetune(work, read_dialogues([data]), registry, Settings(data_dir=tmp_path))
    assert not registry.folder.exists()


@pytest.mark.parametrize("out", ["desk.jsonl", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_is_refused(tiny: Path, tmp_path: Path, out: str) -> None:
    """A file, and a place where nothing can be made, before anything is read."""
    data = written(tmp_path / "desk.jsonl")
    work = Work([data], str(tiny), tmp_path / out, Options())
    with pytest.raises(InvalidInput, match="give another folder"):
        finetune(work, [], Registry(tmp_path / "models"), Settings(data_dir=tmp_path))
