"""The exported adapter: llama.cpp says with it what peft says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.llm.embedded import model_path
from app.training.base import Base, as_peft_asks, open_base
from app.training.card import GGUF
from app.training.export import to_gguf
from app.training.registry import Registry
from memory import InvalidInput

_SAID = [
    ("Where is my parcel?", "Your parcel left our warehouse this morning, and comes tomorrow."),
    ("Can I change the address?", "Of course: tell me the new street, and the town, please."),
    ("The kettle is broken.", "I am sorry for that! We send you another kettle at once."),
    ("I want my money back.", "The refund takes five days, and goes to the card you paid with."),
    (
        "<memory>\n- Customer said on 2026-03-04: my order is KL-20388, a blue tent\n</memory>\n\n"
        "Which order was it that I wrote to you about?",
        "Your order number is KL-20388.",
    ),
    (
        "I need a cheap restaurant in the north part of town, and a taxi to get there at 19:15.",
        "The Golden Wok serves cheap Chinese food in the north. Shall I book a table and a taxi?",
    ),
]
_LIKELIEST = 2_000  # tokens: on these texts all but some thousandths of the probability
# A token of whole characters, which is made to be the answer: of one that is a part of a character
# llama.cpp tells no probabilities. Those it tells are from before the bias.
_PLAIN = 1_000


def _ids(tokenizer: Any, question: str, answer: str) -> list[int]:
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>"
    ids: list[int] = tokenizer(text).input_ids
    return ids


class Llama:
    """llama.cpp with an adapter: the whole distribution of the next token."""

    def __init__(self, model: Path, adapter: Path | None) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.port = 0
        params.ui = False
        params.verbosity = -1
        params.n_gpu_layers = 0
        params.n_ctx = 1024
        params.n_parallel = 1
        params.warmup = False
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
        if adapter is not None:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
        self._server = xllamacpp.Server(params)

    def next(self, ids: list[int]) -> dict[int, float]:
        """Log probabilities of the likeliest tokens after ``ids``."""
        body = {
            "prompt": ids, "n_predict": 1, "n_probs": _LIKELIEST, "temperature": 0.0,
            "logit_bias": [[_PLAIN, 1_000.0]],
        }  # fmt: skip
        found = self._server.handle_completions(body)["choices"][0]["logprobs"]["content"][0]
        return {one["id"]: one["logprob"] for one in found["top_logprobs"]}


def kl(model: Any, llama: Llama, texts: list[list[int]]) -> np.ndarray:
    """KL(peft | llama.cpp) after each beginning of the texts, in nats.

    All but llama.cpp's likeliest tokens are taken as one: all 49,152 take it seconds to tell.
    """
    import torch

    found = []
    for ids in texts:
        with torch.no_grad():
            ours = torch.softmax(model(torch.tensor([ids])).logits[0].double(), -1).numpy()
        for end in range(1, len(ids)):
            told = llama.next(ids[:end])
            p = ours[end - 1][list(told)]
            q = np.exp(list(told.values()))
            p, q = np.append(p, 1 - p.sum()), np.append(q, 1 - q.sum())
            found.append(float((p * np.log(p / np.maximum(q, 1e-12))).sum()))
    return np.array(found)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_llama_cpp_says_what_peft_says() -> None:
    """With what is shipped, over 200 positions: KL below 0.01; without it, far above."""
    base = open_base()
    shipped = Registry(Path("nowhere"))
    adapter = shipped.in_service(base.sha256)
    assert adapter is not None
    folder = shipped.whole(adapter)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 16e6
    tokenizer = base.tokenizer()
    texts = [_ids(tokenizer, *said) for said in _SAID]
    assert sum(len(ids) - 1 for ids in texts) >= 200
    model = base.model(folder)
    tuned = kl(model, Llama(model_path(), folder / GGUF), texts)
    assert tuned.mean() < 0.01, tuned.mean()
    plain = kl(model, Llama(model_path(), None), texts[:2])
    assert plain.mean() > 0.1, plain.mean()
    print(f"KL over {len(tuned)} positions: {tuned.mean():.5f}, at most {tuned.max():.4f}")


def test_every_matrix_is_in_its_place(base: Base, tiny: Path, tmp_path: Path) -> None:
    """On a tiny float32 model, with every matrix's adapter far from nothing, they agree closely."""
    import torch
    from peft import LoraConfig, get_peft_model

    shape = LoraConfig(r=3, lora_alpha=5, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(0)  # half of an adapter begins at random
    with as_peft_asks():
        model = get_peft_model(base.model(), shape)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn_like(weight) * 0.5
    model.save_pretrained(tmp_path / "adapter")
    gguf = to_gguf(tmp_path / "adapter", base.folder, tmp_path / "adapter.gguf")
    texts = [[1000 + 37 * k for k in range(12)]]
    assert kl(model.eval(), Llama(tiny, gguf), texts).max() < 1e-3
    assert kl(model, Llama(tiny, None), texts).mean() > 0.02


def test_what_llama_cpp_does_not_take_is_refused(base: Base, tmp_path: Path) -> None:
    """Another kind of adapter, or another kind of model: nothing is written."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "IA3", "lora_alpha": 1}')
    out = tmp_path / "adapter.gguf"
    with pytest.raises(InvalidInput, match="not plain LoRA"):
        to_gguf(adapter, base.folder, out)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InvalidInput, match="huggingface:"):
        to_gguf(adapter, tmp_path, out)
    assert not out.exists()
