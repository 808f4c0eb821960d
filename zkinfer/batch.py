"""A network on n inputs at once, as a graph of its own: every tensor but the weights has n of them.

The operators say by their ways of lifting how they take a first axis of samples. These are run on
arrays without numbers: what an operator is applied to becomes a node, and what is only seen in
another shape becomes a view once a node reads it. Products of all samples with one matrix of
weights are thereby one product, and what is stated of one sample is stated of all of them at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NoReturn

from zkinfer.errors import FormatError, UnsupportedModelError
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor
from zkinfer.ops import OPS, lift
from zkinfer.ops.tensor import Attrs, ShapeError

Shape = tuple[int, ...]

_FROM_THE_END = (lift.entrywise, lift.broadcast)
"""Ways of operators that know axes from the end only, however the first ones are grouped."""


def batched(graph: FixedGraph) -> FixedGraph:
    """The graph of all inputs of a batch, each tensor [batch, ...].

    Inputs, weights, outputs, and nodes that compute keep their names. Raises UnsupportedModelError,
    naming the node, where samples cannot be computed together.
    """
    if graph.batch == 1:
        return graph
    tracer = _Tracer(graph)
    for node in graph.nodes:
        tracer.lift(node)
    tracer.publish(graph.outputs)
    try:
        return replace(
            graph,
            nodes=tuple(tracer.nodes),
            declared={name: tracer.types[name] for name in graph.declared},
            columns={name: replace(c, axis=c.axis + 1) for name, c in graph.columns.items()},
            batch=1,
        )
    except FormatError as error:
        raise UnsupportedModelError(f"no batch of this network can be proved: {error}") from error


class _Tracer:
    """Writes nodes. types: of all tensors that they read and make."""

    def __init__(self, graph: FixedGraph) -> None:
        self.nodes: list[FixedNode] = []
        self.types: dict[str, FixedTensor] = {}
        self._arrays: dict[str, _Array] = {}
        self._views: dict[tuple[str, Shape], str] = {}
        self._taken = {*graph.tensors, *(node.name for node in graph.nodes)}
        self._numbers = count()
        for name, tensor in graph.declared.items():
            sampled = name in graph.inputs
            shape = (graph.batch, *tensor.shape) if sampled else tensor.shape
            self.types[name] = replace(tensor, shape=shape)
            self._arrays[name] = _Array(self, name, shape, sampled)

    def lift(self, node: FixedNode) -> None:
        """The node, with what it takes to read its operands."""
        self._node = node
        operands = [(self._arrays[name], self._arrays[name].sampled) for name in node.inputs]
        if any(sampled for _, sampled in operands):
            way: Any = OPS[node.op].lift  # says arrays, and does with these
            made = way(self._forward, node.attrs, operands)
        else:
            made = self._forward(node.attrs, *(array for array, _ in operands))
        self._arrays.update(zip(node.outputs, made, strict=True))

    def publish(self, outputs: Sequence[str]) -> None:
        """Outputs in the shapes that they have; what had their names in others gets new ones."""
        inner: dict[str, str] = {}
        for name in outputs:
            array = self._arrays[name]
            if not array.sampled:
                raise UnsupportedModelError(
                    f"output {name} does not depend on the input, so that there is no batch of it"
                )
            if name in self.types and (array.name, array.shape) != (name, self.types[name].shape):
                inner[name] = self._unused(name)
                self.types[inner[name]] = self.types[name]
        self.nodes = [_renamed(node, inner) for node in self.nodes]
        for name in outputs:
            array = self._arrays[name]
            if (array.name, name in inner) != (name, False):
                source = inner.get(array.name, array.name)
                attrs = {"shape": array.shape}
                self._write(self._unused(name), "reshape", attrs, (source,), (name,))

    def settled(self, array: "_Array") -> str:
        """A tensor of the shape in which an array is seen."""
        if self.types[array.name].shape == array.shape:
            return array.name
        key = array.name, array.shape
        if key not in self._views:
            self._views[key] = self._unused(array.name)
            made = (self._views[key],)
            self._write(made[0], "reshape", {"shape": array.shape}, (array.name,), made)
        return self._views[key]

    def sum(self, x: "_Array", y: "_Array") -> "_Array":
        """Of two arrays of one scale."""
        path = self._unused(self._node.name)
        (made,) = self._apply(path, "add", {"shift_a": 0, "shift_b": 0}, (x, y), (path,))
        return made

    def refuse(self) -> NoReturn:
        """Raises UnsupportedModelError."""
        raise UnsupportedModelError(
            f"node {self._node.name} ({self._node.op}) takes inputs one by one only, so that no "
            "batch of them can be proved; compile without --batch"
        )

    def _forward(self, attrs: Attrs, *arrays: "_Array") -> "tuple[_Array, ...]":
        """The operator of the node on these arrays."""
        node = self._node
        return self._apply(node.name, node.op, attrs, arrays, node.outputs)

    def _apply(
        self,
        name: str,
        op: str,
        attrs: Attrs,
        arrays: "Sequence[_Array]",
        outputs: Sequence[str],
    ) -> "tuple[_Array, ...]":
        """An operator; where it may, on arrays whose first axes are seen grouped, as they are."""
        first: Shape = ()
        if OPS[op].lift in _FROM_THE_END:
            first = _grouped(arrays)
            arrays = [array.joined if first and array.sampled else array for array in arrays]
        self._write(name, op, attrs, [self.settled(array) for array in arrays], outputs)
        sampled = any(array.sampled for array in arrays)
        shapes = [self.types[output].shape for output in outputs]
        seen = [(*first, *shape[1:]) if first else shape for shape in shapes]
        return tuple(_Array(self, *each, sampled) for each in zip(outputs, seen, strict=True))

    def _write(
        self, name: str, op: str, attrs: Attrs, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        try:
            made = OPS[op].infer(attrs, *(self.types[tensor] for tensor in inputs))
        except ShapeError:
            self.refuse()
        self.nodes.append(FixedNode(name, op, tuple(inputs), tuple(outputs), dict(attrs)))
        self.types.update(zip(outputs, made, strict=True))

    def _unused(self, name: str) -> str:
        """A name for a node and for what it makes, behind that of another."""
        numbered = (f"{name}/batch{number}" for number in self._numbers)
        return next(each for each in numbered if each not in self._taken)


@dataclass(frozen=True)
class _Array:
    """A tensor as it is seen: what ways of lifting take for an array. sampled: whether its first
    axis is that of the samples.
    """

    tracer: _Tracer
    name: str
    shape: Shape
    sampled: bool

    @property
    def ndim(self) -> int:
        """Axes."""
        return len(self.shape)

    @property
    def is_grouped(self) -> bool:
        """Whether it is just one tensor whose first axis is seen as two."""
        return self.tracer.types[self.name].shape == self.joined.shape != self.shape

    @property
    def joined(self) -> "_Array":
        """With its first two axes seen as one."""
        return replace(self, shape=(math.prod(self.shape[:2]), *self.shape[2:]))

    def reshape(self, *shape: Any) -> "_Array":
        """The same seen in another shape, which is a tuple or its extents."""
        extents = list(shape[0] if shape and isinstance(shape[0], tuple) else shape)
        if -1 in extents:
            known = -math.prod(extents)
            extents[extents.index(-1)] = math.prod(self.shape) // known
        return replace(self, shape=tuple(extents))

    def __len__(self) -> int:
        return self.shape[0]

    def __add__(self, other: "_Array") -> "_Array":
        return self.tracer.sum(self, other)

    def __iter__(self) -> NoReturn:
        self.tracer.refuse()

    def __array__(self, *_: object, **__: object) -> NoReturn:
        self.tracer.refuse()


def _grouped(arrays: Sequence[_Array]) -> Shape:
    """The first two axes of arrays that may be seen as one: all samples have the same, the second
    of extent 1 and others behind them, and constants none in their place. Nothing if no array is
    there so already.
    """
    samples = [array for array in arrays if array.sampled]
    constants = [array for array in arrays if not array.sampled]
    if not any(array.is_grouped for array in samples):
        return ()
    first, rank = samples[0].shape[:2], samples[0].ndim
    alike = all((array.shape[:2], array.ndim) == (first, rank) for array in samples)
    free = all(c.ndim < rank - 1 or (c.ndim, c.shape[0]) == (rank - 1, 1) for c in constants)
    return first if alike and free and rank > 2 and first[1] == 1 else ()


def _renamed(node: FixedNode, names: Mapping[str, str]) -> FixedNode:
    """The node with other names for some tensors."""
    inputs, outputs = (
        tuple(names.get(name, name) for name in each) for each in (node.inputs, node.outputs)
    )
    return replace(node, inputs=inputs, outputs=outputs)
