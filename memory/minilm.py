"""all-MiniLM-L6-v2 as an ONNX graph, in whole numbers of 8 bits, over the weights where they lie.

The model comes as a safetensors file inside an installed package. ONNX lets a graph name its
weights as (file, offset, length), and safetensors keeps each tensor as plain little-endian
numbers, so the word vectors, half of the model, are mapped from that file. The matrices are
rounded to 8 bits when the graph is made, in a tenth of a second: nothing is exported, copied to
disk or cached, and no PyTorch is needed. A product of bytes takes half the time of one of
floats, which is most of what embedding a question takes.

The network is BERT (Devlin et al. 2019) with mean pooling and unit length at its end, as
https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 describes it. Matrices have a
scale for each output, and what goes into a product has one for each token, so that a text's
vector does not depend on what is embedded beside it (what ONNX Runtime's own dynamic
quantisation does not give: it takes one scale for the whole batch). Messages are written
by hand after https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: it takes a dozen fields.

A model that was tuned to classify (``app.understanding``) has the same tensors with other numbers,
and its heads beside them; their scores are more outputs of the same graph.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from memory.types import Floats

HEADS = 12
WIDTH = 384
HEAD = "heads."  # what the tensors of a classifier's heads are called: heads.NAME.weight, .bias

_IR_VERSION, _OPSET = 9, 20  # Gelu is an operator from opset 20
# TensorProto.DataType, and the same as numpy calls them
_FLOAT, _INT32, _INT64 = 1, 6, 7
_KINDS = {"float32": _FLOAT, "uint8": 2, "int8": 3, "int64": _INT64}
_EXTERNAL = 1  # TensorProto.DataLocation

_OWN = "com.microsoft"  # the domain of ONNX Runtime's own operators
_OF_OWN = frozenset({"MatMulIntegerToFloat", "MultiHeadAttention"})

# Weights are whole numbers up to 63 in size: AVX2 adds two products of an unsigned and a signed
# byte in 16 bits, and two of 255 and 127 would not fit.
_LARGEST = 63
# Activations are bytes around a zero point. GELU gives no less than -0.17: with 51 as zero, a
# fifth of the bytes are for what is negative, if the row's largest is taken as 0.68 or more.
_EVEN, _AFTER_GELU = (128, 127), (51, 204)  # zero point, steps from there to the row's largest
_LEAST_AFTER_GELU = 0.68

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


def _attribute(name: str, value: int | float) -> bytes:
    """An AttributeProto: FLOAT (1) or INT (2)."""
    if isinstance(value, float):
        return _message((1, name), (2, value), (20, 1))
    return _message((1, name), (3, value), (20, 2))


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

    def __call__(self, operator: str, *inputs: str, **attributes: int | float) -> str:
        """Append a node with one output, and return the output's name."""
        return self.node(operator, inputs, next(self._names), **attributes)

    def node(self, operator: str, inputs: Iterable[str], output: str, **attributes: Any) -> str:
        """Append a node whose output has a given name."""
        self._nodes.append(
            (1, _message(
                *((1, name) for name in inputs), (2, output), (4, operator),
                *((5, _attribute(*each)) for each in attributes.items()),
                (7, _OWN if operator in _OF_OWN else ""),
            ))
        )  # fmt: skip
        return output

    def tensor(self, values: np.typing.ArrayLike, kind: str = "float32") -> str:
        """A constant, written into the graph."""
        array, name = np.ascontiguousarray(values, kind), next(self._names)
        dims = [(1, size) for size in np.shape(values)]
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        self._tensors.append((5, _message(*dims, (2, _KINDS[kind]), (8, name), (9, data))))
        return name

    def ints(self, *numbers: int) -> str:
        """A constant vector of int64."""
        return self.tensor(numbers, "int64")

    def external(self, weights: Weights, name: str) -> str:
        """A float32 weight that stays in its file."""
        where = [(13, _message((1, key), (2, str(v)))) for key, v in weights.place(name).items()]
        dims = [(1, size) for size in weights[name].shape]
        self._tensors.append(
            (5, _message(*dims, (2, _FLOAT), (8, name), *where, (14, _EXTERNAL)))
        )  # fmt: skip
        return name

    def model(self, inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
        """The finished ModelProto."""
        graph = _message(
            *self._nodes, (2, "all-MiniLM-L6-v2"), *self._tensors,
            *((11, each) for each in inputs), *((12, each) for each in outputs),
        )  # fmt: skip
        operators = (8, _message((2, _OPSET))), (8, _message((1, _OWN), (2, 1)))
        return _message((1, _IR_VERSION), (7, graph), *operators)


class Weights(Mapping[str, Floats]):
    """The float32 tensors of a safetensors file, by their names; they stay in it.

    The format: 8 bytes of header length, the header as JSON, then the numbers
    (https://github.com/huggingface/safetensors#format).
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            self._tensors: dict[str, Any] = json.loads(stream.read(length))
        self._tensors.pop("__metadata__", None)
        self._file, self._start = file, 8 + length

    def __len__(self) -> int:
        return len(self._tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def place(self, name: str) -> dict[str, Any]:
        """Where a tensor's numbers lie, as ONNX says it."""
        start, end = self._tensors[name]["data_offsets"]
        return {
            "location": self._file.name, "offset": self._start + start, "length": end - start
        }  # fmt: skip

    def __getitem__(self, name: str) -> Floats:
        place, shape = self.place(name), tuple(self._tensors[name]["shape"])
        return np.memmap(self._file, "<f4", "r", place["offset"], shape)


def graph(file: Path, tuned: Mapping[str, Floats] | None = None) -> bytes:
    """The model over ``file`` (its model.safetensors), as a serialised ONNX ModelProto.

    ``tuned`` are tensors that take the place of the file's, and heads that it has not; the word
    vectors, which stay in the file, cannot be among them.

    Inputs: ``ids`` and ``mask``, int64 (n, t), t at most 512. Outputs: ``vectors``, float32
    (n, width), unit length, and for each head in the file ``heads.NAME``, float32 (n, classes),
    the classes' scores before softmax. The width is 384 in all-MiniLM-L6-v2.
    """
    g, lying = _Graph(), Weights(file)
    weights = {**lying, **(tuned or {})}
    names = list(weights)
    width = weights["embeddings.LayerNorm.weight"].shape[0]
    layers = sum(name.endswith("attention.self.query.weight") for name in names)
    heads = [n.removesuffix(".weight") for n in names if n.startswith(HEAD) and "weight" in n]
    last = g.ints(-1)
    zero_of = {levels: g.tensor(levels[0], "uint8") for levels in (_EVEN, _AFTER_GELU)}
    step_of = {levels: g.tensor(1 / levels[1]) for levels in (_EVEN, _AFTER_GELU)}
    least = g.tensor(_LEAST_AFTER_GELU)

    def product(x: str, *names: str, levels: tuple[int, int] = _EVEN) -> str:
        """A linear layer without its bias; of several names the layers side by side."""
        matrix = np.concatenate([weights[f"{name}.weight"] for name in names])  # (outputs, inputs)
        scale = np.abs(matrix).max(axis=1) / _LARGEST
        rounded = g.tensor(np.rint(matrix / scale[:, None]).T, "int8")
        if levels is _EVEN:
            largest = g("ReduceMax", g("Abs", x), last, keepdims=1)
        else:
            largest = g("Max", g("ReduceMax", x, last, keepdims=1), least)
        step, zero = step_of[levels], zero_of[levels]
        bytes_ = g("QuantizeLinear", g("Div", x, largest), step, zero)
        made = g("MatMulIntegerToFloat", bytes_, rounded, step, g.tensor(scale), zero)
        return g("Mul", made, largest)

    def bias(*names: str) -> str:
        return g.tensor(np.concatenate([weights[f"{name}.bias"] for name in names]))

    def norm(x: str, name: str) -> str:
        scale, shift = (g.tensor(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return g("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-12)

    padding = g("Cast", "mask", to=_INT32)

    def attention(x: str, name: str) -> str:
        parts = [f"{name}.self.{part}" for part in ("query", "key", "value")]
        joined = product(x, *parts)
        split = [
            g("Slice", joined, g.ints(i * width), g.ints((i + 1) * width), last) for i in range(3)
        ]
        mixed = g("MultiHeadAttention", *split, bias(*parts), padding, num_heads=HEADS)
        dense = f"{name}.output.dense"
        return g("Add", product(mixed, dense), bias(dense))

    def feed_forward(x: str, name: str) -> str:
        inner, outer = f"{name}.intermediate.dense", f"{name}.output.dense"
        wide = g("Gelu", g("Add", product(x, inner), bias(inner)))
        return g("Add", product(wide, outer, levels=_AFTER_GELU), bias(outer))

    length = g("Slice", g("Shape", "ids"), g.ints(1), g.ints(2))
    # Every token is of the first type.
    places = weights["embeddings.position_embeddings.weight"]
    places = places + weights["embeddings.token_type_embeddings.weight"][0]
    words = g("Gather", g.external(lying, "embeddings.word_embeddings.weight"), "ids")
    x = g("Add", words, g("Slice", g.tensor(places), g.ints(0), length, g.ints(0)))
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        x = norm(
            g("Add", x, attention(x, f"{name}.attention")), f"{name}.attention.output.LayerNorm"
        )
        x = norm(g("Add", x, feed_forward(x, name)), f"{name}.output.LayerNorm")

    # The mean over the tokens and then unit length: the sum's direction is the mean's.
    kept = g("Mul", x, g("Unsqueeze", g("Cast", "mask", to=_FLOAT), last))
    total = g("ReduceSum", kept, g.ints(1), keepdims=0)
    vectors = g.node("LpNormalization", [total], "vectors", axis=-1, p=2)
    outputs = [_value(vectors, _FLOAT, ("n", width))]
    for head in heads:
        matrix = weights[f"{head}.weight"]  # (classes, width)
        scores = g("MatMul", vectors, g.tensor(matrix.T))
        g.node("Add", [scores, g.tensor(weights[f"{head}.bias"])], head)
        outputs.append(_value(head, _FLOAT, ("n", len(matrix))))
    return g.model(
        [_value("ids", _INT64, ("n", "t")), _value("mask", _INT64, ("n", "t"))],
        outputs,
    )
