"""From labelled files to a classifier that is served without torch, and its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.understanding.card import Card, head_of, read_card
from app.understanding.classifier import evaluate_classifier, train_classifier
from app.understanding.heads import Heads
from app.understanding.labelled import Example
from app.understanding.options import Options
from app.understanding.tasks import Work, read_tasks
from memory import InvalidInput
from tests.app.conftest import Running
from tests.app.understanding.conftest import said

Write = Callable[[str, list[Example]], Path]


def trained(tiny: Path, out: Path, files: dict[str, Path], **options: Any) -> Card:
    """A classifier of the tiny encoder in ``out``."""
    work = Work("desk", out, files, options=Options(**options))
    return train_classifier(work, read_tasks(work), tiny)


@pytest.fixture(scope="module")
def desk(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with a head that knows texts out of scope, and one that does not."""
    folder = tmp_path_factory.mktemp("desk")
    files = {}
    for name, outside in (("intent", 40), ("topic", 0)):
        files[name] = folder / f"{name}.jsonl"
        examples = said(40, seed=1, outside=outside)
        files[name].write_text("".join(json.dumps(one._asdict()) + "\n" for one in examples))
    trained(tiny, folder / "desk", files, tune="head")
    return folder / "desk"


@pytest.mark.parametrize("tune", ["head", "top:1", "lora", "all"])
def test_each_way_of_tuning_learns(tune: str, tiny: Path, tmp_path: Path, written: Write) -> None:
    """The card says what was learnt from what; another file finds it right."""
    files = {"label": written("train.jsonl", said(60, seed=1))}
    card = trained(tiny, tmp_path / "desk", files, tune=tune, epochs=2.0)
    assert read_card(tmp_path / "desk") == card
    assert card.data[0]["examples"] == 162
    assert card.figures["label"]["examples"] == 18
    assert (tmp_path / "desk" / "confusion-label.png").exists()
    assert bool(card.history) == (tune != "head")
    heads = Heads(tmp_path / "desk", tiny / "model.safetensors")
    truth, read = evaluate_classifier(heads, said(20, seed=2), "label")
    assert np.mean([one.name == label for one, label in zip(read, truth, strict=True)]) > 0.9


def test_lora_is_kept_without_the_encoder(tiny: Path, tmp_path: Path, written: Write) -> None:
    """What was changed lies alone, reads as torch does, and goes with its own encoder only."""
    import torch
    from peft.tuners.lora import LoraLayer

    from app.understanding.network import Network

    files = {"label": written("train.jsonl", said(60, seed=1))}
    kept: list[Any] = []
    save = Network.save

    def seen(network: Network, to: Path) -> None:
        kept.append(network)
        save(network, to)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "save", seen)
        trained(tiny, tmp_path / "desk", files, tune="lora", epochs=2.0)
    assert {file.name for file in (tmp_path / "desk").iterdir()} == {
        "card.json", "confusion-label.png", "lora.safetensors",
    }  # fmt: skip
    encoder = kept[0].encoder
    layers = [layer for layer in encoder.modules() if isinstance(layer, LoraLayer)]
    assert any(layer.lora_B["default"].weight.abs().max() > 0 for layer in layers)
    heads = Heads(tmp_path / "desk", tiny / "model.safetensors")
    for text in ("where is my courier now 3", "i want the charge back please 4"):
        ids = torch.tensor([heads._network._tokenizer.encode(text).ids])
        with torch.no_grad():
            read = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            vector = torch.nn.functional.normalize(read.sum(1), dim=-1)
            scores = kept[0].heads["label"](vector)[0].numpy()
        found = heads._network.run([text])
        np.testing.assert_allclose(found["heads.label"][0], scores, atol=0.25)
        assert float(found["vectors"][0] @ vector[0].numpy()) > 0.99
    with pytest.raises(InvalidInput, match="was tuned on another encoder"):
        Heads(tmp_path / "desk")


def test_tuning_upper_layers_leaves_the_lower_alone(
    tiny: Path, tmp_path: Path, written: Write
) -> None:
    """Of two layers, ``top:1`` changes the second; and the same seed gives the same weights."""
    from safetensors.numpy import load_file

    files = {"label": written("train.jsonl", said(20, seed=1))}
    weights = []
    for name in ("one", "again"):
        trained(tiny, tmp_path / name, files, tune="top:1", epochs=1.0)
        weights.append(load_file(tmp_path / name / "model.safetensors"))
    before = load_file(tiny / "model.safetensors")
    changed = {name for name in before if not np.array_equal(before[name], weights[0][name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)
    for name, numbers in weights[0].items():
        np.testing.assert_array_equal(numbers, weights[1][name], err_msg=name)


def test_what_is_served_is_what_was_tuned(tiny: Path, tmp_path: Path) -> None:
    """ONNX Runtime in whole numbers of 8 bits ranks the labels as torch in floats does."""
    import torch
    from transformers import BertModel

    from app.understanding.network import Network
    from memory import minilm
    from memory.embeddings import Network as Runtime

    drawn = np.random.default_rng(0)
    heads = {
        name: (drawn.normal(0, 1, (classes, 48)).astype(np.float32), np.ones(classes, np.float32))
        for name, classes in (("intent", 5), ("mood", 3))
    }
    network = Network(BertModel.from_pretrained(tiny), heads).eval()
    network.save(tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_bytes((tiny / "tokenizer.json").read_bytes())
    runtime = Runtime(minilm.graph(tmp_path / "model.safetensors"), tmp_path)
    texts = [one.text for one in said(10, seed=3)]
    found = runtime.run(texts)
    ids = [runtime._tokenizer.encode(text).ids for text in texts]
    for row, one in enumerate(ids):
        given = torch.tensor([one])
        with torch.no_grad():
            read = network.encoder(given, torch.ones_like(given)).last_hidden_state
            vector = torch.nn.functional.normalize(read.sum(1), dim=-1)
            for name, layer in network.heads.items():
                np.testing.assert_allclose(
                    found[f"heads.{name}"][row], layer(vector)[0].numpy(), atol=0.25
                )


def test_every_head_is_read_at_once(desk: Path) -> None:
    """Out of scope is said by the head that knows it, with how sure it is."""
    heads = Heads(desk)
    inside, outside = heads.read(["where is my parcel now 17", "tell me about the planets 17"])
    assert (inside["intent"].name, inside["topic"].name) == ("track", "track")
    assert outside["intent"].name is None
    assert outside["topic"].name in heads.card.heads["topic"].labels
    assert all(0 <= one.confidence <= 1 for one in (*inside.values(), *outside.values()))
    assert heads.read([]) == []


def test_many_threads_read_at_a_time(desk: Path) -> None:
    """Each gets what it would get alone, but for what floats lose in another batch."""
    heads = Heads(desk)
    texts = [one.text for one in said(8, seed=4, outside=8)]
    alone = [heads.read([text])[0] for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = [*pool.map(lambda text: heads.read([text])[0], texts)]
    for read, single in zip(together, alone, strict=True):
        assert {head: label.name for head, label in read.items()} == {
            head: label.name for head, label in single.items()
        }
        for head, label in read.items():
            assert label.confidence == pytest.approx(single[head].confidence, abs=1e-5)


def test_a_service_reads_with_it(desk: Path, run_service: Callable[..., Running]) -> None:
    """A setting names its folder; its heads are told as they are called, out of scope as null."""
    service = run_service(understanding=str(desk))
    heads = Heads(desk)
    for message in ("where is my parcel now 17", "tell me about the planets 17"):
        told = service.chat(message).json()["understanding"]
        (read,) = heads.read([message])
        assert told == {
            name: {"label": one.name, "confidence": pytest.approx(one.confidence)}
            for name, one in read.items()
        }
    assert told["intent"]["label"] is None
    assert service.client.get("/v1/customers/ada/sessions/s1").json()["mood"] is None


def test_reading_needs_neither_torch_nor_scikit_learn(desk: Path) -> None:
    """What is served starts in a moment."""
    program = (
        "import sys; from pathlib import Path; from app.understanding.heads import Heads;"
        f"Heads(Path({str(desk)!r})).read(['hello']);"
        "print([m for m in ('torch', 'sklearn', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_unknown_labels_are_named(desk: Path) -> None:
    """Nothing is measured on labels that the head cannot say."""
    with pytest.raises(InvalidInput, match="does not know 1 of the labels: 'complain'"):
        evaluate_classifier(Heads(desk), [Example("x", "complain")], "intent")
    with pytest.raises(InvalidInput, match="was taught no text out of scope"):
        evaluate_classifier(Heads(desk), [Example("x", "oos")], "topic")
    with pytest.raises(InvalidInput, match=r"which head\? give --head, one of intent, topic"):
        head_of(Heads(desk).card.heads, None)


def test_a_head_may_be_held_to_the_labels_that_are_asked(desk: Path) -> None:
    """Where the data have but some of its labels it says no other."""
    heads = Heads(desk)
    examples = [Example("where is my parcel now 17", "refund"), *said(5, seed=4)[:10]]
    some = [one for one in examples if one.label != "greet"]
    _, free = evaluate_classifier(heads, some, "topic")
    _, held = evaluate_classifier(heads, [Example(one.text, "refund") for one in some], "topic",
                                  among=True)  # fmt: skip
    assert {one.name for one in free} > {"refund"}
    assert {one.name for one in held} == {"refund"}


def test_what_is_no_classifier_is_refused(desk: Path, tmp_path: Path) -> None:
    """Another folder, a file that is missing, weights that are not the card's."""
    with pytest.raises(InvalidInput, match="is no classifier's folder"):
        Heads(tmp_path)
    for file in desk.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(InvalidInput, match=r"model\.safetensors in .* do not match its card"):
        Heads(tmp_path)
    weights.unlink()
    with pytest.raises(InvalidInput, match=r"is not whole, it has no model\.safetensors"):
        Heads(tmp_path)
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(InvalidInput, match="cannot be read"):
        Heads(tmp_path)


def test_a_folder_that_is_there_is_left_alone(tiny: Path, tmp_path: Path, written: Write) -> None:
    """And what cannot be learnt leaves nothing behind."""
    files = {"label": written("train.jsonl", said(20, seed=1))}
    with pytest.raises(InvalidInput, match="is there already"):
        trained(tiny, tmp_path, files, tune="head")
    with pytest.raises(InvalidInput, match="--tune 'top:3' is not known"):
        trained(tiny, tmp_path / "desk", files, tune="top:3")
    assert [file.name for file in tmp_path.iterdir()] == ["train.jsonl"]


def test_a_folder_that_cannot_be_written_is_told(
    tiny: Path, tmp_path: Path, written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once where it cannot be made; and a disk that fills up leaves nothing by half."""
    files = {"label": written("train.jsonl", said(20, seed=1))}
    with pytest.raises(InvalidInput, match=r"cannot write to .*File exists"):
        trained(tiny, files["label"] / "desk", files, tune="head")

    def full(*_given: object) -> None:
        msg = "Error while serializing: I/O error: No space left on device (os error 28)"
        raise RuntimeError(msg)

    monkeypatch.setattr("app.understanding.network.save_file", full)
    with pytest.raises(InvalidInput, match="Free some space, or give another --out"):
        trained(tiny, tmp_path / "desk", files, tune="head")
    assert [file.name for file in tmp_path.iterdir()] == ["train.jsonl"]
