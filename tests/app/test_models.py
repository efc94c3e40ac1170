"""/v1/admin/models: adapters are promoted and rolled back while the service answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.llm.embedded import base_of
from app.training.card import Figures
from app.training.registry import Registry
from tests.app.conftest import Running
from tests.app.test_cli import run
from tests.app.training.cards import card
from tests.app.training.tiny import tiny_adapter, tiny_gguf

MODELS = "/v1/admin/models"


@pytest.fixture
def tuned(tmp_path: Path, run_service: Callable[..., Running]) -> Running:
    """A service on a tiny model, with the adapters good and bad of its base, and one of another."""
    gguf = tiny_gguf(tmp_path / "tiny.gguf", seed=1)
    registry = Registry(tmp_path / "models")
    base = {"name": "tiny", "sha256": base_of(f"embedded:{gguf}")}
    for seed, (name, figures) in enumerate(
        (("good", Figures(9.0, 0.3)), ("bad", Figures(30.0, 0.3)))
    ):
        file = tiny_adapter(tmp_path / name / "adapter.gguf", seed=seed)
        registry.add([file], card(name, figures, base=base))
    file = tiny_adapter(tmp_path / "other" / "adapter.gguf", seed=5)
    registry.add([file], card("other", Figures(1.0, 0.9)))
    return run_service(llm=f"embedded:{gguf}", temperature=0, reply_tokens=12, checking="off")


def add_wrong(folder: Path, base: str, figures: Figures) -> Registry:
    """A registry with one that is whole by its card, and no adapter."""
    wrong = folder / "wrong" / "adapter.gguf"
    wrong.parent.mkdir()
    wrong.write_text("nothing")
    registry = Registry(folder / "models")
    registry.add([wrong], card("wrong", figures, base={"name": "tiny", "sha256": base}))
    return registry


def reply(service: Running) -> str:
    """What the service says to a customer it has not seen."""
    answer = service.chat("Where is it?", customer=f"c{len(service.app.state.store.owners())}")
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["reply"]
    return text


def test_a_better_one_answers_until_it_is_rolled_back(tuned: Running) -> None:
    """The list says which is in service; the answers change with it, and come back."""
    before = reply(tuned)
    listed = tuned.client.get(MODELS).json()
    assert listed["in_service"] is None
    own = [one["id"] for one in listed["models"] if one["base"] == "tiny"]
    assert own == ["bad", "good", "other"]
    promoted = tuned.client.post(f"{MODELS}/good/promote")
    assert promoted.status_code == 200, promoted.text
    assert promoted.json()["in_service"] == "good"
    assert [m["id"] for m in promoted.json()["models"] if m["in_service"]] == ["good"]
    assert reply(tuned) != before
    back = tuned.client.post(f"{MODELS}/rollback")
    assert back.json()["in_service"] is None
    assert reply(tuned) == before


@pytest.mark.parametrize(
    ("name", "status", "why"),
    [
        ("bad", 409, "does not beat the base"),
        ("other", 409, "for another base"),
        ("absent", 404, "there is no adapter 'absent'"),
        ("..%2Fmodels%2Fgood", 404, "there is no"),
    ],
)
def test_what_the_gate_stops_is_not_served(
    tuned: Running, name: str, status: int, why: str
) -> None:
    """The problem says why, and nothing changes."""
    before = reply(tuned)
    refused = tuned.client.post(f"{MODELS}/{name}/promote")
    assert refused.status_code == status
    assert why in refused.json()["detail"].replace("There", "there")
    assert tuned.client.get(MODELS).json()["in_service"] is None
    assert reply(tuned) == before


def test_an_adapter_that_llama_cpp_cannot_load_is_not_promoted(
    tuned: Running, tmp_path: Path
) -> None:
    """Whole by its card, and no adapter: it goes on as it was."""
    base = tuned.app.state.model.base
    registry = add_wrong(tmp_path, base, Figures(1.0, 0.9))
    before = reply(tuned)
    refused = tuned.client.post(f"{MODELS}/wrong/promote")
    assert refused.status_code == 409
    assert "cannot load" in refused.json()["detail"]
    assert registry.in_service(base) is None
    assert reply(tuned) == before


def test_what_the_console_promotes_is_taken_up(tuned: Running, tmp_path: Path) -> None:
    """`model promote` beside a running service, and `model rollback`."""
    before = reply(tuned)
    llm = ["--llm", tuned.app.state.settings.llm]
    assert "good is in service" in run("model", "promote", "good", *llm, data=tmp_path).stdout
    tuned.app.state.serving.catch_up()
    assert reply(tuned) != before
    assert "* good" in run("model", "list", data=tmp_path).stdout
    assert "The base" in run("model", "rollback", *llm, data=tmp_path).stdout
    tuned.app.state.serving.catch_up()
    assert reply(tuned) == before
    refused = run("model", "promote", "bad", *llm, data=tmp_path)
    assert refused.returncode == 1
    assert "does not beat" in refused.stderr


def test_it_is_in_service_again_after_a_start(
    tuned: Running, run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """And a damaged one is not: the service starts with the base."""
    before = reply(tuned)
    tuned.client.post(f"{MODELS}/good/promote")
    after = reply(tuned)
    llm = tuned.app.state.settings.llm
    again = run_service(llm=llm, temperature=0, reply_tokens=12, checking="off")
    assert reply(again) == after
    (tmp_path / "models" / "good" / "adapter.gguf").write_text("damaged")
    damaged = run_service(llm=llm, temperature=0, reply_tokens=12, checking="off")
    assert reply(damaged) == before
    listed = damaged.client.get(MODELS).json()
    assert (listed["in_service"], listed["promoted"]) == (None, "good")
    assert "not what its card says" in listed["trouble"]


def test_what_cannot_be_loaded_is_tried_again(
    tuned: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a pause; until then what answered goes on, and the lists say so."""
    gguf = tmp_path / "models" / "good" / "adapter.gguf"
    whole = gguf.read_bytes()
    registry, serving = Registry(tmp_path / "models"), tuned.app.state.serving
    before = reply(tuned)
    registry.promote("good", serving.base)
    gguf.write_bytes(b"damaged")
    serving.catch_up()
    listed = tuned.client.get(MODELS).json()
    assert (listed["in_service"], listed["promoted"]) == (None, "good")
    assert "not what its card says" in listed["trouble"]
    assert not any(one["in_service"] for one in listed["models"])
    assert reply(tuned) == before
    gguf.write_bytes(whole)
    serving.catch_up()
    assert serving.answering() is None  # it is not tried at every look
    shown = run("model", "list", data=tmp_path).stdout
    assert "! good" in shown
    assert "is in service and does not answer" in shown
    assert "the base goes on answering" in shown
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 61)
    monkeypatch.setattr("app.serving.time", later)
    serving.catch_up()
    assert serving.answering() == "good"
    assert reply(tuned) != before
    assert tuned.client.get(MODELS).json()["trouble"] is None
    assert "* good" in run("model", "list", data=tmp_path).stdout
    assert registry.trouble(serving.base) is None


def test_a_rollback_passes_over_what_llama_cpp_cannot_load(tuned: Running, tmp_path: Path) -> None:
    """Whole by its card and no adapter: the one before it, or the base, answers."""
    before, base = reply(tuned), tuned.app.state.model.base
    # The console, which loads nothing, promoted it.
    add_wrong(tmp_path, base, Figures(15.0, 0.2)).promote("wrong", base)
    assert tuned.client.post(f"{MODELS}/good/promote").status_code == 200
    back = tuned.client.post(f"{MODELS}/rollback").json()
    assert (back["in_service"], back["promoted"]) == (None, None)
    assert "cannot load" in back["passed_over"]["wrong"]
    assert reply(tuned) == before


def test_a_service_starts_without_what_llama_cpp_cannot_load(
    tuned: Running, run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """With the base, and says so."""
    before, base = reply(tuned), tuned.app.state.model.base
    add_wrong(tmp_path, base, Figures(15.0, 0.2)).promote("wrong", base)
    again = run_service(
        llm=tuned.app.state.settings.llm, temperature=0, reply_tokens=12, checking="off"
    )
    assert reply(again) == before
    again.app.state.serving.catch_up()
    assert "cannot load" in again.client.get(MODELS).json()["trouble"]


def test_what_is_gone_or_unreadable_is_listed(tuned: Running, tmp_path: Path) -> None:
    """By the service and by the console, with what is wrong."""
    (tmp_path / "models" / "bad" / "card.json").write_text("{")
    tuned.client.post(f"{MODELS}/good/promote")
    shutil.rmtree(tmp_path / "models" / "good")
    listed = tuned.client.get(MODELS).json()
    assert listed["in_service"] == "good"  # it is loaded
    assert "cannot be read" in listed["faults"]["bad"]
    assert "gone" in listed["faults"]["good"]
    shown = run("model", "list", data=tmp_path).stdout
    assert "! bad" in shown
    assert "! good" in shown
    refused = run("model", "promote", "other", "--llm", "embedded:", data=tmp_path)
    assert "--llm embedded:FILE" in refused.stderr


def test_a_model_that_takes_none_says_so(service: Running) -> None:
    """The echo has no weights."""
    listed = service.client.get(MODELS).json()
    assert (listed["in_service"], listed["base"]) == (None, None)
    assert not any(one["in_service"] for one in listed["models"])
    refused = service.client.post(f"{MODELS}/rollback")
    assert refused.status_code == 409
    assert "takes no adapters" in refused.json()["detail"]


def test_a_damaged_state_leaves_what_answers(tuned: Running, tmp_path: Path) -> None:
    """What cannot be read is no order to serve the base; readable again, it is followed."""
    tuned.client.post(f"{MODELS}/good/promote")
    after = reply(tuned)
    state = tmp_path / "models" / "state.json"
    whole = state.read_text()
    state.write_text('{"half')
    tuned.app.state.serving.catch_up()
    assert reply(tuned) == after
    state.write_text(whole)
    tuned.app.state.serving.catch_up()
    assert reply(tuned) == after
