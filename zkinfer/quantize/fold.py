"""Powers of two by column, moved from the inputs of a graph into the constants that they meet.

Where inputs are divided by powers of two, so are the tensors T that are made of them, until a layer
takes the powers into its constants and makes what it made before. Layers that only move entries or
turn their signs hand the powers on. Each layer says so itself (`Layer.fold`); what can do neither
reads the product of T 2^-e and 2^e. All is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Graph, Node, TensorType, unused
from zkinfer.layers import LAYERS, PRODUCT
from zkinfer.layers.contract import Divided, Exponents, Floats, Folded


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

    multiplied: of these, those that the new graph has undivided too, and their names there.
    """

    old: Graph
    pending: dict[str, tuple[str, Exponents]]
    multiplied: dict[str, str] = field(default_factory=dict)
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
            else self.pending.get(name, (name,))[0]
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
        if name in self.pending and name not in self.multiplied:
            source, exponents = self.pending[name]
            powers = self._constant(f"{name}/powers", np.ldexp(1.0, exponents))
            made = name
            if name in self.old.inputs:
                made = self._name(f"{name}/whole", self.old.tensors[name])
            node = unused(f"{name}/whole", self.names)
            self.names.add(node)
            self.nodes.append(Node(node, PRODUCT, (source, powers), (made,), {}))
            self.multiplied[name] = made
        return self.multiplied.get(name, name)

    def _constant(self, name: str, array: Floats) -> str:
        name = self._name(name, TensorType(array.shape))
        self.constants[name] = array
        return name

    def _name(self, name: str, made: TensorType) -> str:
        name = unused(name, self.tensors)
        self.tensors[name] = made
        return name

    def _folded(self, node: Node) -> Folded | None:
        operands = []
        for name in node.inputs:
            shape, constant = self.old.shape(name), self.old.constants.get(name)
            nothing = np.zeros((1,) * len(shape), np.int64)
            _, exponents = self.pending.get(name, (name, nothing))
            operands.append(Divided(shape, constant, exponents))
        return LAYERS[node.op].fold(node.attrs, operands)


def _compact(exponents: npt.NDArray[np.int64]) -> Exponents:
    """With extent 1 along every axis that they do not vary on."""
    for axis in range(exponents.ndim):
        first = exponents.take([0], axis)
        if (exponents == first).all():
            exponents = first
    return exponents
