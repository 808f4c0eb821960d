"""Functions of one number that a model spells out, found by what they compute and made one table.

A set of nodes that work entry by entry on one tensor and single numbers is a function of that
tensor. Where it agrees with one of zkinfer.layers.functions on a grid as single precision tells
numbers apart, which is how exporters round the numbers in it, it is that function, however it is
spelt: x sigmoid(x), gelu by erf or tanh, log(1 + exp(x)). Named functions have no parameters, so
that no weight becomes known by this. Nothing else reads the tensors inside of the set.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import LAYERS
from zkinfer.layers.functions import FUNCTIONS, sigmoid
from zkinfer.onnx_import.builder import Builder, Floats

ARITHMETIC = ("add", "sub", "mul", "neg", "relu", "clip", "leaky_relu")
"""Layers that work entry by entry, without a table."""

TABLES = ("function", "sigmoid", "divide", "sqrt")
"""Those that cost as much as a table."""

MOST_NODES = 16
"""Of a set."""

CLOSE = 1e-6
"""Of a difference, over 1 and the value; a constant in single precision is off by 6e-8 of it."""

_GRID = np.concatenate([np.linspace(-8, 8, 1025), np.linspace(-60, 60, 241)])


def named(nodes: Sequence[Node], outputs: Sequence[str], builder: Builder) -> list[Node]:
    """The nodes, with sets that are a function by name replaced by it, where its output is made."""
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(outputs)
    makers = {name: node for node in nodes for name in node.outputs}
    order = {node.name: place for place, node in enumerate(nodes)}
    search = _Search(builder, makers, readers, order)
    result = {node.name: node for node in nodes}
    for node in nodes:
        found = search.function(node)
        if found is not None:
            inner, made = found
            for other in inner:
                result.pop(other.name, None)
                readers.subtract(other.inputs)
            readers.update(made.inputs)
            result[node.name] = makers[made.outputs[0]] = made
    return [result[node.name] for node in nodes if node.name in result]


@dataclass(frozen=True)
class _Search:
    """makers: the nodes by what they make, with those found so far. readers: how many read a
    tensor. order: the places of nodes, by name.
    """

    builder: Builder
    makers: Mapping[str, Node]
    readers: Mapping[str, int]
    order: Mapping[str, int]

    def function(self, node: Node) -> tuple[list[Node], Node] | None:
        """The nodes of the largest set that ends with a node and is a function, and that."""
        if not self._is_entrywise(node):
            return None
        for inner, x in sorted(self._sets(node), key=lambda pair: -len(pair[0])):
            if len(inner) < 2 or not any(one.op in TABLES for one in inner):
                continue
            if self.builder.shape(x) != self.builder.shape(node.outputs[0]):
                continue
            name = self._name(inner, x, node.outputs[0])
            if name is not None:
                op, attrs = (name, {}) if name == "sigmoid" else ("function", {"function": name})
                return inner, Node(node.name, op, (x,), node.outputs, attrs)
        return None

    def _sets(self, last: Node) -> Iterator[tuple[list[Node], str]]:
        """The sets that end with a node, in order, and the tensor that each is of.

        They grow node by node towards the model's inputs, the one that is made last first.
        """
        inner = [last]
        while len(inner) <= MOST_NODES:
            made = {name for node in inner for name in node.outputs}
            outside = dict.fromkeys(
                name
                for node in inner
                for name in node.inputs
                if name not in made and name not in self.builder.weights
            )
            if len(outside) == 1:
                yield sorted(inner, key=lambda node: self.order[node.name]), next(iter(outside))
            next_ones = [self.makers[name] for name in outside if name in self.makers]
            uses = Counter(name for node in inner for name in node.inputs)
            grown = [
                node
                for node in next_ones
                if self._is_entrywise(node)
                and all(self.readers[name] == uses[name] for name in node.outputs)
            ]
            if not grown:
                return
            inner.append(max(grown, key=lambda node: self.order[node.name]))

    def _is_entrywise(self, node: Node) -> bool:
        """Whether a node works entry by entry on tensors and single numbers."""
        if node.op not in (*ARITHMETIC, *TABLES):
            return False
        sizes = (
            self.builder.weights[name].size for name in node.inputs if name in self.builder.weights
        )
        return all(size == 1 for size in sizes)

    def _name(self, inner: Sequence[Node], x: str, y: str) -> str | None:
        """The function that a set computes of x, if it has a name."""
        values: dict[str, Floats] = {x: _GRID}
        with np.errstate(all="ignore"):
            for node in inner:
                operands = [
                    (values[name], True)
                    if name in values
                    else (self.builder.weights[name].reshape(()), False)
                    for name in node.inputs
                ]
                made = LAYERS[node.op].value(node.attrs, operands)
                if not all(np.isfinite(array).all() for array in made):
                    return None
                values.update(zip(node.outputs, made, strict=True))
        known, computed = _known(), values[y]
        for name, wanted in known.items():
            if bool((np.abs(computed - wanted) <= CLOSE * (1 + np.abs(wanted))).all()):
                return name
        return None


@cache
def _known() -> dict[str, Any]:
    """The values on the grid of the functions that are defined everywhere."""
    whole = {n: f.value for n, f in FUNCTIONS.items() if np.isinf(f.domain).all()}
    with np.errstate(all="ignore"):
        return {name: value(_GRID) for name, value in {**whole, "sigmoid": sigmoid}.items()}
