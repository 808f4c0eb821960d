"""Masks: what is added to the scores of a softmax to take entries out.

    softmax(x + c marks)        c of -1e4 or less, -infinity included; marks zero or more

is the layer masked_softmax(x, marks), which no c sets a scale for. Constants hold x and c marks in
one, others are products of c and what is made of inputs by sums and moves alone, so that its fixed
point numbers are exact. On the way to the softmax there are sums, moves and positive factors.
Nodes that nobody reads any more are dropped.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zkinfer.graph import Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.onnx_import.builder import Builder, Floats
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape

LARGE = 1e4
"""What is so far below zero is a mask."""

ABSORBING = 2.0**24
"""A mask so deep leaves nothing of scores of less than 1 in single precision."""

EXACT = ("add", "sub", "neg")
"""What makes exact numbers of exact ones, besides moves."""

WHOLE = (*EXACT, "mul")
"""What makes whole numbers of whole ones."""


def masked(nodes: Sequence[Node], outputs: Sequence[str], builder: Builder) -> list[Node]:
    """The nodes, with every softmax of masked scores made one that knows its marks.

    Raises Refusal where -infinity is left among the constants that nodes read.
    """
    masks = _Masks(builder, {name: node for node in nodes for name in node.outputs})
    result: list[Node] = []
    for node in nodes:
        made = masks.softmax(node)
        result += [*masks.take(), made]
    result = _live(result, outputs)
    _check(result, builder)
    return result


def infinite_marks(builder: Builder, scores: str) -> str | None:
    """The marks that take scores down by infinity, so far as nodes are made; None without any.

    Where all scores of a softmax are marked its output is no number.
    """
    masks = _Masks(builder, {name: node for node in builder.nodes for name in node.outputs})
    parts = masks.parts(scores)
    if parts is None or parts.beyond < math.inf:
        return None
    builder.nodes += masks.take()
    return parts.marks


@dataclass(frozen=True)
class _Parts:
    """A tensor that is x + c marks.

    x: None for zero. absorbing: whether nothing is left of x below a mark. beyond: the least -c.
    """

    x: str | None
    marks: str
    absorbing: bool
    beyond: float


@dataclass
class _Masks:
    """makers: the nodes by what they make. found: of tensors, None where they are no such sums."""

    builder: Builder
    makers: Mapping[str, Node]
    found: dict[str, _Parts | None] = field(default_factory=dict)
    made: list[Node] = field(default_factory=list)

    def take(self) -> list[Node]:
        """The nodes that were made since the last time."""
        made, self.made = self.made, []
        return made

    def softmax(self, node: Node) -> Node:
        """The node, or a softmax of the scores without their mask."""
        if node.op not in ("softmax", "masked_softmax"):
            return node
        parts = self.parts(node.inputs[0])
        if parts is None or parts.x is None or parts.x in self.builder.weights:
            return node
        (shape,) = (self.builder.shape(name) for name in node.outputs)
        marks, attrs = parts.marks, self._attrs(parts)
        if node.op == "softmax":
            axis = node.attrs["axis"] - len(shape)
        else:
            axis, marks = node.attrs["axis"], self._sum(node.inputs[1], marks)
            attrs["absorbing"] |= node.attrs["absorbing"]
            attrs["beyond"] = min(attrs["beyond"], node.attrs["beyond"])
        x = self._chosen(parts.x, marks)
        array = self.builder.weights.get(marks)
        if array is not None:
            attrs["absorbing"] &= bool(np.broadcast_to(array, shape).all(axis=axis).any())
        return Node(node.name, "masked_softmax", (x, marks), node.outputs, {"axis": axis, **attrs})

    def _attrs(self, parts: _Parts) -> dict[str, Any]:
        return {"absorbing": parts.absorbing, "beyond": parts.beyond}

    def _chosen(self, x: str, marks: str) -> str:
        """x, without a product that makes it zero where constants mark it."""
        array, product = self.builder.weights.get(marks), self.makers.get(x)
        if array is None or product is None or product.op != "mul":
            return x
        for kept, other in (product.inputs, product.inputs[::-1]):
            ones = self.builder.weights.get(kept)
            if ones is None or not np.isin(ones, (0, 1)).all():
                continue
            shape = np.broadcast_shapes(ones.shape, array.shape)
            covered = not (np.broadcast_to(ones == 0, shape) & (array == 0)).any()
            if covered and self.builder.shape(other) == self.builder.shape(x):
                return other
        return x

    def parts(self, name: str) -> _Parts | None:
        """What a tensor is the sum of; None if nothing in it is a mask."""
        if name not in self.found:
            array = self.builder.weights.get(name)
            self.found[name] = None  # while its operands are looked at
            if array is not None:
                self.found[name] = self._constant(name, array)
            elif name in self.makers:
                self.found[name] = self._computed(self.makers[name])
        return self.found[name]

    def _constant(self, name: str, array: Floats) -> _Parts | None:
        deep = array <= -LARGE
        if not deep.any():
            return None
        depths = -array[deep]
        absorbing = depths >= ABSORBING
        if absorbing.any() != absorbing.all():
            return None
        rest, x = np.where(deep, 0.0, array), None
        if rest.any():
            x = self.builder.new_weight(f"{name}.unmasked", rest)
        marks = self.builder.new_weight(f"{name}.marks", deep.astype(np.float64))
        return _Parts(x, marks, bool(absorbing.all()), float(depths.min()))

    def _computed(self, node: Node) -> _Parts | None:
        if node.op == "add":
            return self._chosen_or(node) or self._added(node)
        if node.op == "mul":
            return self._multiplied(node)
        moves = LAYERS[node.op].entries is Entries.MOVED and len(node.inputs) == 1
        if not moves or node.op == "pad":
            return None
        parts = self.parts(node.inputs[0])
        if parts is None:
            return None
        shape = self.builder.shape(node.inputs[0])

        def moved(name: str) -> str:
            wide = self._wide(name, shape)
            return self._make(f"{node.name}/mask", node.op, wide, **node.attrs)

        return replace(parts, x=parts.x and moved(parts.x), marks=moved(parts.marks))

    def _chosen_or(self, node: Node) -> _Parts | None:
        """Of c + k (x - c), which is x where k is 1, and the mask c where it is 0."""
        for product, constant in (node.inputs, node.inputs[::-1]):
            depth = self._depth(constant)
            maker = self.makers.get(product)
            if depth is None or depth < 0 or maker is None or maker.op != "mul":
                continue
            for kept, other in (maker.inputs, maker.inputs[::-1]):
                less = self.makers.get(other)
                if less is None or less.op != "sub" or less.inputs[1] != constant:
                    continue
                if self.builder.shape(less.inputs[0]) != self.builder.shape(node.outputs[0]):
                    continue
                if kept not in self.builder.weights and self._is_exact(kept):
                    one = self.builder.new_weight(f"{node.name}.one", np.ones(()))
                    marks = self._make(f"{node.name}/marks", "sub", one, kept)
                    return _Parts(less.inputs[0], marks, True, depth)
        return None

    def _depth(self, name: str) -> float | None:
        """How far down a constant takes what it is added to, if it is one number, and large."""
        array = self.builder.weights.get(name)
        if array is None or array.size != 1 or abs(float(array.flat[0])) < LARGE:
            return None
        return -float(array.flat[0])

    def _added(self, node: Node) -> _Parts | None:
        a, b = node.inputs
        first, second = self.parts(a), self.parts(b)
        if first is None or second is None:
            parts, other = (second, a) if first is None else (first, b)
            if parts is None:
                return None
            array = self.builder.weights.get(other)
            if array is not None and not array.any():  # it repeats entries
                shape = self.builder.shape(node.outputs[0])
                x = parts.x and self._wide(parts.x, shape)
                return replace(parts, x=x, marks=self._wide(parts.marks, shape))
            return replace(parts, x=other if parts.x is None else self._sum(parts.x, other))
        if first.absorbing != second.absorbing:
            return None
        xs = [x for x in (first.x, second.x) if x is not None]
        x = None if not xs else xs[0] if len(xs) == 1 else self._sum(*xs)
        marks = self._sum(first.marks, second.marks)
        return _Parts(x, marks, first.absorbing, min(first.beyond, second.beyond))

    def _multiplied(self, node: Node) -> _Parts | None:
        for constant, other in (node.inputs, node.inputs[::-1]):
            depth = self._depth(constant)
            if depth is not None:
                if self.builder.shape(other) != self.builder.shape(node.outputs[0]):
                    return None
                if not self._is_exact(other):
                    return None
                if depth < 0:
                    other = self._make(f"{node.name}/marks", "neg", other)
                return _Parts(None, other, abs(depth) >= ABSORBING, abs(depth))
            array, parts = self.builder.weights.get(constant), self.parts(other)
            if (
                parts is not None
                and array is not None
                and array.size == 1
                and 0 < array.flat[0] < LARGE
            ):
                x = parts.x and self._make(f"{node.name}/scores", "mul", parts.x, constant)
                return replace(parts, x=x, beyond=parts.beyond * float(array.flat[0]))
        return None

    def _is_exact(self, name: str, *, whole: bool = False) -> bool:
        """Whether fixed-point numbers have a tensor's own: those of inputs, of truth values and
        other whole numbers, and what sums and moves make of these. whole: whether it is of whole
        numbers.
        """
        if name in self.builder.weights:
            array = self.builder.weights[name]
            return bool((array == np.rint(array)).all() and np.abs(array).max(initial=0) < LARGE)
        if not isinstance(self.builder.type_of(name).kind, Real):
            return True
        if name not in self.makers:
            return not whole
        node = self.makers[name]
        if node.op == "less":
            return True
        if node.op not in WHOLE and LAYERS[node.op].entries is not Entries.MOVED:
            return False
        whole = whole or node.op == "mul"
        return all(self._is_exact(source, whole=whole) for source in node.inputs)

    def _wide(self, name: str, shape: Shape) -> str:
        """A tensor that broadcasts to a shape, in that shape."""
        own = self.builder.shape(name)
        if own == shape:
            return name
        array = self.builder.weights.get(name)
        if array is not None:
            return self.builder.new_weight(f"{name}.wide", np.broadcast_to(array, shape))
        own = (1,) * (len(shape) - len(own)) + own
        zeros = tuple(1 if a == b else b for a, b in zip(own, shape, strict=True))
        return self._sum(name, self.builder.new_weight(f"{name}.zeros", np.zeros(zeros)))

    def _sum(self, a: str, b: str) -> str:
        return self._make(f"{a}/masked", "add", a, b)

    def _make(self, name: str, op: str, *inputs: str, **attrs: Any) -> str:
        """What an operator makes: a constant of constants."""
        arrays = [
            self.builder.weights[source] for source in inputs if source in self.builder.weights
        ]
        if len(arrays) == len(inputs):
            (array,) = LAYERS[op].value(attrs, [(array[None], True) for array in arrays])
            return self.builder.new_weight(name, array[0])
        output = self.builder.new_tensor(name)
        self.made.append(self.builder.node(name, op, inputs, (output,), **attrs))
        return output


def _live(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that an output depends on."""
    wanted, kept = set(outputs), list[Node]()
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _check(nodes: Sequence[Node], builder: Builder) -> None:
    for node in nodes:
        for name in node.inputs:
            array = builder.weights.get(name)
            if array is None or not np.isneginf(array).any():
                continue
            place = [int(i) for i in np.argwhere(np.isneginf(array))[0]]
            raise Refusal(
                f"node {node.name} ({node.op}): expected finite weights, got -inf in {name} at "
                f"{place}; only what is added to the scores of a Softmax may hold it; train or "
                "export the model again"
            )
