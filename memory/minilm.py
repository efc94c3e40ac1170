"""all-MiniLM-L6-v2 as an ONNX graph over the weights where they lie.

The model comes as a safetensors file inside an installed package. ONNX lets a graph name its
weights as (file, offset, length), and safetensors keeps each tensor as plain little-endian
numbers, so a graph of some ten kilobytes is all that is missing: nothing is exported, copied
or cached, no PyTorch is needed, and ONNX Runtime maps the file.

The network is BERT (Devlin et al. 2019) with mean pooling and unit length at its end, as
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 describes it. Messages are written
by hand after https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: it takes a dozen fields.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

HEADS = 12
WIDTH = 384
LAYERS = 6

_IR_VERSION, _OPSET = 9, 20  # Gelu is an operator from opset 20
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_EXTERNAL = 1  # TensorProto.DataLocation

Field = int | float | str | bytes


def _varint(number: int) -> bytes:
    """A protobuf varint of a 64-bit two's complement number."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _message(*fields: tuple[int, Field]) -> bytes:
    """A protobuf message of (field number, value) pairs, in their order."""
    parts = []
    for number, value in fields:
        match value:
            case int():
                parts += [_varint(number << 3), _varint(value)]
            case float():
                parts += [_varint(number << 3 | 5), struct.pack("<f", value)]
            case _:
                data = value.encode() if isinstance(value, str) else value
                parts += [_varint(number << 3 | 2), _varint(len(data)), data]
    return b"".join(parts)


def _attribute(name: str, value: int | float | Sequence[int]) -> bytes:
    """An AttributeProto: FLOAT (1), INT (2) or INTS (7)."""
    match value:
        case float():
            return _message((1, name), (2, value), (20, 1))
        case int():
            return _message((1, name), (3, value), (20, 2))
        case _:
            return _message((1, name), *((8, each) for each in value), (20, 7))


def _value(name: str, kind: int, dims: Iterable[str | int]) -> bytes:
    """A ValueInfoProto: a tensor's name, type and shape (a str is a dimension that varies)."""
    shape = _message(
        *((1, _message((2, dim) if isinstance(dim, str) else (1, dim))) for dim in dims)
    )
    return _message((1, name), (2, _message((1, _message((1, kind), (2, shape))))))


class _Graph:
    """An ONNX graph being written: nodes are appended, and a value is its name."""

    def __init__(self) -> None:
        self._nodes: list[tuple[int, Field]] = []
        self._tensors: list[tuple[int, Field]] = []
        self._names = (f"v{number}" for number in count())

    def __call__(self, operator: str, *inputs: str, **attributes: int | float | list[int]) -> str:
        """Append a node with one output, and return the output's name."""
        return self.node(operator, inputs, next(self._names), **attributes)

    def node(self, operator: str, inputs: Iterable[str], output: str, **attributes: Any) -> str:
        """Append a node whose output has a given name."""
        self._nodes.append(
            (1, _message(
                *((1, name) for name in inputs), (2, output), (4, operator),
                *((5, _attribute(*each)) for each in attributes.items()),
            ))
        )  # fmt: skip
        return output

    def ints(self, *numbers: int) -> str:
        """A constant vector of int64."""
        name = next(self._names)
        data = struct.pack(f"<{len(numbers)}q", *numbers)
        self._tensors.append((5, _message((1, len(numbers)), (2, _INT64), (8, name), (9, data))))
        return name

    def number(self, value: float) -> str:
        """A constant float32 scalar."""
        name = next(self._names)
        self._tensors.append((5, _message((2, _FLOAT), (8, name), (9, struct.pack("<f", value)))))
        return name

    def external(self, name: str, shape: Iterable[int], location: dict[str, Any]) -> None:
        """A float32 weight that lies in another file."""
        where = [(13, _message((1, key), (2, str(value)))) for key, value in location.items()]
        dims = [(1, size) for size in shape]
        self._tensors.append(
            (5, _message(*dims, (2, _FLOAT), (8, name), *where, (14, _EXTERNAL)))
        )  # fmt: skip

    def model(self, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
        """The finished ModelProto."""
        graph = _message(
            *self._nodes, (2, "all-MiniLM-L6-v2"), *self._tensors,
            *((11, each) for each in inputs), *((12, each) for each in outputs),
        )  # fmt: skip
        return _message((1, _IR_VERSION), (7, graph), (8, _message((2, _OPSET))))


def _weights(graph: _Graph, file: Path) -> None:
    """Declare a safetensors file's float32 tensors as weights of the graph, by their names.

    The format: 8 bytes of header length, the header as JSON, then the numbers
    (https://github.com/huggingface/safetensors#format).
    """
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        tensors = json.loads(stream.read(length))
    for name, tensor in tensors.items():
        if tensor.get("dtype") == "F32" and not name.startswith("pooler."):
            start, end = tensor["data_offsets"]
            place = {"location": file.name, "offset": 8 + length + start, "length": end - start}
            graph.external(name, tensor["shape"], place)


def graph(file: Path) -> bytes:
    """The model over ``file`` (its model.safetensors), as a serialised ONNX ModelProto.

    Inputs: ``ids`` and ``mask``, int64 (n, t), t at most 512. Output: ``vectors``, float32
    (n, 384), unit length.
    """
    g = _Graph()
    _weights(g, file)

    def linear(x: str, name: str) -> str:
        return g("Gemm", x, f"{name}.weight", f"{name}.bias", transB=1)

    def norm(x: str, name: str) -> str:
        weights = f"{name}.weight", f"{name}.bias"
        return g("LayerNormalization", x, *weights, axis=-1, epsilon=1e-12)

    shape = g("Shape", "ids")
    rows = g.ints(-1, WIDTH)  # (n·t, width): what is done token by token is one matrix product
    split = g("Concat", shape, g.ints(HEADS, WIDTH // HEADS), axis=0)
    mask = g("Cast", "mask", to=_FLOAT)
    hidden_from = g("Unsqueeze", g("Sub", mask, g.number(1.0)), g.ints(1, 2))
    bias = g("Mul", hidden_from, g.number(1e9))  # 0 where a token is, -1e9 where padding is
    scale = g.number(1 / math.sqrt(WIDTH // HEADS))

    def heads(x: str, order: list[int]) -> str:
        return g("Transpose", g("Reshape", x, split), perm=order)

    def attention(x: str, name: str) -> str:
        query = heads(linear(x, f"{name}.self.query"), [0, 2, 1, 3])
        key = heads(linear(x, f"{name}.self.key"), [0, 2, 3, 1])
        value = heads(linear(x, f"{name}.self.value"), [0, 2, 1, 3])
        scores = g("Add", g("Mul", g("MatMul", query, key), scale), bias)
        mixed = g("MatMul", g("Softmax", scores, axis=-1), value)
        return linear(
            g("Reshape", g("Transpose", mixed, perm=[0, 2, 1, 3]), rows), f"{name}.output.dense"
        )

    length = g("Slice", shape, g.ints(1), g.ints(2))
    places = g("Slice", "embeddings.position_embeddings.weight", g.ints(0), length, g.ints(0))
    first = g("Slice", "embeddings.token_type_embeddings.weight", g.ints(0), g.ints(1), g.ints(0))
    words = g("Gather", "embeddings.word_embeddings.weight", "ids")
    x = g("Reshape", g("Add", words, g("Add", places, first)), rows)
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        attended = g("Add", x, attention(x, f"{name}.attention"))
        x = norm(attended, f"{name}.attention.output.LayerNorm")
        wide = g("Gelu", linear(x, f"{name}.intermediate.dense"))
        x = norm(g("Add", x, linear(wide, f"{name}.output.dense")), f"{name}.output.LayerNorm")

    # The mean over the tokens and then unit length: the sum's direction is the mean's.
    tokens = g("Reshape", x, g("Concat", shape, g.ints(WIDTH), axis=0))
    kept = g("Mul", tokens, g("Unsqueeze", mask, g.ints(2)))
    total = g("ReduceSum", kept, g.ints(1), keepdims=0)
    g.node("LpNormalization", [total], "vectors", axis=-1, p=2)
    return g.model(
        [_value("ids", _INT64, ("n", "t")), _value("mask", _INT64, ("n", "t"))],
        [_value("vectors", _FLOAT, ("n", WIDTH))],
    )
