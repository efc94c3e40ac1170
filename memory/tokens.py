"""Counting tokens as the embedded language model counts them.

The tokenizer of SmolLM2-135M-Instruct is part of this package, so that a budget means the same
before the model itself has been fetched. It is derived from the model's own file:
``python -m memory.tokens SmolLM2-135M-Instruct.Q4_1.gguf memory/data/smollm2-tokenizer.json.gz``.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

# What the tokenizer's model sees of ASCII text: each digit, and GPT-2's pattern between them.
_PIECES = re.compile(
    r"'(?:[stmd]|re|ve|ll)| ?[A-Za-z]+| ?[^\sA-Za-z0-9]+|[0-9]|\s+(?![^\s0-9])|\s+", re.ASCII
)
# ... and as what: GPT-2's characters for the bytes that are no printable ones.
_SHOWN = {byte: 0x100 + byte for byte in range(33)} | {127: 0x121}

_lock = Lock()
# Counts by the hashes of texts, and of the pieces that they are made of: nothing that was said
# is kept here.
_known: dict[int, int] = {}
_pieces: dict[int, int] = {}
_MOST_KNOWN = 8192
_tokenizer: Tokenizer | None = None
_model: Any = None  # the tokenizer's


def count_tokens(text: str) -> int:
    """How many tokens of the embedded language model a text has; 0 for an empty one."""
    key = hash(text)
    count = _known.get(key)
    if count is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        # What is recalled is counted several times in a turn, and again in later ones.
        count = _known[key] = _by_pieces(text) if text.isascii() else _count(text)
    return count


def _by_pieces(text: str) -> int:
    """The same as ``_count``, several times faster where words have been met before."""
    if "<|" in text:  # may be a token of its own
        return _count(text)
    count = 0
    for piece in _PIECES.findall(text):
        key = hash(piece)
        tokens = _pieces.get(key)
        if tokens is None:
            if len(_pieces) >= _MOST_KNOWN:
                _pieces.clear()
            tokens = _pieces[key] = _merged(piece)
        count += tokens
    return count


def _merged(piece: str) -> int:
    """A piece's tokens by the model alone, whose work is a twentieth of what is done around it."""
    if _model is None:
        _loaded()
    return len(_model.tokenize(piece.translate(_SHOWN)))


def _count(text: str) -> int:
    tokenizer = _tokenizer or _loaded()
    try:
        return len(tokenizer.encode_batch_fast([text], add_special_tokens=False)[0])
    except (TypeError, UnicodeError):  # lone surrogates, which the tokenizer refuses
        return _count(text.encode("utf-8", "replace").decode())


def _loaded() -> Tokenizer:
    """The tokenizer, one for the process."""
    global _model, _tokenizer
    with _lock:
        if _tokenizer is None:
            data = files("memory").joinpath("data", "smollm2-tokenizer.json.gz").read_bytes()
            loaded = Tokenizer.from_buffer(gzip.decompress(data))
            _model, _tokenizer = loaded.model, loaded
        return _tokenizer


def derive(fields: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that a SmolLM2 GGUF file describes in its metadata (``GGUFReader.fields``).

    Byte-level BPE over text cut at every digit: llama.cpp's pre-tokenizer ``smollm``.

    Raises:
        ValueError, KeyError: it is another, or none.
    """
    tokens, types, merges, cut = (
        fields[f"tokenizer.ggml.{name}"].contents()
        for name in ("tokens", "token_type", "merges", "pre")
    )
    if cut != "smollm":
        msg = f"it cuts text as {cut!r} does, which is not known here"
        raise ValueError(msg)
    control = 3  # llama.cpp's token type of <|im_start|> and the like
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(tokens)},
            merges=[tuple(merge.split(" ")) for merge in merges],
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True)
            for token, kind in zip(tokens, types, strict=True)
            if kind == control
        ]
    )
    return tokenizer


def main(gguf: str, out: str) -> None:
    """Write a GGUF's tokenizer as gzipped tokenizer.json, the same bytes each time."""
    from gguf import GGUFReader

    description = json.loads(derive(GGUFReader(gguf).fields).to_str())
    model = description["model"]
    model["merges"] = [" ".join(merge) for merge in model["merges"]]  # the shorter spelling
    text = json.dumps(description, ensure_ascii=False, separators=(",", ":"))
    Path(out).write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
