"""Recognizes normalizations that exporters spell out, and makes them the layers that they are.

    d = x - mean(x), or x itself;  s = sqrt(mean(d^2) + epsilon)         deviation
    d / s, or d (1 / s)                                                  normalize

The square may be a product of two equal differences. What else reads the means, the differences and
the root still does: nodes keep their outputs, and those that nobody reads are dropped later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zkinfer.graph import Node
from zkinfer.onnx_import.builder import Floats


@dataclass(frozen=True)
class _Centred:
    """A tensor less its mean, or without that: x, and the axes of the mean."""

    x: str
    axes: tuple[int, ...] | None


def recognized(nodes: Sequence[Node], constants: Mapping[str, Floats]) -> list[Node]:
    """The nodes, with roots and quotients of such chains replaced, in their places."""
    chains = _Chains({name: node for node in nodes for name in node.outputs}, constants, {})
    return [chains.replaced(node) for node in nodes]


@dataclass(frozen=True)
class _Chains:
    """makers: the nodes by what they make. deviations: by their outputs."""

    makers: Mapping[str, Node]
    constants: Mapping[str, Floats]
    deviations: dict[str, tuple[str, dict[str, Any]]]

    def replaced(self, node: Node) -> Node:
        """The node, or the layer that makes the same of what its chain begins with."""
        if node.op == "sqrt":
            return self._root(node)
        if node.op == "divide":
            return self._quotient(node, *node.inputs)
        if node.op == "mul":
            for d, inverse in (node.inputs, node.inputs[::-1]):
                maker = self._made(inverse, "divide")
                if maker is not None and self._is_one(maker.inputs[0]):
                    made = self._quotient(node, d, maker.inputs[1])
                    if made is not node:
                        return made
        return node

    def _root(self, node: Node) -> Node:
        variance, epsilon = node.inputs[0], 0.0
        total = self._made(variance, "add")
        if total is not None:
            for place, name in enumerate(total.inputs):
                array = self.constants.get(name)
                if array is not None and array.size == 1 and float(array.flat[0]) >= 0:
                    variance, epsilon = total.inputs[1 - place], float(array.flat[0])
        mean = self._mean(variance)
        square = None if mean is None else self._made(mean[0], "mul")
        if mean is None or square is None:
            return node
        ways = [self._centred(name, mean[1]) for name in square.inputs]
        if ways[0] != ways[1] or ways[0].x in self.constants:
            return node
        attrs = {"axes": mean[1], "centered": ways[0].axes is not None}
        self.deviations[node.outputs[0]] = ways[0].x, attrs
        made = {**attrs, "epsilon": epsilon}
        return Node(node.name, "deviation", (ways[0].x,), node.outputs, made)

    def _quotient(self, node: Node, d: str, root: str) -> Node:
        x, attrs = self.deviations.get(root, ("", {}))
        if not x:
            return node
        expected = _Centred(x, attrs["axes"] if attrs["centered"] else None)
        if d != x and self._centred(d, attrs["axes"]) != expected:
            return node
        if (d == x) == attrs["centered"]:
            return node
        return Node(node.name, "normalize", (x, root), node.outputs, attrs)

    def _centred(self, name: str, axes: tuple[int, ...]) -> _Centred:
        """What a tensor is, if it is a difference to a mean over these axes."""
        difference = self._made(name, "sub")
        if difference is not None:
            mean = self._mean(difference.inputs[1])
            if mean == (difference.inputs[0], axes):
                return _Centred(difference.inputs[0], axes)
        return _Centred(name, None)

    def _mean(self, name: str) -> tuple[str, tuple[int, ...]] | None:
        """What a tensor is the mean of, and over which axes, if they stay."""
        mean = self._made(name, "reduce_mean")
        if mean is None or not mean.attrs["keepdims"]:
            return None
        return mean.inputs[0], tuple(sorted(mean.attrs["axes"]))

    def _made(self, name: str, op: str) -> Node | None:
        """The node that makes a tensor, if it is of an operator."""
        node = self.makers.get(name)
        return node if node is not None and node.op == op else None

    def _is_one(self, name: str) -> bool:
        array = self.constants.get(name)
        return array is not None and bool(np.all(array == 1))
