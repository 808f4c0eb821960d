"""An ONNX model under construction: every node is run by onnxruntime before it is kept.

So shapes and types need no rules here, and what is kept is what onnxruntime takes. The values of
one sample go along, which keeps them within bounds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from tests.properties.choices import Choices, Rejected

Array = npt.NDArray[Any]

LARGEST = 1 << 13
"""Entries of a tensor."""
LARGEST_VALUE = 1e4
MOST_AXES = 7

EXTENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 31, 32, 33, 64, 100, 127, 128, 130)
SHARED_PERCENT = 25

SUFFIXES = (
    "/raw", "/requantize", "/output", "/aligned/0", "/label", "/scores", "/copy", "/public", ".2",
    "/unpooled", "/8", "/1", ".folded", ".negated", ".bias", "/product", "/alpha", ".transposed",
    "/rescale", "/0", " ", "\N{GREEK SMALL LETTER ALPHA}",
)  # fmt: skip
"""What zkinfer itself may put behind a name, and what it would not."""

NEWEST = onnx.defs.onnx_opset_version()
"""The newest opset that the onnx package knows; onnxruntime may know less."""

onnxruntime.set_default_logger_severity(4)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the model that depends on its inputs, with its value for one sample."""

    name: str
    value: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def rank(self) -> int:
        return self.value.ndim


class Drawing:
    """Inputs, constants and nodes so far.

    version: the opset. dtype: of the tensors that nodes compute with. domain: what the standard
    operators' is called. pool: the tensors that depend on the inputs, in the order of their making.
    weights: the values of all constants by name, whether they are initializers or the outputs of
    nodes.
    """

    def __init__(self, choices: Choices, version: int, dtype: Any = np.float32) -> None:
        self.choices = choices
        self.version = version
        self.dtype = np.dtype(dtype)
        self.domain = choices.one(("",) * 9 + ("ai.onnx",))
        self.naming = choices.one(("plain", "torch", "dotted", "unnamed", "taken"))
        self.numbers = choices.numbers()
        self.inputs: list[onnx.ValueInfoProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self.pool: list[Tensor] = []
        self.weights: dict[str, Array] = {}
        self._names: set[str] = set()

    # names

    def name(self, hint: str) -> str:
        """A new tensor name."""
        name = f"{hint.lower()}{len(self._names)}"
        if self.naming == "torch":
            name = f"/block.{len(self._names)}/{hint}_output_0"
        elif self.naming == "dotted":
            name = f"onnx::{hint}_{len(self._names)}:0"
        elif self.naming == "taken" and self._names:
            name = self.choices.one(sorted(self._names)) + self.choices.one(SUFFIXES)
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name

    def _node_name(self, op: str, output: str) -> str:
        if self.naming == "unnamed":
            return ""
        return output if self.naming == "taken" else f"{op}_{len(self.nodes)}"

    # constants

    def uniform(self, shape: Sequence[int], low: float, high: float) -> Array:
        """Numbers between two bounds."""
        return np.asarray(self.numbers.uniform(low, high, tuple(shape)), self.dtype)

    def values(self, shape: Sequence[int], size: float = 1.0) -> Array:
        """Weights: random, sparse, of one sign, zero, all the same."""
        shape = tuple(shape)
        kind = self.choices.one(
            (
                "normal", "normal", "normal", "uniform", "sparse", "positive", "negative", "whole",
                "zero", "same", "signs", "outlier", "tiny",
            )
        )  # fmt: skip
        drawn = self.numbers.normal(size=shape) * size
        if kind == "uniform":
            drawn = self.numbers.uniform(-size, size, shape)
        elif kind == "sparse":
            drawn = drawn * (self.numbers.random(shape) < 0.2)
        elif kind == "positive":
            drawn = np.abs(drawn)
        elif kind == "negative":
            drawn = -np.abs(drawn)
        elif kind == "whole":
            drawn = np.rint(2 * drawn)
        elif kind == "zero":
            drawn = np.zeros(shape)
        elif kind == "same":
            drawn = np.full(shape, self.choices.one((1.0, 0.5, -1.0, 0.3)) * size)
        elif kind == "signs":
            drawn = np.sign(drawn) * size
        elif kind == "outlier" and drawn.size:
            drawn.flat[0] *= 20
        elif kind == "tiny":
            drawn = drawn * 1e-4
        return np.asarray(drawn, dtype=self.dtype)

    def weight(self, shape: Sequence[int], size: float = 1.0) -> str:
        """A float constant of a shape; one that the model has already if the choice falls so."""
        shape = tuple(shape)
        if math.prod(shape) > LARGEST:
            raise Rejected("a large constant")
        known = [
            name
            for name, array in self.weights.items()
            if array.dtype == self.dtype and array.shape in (shape, shape[::-1])
        ]
        if known and self.choices.chance(SHARED_PERCENT):
            name = self.choices.one(known)
            if self.weights[name].shape == shape:
                return name
            return self._constant_node("Transpose", [name], self.weights[name].T)
        return self.constant(self.values(shape, size))

    def matrix(self, shape: Sequence[int]) -> str:
        """A weight whose products with inputs keep their size."""
        fan_in = math.prod(shape) / max(shape[-1] if len(shape) > 1 else 1, 1)
        return self.weight(shape, 1 / math.sqrt(max(fan_in, 1)))

    def constant(self, array: Array) -> str:
        """A constant: an initializer, a Constant node, or what nodes make of one."""
        form = self.choices.one(("initializer",) * 6 + ("node", "list", "alias", "made"))
        array = np.asarray(array)
        if form == "alias":
            source = self.constant(array)
            return self._constant_node("Identity", [source], array)
        if form == "made":
            return self._made(array)
        name = self.name("constant")
        if form == "initializer":
            self.initializers.append(numpy_helper.from_array(array, name))
        else:
            self.nodes.append(self._value_node(array, name, as_list=form == "list"))
        self.weights[name] = array
        return name

    def _value_node(self, array: Array, name: str, *, as_list: bool) -> onnx.NodeProto:
        word = {"f": "float", "i": "int"}.get(array.dtype.kind)
        plain = array.dtype in (np.float32, np.int64) and array.ndim < 2 and array.size
        if as_list and word and plain and self.version >= 12:
            attribute = f"value_{word}" + ("s" if array.ndim else "")
            attrs: dict[str, Any] = {attribute: array.tolist()}
        else:
            attrs = {"value": numpy_helper.from_array(array)}
        return helper.make_node("Constant", [], [name], self._node_name("Constant", name), **attrs)

    def _made(self, array: Array) -> str:
        """A constant that another one becomes by a node, as exporters leave them."""
        way = self.choices.one(("cast", "transpose", "reshape", "scale", "shared", "quantized"))
        if way == "transpose" and array.ndim > 1:
            perm = self.choices.shuffled(range(array.ndim))
            source = self.constant(np.ascontiguousarray(array.transpose(np.argsort(perm))))
            return self._constant_node("Transpose", [source], array, perm=perm)
        if way == "reshape" and array.size:
            source = self.constant(array.reshape(-1))
            shape = self.constant(np.array(array.shape, np.int64))
            return self._constant_node("Reshape", [source, shape], array)
        if way == "scale" and array.dtype == self.dtype:
            source, two = self.constant(array / 2), self.constant(np.array(2, self.dtype))
            return self._constant_node("Mul", [source, two], array)
        large = array.size > 0 and np.abs(array).max() > LARGEST_VALUE
        if way == "quantized" and not large and array.dtype == np.float32 and self.version >= 10:
            return self._dequantized(array)
        if array.dtype == np.float32:
            kind = self.choices.one((np.float64, np.float16))
            kind = np.float64 if large else kind
            source = self.constant(array.astype(kind))
            array = array.astype(kind).astype(np.float32)
            return self._constant_node("Cast", [source], array, to=onnx.TensorProto.FLOAT)
        return self._constant_node("Identity", [self.constant(array)], array)

    def _dequantized(self, array: Array) -> str:
        """Eight-bit weights and the node that makes floats of them."""
        step = np.array(max(float(np.abs(array).max(initial=0)), 1e-3) / 127, np.float32)
        integers = np.clip(np.rint(array / step), -127, 127).astype(np.int8)
        inputs = [self.constant(integers), self.constant(step)]
        if self.choices.chance(50):
            inputs.append(self.constant(np.array(0, np.int8)))
        return self._constant_node("DequantizeLinear", inputs, integers * step)

    def _constant_node(self, op: str, inputs: list[str], array: Array, **attrs: Any) -> str:
        name = self.name(op)
        node = helper.make_node(
            op, inputs, [name], self._node_name(op, name), domain=self.domain, **attrs
        )
        self.nodes.append(node)
        self.weights[name] = array
        return name

    def integers(self, values: Sequence[int], dtype: Any = np.int64) -> str:
        """An integer constant with one axis."""
        return self.constant(np.array(list(values), dtype).reshape(-1))

    def scalar(self, value: float) -> str:
        """A float constant without axes, or with one where that does as well."""
        shape = (1,) if self.choices.chance(10) else ()
        return self.constant(np.full(shape, value, self.dtype))

    # nodes

    def add_input(self, name: str, value: Array, shape: Sequence[int | str | None]) -> None:
        """An input with its value for one sample."""
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        self.pool.append(Tensor(name, value))

    def emit(self, op: str, *inputs: str, **attrs: Any) -> Tensor:
        """A node with one output. most: its largest value, if not usual; None if it may have any.
        Raises Rejected.
        """
        return self.emit_many(op, inputs, 1, **attrs)[0]

    def emit_many(self, op: str, inputs: Sequence[str], count: int, **attrs: Any) -> list[Tensor]:
        """A node with so many outputs. Raises Rejected."""
        domain, most = attrs.pop("domain", self.domain), attrs.pop("most", LARGEST_VALUE)
        outputs = [self.name(op) for _ in range(count)]
        node = helper.make_node(
            op, list(inputs), outputs, self._node_name(op, outputs[0]), domain=domain, **attrs
        )
        return self._added([node], outputs, most)

    def emit_chain(self, steps: Sequence[tuple[str, Sequence[str], dict[str, Any]]]) -> Tensor:
        """Nodes of which the last makes a tensor, and the others what only these read: `$0` is
        what the first makes. Raises Rejected.
        """
        made: list[str] = []
        nodes = []
        for op, inputs, attrs in steps:
            names = [made[int(name[1:])] if name.startswith("$") else name for name in inputs]
            made.append(self.name(op))
            title = self._node_name(op, made[-1])
            nodes.append(helper.make_node(op, names, [made[-1]], title, **attrs))
        return self._added(nodes, made[-1:], LARGEST_VALUE)[0]

    def _added(
        self, nodes: Sequence[onnx.NodeProto], outputs: Sequence[str], most: float | None
    ) -> list[Tensor]:
        """Nodes that make these outputs. Raises Rejected."""
        arrays = self._run(nodes, outputs)
        for array in arrays:
            if not array.size or array.size > LARGEST or array.ndim > MOST_AXES:
                raise Rejected("an empty or large tensor")
            known = array.dtype.kind == "f" and most is not None
            if known and not np.abs(array).max() <= most:
                raise Rejected("large values")
        self.nodes.extend(nodes)
        tensors = [Tensor(name, array) for name, array in zip(outputs, arrays, strict=True)]
        self.pool.extend(tensors)
        return tensors

    def _run(self, nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[Array]:
        """What nodes make, by onnxruntime."""
        values = {tensor.name: tensor.value for tensor in self.pool} | self.weights
        inside = [a.g for node in nodes for a in node.attribute if a.HasField("g")]
        read = {name for graph in inside for inner in graph.node for name in inner.input}
        made = {name for node in nodes for name in node.output}
        given = dict.fromkeys(n for node in nodes for n in node.input if n and n not in made)
        names = [*given, *sorted(read & values.keys() - given.keys())]
        feeds = {name: values[name] for name in names}
        infos = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feeds.items()
        ]
        wanted = [helper.make_empty_tensor_value_info(name) for name in outputs]
        model = finished(helper.make_graph(list(nodes), "node", infos, wanted), self.version)
        return run(session(model), feeds)

    # operands

    def floats(self) -> list[Tensor]:
        """The pool's tensors that nodes compute with."""
        return [tensor for tensor in self.pool if tensor.value.dtype == self.dtype]

    def any(self) -> Tensor:
        """A float tensor, often the last one."""
        known = self.floats()
        if not known:
            raise Rejected("no float tensor")
        return known[-1] if self.choices.chance(70) else self.choices.one(known)

    def of_rank(self, *ranks: int) -> Tensor:
        """A float tensor of one of these ranks; a reshape makes it if need be."""
        x = self.any()
        if x.rank in ranks:
            return x
        known = [tensor for tensor in self.floats() if tensor.rank in ranks]
        if known and self.choices.chance(50):
            return self.choices.one(known)
        return self.reshaped(x, self.split_up(x.value.size, self.choices.one(ranks)))

    def reshaped(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """A Reshape to a shape."""
        return self.emit("Reshape", x.name, self.integers(shape))

    def split_up(self, size: int, rank: int) -> list[int]:
        """A shape of so many entries."""
        shape = []
        for _ in range(rank - 1):
            divisors = [d for d in range(1, size + 1) if size % d == 0]
            shape.append(self.choices.one(divisors))
            size //= shape[-1]
        return self.choices.shuffled([*shape, size]) if rank else []

    def extent(self) -> int:
        """An extent of a tensor."""
        return self.choices.one(EXTENTS)

    def axis(self, rank: int, since: int = 7) -> int:
        """An axis; a negative one if the choice falls so, for opsets that have them."""
        axis = self.choices.integer(0, rank - 1)
        return axis - rank if self.version >= since and self.choices.chance(40) else axis


def finished(graph: onnx.GraphProto, version: int, ir_version: int = 8) -> onnx.ModelProto:
    """The model of a graph at an opset."""
    domains = {node.domain for node in graph.node if node.op_type != "Constant"}
    opsets = [helper.make_opsetid("ai.onnx" if "ai.onnx" in domains else "", version)]
    newest = {node.op_type for node in graph.node} & {"TreeEnsemble"}
    others = {"ai.onnx.ml": 5 if newest else 3, "com.microsoft": 1}
    opsets += [helper.make_opsetid(name, others[name]) for name in others if name in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def session(model: onnx.ModelProto, *, optimized: bool = False) -> onnxruntime.InferenceSession:
    """An onnxruntime session, by default without optimizations. Raises Rejected.

    Optimized, it computes products with dequantized weights only approximately.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise Rejected(str(error)) from error


def run(loaded: onnxruntime.InferenceSession, feeds: dict[str, Array]) -> list[Array]:
    """A model's outputs. Raises Rejected."""
    try:
        outputs = loaded.run(None, feeds)
    except Exception as error:
        raise Rejected(str(error)) from error
    return [np.asarray(array) for array in outputs]
