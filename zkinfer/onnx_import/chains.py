"""Recognizes normalizations that exporters spell out, and makes them the layers that they are.

    d = x - mean(x), or x itself
    s = sqrt(mean(d^2) + epsilon), or sqrt(mean(x^2) - mean(x)^2 + epsilon)        deviation
    d / s, d (1 / s), d ((1 / s) a), or x i + (b - mean(x) i) with i = (1 / s) a   normalize
    e / sum(e) with e = exp(u)                                                     softmax
    u - log(sum(exp(u)))                                                           log_softmax

A mean may be a sum times one over a count, a variance may be kept from below 0, and reshapes may
bring back the axes that a mean or a sum has lost; a and b are constants; u is x, or x less what is
the same along the axis. What else reads the parts of a chain still does: nodes keep their outputs,
and those that nobody reads are dropped later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isclose, prod
from typing import Any

import numpy as np

from zkinfer.graph import Node
from zkinfer.onnx_import.builder import Builder
from zkinfer.onnx_import.shapes import Shape

FLOAT32 = 1e-6
"""How near a constant is to one over a count, relative to it."""

Axes = tuple[int, ...]


@dataclass(frozen=True)
class _Centred:
    """A tensor less its mean, or without that: x, and the axes of the mean."""

    x: str
    axes: Axes | None


def recognized(nodes: Sequence[Node], builder: Builder) -> list[Node]:
    """The nodes, with roots and quotients of such chains replaced, in their places."""
    chains = _Chains({name: node for node in nodes for name in node.outputs}, builder, {})
    return [made for node in nodes for made in chains.replaced(node)]


@dataclass(frozen=True)
class _Chains:
    """makers: the nodes by what they make. deviations: by their outputs."""

    makers: Mapping[str, Node]
    builder: Builder
    deviations: dict[str, tuple[str, dict[str, Any]]]

    def replaced(self, node: Node) -> list[Node]:
        """The node, or what makes the same of what its chain begins with."""
        if node.op == "sqrt":
            return [self._root(node)]
        if node.op == "divide":
            return self._quotient(node, *node.inputs)
        if node.op == "mul":
            return self._product(node)
        if node.op == "sub":
            return [self._log_softmax(node)]
        return self._affine(node) if node.op == "add" else [node]

    def _root(self, node: Node) -> Node:
        variance, epsilon = node.inputs[0], 0.0
        for other, name in self._operands(variance, "add"):
            number = self._number(name)
            if number is not None and number >= 0:
                variance, epsilon = other, number
        found = self._variance(variance)
        if found is None:
            return node
        x, attrs = found
        if self.builder.shape(node.outputs[0]) != self._kept(x, attrs["axes"]):
            return node
        self.deviations[node.outputs[0]] = found
        return Node(node.name, "deviation", (x,), node.outputs, {**attrs, "epsilon": epsilon})

    def _quotient(self, node: Node, d: str, root: str) -> list[Node]:
        x, attrs = self.deviations.get(root, ("", {}))
        if x and self._is_centred(d, x, attrs):
            return [Node(node.name, "normalize", (x, root), node.outputs, attrs)]
        return [self._softmax(node, d, root)]

    def _product(self, node: Node) -> list[Node]:
        for d, inverse in (node.inputs, node.inputs[::-1]):
            root, scale = self._inverse(inverse)
            x, attrs = self.deviations.get(root, ("", {}))
            if x and self._is_centred(d, x, attrs):
                return self._scaled(node, x, root, {"mul": scale})
            if root and scale is None:
                made = self._softmax(node, d, root)
                if made is not node:
                    return [made]
        return [node]

    def _affine(self, node: Node) -> list[Node]:
        for product, shift in (node.inputs, node.inputs[::-1]):
            bias, moved = next(self._operands(shift, "sub", swapped=False), ("", ""))
            if bias not in self.builder.weights:
                continue
            for x, inverse in self._operands(product, "mul"):
                root, scale = self._inverse(inverse)
                origin, attrs = self.deviations.get(root, ("", {}))
                means = [m for m, i in self._operands(moved, "mul") if i == inverse]
                if (
                    origin == x
                    and attrs["centered"]
                    and any(
                        self._mean(m) == (x, attrs["axes"])
                        and self.builder.shape(m) == self._kept(x, attrs["axes"])
                        for m in means
                    )
                ):
                    return self._scaled(node, x, root, {"mul": scale, "add": bias})
        return [node]

    def _softmax(self, node: Node, e: str, total: str) -> Node:
        u, axis = self._exponentials(total)
        if not u or self._function(e, "exp") != u or self.makers[self._core(total)].inputs[0] != e:
            return node
        return Node(node.name, "softmax", (self._level(u, axis),), node.outputs, {"axis": axis})

    def _log_softmax(self, node: Node) -> Node:
        u, axis = self._exponentials(self._function(node.inputs[1], "log"))
        if not u or u != node.inputs[0]:
            return node
        return Node(node.name, "log_softmax", (self._level(u, axis),), node.outputs, {"axis": axis})

    def _exponentials(self, total: str) -> tuple[str, int]:
        """The exponents whose powers of e a tensor sums up, and the axis, which stays."""
        node = self.makers.get(self._core(total))
        if node is None or node.op != "reduce_sum" or len(node.attrs["axes"]) != 1:
            return "", 0
        u, axes = self._function(node.inputs[0], "exp"), tuple(node.attrs["axes"])
        if not u or self.builder.shape(u)[axes[0]] == 1:
            return "", 0
        return (u, axes[0]) if self.builder.shape(total) == self._kept(u, axes) else ("", 0)

    def _level(self, u: str, axis: int) -> str:
        """A tensor before something that is the same along the axis was taken off."""
        for x, level in self._operands(u, "sub", swapped=False):
            shape, other = self.builder.shape(x), self.builder.shape(level)
            extent = (*(1,) * (len(shape) - len(other)), *other)[axis]
            if extent == 1 and shape == self.builder.shape(u) and x not in self.builder.weights:
                return x
        return u

    def _function(self, name: str, function: str) -> str:
        """The operand of a function of one number that makes a tensor, or nothing."""
        node = self.makers.get(name)
        known = node is not None and node.op == "function" and node.attrs["function"] == function
        return node.inputs[0] if node is not None and known else ""

    def _scaled(
        self, node: Node, x: str, root: str, constants: Mapping[str, str | None]
    ) -> list[Node]:
        """The normalized x, times and plus constants; the last step makes what the node did."""
        op, operands, attrs = "normalize", (x, root), self.deviations[root][1]
        made = []
        for following, constant in constants.items():
            if constant is not None:
                tensor = self.builder.new_tensor(f"{node.name}/{op}")
                made.append(self.builder.node(tensor, op, operands, (tensor,), **attrs))
                op, operands, attrs = following, (tensor, constant), {}
        return [*made, Node(node.name, op, operands, node.outputs, attrs)]

    def _inverse(self, name: str) -> tuple[str, str | None]:
        """What a tensor is one over, and the constant that it is multiplied with."""
        for one, root in self._operands(name, "divide", swapped=False):
            if self._number(one) == 1:
                return root, None
        for inverse, scale in self._operands(name, "mul"):
            if scale in self.builder.weights:
                root, other = self._inverse(inverse)
                return (root, scale) if other is None else ("", None)
        return "", None

    def _variance(self, name: str) -> tuple[str, dict[str, Any]] | None:
        """The tensor whose variance, or mean of squares, a tensor is: attributes of its layer."""
        name = self._core(name, floors=True)
        mean = self._mean(name)
        if mean is not None:
            factors = [self._centred(d, mean[1]) for d in self._factors(mean[0])]
            if factors and factors[0] == factors[1] and factors[0].x not in self.builder.weights:
                return factors[0].x, {"axes": mean[1], "centered": factors[0].axes is not None}
        for squares, square in self._operands(name, "sub", swapped=False):
            mean, means = self._mean(squares), self._factors(self._core(square))
            if mean is None or not means:
                continue
            x, *others = self._factors(mean[0]) or ("",)
            if others == [x] and all(self._mean(m) == (x, mean[1]) for m in means):
                return x, {"axes": mean[1], "centered": True}
        return None

    def _is_centred(self, d: str, x: str, attrs: Mapping[str, Any]) -> bool:
        """Whether a tensor is what a layer of these attributes divides."""
        if not attrs["centered"]:
            return d == x
        return self._centred(d, attrs["axes"]) == _Centred(x, attrs["axes"])

    def _centred(self, name: str, axes: Axes) -> _Centred:
        """What a tensor is, if it is a difference to a mean over these axes."""
        for x, mean in self._operands(name, "sub", swapped=False):
            if self._mean(mean) == (x, axes) and self.builder.shape(mean) == self._kept(x, axes):
                return _Centred(x, axes)
        return _Centred(name, None)

    def _mean(self, name: str) -> tuple[str, Axes] | None:
        """What a tensor is the mean of, and over which axes, whether these stay or not."""
        name = self._core(name)
        node = self.makers.get(name)
        if node is not None and node.op == "reduce_mean":
            return node.inputs[0], tuple(sorted(node.attrs["axes"]))
        shares = [(total, self._number(share), 1) for total, share in self._operands(name, "mul")]
        for total, count in self._operands(name, "divide", swapped=False):
            shares.append((total, self._number(count), -1))
        for total, share, power in shares:
            node = self.makers.get(self._core(total))
            if node is None or node.op != "reduce_sum" or not share:
                continue
            axes = tuple(sorted(node.attrs["axes"]))
            count = prod(self.builder.shape(node.inputs[0])[axis] for axis in axes)
            if isclose(share**power * count, 1, rel_tol=FLOAT32):
                return node.inputs[0], axes
        return None

    def _core(self, name: str, *, floors: bool = False) -> str:
        """A tensor before it was given another shape. floors: or kept from below 0."""
        while True:
            node = self.makers.get(name)
            if node is None:
                return name
            floor = node.op == "relu" or (
                node.op == "clip" and node.attrs["low"] <= 0 and node.attrs["high"] == inf
            )
            if node.op != "reshape" and not (floors and floor):
                return name
            name = node.inputs[0]

    def _kept(self, x: str, axes: Axes) -> Shape:
        """The shape of a mean over axes that stay."""
        return tuple(1 if i in axes else n for i, n in enumerate(self.builder.shape(x)))

    def _factors(self, name: str) -> tuple[str, ...]:
        """The two factors of a product."""
        return next(self._operands(name, "mul"), ())

    def _operands(self, name: str, op: str, *, swapped: bool = True) -> Iterator[tuple[str, str]]:
        """The operands of what makes a tensor by an op of two, in one order or in both."""
        node = self.makers.get(name)
        if node is not None and node.op == op and len(node.inputs) == 2:
            first, second = node.inputs
            yield first, second
            if swapped:
                yield second, first

    def _number(self, name: str) -> float | None:
        """The only entry of a constant, or the one that all its entries are."""
        array = self.builder.weights.get(name)
        if array is None or not array.size or not np.all(array == array.flat[0]):
            return None
        return float(array.flat[0])
