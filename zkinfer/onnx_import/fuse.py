"""Folds multiplications and additions of constants into the conv or matmul before them.

(x W + b) c + d = x (W c) + (b c + d), where c and d are constants per output channel: a batch
normalization becomes part of the product, and a bias that the model adds by itself is no operator.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from zkinfer.graph import Node, Real
from zkinfer.onnx_import.builder import Builder, Floats
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape, broadcasts_to


def fuse(nodes: Sequence[Node], outputs: tuple[str, ...], builder: Builder) -> list[Node]:
    """The nodes, with what can be folded folded. New constants are added to the builder's weights.

    A product is changed only if nothing else reads its output; it keeps its place.
    """
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(outputs)
    result: list[Node] = []
    place: dict[str, int] = {}
    for node in nodes:
        folded = None
        product = _product(node, place, result, readers, builder)
        if product is not None:
            folded = _fold(product, node, builder)
        if product is None or folded is None:
            place.update(dict.fromkeys(node.outputs, len(result)))
            result.append(node)
        else:
            index = place.pop(product.outputs[0])
            place[node.outputs[0]] = index
            result[index] = folded
    return result


def _product(
    node: Node,
    place: dict[str, int],
    result: list[Node],
    readers: Counter[str],
    builder: Builder,
) -> Node | None:
    """The conv or matmul of reals whose output a mul, add or sub of a constant reads, alone."""
    if node.op not in ("mul", "add", "sub"):
        return None
    computed = [name for name in node.inputs if name not in builder.weights]
    if len(computed) != 1 or readers[computed[0]] != 1 or computed[0] not in place:
        return None
    product = result[place[computed[0]]]
    real = builder.type_of(product.outputs[0]).kind == Real()
    return product if product.op in ("conv", "matmul") and real else None


def _fold(product: Node, node: Node, builder: Builder) -> Node | None:
    """The product with the node's constant folded in, or None where that is impossible."""
    shape = builder.shapes[product.outputs[0]]
    constant_first = node.inputs[0] in builder.weights
    constant_name = node.inputs[0 if constant_first else 1]
    constant = builder.weights[constant_name]
    if not broadcasts_to(constant.shape, shape):
        return None
    try:
        if node.op == "mul":
            return _scale(product, node, constant, builder)
        if node.op == "sub" and constant_first:
            negated = _scale(product, node, np.array(-1.0), builder)
            return negated and _shift(negated, node, constant, constant_name, builder)
        if node.op == "sub":
            return _shift(product, node, -constant, f"{constant_name}.negated", builder)
        return _shift(product, node, constant, constant_name, builder)
    except Refusal:  # a product of finite constants that overflows
        return None


def _scale(product: Node, node: Node, factor: Floats, builder: Builder) -> Node | None:
    """The product times a constant per output channel."""
    weight = _scaled_weight(product, factor, builder)
    if weight is None:
        return None
    index, values = weight
    names = list(product.inputs)
    if len(names) == 3:
        bias = builder.weights[names[2]]
        by_channel = factor.reshape(-1) if product.op == "conv" else factor
        if _grows(bias.shape, by_channel.shape):
            return None
        names[2] = builder.new_weight(f"{names[2]}.folded", bias * by_channel)
    names[index] = builder.new_weight(f"{names[index]}.folded", values)
    return replace(product, inputs=tuple(names), outputs=node.outputs)


def _scaled_weight(product: Node, factor: Floats, builder: Builder) -> tuple[int, Floats] | None:
    """Which operand of the product takes in the factor, and its values then."""
    shape = builder.shapes[product.outputs[0]]
    if product.op == "conv":
        w = builder.weights[product.inputs[1]]
        if not _varies_only_on(factor.shape, shape, 1):
            return None
        return 1, w * factor.reshape(-1, *(1,) * (w.ndim - 1))
    a, b = product.inputs[:2]
    for index in (1, 0):
        values = builder.weights.get(product.inputs[index])
        if values is None:
            continue
        if factor.size == 1:
            return index, values * factor.reshape(())
        both = values.ndim > 1 and len(builder.shape(b if index == 0 else a)) > 1
        axis = len(shape) - (1 if index else 2)
        if both and _varies_only_on(factor.shape, shape, axis):
            return index, values * factor.reshape((1, -1) if index else (-1, 1))
    return None


def _shift(product: Node, node: Node, shift: Floats, name: str, builder: Builder) -> Node | None:
    """The product plus a constant: per channel for a conv, any that broadcasts for a matmul."""
    if product.op == "conv":
        shape = builder.shapes[product.outputs[0]]
        if not _varies_only_on(shift.shape, shape, 1):
            return None
        if shift.shape != shape[1:2]:
            shift, name = np.broadcast_to(shift.reshape(-1), shape[1:2]), f"{name}.bias"
    names = product.inputs
    if len(names) == 3:
        bias = builder.weights[names[2]]
        if _grows(bias.shape, shift.shape):
            return None
        shift, name = bias + shift, f"{names[2]}.folded"
    inputs = (*names[:2], builder.new_weight(name, shift))
    return replace(product, inputs=inputs, outputs=node.outputs)


def _grows(first: Shape, second: Shape) -> bool:
    """Whether two constants broadcast to one with more entries than either of them."""
    return prod(np.broadcast_shapes(first, second)) > max(prod(first), prod(second))


def _varies_only_on(constant: Shape, shape: Shape, axis: int) -> bool:
    """Whether a constant that broadcasts to a shape has extent 1 on all axes but one."""
    padded = (1,) * (len(shape) - len(constant)) + constant
    return all(extent == 1 for place, extent in enumerate(padded) if place != axis)
