"""Learning what customers do next from the texts of what they did, by command and in a service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.doctor import diagnose
from app.interest.histories import Histories
from app.interest.ranking import Score, evaluate
from app.interest.trained import CARD, Card, Interests, folder_of, keep, load
from app.interest.training import LEARNT, POPULARITY, TEXTS, Options, learn
from app.settings import Settings
from memory import InvalidInput
from memory.interest import Projection
from tests.app.conftest import Running
from tests.doubles import WordEncoder

QUICK = Options(rank=8, steps=150, batch=64, check=50)
GROUPS = ("desk", "garden hose", "coffee cup")
KINDS = ("red", "oak", "steel", "small", "large", "old", "glass", "light", "round", "blue")


def walks(onward: int, seed: int = 0) -> list[list[int]]:
    """Items 0 to 29, ten a group: after one of a group, customers take one of the ``onward``-th
    group after it.
    """
    chance = np.random.default_rng(seed)
    return [
        [
            int((start + step * onward) % 3 * 10 + item)
            for step, item in enumerate(chance.permutation(10)[:5])
        ]
        for start in chance.integers(0, 3, 80)
    ]


def histories(onward: int) -> Histories:
    """Walks over items of which those of a group are alike."""
    chance = np.random.default_rng(1)
    groups = np.repeat(np.eye(3), 10, axis=0)
    texts = np.concatenate([groups, 0.5 * chance.normal(size=(30, 13)) / 13**0.5], axis=1)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    done = [np.array(each) for each in walks(onward)]
    return Histories(
        done, [np.ones(len(each), np.float32) for each in done], texts.astype(np.float32)
    )


def test_what_is_done_next_is_learnt_from_texts() -> None:
    """Though its text is unlike what was done before; the last new thing is kept apart from it."""
    learnt = learn(histories(onward=1), QUICK)
    assert learnt.wins
    assert learnt.figures[LEARNT].hr > 0.9
    assert learnt.figures[TEXTS].hr < 0.3
    assert learnt.figures[LEARNT].ndcg == max(ndcg for _, ndcg in learnt.history)


def test_what_texts_say_already_is_not_kept() -> None:
    """Where customers stay with what is alike, nothing beats texts as they are."""
    learnt = learn(histories(onward=0), QUICK)
    assert learnt.figures[TEXTS].hr > learnt.figures[POPULARITY].hr
    assert learnt.figures[TEXTS].hr == 1
    assert not learnt.wins


def test_the_last_new_thing_is_kept_apart() -> None:
    """With what was done since; who did one thing only stays as they were."""
    done = [np.array(each) for each in ([3, 1, 3, 2, 1], [4, 4], [0], [])]
    whole = Histories(
        done, [np.ones(len(each), np.float32) for each in done], np.eye(5, dtype=np.float32)
    )
    before, held = whole.without_the_last()
    assert ([*held.customers], [*held.items]) == ([0], [2])
    assert [each.tolist() for each in before.items] == [[3, 1, 3], [4, 4], [0], []]
    assert whole.steps().tolist() == [[0, 1], [0, 3]]
    assert before.read(0) == pytest.approx([0, 3 / 11, 0, 8 / 11, 0])


def test_ranking_leaves_out_what_was_done() -> None:
    """And of equal items the wanted one comes last."""
    scores = np.zeros(12, np.float32)
    scores[:2] = 1
    found = evaluate(lambda *_: scores, [np.array([0]), np.array([0, 5, 6])], [1, 3])
    assert (found.hits, found.gains) == ([1, 1], [1, pytest.approx(1 / np.log2(10))])


def test_better_by_chance_is_not_surely_better() -> None:
    """Of sixty customers one found more is chance, and twenty are not."""
    other = Score.of([0] * 20 + [90] * 40)
    assert not Score.of([0] * 21 + [90] * 39).surely_above(other)
    assert Score.of([0] * 40 + [90] * 20).surely_above(other)
    assert not other.surely_above(other)


def test_a_few_customers_are_too_few() -> None:
    """And it is said how many there have to be."""
    few = histories(onward=1).of(range(10))
    with pytest.raises(InvalidInput, match=r"10 customers did .* 50 are needed"):
        learn(few, QUICK)


# --- in the data folder --------------------------------------------------------------------------

CARD_ = Card("default", "2026-05-04T09:30:00+00:00", WordEncoder().name, WordEncoder().dimension,
             alone=0.4, beside=None, customers=80, figures={})  # fmt: skip


def projection(seed: int = 0) -> Projection:
    """One that was learnt of nothing."""
    chance = np.random.default_rng(seed)
    return Projection(*chance.normal(size=(2, CARD_.dimension, 2)).astype(np.float32))


def test_what_is_kept_is_taken_up_and_replaced(tmp_path: Path) -> None:
    """By a service that runs; of each tenant its own, and nothing of the one before is left."""
    interests = Interests(tmp_path, WordEncoder())
    folder = folder_of(tmp_path, "default")
    assert interests.of("default") is None
    for seed in (0, 1):
        keep(projection(seed), CARD_, folder)
        found = interests.of("default")
        assert found is not None
        assert np.array_equal(found.projection.down, projection(seed).down)
        assert (found.share(beside=False), found.share(beside=True)) == (0.4, None)
    assert len([*folder.iterdir()]) == 2
    assert interests.of("other") is None
    (folder / CARD).unlink()
    assert interests.of("default") is None


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("encoder", "is for the embedding model"),
        ("weights", "is damaged"),
        ("card", "is damaged"),
        ("folder", "of the tenant 'default'"),
    ],
)
def test_what_does_not_fit_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoilt: str, said: str
) -> None:
    """And the log says so once, with what to do."""
    folder = folder_of(tmp_path, "default")
    keep(projection(), CARD_, folder)
    tenant = "default"
    if spoilt == "weights":
        (file,) = folder.glob("*.safetensors")
        file.write_bytes(file.read_bytes()[::-1])
    elif spoilt == "card":
        (folder / CARD).write_text("{}")
    elif spoilt == "folder":
        tenant = "other"
        folder.rename(folder_of(tmp_path, tenant))
    encoder = WordEncoder(name="another") if spoilt == "encoder" else WordEncoder()
    interests = Interests(tmp_path, encoder)
    assert interests.of(tenant) is None
    assert interests.of(tenant) is None
    (record,) = caplog.records
    assert said in record.getMessage()
    assert "train interest" in record.getMessage()
    with pytest.raises(InvalidInput, match=said):
        load(folder_of(tmp_path, tenant), encoder)


# --- by command ----------------------------------------------------------------------------------


def command(data: Path, *more: str) -> tuple[int, str]:
    """``train interest``: its exit code, and all it said."""
    done = CliRunner().invoke(app, ["train", "interest", "--data-dir", str(data), *more])
    return done.exit_code, done.output + ("" if done.exception is None else str(done.exception))


def test_a_service_recommends_by_what_was_learnt(
    run_service: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New items, which nobody knows yet, by what customers do next and not by what is like what
    they did; the card has no name of theirs; doctor and the receipt of an erasure name it.
    """
    monkeypatch.setattr("memory.collaborative.installed", lambda: False)
    shop = run_service()
    assert "there is no database" in command(tmp_path / "nowhere")[1]
    assert "has no items" in command(tmp_path)[1]
    items = [
        {"id": f"i{10 * g + n}", "title": f"{kind} {group}"}
        for g, group in enumerate(GROUPS)
        for n, kind in enumerate(KINDS)
    ]
    shop.client.post("/v1/items", json={"items": items}).raise_for_status()
    assert "50 are needed" in command(tmp_path)[1]
    for n, walk in enumerate(walks(onward=1)):
        done = [{"item": f"i{item}", "kind": "bought"} for item in walk]
        body = {"customer": f"customer {n}", "events": done}
        shop.client.post("/v1/events", json=body).raise_for_status()
    new = [{"id": group, "title": f"A new {group}", "metadata": {"new": True}} for group in GROUPS]
    shop.client.post("/v1/items", json={"items": new}).raise_for_status()
    bought = {"customer": "ada", "events": [{"item": "i3", "kind": "bought"}]}
    shop.client.post("/v1/events", json=bought).raise_for_status()

    def first() -> dict[str, Any]:
        asked = {"customer": "ada", "where": {"new": True}}
        found: dict[str, Any] = shop.client.post("/v1/recommendations", json=asked).json()
        best: dict[str, Any] = found["recommendations"][0]
        return best

    assert first()["item"]["id"] == "desk"
    code, said = command(tmp_path, "--steps", "60", "--rank", "16")
    assert code == 0, said
    assert "texts as learnt" in said
    assert "Kept in" in said
    assert (first()["item"]["id"], first()["why"]) == (
        "garden hose",
        "because you bought small desk",
    )
    folder = folder_of(tmp_path, "default")
    card = json.loads((folder / CARD).read_text())
    assert card["figures"]["texts as learnt"]["hr"] > card["figures"]["texts as they are"]["hr"]
    assert "customer 1" not in (folder / CARD).read_text()

    faults = {name: fault for name, fault, _ in diagnose(Settings(data_dir=tmp_path))}
    assert faults["interest"] is None
    receipt = shop.client.delete("/v1/customers/ada").json()
    assert receipt["elsewhere"] == [f"interest/{folder.name}"]
    card["encoder"] = "another"
    (folder / CARD).write_text(json.dumps(card))
    faults = {name: fault for name, fault, _ in diagnose(Settings(data_dir=tmp_path))}
    assert "another" in str(faults["interest"])
    shop.client.post("/v1/events", json=bought).raise_for_status()
    assert first()["item"]["id"] == "desk", "it is not used"
