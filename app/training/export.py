"""A peft LoRA adapter as the GGUF file that llama.cpp loads beside the base."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from app.training import llama
from memory import InvalidInput
from memory.weights import written

_NAME = re.compile(
    r"base_model\.model\.model\.layers\.(?P<layer>\d+)\.(?P<matrix>\w+\.\w+)\.lora_(?P<part>[AB])"
    r"\.weight"
)
_IN_GGUF = {name: gguf for gguf, name in llama.MATRICES.items()}


def to_gguf(adapter: Path, base: Path, out: Path) -> Path:
    """Write an adapter for llama.cpp, in float16.

    The rows of what is added to queries and keys (``lora_b``) stand in the order of the base's
    own rows in GGUF, which is not that of transformers.

    Args:
        adapter: a peft LoRA adapter's folder.
        base: the folder of the model that it is of.
        out: the GGUF file; it is there whole or not at all.

    Raises:
        InvalidInput: it is no LoRA adapter of a Llama's attention and MLP matrices.
        OSError: it cannot be written.
    """
    from gguf import GGUFWriter
    from safetensors.numpy import load_file

    config = SimpleNamespace(**json.loads((base / "config.json").read_text()))
    if config.model_type != "llama":
        msg = (
            f"adapters of {config.model_type} models are not exported to llama.cpp: serve it with "
            "--llm huggingface:BASE#ADAPTER, or with vLLM"
        )
        raise InvalidInput(msg)
    said = json.loads((adapter / "adapter_config.json").read_text())
    unknown = said["peft_type"] != "LORA" or said.get("use_dora") or said.get("use_rslora")
    if unknown or said.get("rank_pattern") or said.get("alpha_pattern"):
        msg = f"{adapter} is not plain LoRA, which is all that llama.cpp takes"
        raise InvalidInput(msg)
    logging.getLogger("gguf").setLevel(logging.WARNING)  # it tells each file that it writes
    with written(out) as part:
        writer = GGUFWriter(part, "llama")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(said["lora_alpha"]))
        for name, numbers in sorted(load_file(adapter / "adapter_model.safetensors").items()):
            found = _NAME.fullmatch(name)
            if found is None or found["matrix"] not in _IN_GGUF:
                msg = f"{adapter}: {name} is no part of a Llama that llama.cpp knows"
                raise InvalidInput(msg)
            matrix = _IN_GGUF[found["matrix"]]
            heads = llama.heads_of(matrix, config)
            if found["part"] == "B" and heads is not None:
                numbers = llama.to_gguf_rows(numbers, heads)
            tensor = f"blk.{found['layer']}.{matrix}.weight.lora_{found['part'].lower()}"
            writer.add_tensor(tensor, np.ascontiguousarray(numbers, np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return out
