"""The float graph under construction, and what a converter sees of it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Kind, Node, Real, TensorType
from zkinfer.layers import LAYERS
from zkinfer.onnx_import.constants import Allowance, Array
from zkinfer.onnx_import.node import OnnxNode, Refusal
from zkinfer.onnx_import.shapes import Shape, infer, kind_of

Floats = npt.NDArray[np.float64]

MOST_STEPS = 1 << 28
"""The most multiplications of one operator on constants."""


Item = tuple[str, bool]
"""A tensor in a sequence, and whether it depends on an input and holds integers."""


class Builder:
    """Tensors and nodes so far.

    arrays: the model's constants, in their own types. weights: the constants that nodes read.
    shapes: of all tensors that depend on an input. kinds: of those that may not be real. integral:
    the ONNX names of those that hold integers. narrow: of these, the ones of types that wrap around
    at less than 2^31 or below zero. used: the ONNX names that a node or the graph's outputs read.
    allowance: for new constants. alike: what stands for tensors that shall have one format.
    makers: by ONNX name, the node that makes it, of those that are converted. sequences: by ONNX
    name, what is in it.
    inlined: how many nodes bodies held. loops: how many loops are being unrolled, one in another;
    tensors of nodes of one name in them are alike.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        names: frozenset[str],
        used: Iterable[str],
        allowance: Allowance,
    ) -> None:
        self.arrays = dict(arrays)
        self.weights: dict[str, Floats] = {}
        self.shapes: dict[str, Shape] = {}
        self.kinds: dict[str, Kind] = {}
        self.integral: set[str] = set()
        self.narrow: set[str] = set()
        self.nodes: list[Node] = []
        self.alike: dict[str, str] = {}
        self.used = set(used)
        self.allowance = allowance
        self.makers: dict[str, OnnxNode] = {}
        self.sequences: dict[str, tuple[Item, ...]] = {}
        self.inlined = 0
        self.loops = 0
        self._sources: dict[str, str] = {}
        self._tensor_names = _Names(names)
        self._node_names = _Names()
        self._known: dict[tuple[str, Shape, bytes], str] = {}

    def source(self, name: str) -> str:
        """The tensor that an ONNX name stands for."""
        return self._sources.get(name, name)

    def alias(self, name: str, source: str) -> None:
        """Lets an ONNX name stand for another tensor."""
        self._sources[name] = source

    def free(self, name: str) -> None:
        """Lets no constant have an ONNX name any more; one that nodes read gets another."""
        self.arrays.pop(name, None)
        self._sources[name] = name
        if name in self.weights:
            other = self.new_tensor(name)
            self.weights[other] = self.weights.pop(name)
            self.nodes = [
                replace(node, inputs=tuple(other if i == name else i for i in node.inputs))
                for node in self.nodes
            ]

    def shape(self, name: str) -> Shape:
        """The shape of a tensor, constant or not."""
        if name in self.shapes:
            return self.shapes[name]
        array = self.weights[name] if name in self.weights else self.arrays[name]
        return array.shape

    def type_of(self, name: str) -> TensorType:
        """The type of a tensor of the graph."""
        return TensorType(self.shape(name), self.kinds.get(name, Real()))

    def weight(self, name: str) -> str:
        """Makes a constant of the model one of the graph.

        Raises Refusal unless it is finite, but for -infinity, which masks hold.
        """
        if name not in self.weights:
            self.weights[name] = finite(self.arrays[name], name, masks=True)
        return name

    def new_weight(self, name: str, array: Array) -> str:
        """Adds a constant under this name or, where that is taken by another, a numbered one.

        Raises Refusal unless it is allowed, and finite but for -infinity.
        """
        self.allowance.spend(array.shape, f"the constant {name}")
        values = finite(array, name, masks=True)
        if name in self.weights and np.array_equal(self.weights[name], values):
            return name
        key = (name, values.shape, hashlib.sha256(values.tobytes()).digest())
        if key not in self._known:
            self._known[key] = self._tensor_names.new(name)
            self.weights[self._known[key]] = values
        return self._known[key]

    def new_tensor(self, name: str) -> str:
        """A tensor name like this one that is not taken."""
        return self._tensor_names.new(name)

    def add(
        self, name: str, op: str, inputs: Sequence[str], outputs: Sequence[str], **attrs: Any
    ) -> None:
        """Appends a node under this name, or a numbered one where that is taken.

        Of constants its outputs are constants. Raises Refusal when the operands do not fit.
        """
        if all(source in self.arrays or source in self.weights for source in inputs):
            self.weights.update(zip(outputs, self._computed(op, inputs, attrs), strict=True))
        else:
            self.nodes.append(self.node(name, op, inputs, outputs, **attrs))

    def _computed(self, op: str, inputs: Sequence[str], attrs: Mapping[str, Any]) -> list[Floats]:
        """The outputs of an operator on constants. Raises Refusal where they are too large."""
        shapes = [self.shape(source) for source in inputs]
        made = infer(op, attrs, shapes)
        steps = sum(map(prod, made)) * LAYERS[op].products(shapes)
        if steps > MOST_STEPS:
            raise Refusal(
                f"expected at most {MOST_STEPS} multiplications of constants, got {steps}; store "
                "what it computes in the model instead"
            )
        for shape in made:
            self.allowance.spend(shape, "its output")
        first, *rest = (self.weights[self.weight(source)] for source in inputs)
        with np.errstate(all="ignore"):  # what is no number is refused below
            values = LAYERS[op].value(attrs, [(first[None], True), *((x, False) for x in rest)])
        return [finite(value[0], f"what {op} makes", masks=True) for value in values]

    def node(
        self, name: str, op: str, inputs: Sequence[str], outputs: Sequence[str], **attrs: Any
    ) -> Node:
        """A node for the graph, its outputs known from now on. Raises Refusal as `add` does."""
        types = [self.type_of(source) for source in inputs]
        shapes = infer(op, attrs, [operand.shape for operand in types])
        kind = kind_of(op, [operand.kind for operand in types])
        self.shapes.update(zip(outputs, shapes, strict=True))
        self.kinds.update(dict.fromkeys(outputs, kind))
        if self.loops:
            self.alike.update(dict.fromkeys(outputs, name))
        return Node(self._node_names.new(name), op, tuple(inputs), tuple(outputs), attrs)


@dataclass(frozen=True)
class Site:
    """What a converter sees: one node of the model, and the graph that it adds to.

    opsets: versions by canonical domain. convert: converts other nodes, of such opsets, first.
    Raises Unfinished where one of them is in the way. whole: whether the operator makes whole
    numbers of whole ones.
    """

    node: OnnxNode
    graph: Builder
    opsets: Mapping[str, int]
    convert: Callable[[Sequence[OnnxNode], Mapping[str, int]], None]
    whole: bool = False

    @property
    def version(self) -> int:
        """The opset's version."""
        return self.node.version

    def attr(self, name: str, default: Any) -> Any:
        """An attribute; the default where the node has none."""
        return self.node.attrs.get(name, default)

    def ints(self, name: str) -> tuple[int, ...] | None:
        """An attribute that lists integers."""
        value = self.node.attrs.get(name)
        return None if value is None else tuple(int(item) for item in value)

    def has(self, index: int) -> bool:
        """Whether the node has an input at this place."""
        return self.node.has_input(index)

    def source(self, index: int) -> str:
        """The name of an input's tensor. Raises Refusal where the node has none."""
        if not self.has(index):
            raise Refusal(f"its input {index} is missing")
        return self.graph.source(self.node.inputs[index])

    def is_constant(self, index: int) -> bool:
        """Whether an input is a constant."""
        return self.source(index) in self.graph.arrays

    def is_integral(self, index: int) -> bool:
        """Whether an input depends on the model's inputs and holds integers."""
        return self.node.inputs[index] in self.graph.integral

    def shape(self, index: int) -> Shape:
        """An input's shape."""
        return self.graph.shape(self.source(index))

    def array(self, index: int, what: str) -> Array:
        """A constant input's entries, in their own type. Raises Refusal where it is computed."""
        if not self.is_constant(index):
            raise Refusal(f"expected constant {what}, got the computed {self.node.inputs[index]}")
        return self.graph.arrays[self.source(index)]

    def floats(self, index: int, what: str) -> Floats:
        """A constant input's entries as floats, all finite."""
        array = self.array(index, what)
        return finite(array, self.node.inputs[index])

    def ints_at(self, index: int, what: str) -> tuple[int, ...] | None:
        """The integers of a constant input; None where the node has none."""
        if not self.has(index):
            return None
        array = self.array(index, what)
        if array.dtype.kind not in "iu":
            raise Refusal(f"expected integers as {what}, got {array.dtype}")
        return tuple(int(item) for item in array.reshape(-1))

    def scalar(self, index: int, what: str) -> float | None:
        """The number that a constant input holds; None where the node has none."""
        if not self.has(index):
            return None
        array = self.array(index, what)
        if array.size != 1 or array.dtype.kind not in "biuf":
            raise Refusal(f"expected one number as {what}, got {array.dtype} of {array.shape}")
        return float(array.reshape(()))

    def any_operand(self, index: int) -> str:
        """An input for an operator that only moves entries."""
        name = self.source(index)
        return self.graph.weight(name) if name in self.graph.arrays else name

    def operand(self, index: int) -> str:
        """An input for an operator that computes.

        Raises Refusal where it holds integers, unless what is made of them is whole and exact.
        """
        name = self.node.inputs[index]
        if self.is_integral(index) and (name in self.graph.narrow or not self.whole):
            raise Refusal(
                f"expected a float tensor, got the integers {name}; put a Cast to float before it"
            )
        return self.any_operand(index)

    def weight(self, suffix: str, array: Array, index: int | None = None) -> str:
        """A new constant, named after an input, or after the node, and the suffix."""
        base = self.node.name if index is None else self.source(index)
        return self.graph.new_weight(f"{base}.{suffix}", array)

    def step(self, op: str, suffix: str, *inputs: str, **attrs: Any) -> str:
        """Adds a node before the last one; returns its output's name."""
        name = f"{self.node.name}/{suffix}"
        output = self.graph.new_tensor(name)
        self.graph.add(name, op, inputs, (output,), **attrs)
        return output

    def finish(self, op: str, *inputs: str, index: int = 0, **attrs: Any) -> None:
        """Adds the node that makes the output at this index."""
        name = self.node.name if index == 0 else f"{self.node.name}/{index}"
        self.graph.add(name, op, inputs, (self.node.outputs[index],), **attrs)

    def move(self, op: str, x: str, index: int = 0, **attrs: Any) -> None:
        """Like finish, for an operator that only moves the entries of input 0."""
        self.finish(op, x, index=index, **attrs)
        if self.is_integral(0):
            self.graph.integral.add(self.node.outputs[index])

    def keep(self, x: str, index: int = 0) -> None:
        """Lets the output stand for a tensor that holds the entries of input 0."""
        output = self.node.outputs[index]
        self.graph.alias(output, x)
        if self.is_integral(0):
            self.graph.integral.add(output)

    def uses_output(self, index: int) -> bool:
        """Whether the output at this place is read."""
        return self.node.uses_output(index, self.graph.used)


class Unfinished(Exception):  # noqa: N818
    """A node's body holds nodes that are in the way, and that are known."""


def finite(array: Array, name: str, *, masks: bool = False) -> Floats:
    """The entries as float64. masks: whether -infinity is allowed.

    Raises Refusal for NaN, infinity and what is no number.
    """
    if array.dtype.kind in "cOSU":
        raise Refusal(f"expected real numbers in the constant {name}, got {array.dtype}")
    with np.errstate(invalid="ignore"):  # NaN is refused below
        values = np.asarray(array, dtype=np.float64)
    known = np.isfinite(values)
    if masks:
        known |= np.isneginf(values)
    if not known.all():
        index = tuple(int(i) for i in np.argwhere(~known)[0])
        raise Refusal(
            f"expected finite weights, got {values[index]} in {name} at {list(index)}; "
            "train or export the model again"
        )
    return values


def axis_in(axis: int, rank: int) -> int:
    """The axis counted from the front. Raises Refusal unless there is one."""
    if not -rank <= axis < rank:
        raise Refusal(f"expected an axis from {-rank} to {rank - 1}, got {axis}")
    return axis % rank


def axes_in(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Distinct axes counted from the front. Raises Refusal unless they are."""
    result = tuple(axis_in(axis, rank) for axis in axes)
    if len(set(result)) != len(result):
        raise Refusal(f"expected distinct axes, got {tuple(axes)}")
    return result


class _Names:
    """Names that are taken."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: Counter[str] = Counter()

    def new(self, name: str) -> str:
        """The name, numbered if it is taken; takes it."""
        candidate = name
        while candidate in self._taken:
            self._numbers[name] += 1
            candidate = f"{name}.{self._numbers[name] + 1}"
        self._taken.add(candidate)
        return candidate


Converters = Mapping[tuple[str, str], Callable[[Site], None]]
"""By domain (empty: the standard operators) and operator, what adds a node of it to the graph."""
