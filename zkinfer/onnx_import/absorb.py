"""Takes multiplications and additions of constants into the products that alone read them.

(x c + d) W + b = x (c W) + (d W + b), where c and d are constants per entry of the sum: scale and
bias of a normalization become part of the product after it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zkinfer.graph import Node, Real
from zkinfer.onnx_import.builder import Builder, Floats
from zkinfer.onnx_import.node import Refusal


def absorb(nodes: Sequence[Node], outputs: tuple[str, ...], builder: Builder) -> list[Node]:
    """The nodes, with what can be absorbed absorbed. New constants are added to the builder's."""
    kept = dict(enumerate(nodes))
    readers: dict[str, set[int]] = {}
    for place, node in kept.items():
        for name in node.inputs:
            readers.setdefault(name, set()).add(place)
    for place, node in reversed(list(kept.items())):
        (output,) = node.outputs
        found = _constant(node, builder)
        places = readers.get(output, set())
        if found is None or output in outputs or not places:
            continue
        absorbed = {at: _absorbed(kept[at], node, *found, builder) for at in places}
        if None not in absorbed.values():
            kept.update((at, made) for at, made in absorbed.items() if made is not None)
            del kept[place]
            readers[found[0]] = readers[found[0]] - {place} | places
    return list(kept.values())


def _constant(node: Node, builder: Builder) -> tuple[str, Floats] | None:
    """The computed operand of a mul, add or sub, and what it meets along its last axis."""
    if node.op not in ("mul", "add", "sub"):
        return None
    x, name = (
        node.inputs
        if node.op == "sub" or node.inputs[1] in builder.weights
        else (node.inputs[::-1])
    )
    if name not in builder.weights or x in builder.weights:
        return None
    constant, shape = builder.weights[name], builder.shape(x)
    along = constant.size == 1 or constant.shape[-1:] == (constant.size,) == shape[-1:]
    if not shape or not along or np.broadcast_shapes(constant.shape, shape) != shape:
        return None
    row = np.broadcast_to(constant.reshape(-1), shape[-1:])
    return x, -row if node.op == "sub" else row


def _absorbed(reader: Node, node: Node, x: str, row: Floats, builder: Builder) -> Node | None:
    """The matmul that reads a node's operand in the place of its output; None if it cannot."""
    (output,), operands = node.outputs, reader.inputs
    if reader.op != "matmul" or operands[0] != output or output in operands[1:]:
        return None
    if builder.type_of(reader.outputs[0]).kind != Real():
        return None
    matrix = builder.weights.get(operands[1])
    if matrix is None or matrix.ndim != 2:
        return None
    try:
        if node.op == "mul":
            name = builder.new_weight(f"{operands[1]}.absorbed", row[:, None] * matrix)
            return replace(reader, inputs=(x, name, *operands[2:]))
        bias = row @ matrix
        if len(operands) == 3:
            bias = builder.weights[operands[2]] + bias
        name = builder.new_weight(f"{(*operands, operands[1])[2]}.absorbed", bias)
        return replace(reader, inputs=(x, operands[1], name))
    except Refusal:  # a product of finite constants that overflows
        return None
