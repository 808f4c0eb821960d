"""Powers of two by column, moved from the inputs of a graph into the constants that they meet.

Where inputs are divided by powers of two, so are the tensors T that are made of them, until a layer
takes the powers into its constants (`Layer.fold`) and makes what it made before. Layers that only
move entries, turn their signs, or make those of one sign zero hand the powers on. What has no such
rule reads the product of T 2^-e and 2^e. All is exact.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Graph, Node, TensorType
from zkinfer.layers import LAYERS, PRODUCT
from zkinfer.layers.contract import Entries, Exponents, Floats, Folded, Operand


def fold(graph: Graph, exponents: Mapping[str, Exponents]) -> Graph:
    """The graph with the same outputs whose inputs are divided by 2^exponents.

    exponents: by input, broadcasting to its shape.
    """
    folding = _Folding(graph, {name: (name, _compact(e)) for name, e in exponents.items()})
    for node in graph.nodes:
        folding.take(node)
    for name in graph.outputs:
        folding.whole(name)
    return folding.graph()


@dataclass
class _Folding:
    """pending: by tensor of the old graph, the tensor of the new one that it is over 2^exponents.

    replaced: by tensor of the old graph, the same tensor in the new one, if its name is another.
    """

    old: Graph
    pending: dict[str, tuple[str, Exponents]]
    replaced: dict[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Floats] = field(default_factory=dict)
    tensors: dict[str, TensorType] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.constants.update(self.old.constants)
        self.tensors.update(self.old.tensors)
        self.names.update(node.name for node in self.old.nodes)

    def graph(self) -> Graph:
        """The new graph."""
        read = {name for node in self.nodes for name in node.inputs}
        constants = {name: array for name, array in self.constants.items() if name in read}
        nodes = tuple(self.nodes)
        return replace(self.old, nodes=nodes, constants=constants, tensors=self.tensors)

    def take(self, node: Node) -> None:
        """Appends a node of the old graph."""
        if not any(name in self.pending for name in node.inputs):
            self.nodes.append(node)
            return
        folded = self._folded(node)
        if folded is None:
            inputs = tuple(self.whole(name) for name in node.inputs)
            self.nodes.append(replace(node, inputs=inputs))
            return
        inputs = tuple(
            self._constant(f"{node.name}/{place}", folded.constants[place])
            if place in folded.constants
            else self.pending.get(name, (self.replaced.get(name, name), None))[0]
            for place, name in enumerate(node.inputs)
        )
        (output,) = node.outputs
        made = output
        if folded.exponents.any():
            made = self._name(f"{output}/columns", self.old.tensors[output])
            self.pending[output] = made, _compact(folded.exponents)
        self.nodes.append(replace(node, inputs=inputs, outputs=(made,)))

    def whole(self, name: str) -> str:
        """The new graph's name of a tensor that is divided by nothing."""
        if name in self.pending and name not in self.replaced:
            source, exponents = self.pending[name]
            self.replaced[name] = name
            if name in self.old.inputs:
                self.replaced[name] = self._name(f"{name}/whole", self.old.tensors[name])
            powers = self._constant(f"{name}/powers", np.ldexp(1.0, exponents))
            unique = f"{name}/whole"
            while unique in self.names:
                unique += "'"
            self.names.add(unique)
            outputs = (self.replaced[name],)
            self.nodes.append(Node(unique, PRODUCT, (source, powers), outputs, {}))
        return self.replaced.get(name, name)

    def _constant(self, name: str, array: Floats) -> str:
        name = self._name(name, TensorType(array.shape))
        self.constants[name] = array
        return name

    def _name(self, name: str, made: TensorType) -> str:
        while name in self.tensors:
            name += "'"
        self.tensors[name] = made
        return name

    def _folded(self, node: Node) -> Folded | None:
        layer, shapes = LAYERS[node.op], [self.old.shape(name) for name in node.inputs]
        exponents = [
            self.pending[name][1] if name in self.pending else np.zeros((1,) * len(shape), np.int64)
            for name, shape in zip(node.inputs, shapes, strict=True)
        ]
        if layer.fold is not None:
            operands = [self.old.constants.get(name) for name in node.inputs]
            return layer.fold(node.attrs, operands, exponents)
        if layer.entries is Entries.NEGATED or _keeps_signs(node):
            return Folded({}, exponents[0])
        if layer.entries is Entries.MOVED and len(node.outputs) == 1:
            return _moved(node, [np.broadcast_to(*p) for p in zip(exponents, shapes, strict=True)])
        return None


def _keeps_signs(node: Node) -> bool:
    """Whether the layer only makes numbers of one sign zero."""
    layer = LAYERS[node.op]
    ends = [end for bounds in layer.bounds(node.attrs) for end in bounds]
    return layer.entries is Entries.CLAMPED and all(end == 0 or math.isinf(end) for end in ends)


def _moved(node: Node, exponents: Sequence[Exponents]) -> Folded | None:
    """The exponents go where the entries go; None if constants come from nowhere."""

    def value(more: float) -> Floats:
        operands: list[Operand] = [((e + more)[None].astype(np.float64), True) for e in exponents]
        (moved,) = LAYERS[node.op].value(node.attrs, operands)
        return moved[0]

    moved = value(0.0)
    if (value(1.0) != moved + 1).any():
        return None
    return Folded({}, moved.astype(np.int64))


def _compact(exponents: npt.NDArray[np.int64]) -> Exponents:
    """With extent 1 along every axis that they do not vary on."""
    for axis in range(exponents.ndim):
        first = exponents.take([0], axis)
        if (exponents == first).all():
            exponents = first
    return exponents
