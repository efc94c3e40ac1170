"""/v1/admin/models: adapters are promoted and rolled back while the service answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.llm.embedded import base_of
from app.training.registry import Figures, Registry
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
    return run_service(llm=f"embedded:{gguf}", temperature=0, reply_tokens=12)


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
    wrong = tmp_path / "wrong" / "adapter.gguf"
    wrong.parent.mkdir()
    wrong.write_text("nothing")
    base = {"name": "tiny", "sha256": tuned.app.state.model.base}
    Registry(tmp_path / "models").add([wrong], card("wrong", Figures(1.0, 0.9), base=base))
    before = reply(tuned)
    refused = tuned.client.post(f"{MODELS}/wrong/promote")
    assert refused.status_code == 409
    assert "cannot load" in refused.json()["detail"]
    assert Registry(tmp_path / "models").in_service(base["sha256"]) is None
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
    again = run_service(llm=llm, temperature=0, reply_tokens=12)
    assert reply(again) == after
    (tmp_path / "models" / "good" / "adapter.gguf").write_text("damaged")
    damaged = run_service(llm=llm, temperature=0, reply_tokens=12)
    assert reply(damaged) == before


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
