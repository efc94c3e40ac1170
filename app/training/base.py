"""The model that is tuned, as a Hugging Face folder, whatever it came as.

Nothing here imports torch until a model is loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.llm.embedded import NAME, WEIGHTS, model_path, pull_model
from app.training import llama
from memory import InvalidInput
from memory.tokens import derive
from memory.weights import models_dir, sha256

_SUMS = "sha256.json"  # what was converted, and what it became
_FETCHED = ["*.json", "*.safetensors", "*.model", "*.jinja"]


@dataclass(frozen=True, slots=True)
class Base:
    """A causal language model that can be tuned.

    ``sha256`` says which model it is: of the embedded one the checksum of the file that is
    pulled (not of what is made of it here, which may change with the libraries that do it), of
    another GGUF file its own, of a folder that of its weights and its configuration.
    """

    name: str
    folder: Path
    sha256: str

    def tokenizer(self) -> Any:
        """Its tokenizer, with its chat template."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder)

    def model(self, adapter: Path | None = None) -> Any:
        """The model, with an adapter's weights if one is given: bf16 on CUDA, else float32."""
        import torch
        from transformers import AutoModelForCausalLM

        cuda = torch.cuda.is_available()
        model = AutoModelForCausalLM.from_pretrained(
            self.folder,
            dtype=torch.bfloat16 if cuda else torch.float32,
            use_safetensors=True,  # others are pickles
        )
        if adapter is not None:
            from peft import PeftModel

            with as_peft_asks():
                model = PeftModel.from_pretrained(model, adapter)
        return model.to("cuda" if cuda else "cpu").eval()


@contextmanager
def as_peft_asks() -> Iterator[None]:
    """Nobody is told that peft asks transformers by names that are about to be replaced."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*gradient_checkpointing", FutureWarning)
        yield


def open_base(name: str | None = None) -> Base:
    """The base model called ``name``; None is the embedded one.

    Args:
        name: a GGUF file, a folder of transformers' ``save_pretrained``, or the name of a model
            on the Hugging Face hub, which is fetched (with the user's own token and cache).

    Raises:
        InvalidInput: there is no such model, or it is none that can be tuned.
        WeightsMissing: the embedded model cannot be fetched.
    """
    if name is None:
        pull_model()
        return Base(NAME, _converted(model_path(), NAME, WEIGHTS.sha256), WEIGHTS.sha256)
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            msg = f"--base {name}: there is no such file"
            raise InvalidInput(msg)
        checksum = sha256(path)
        return Base(path.stem, _converted(path, f"{path.stem}-{checksum[:12]}", checksum), checksum)
    folder = path if path.is_dir() else _fetched(name)
    return Base(path.resolve().name if path.is_dir() else name, folder, _folder_sha256(folder))


def _fetched(name: str) -> Path:
    """The folder of a model of the hub."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_FETCHED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        msg = (
            f"--base {name}: it is no folder here, and it could not be fetched from the Hugging "
            f"Face hub ({type(error).__name__}). Check the name and the network, or give a folder "
            "or a GGUF file"
        )
        raise InvalidInput(msg) from error


def _folder_sha256(folder: Path) -> str:
    """One checksum for a folder's weights and configuration, whatever else lies in it."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        msg = (
            f"{folder} is no model that can be tuned: it is to hold config.json and weights "
            "(*.safetensors), as transformers' save_pretrained writes them"
        )
        raise InvalidInput(msg)
    sums = [f"{sha256(path)}  {path.name}\n" for path in [*weights, folder / "config.json"]]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


# --- from GGUF -----------------------------------------------------------------------------


def _converted(gguf: Path, name: str, source: str) -> Path:
    """The folder made of a GGUF file; made once, and again when it is damaged.

    Whoever looks for it sees all of it or nothing.
    """
    folder = models_dir() / f"{name}.hf"
    if not _whole(folder, source):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent):
            if not _whole(folder, source):  # else another has made it meanwhile
                _make(gguf, folder, source)
    return folder


def _make(gguf: Path, folder: Path, source: str) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{folder.stem}.", dir=folder.parent) as scratch:
        part = Path(scratch, "hf")
        try:
            _convert(gguf, part)
            made = {path.name: sha256(path) for path in sorted(part.iterdir())}
            (part / _SUMS).write_text(json.dumps({"source": source, "files": made}, indent=1))
        except OSError as error:
            msg = f"cannot write {folder}: {error}. Set MEMORY_SERVICE_MODELS_DIR to where is room"
            raise InvalidInput(msg) from error
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one that converts into a folder, in this block; others wait."""
    handle = os.open(folder, os.O_RDONLY)  # the folder itself, so nothing is left in it
    try:
        with suppress(OSError):  # a network's file system, say
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _whole(folder: Path, source: str) -> bool:
    try:
        sums = json.loads((folder / _SUMS).read_text())
        return bool(sums["source"] == source) and all(
            sha256(folder / name) == expected for name, expected in sums["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _convert(gguf: Path, to: Path) -> None:
    """Write a Llama's GGUF file as float32 (Q8_0's numbers exactly), with its tokenizer.

    transformers reads GGUF files too, but spends 20 seconds on their tokenizer, which it then
    reads less exactly than ``memory.tokens`` does.
    """
    from gguf import GGUFReader
    from safetensors.numpy import save_file
    from transformers import LlamaConfig, PreTrainedTokenizerFast

    try:
        reader = GGUFReader(gguf)
    except (ValueError, IndexError) as error:
        msg = f"{gguf} is no whole GGUF file ({error}): fetch it again, or give another --base"
        raise InvalidInput(msg) from error

    def said(name: str) -> Any:
        return reader.fields[name].contents() if name in reader.fields else None

    if said("general.architecture") != "llama":
        msg = f"{gguf} is no Llama: give the model's folder instead of its GGUF file"
        raise InvalidInput(msg)
    try:
        words = derive(reader.fields)
    except (ValueError, KeyError) as error:
        msg = f"{gguf}: its tokenizer is not known here ({error}): give the model's folder"
        raise InvalidInput(msg) from error
    tokens = said("tokenizer.ggml.tokens")
    special = {
        name: number
        for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))
        if (number := said(f"tokenizer.ggml.{key}_token_id")) is not None
    }
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        chat_template=said("tokenizer.chat_template"),
        **{f"{name}_token": tokens[number] for name, number in special.items()},
    )
    heads = said("llama.attention.head_count")
    tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=said("llama.embedding_length"),
        intermediate_size=said("llama.feed_forward_length"),
        num_hidden_layers=said("llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=said("llama.attention.head_count_kv") or heads,
        max_position_embeddings=said("llama.context_length"),
        rms_norm_eps=said("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": said("llama.rope.freq_base") or 10_000.0,
        },
        tie_word_embeddings=tied,
        architectures=["LlamaForCausalLM"],
        dtype="float32",
        **{f"{name}_token_id": number for name, number in special.items() if name != "unk"},
    )
    to.mkdir()
    config.save_pretrained(to)
    tokenizer.save_pretrained(to)
    save_file(dict(_weights(reader, config)), to / "model.safetensors", {"format": "pt"})


def _weights(reader: Any, config: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The weights of a Llama's GGUF file by their names in transformers."""
    from gguf.quants import dequantize

    whole = {
        "token_embd": "model.embed_tokens",  # nosec B105 # a layer's name
        "output_norm": "model.norm",
        "output": "lm_head",
    }
    for tensor in reader.tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        name = tensor.name.removesuffix(".weight")
        if name in whole:
            yield f"{whole[name]}.weight", numbers
            continue
        block, layer, matrix = name.split(".")
        inner = llama.MATRICES.get(matrix) or llama.NORMS.get(matrix)
        if block != "blk" or inner is None or tensor.name != f"{name}.weight":
            msg = f"{tensor.name} is no part of a Llama: give the model's folder, not its GGUF file"
            raise InvalidInput(msg)
        if (heads := llama.heads_of(matrix, config)) is not None:
            numbers = llama.from_gguf_rows(numbers, heads)
        yield f"model.layers.{layer}.{inner}.weight", np.ascontiguousarray(numbers)
