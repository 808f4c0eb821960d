"""How nodes are drawn that stand for others, or for constants: functions, what reads a shape alone,
branches and loops.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.properties.choices import Rejected
from tests.properties.drawing import Drawing, Tensor


def by_function(d: Drawing) -> None:
    """Operators that ONNX defines by functions of others."""
    c = d.choices
    op, since, attrs = c.one((
        ("HardSigmoid", 7, {}),
        ("HardSigmoid", 7, {"alpha": 0.3, "beta": 0.4}),
        ("HardSwish", 14, {}),
        ("ReduceL1", 18, {}),
        ("ReduceSumSquare", 18, {"keepdims": 0}),
    ))  # fmt: skip
    if d.version < since:
        raise Rejected(f"no {op}")
    x = d.any()
    y = d.emit(op, x.name, **attrs)
    if op.startswith("Reduce"):
        d.emit("Mul", y.name, d.scalar(1 / max(1.0, float(np.abs(y.value).max()))))


def of_shape(d: Drawing) -> None:
    """What depends on a tensor's shape alone: Size and EyeLike."""
    c = d.choices
    x = d.any()
    if c.chance(50) and x.rank:
        size = d.emit("Size", x.name)
        d.emit("Reshape", x.name, _unsqueezed(d, size))
        return
    if x.rank != 2 or d.version < 9:
        raise Rejected("no matrix")
    kind = helper.np_dtype_to_tensor_dtype(d.dtype)
    attrs = {"k": c.integer(-2, 2)} if c.chance(50) else {}
    eye = d.emit("EyeLike", x.name, dtype=kind, **attrs)
    d.emit(c.one(("Add", "Mul")), x.name, eye.name)
    d.pool.remove(eye)  # depends on no input's entries


def _unsqueezed(d: Drawing, x: Tensor) -> str:
    d.pool.remove(x)
    d.weights[x.name] = x.value
    return d.reshaped(x, [1]).name


def branch(d: Drawing) -> None:
    """If with a condition that is constant, or is once shapes are fixed."""
    c = d.choices
    x = d.any()
    if d.version < 11:
        raise Rejected("the forms of older opsets")
    condition = d.constant(np.array(c.chance(50)))
    nested = c.chance(30)
    branches = {}
    for name in ("then_branch", "else_branch"):
        w = d.values(())
        out = d.name("inner")
        made = _graph(d, [(c.one(("Add", "Mul")), [x.name, "w"], out)], [], [out], w=w)
        branches[name] = _nested(d, condition, made, c.one(("Neg", "Relu"))) if nested else made
    if c.chance(40) and x.rank:
        shape = d.emit("Shape", x.name)
        first = d.emit("Gather", shape.name, d.constant(np.array(0, np.int64)), axis=0)
        other = d.constant(np.array(c.one((x.shape[0], 99)), np.int64))
        condition = d.emit("Equal", first.name, other).name
        d.weights[condition] = d.pool[-1].value
    d.emit("If", condition, **branches)


def _nested(d: Drawing, condition: str, made: onnx.GraphProto, op: str) -> onnx.GraphProto:
    """A graph of an If that makes a tensor, and one whose branches alone read it."""
    middle, inner, out = (d.name("inner") for _ in range(3))
    last = _graph(d, [(op, [middle], inner)], [], [inner])
    nodes = [
        helper.make_node("If", [condition], [name], then_branch=body, else_branch=body)
        for name, body in ((middle, made), (out, last))
    ]
    kind = helper.np_dtype_to_tensor_dtype(d.dtype)
    return helper.make_graph(nodes, "inner", [], [helper.make_tensor_value_info(out, kind, None)])


def loop(d: Drawing) -> None:
    """Loop with a constant trip count; one number is carried, one is stacked."""
    c = d.choices
    x = d.any()
    if d.version < 11:
        raise Rejected("the forms of older opsets")
    half = np.array(0.5, d.dtype)
    carried, out, scanned, go = (d.name("inner") for _ in range(4))
    nodes = [
        ("Mul", [carried, "w"], out + "m"),
        ("Add", [out + "m", x.name], out),
        (c.one(("Relu", "Neg")), [out], scanned),
        ("Identity", ["go"], go),
    ]
    kind = helper.np_dtype_to_tensor_dtype(d.dtype)
    infos = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info(carried, kind, x.shape),
    ]
    body = _graph(d, nodes, infos, [go, out, scanned], w=half)
    trips = d.constant(np.array(c.integer(1, 4), np.int64))
    d.emit_many("Loop", [trips, "", x.name], 2, body=body)


def scan(d: Drawing) -> None:
    """Scan along an axis, in either direction; a state is carried, outputs are stacked."""
    c = d.choices
    x = d.any()
    if d.version < 11 or not 0 < x.rank < 5:
        raise Rejected("the forms of older opsets, a scalar, or many axes")
    axis = c.integer(0, x.rank - 1)
    if x.shape[axis] > 8:
        raise Rejected("a long axis")
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    state, entry, out, stacked = (d.name("inner") for _ in range(4))
    nodes = [
        ("Mul", [state, "w"], out + "m"),
        ("Add", [out + "m", entry], out),
        ("Neg", [out], stacked),
    ]
    kind = helper.np_dtype_to_tensor_dtype(d.dtype)
    infos = [helper.make_tensor_value_info(name, kind, rest) for name in (state, entry)]
    body = _graph(d, nodes, infos, [out, stacked], w=np.array(0.5, d.dtype))
    attrs: dict[str, Any] = {}
    if axis or c.chance(30):
        attrs["scan_input_axes"] = [axis]
    if c.chance(30):
        attrs["scan_input_directions"] = [1]
    if c.chance(30):
        attrs["scan_output_directions"] = [1]
    if c.chance(30):
        attrs["scan_output_axes"] = [c.integer(0, len(rest))]
    initial = d.weight(rest)
    d.emit_many("Scan", [initial, x.name], 2, body=body, num_scan_inputs=1, **attrs)


def _graph(
    d: Drawing,
    nodes: list[tuple[str, list[str], str]],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[str],
    **constants: Any,
) -> onnx.GraphProto:
    """A graph inside of a node."""
    made = [helper.make_node(op, reads, [out], domain=d.domain) for op, reads, out in nodes]
    kind = helper.np_dtype_to_tensor_dtype(d.dtype)
    types = {out: TensorProto.BOOL for op, _, out in nodes if op == "Identity"}
    infos = [helper.make_tensor_value_info(n, types.get(n, kind), None) for n in outputs]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return helper.make_graph(made, "inner", inputs, infos, tensors)


BODIES: dict[str, Callable[[Drawing], None]] = {
    "by_function": by_function,
    "of_shape": of_shape,
    "branch": branch,
    "loop": loop,
    "scan": scan,
}
