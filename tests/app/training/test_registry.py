"""The registry: what is refused, what is promoted, and that nothing is ever half done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.card import Figures, Refused
from app.training.registry import NoSuchAdapter, Registry
from memory import InvalidInput
from tests.app.training.cards import BASE_SHA, card, files

ROOT = Path(__file__).parents[3]
GOOD, BETTER, WORSE = Figures(10.0, 0.2), Figures(8.0, 0.3), Figures(30.0, 0.05)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry with three adapters."""
    made = Registry(tmp_path / "models", tmp_path / "shipped")
    for name, figures in (("good", GOOD), ("better", BETTER), ("worse", WORSE)):
        made.add(files(tmp_path / name, name), card(name, figures))
    return made


def test_what_is_added_is_listed_with_its_checksums(registry: Registry) -> None:
    """Every card comes back as it was given, with the sha256 of every file."""
    assert [one.id for one in registry.cards()] == ["better", "good", "worse"]
    found = registry.card("good")
    assert set(found.weights) == {"adapter_model.safetensors", "adapter.gguf"}
    assert (found.figures, found.compared["base"]) == (GOOD, Figures(20.0, 0.1))
    assert registry.whole("good") == registry.folder / "good"
    assert registry.in_service(BASE_SHA) is None


def test_what_is_measured_again_is_no_second_adapter(registry: Registry, tmp_path: Path) -> None:
    """Its one card has what it was compared with before and now; another training's files are
    another adapter, whatever they became before.
    """
    before = registry.card("good")
    other = {"better": BETTER, "base": Figures(20.0, 0.1)}
    again = replace(card("again", GOOD), compared=other)
    kept = registry.add(files(tmp_path / "again", "good"), again, "good")
    assert kept == registry.card("good") == replace(before, compared={**before.compared, **other})
    assert [one.id for one in registry.cards()] == ["better", "good", "worse"]
    assert registry.whole("good")
    for name, known in (("other", "good"), ("more", "gone")):
        assert registry.add(files(tmp_path / name, name), card(name, GOOD), known).id == name


def test_the_gate_lets_the_better_through_and_back(registry: Registry) -> None:
    """Worse than the base stays out; each promotion can be taken back, down to the base."""
    with pytest.raises(Refused, match="does not beat the base"):
        registry.promote("worse", BASE_SHA)
    assert registry.in_service(BASE_SHA) is None
    registry.promote("good", BASE_SHA)
    registry.promote("better", BASE_SHA)
    with pytest.raises(Refused, match="does not beat the adapter in service, better"):
        registry.promote("good", BASE_SHA)
    with pytest.raises(Refused, match="in service already"):
        registry.promote("better", BASE_SHA)
    assert registry.in_service(BASE_SHA) == "better"
    assert registry.rollback(BASE_SHA).adapter == "good"
    assert registry.rollback(BASE_SHA).adapter is None
    with pytest.raises(Refused, match="nothing to go back to"):
        registry.rollback(BASE_SHA)


@pytest.mark.parametrize(
    "figures", [Figures(19.0, 0.1), Figures(20.0, 0.2), Figures(19.0, 0.05), Figures(25.0, 0.9)]
)
def test_better_in_one_only_is_not_better(
    registry: Registry, tmp_path: Path, figures: Figures
) -> None:
    """It takes both, perplexity and ROUGE-L."""
    registry.add(files(tmp_path / "x"), card("half", figures))
    with pytest.raises(Refused, match="does not beat"):
        registry.promote("half", BASE_SHA)


def test_what_was_never_compared_is_not_promoted(registry: Registry, tmp_path: Path) -> None:
    """Figures on another held-out part say nothing about the one in service."""
    registry.promote("good", BASE_SHA)
    other = card("other", Figures(1.0, 0.9), held_out="f" * 64)
    registry.add(files(tmp_path / "x"), other)
    with pytest.raises(Refused, match="--resume"):
        registry.promote("other", BASE_SHA)
    beside = {"good": Figures(2.0, 0.8)}
    registry.add(
        files(tmp_path / "y"), card("beside", Figures(1, 0.9), held_out="f" * 64, compared=beside)
    )
    registry.promote("beside", BASE_SHA)
    assert registry.in_service(BASE_SHA) == "beside"


def test_weights_that_are_not_the_cards_are_refused(registry: Registry) -> None:
    """A flipped byte, a file that is gone, a card of another: never into service."""
    path = registry.folder / "good" / "adapter.gguf"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"!")
    with pytest.raises(Refused, match=r"adapter\.gguf is not what its card says"):
        registry.promote("good", BASE_SHA)
    path.unlink()
    with pytest.raises(Refused, match="not what its card says"):
        registry.promote("good", BASE_SHA)
    path.write_bytes(whole)
    registry.promote("good", BASE_SHA)
    stolen = registry.folder / "better" / "card.json"
    stolen.write_text((registry.folder / "good" / "card.json").read_text())
    with pytest.raises(Refused, match="another's"):
        registry.promote("better", BASE_SHA)
    assert "another's" in registry.faults()["better"]
    stolen.write_text("{")
    with pytest.raises(Refused, match="cannot be read"):
        registry.promote("better", BASE_SHA)
    assert [one.id for one in registry.cards()] == ["good", "worse"]
    assert list(registry.faults()) == ["better"]


@pytest.mark.parametrize(
    ("place", "given", "why"),
    [
        ("date", "the fourth of May", "isoformat"),
        ("figures", {"perplexity": "low", "rouge_l": 0.3}, "figures.perplexity"),
        ("compared", {"base": {"perplexity": 1.0}}, "compared.base.rouge_l"),
        ("base", {"sha256": "b" * 64}, "incomplete"),
        ("counts", None, "counts"),
    ],
)
def test_a_card_that_cannot_be_used_is_listed_with_what_is_wrong(
    registry: Registry, place: str, given: Any, why: str
) -> None:
    """It is among the faults, and neither vanishes nor breaks the list of the others."""
    path = registry.folder / "good" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), place: given}))
    assert [one.id for one in registry.cards()] == ["better", "worse"]
    assert why in registry.faults()["good"]


def test_a_card_from_before_recalling_was_measured_is_promoted(registry: Registry) -> None:
    """What the card does not say is not asked of it; nor is what the rival's does not say."""
    path = registry.folder / "good" / "card.json"
    old = json.loads(path.read_text())
    for figures in (old["figures"], old["compared"]["base"]):
        del figures["recalled"], figures["admitted"]
    old["counts"] = {"train_dialogues": 80, "dev_dialogues": 10, "test_dialogues": 10}
    path.write_text(json.dumps(old))
    assert registry.card("good").figures == GOOD
    registry.promote("good", BASE_SHA)
    assert registry.in_service(BASE_SHA) == "good"


@pytest.mark.parametrize(
    ("own", "bases", "let"), [(0.5, 0.5, True), (0.6, 0.5, True), (0.4, 0.5, False)]
)
def test_what_recalls_less_is_refused(
    registry: Registry, tmp_path: Path, own: float, bases: float, let: bool
) -> None:
    """However much better its perplexity and ROUGE-L; as much is enough."""
    made = card("new", Figures(1.0, 0.9, own), compared={"base": Figures(20.0, 0.1, bases)})
    registry.add(files(tmp_path / "x"), made)
    if let:
        registry.promote("new", BASE_SHA)
    else:
        with pytest.raises(Refused, match=r"recalled 0\.40\) does not beat .* recalled 0\.50\)"):
            registry.promote("new", BASE_SHA)
    assert (registry.in_service(BASE_SHA) == "new") is let


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({"test_dialogues": 2, "answers": 20}, "2 dialogues kept apart, and 10 of each"),
        ({"test_dialogues": 10, "answers": 1}, "1 answers compared, and"),
        ({"test_dialogues": 9, "answers": 9}, "9 dialogues kept apart and 9 answers compared"),
    ],
)
def test_figures_that_rest_on_little_are_no_reason(
    registry: Registry, tmp_path: Path, counts: dict[str, int], why: str
) -> None:
    """The adapter is kept with its card, and the message says to give more."""
    registry.add(files(tmp_path / "x"), card("thin", Figures(1.0, 0.9), counts=counts))
    with pytest.raises(Refused, match=f"{why}.*more dialogues"):
        registry.promote("thin", BASE_SHA)
    assert registry.card("thin").figures == Figures(1.0, 0.9)
    assert registry.in_service(BASE_SHA) is None


def test_a_rollback_passes_over_what_cannot_be_served(registry: Registry, tmp_path: Path) -> None:
    """To what was there before, at last to the base; and it says what was wrong."""
    registry.add(files(tmp_path / "x"), card("best", Figures(1.0, 0.9)))
    for name in ("good", "better", "best"):
        registry.promote(name, BASE_SHA)
    (registry.folder / "better" / "adapter.gguf").write_text("other")
    found = registry.rollback(BASE_SHA)
    assert found.adapter == "good"
    assert "not what its card says" in found.passed_over["better"]
    assert registry.in_service(BASE_SHA) == "good"
    registry.promote("best", BASE_SHA)
    shutil.rmtree(registry.folder / "good")
    assert registry.rollback(BASE_SHA) == (None, {"good": "the adapter good is gone"})
    assert registry.in_service(BASE_SHA) is None
    with pytest.raises(Refused, match="nothing to go back to"):
        registry.rollback(BASE_SHA)


def test_what_is_in_service_and_gone_is_told_and_beaten(registry: Registry, tmp_path: Path) -> None:
    """By what was measured beside it; what was not is told to roll back first."""
    registry.promote("good", BASE_SHA)
    shutil.rmtree(registry.folder / "good")
    assert registry.in_service(BASE_SHA) == "good"
    assert "gone" in registry.faults()["good"]
    assert registry.trouble(BASE_SHA) == "the adapter good is gone"
    with pytest.raises(Refused, match=r"in service, good, is gone .* roll back first") as refused:
        registry.promote("better", BASE_SHA)
    assert not isinstance(refused.value, NoSuchAdapter)
    beside = card("beside", BETTER, compared={"base": Figures(20.0, 0.1), "good": GOOD})
    registry.add(files(tmp_path / "x"), beside)
    registry.promote("beside", BASE_SHA)
    assert registry.faults() == {}


def test_an_adapter_for_another_base_is_refused(registry: Registry) -> None:
    """Whatever its figures."""
    with pytest.raises(Refused, match="another base"):
        registry.promote("good", "c" * 64)
    assert registry.in_service(BASE_SHA) is None


def test_what_is_shipped_is_in_service_until_it_is_rolled_back(tmp_path: Path) -> None:
    """With its own base only; it is judged by the gate, and comes back, as any other."""
    Registry(tmp_path / "shipped").add(files(tmp_path / "s"), card("shipped", GOOD))
    registry = Registry(tmp_path / "models", tmp_path / "shipped")
    assert registry.in_service(BASE_SHA) == "shipped"
    assert registry.in_service("c" * 64) is None
    assert registry.whole("shipped") == tmp_path / "shipped" / "shipped"
    registry.add(files(tmp_path / "w"), card("worse", Figures(15.0, 0.15)))
    registry.add(files(tmp_path / "b"), card("better", BETTER))
    assert [one.id for one in registry.cards()] == ["shipped", "better", "worse"]
    with pytest.raises(Refused, match="does not beat the adapter in service, shipped"):
        registry.promote("worse", BASE_SHA)
    registry.promote("better", BASE_SHA)
    assert registry.rollback(BASE_SHA).adapter == "shipped"
    assert registry.rollback(BASE_SHA).adapter is None
    with pytest.raises(Refused, match="nothing to go back to"):
        registry.rollback(BASE_SHA)
    registry.promote("worse", BASE_SHA)
    with pytest.raises(InvalidInput, match="already"):
        registry.add(files(tmp_path / "s"), card("shipped", GOOD))


def test_each_base_has_its_own_in_service(registry: Registry, tmp_path: Path) -> None:
    """Promoting one of another base leaves this one's alone."""
    other = {"name": "other", "sha256": "c" * 64}
    registry.add(files(tmp_path / "o"), card("other", GOOD, base=other))
    registry.promote("good", BASE_SHA)
    registry.promote("other", "c" * 64)
    assert registry.in_service(BASE_SHA) == "good"
    assert registry.rollback("c" * 64).adapter is None
    assert registry.in_service(BASE_SHA) == "good"


@pytest.mark.parametrize("name", ["", ".", "..", "../models/good", "absent", "good/"])
def test_there_is_no_such_adapter(registry: Registry, name: str) -> None:
    """A name is no path."""
    with pytest.raises(Refused, match="there is no adapter"):
        registry.promote(name, BASE_SHA)


def test_a_damaged_state_says_so(registry: Registry) -> None:
    """It is not taken for the base."""
    registry.promote("good", BASE_SHA)
    (registry.folder / "state.json").write_text('{"in_service": "go')
    with pytest.raises(InvalidInput, match="cannot be read"):
        registry.in_service(BASE_SHA)


_FULL = """
import resource, sys
from pathlib import Path
from app.training.card import Figures
from app.training.registry import Registry
from tests.app.training.cards import BASE_SHA, card, files
registry = Registry(Path(sys.argv[1]))
given = files(Path(sys.argv[2]))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    if sys.argv[4] == "add":
        registry.add(given, card("new", Figures(1, 0.9)))
    else:
        registry.promote("better", BASE_SHA)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("what", "most"), [("add", 0), ("add", 100), ("add", 2_900), ("promote", 4)]
)
def test_a_full_disk_leaves_everything_as_it_was(
    registry: Registry, tmp_path: Path, what: str, most: int
) -> None:
    """The error says what to do, no file is half there, and what was in service still is."""
    registry.promote("good", BASE_SHA)
    before = {p: p.read_bytes() for p in registry.folder.rglob("*") if p.is_file()}
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(registry.folder), str(tmp_path / "f"), str(most), what],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "InvalidInput" in done.stdout, done.stdout + done.stderr
    assert "free some space" in done.stdout
    after = {p: p.read_bytes() for p in registry.folder.rglob("*") if p.is_file()}
    assert after == before
    assert registry.in_service(BASE_SHA) == "good"


_KILLED = """
import os, sys
from pathlib import Path
from app.training import registry as module
from app.training.card import Figures
from tests.app.training.cards import BASE_SHA, card, files
calls = 0
def counted(function):
    def run(*given, **more):
        global calls
        calls += 1
        if calls > int(sys.argv[3]):
            os.kill(os.getpid(), 9)
        return function(*given, **more)
    return run
registry = module.Registry(Path(sys.argv[1]))
given = files(Path(sys.argv[2]))
for name in ("fsync", "fdopen", "open", "close"):
    setattr(os, name, counted(getattr(os, name)))
for name in ("rename", "replace", "mkdir", "chmod", "unlink"):
    setattr(Path, name, counted(getattr(Path, name)))
registry.add(given, card("new", Figures(1, 0.9)))
registry.promote("new", BASE_SHA)
"""


@pytest.mark.parametrize("after", range(0, 44, 6))
def test_a_kill_at_any_moment_leaves_it_before_or_after(tmp_path: Path, after: int) -> None:
    """Whatever call it dies in: a listed adapter is whole, and one in service is listed."""
    registry = Registry(tmp_path / "models", tmp_path / "shipped")
    registry.add(files(tmp_path / "good"), card("good", GOOD))
    registry.promote("good", BASE_SHA)
    subprocess.run(
        [sys.executable, "-c", _KILLED, str(registry.folder), str(tmp_path / "f"), str(after)],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    listed = [one.id for one in registry.cards()]
    assert listed in (["good"], ["good", "new"])
    for name in listed:
        registry.whole(name)
    assert registry.in_service(BASE_SHA) in listed
    if "new" not in listed:
        registry.add(files(tmp_path / "new"), card("new", BETTER))
    if registry.in_service(BASE_SHA) == "good":
        registry.promote("new", BASE_SHA)
    assert registry.rollback(BASE_SHA).adapter == "good"


@given(
    st.lists(st.tuples(st.sampled_from(["promote", "rollback"]), st.integers(0, 4)), max_size=12)
)
def test_whatever_is_done_the_history_holds(steps: list[tuple[str, int]]) -> None:
    """What is in service is always better than all before it, and rollbacks undo promotions."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder, "models"))
        for k in range(5):
            registry.add(files(Path(folder, "f")), card(str(k), Figures(19.0 - k, 0.11 + k / 100)))
        expected: list[Any] = [None]
        for step, k in steps:
            try:
                if step == "promote":
                    registry.promote(str(k), BASE_SHA)
                    assert expected[-1] is None or k > int(expected[-1])
                    expected.append(str(k))
                else:
                    registry.rollback(BASE_SHA)
                    expected.pop()
            except Refused:
                assert len(expected) == 1 or step == "promote"
            assert registry.in_service(BASE_SHA) == expected[-1]
        state = registry.folder / "state.json"
        assert (
            not state.exists() or json.loads(state.read_text())[BASE_SHA]["before"] == expected[:-1]
        )
        assert os.listdir(folder).count("models") == 1  # noqa: PTH208
