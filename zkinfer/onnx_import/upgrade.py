"""Models as older exporters leave them, made what zkinfer and onnxruntime read.

Nodes out of order are sorted. Opsets before 7 become opset 7, node by node: where operands were
laid over others from a given axis on they get axes of extent 1, shapes that were attributes become
inputs, and attributes that say nothing about inference go. Half precision becomes single.
"""

import heapq
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from zkinfer.onnx_import import model as models
from zkinfer.onnx_import.builder import axis_in
from zkinfer.onnx_import.labels import numbered
from zkinfer.onnx_import.node import OnnxNode, Refusal, read_node
from zkinfer.onnx_import.problems import Problems, reading
from zkinfer.onnx_import.walk import reads
from zkinfer.onnx_import.widen import widened

_LAID_OVER = ("broadcast", "axis")
_GONE: dict[str, tuple[str, ...]] = {
    "Add": _LAID_OVER,
    "BatchNormalization": ("is_test",),
    "Div": _LAID_OVER,
    "Dropout": ("is_test",),
    "Gemm": ("broadcast",),
    "Mul": _LAID_OVER,
    "Pow": _LAID_OVER,
    "Sub": _LAID_OVER,
}
"""Attributes that opset 7 has no more, besides consumed_inputs: what may be overwritten."""


def upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its nodes in order, at opset 7 where it was older, without half precision;
    itself if nothing changes.

    Raises UnsupportedModelError for nodes that have no form in opset 7, and for damaged tensors.
    """
    with reading():
        return _upgraded(model)


def _upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    order = _order(model.graph)
    if order != sorted(order):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        del changed.graph.node[:]
        changed.graph.node.extend(model.graph.node[place] for place in order)
        model = changed
    version = models.opset_versions(model).get("")
    if version is not None and version < models.OLDEST_OPSET:
        model = _of_opset_7(model)
    try:
        return numbered(widened(model))
    except Refusal as refusal:
        raise Problems(refused=[str(refusal)]).error() from refusal


def _of_opset_7(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model at opset 7. Raises UnsupportedModelError."""
    model = models.canonical(model)
    models.check(model)
    versions, ranks = models.opset_versions(model), _ranks(model)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:]
    problems = Problems()
    for proto in model.graph.node:
        node = read_node(proto, versions)
        try:
            changed.graph.node.extend(_converted(node, ranks) if not node.domain else [proto])
        except Refusal as refusal:
            problems.refused.append(f"{node.title}: {refusal}")
    if problems:
        raise problems.error()
    for opset in changed.opset_import:
        opset.version = opset.version if opset.domain else models.OLDEST_OPSET
    return changed


def _ranks(model: onnx.ModelProto) -> dict[str, int]:
    """How many axes tensors have, as far as the onnx package infers it."""
    try:
        graph = shape_inference.infer_shapes(models.standard_nodes(model)).graph
    except Exception:  # a bare error of its C++ part
        graph = model.graph
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            ranks[value.name] = len(value.type.tensor_type.shape.dim)
    return ranks


def _converted(node: OnnxNode, ranks: dict[str, int]) -> Iterator[onnx.NodeProto]:
    """What a standard node is in opset 7. Raises Refusal."""
    gone = _GONE.get(node.op, ())
    if "is_test" in gone and not node.attrs.get("is_test", 0):
        raise Refusal("expected inference form, got is_test = 0; export the model after eval()")
    proto = onnx.NodeProto()
    proto.CopyFrom(node.proto)
    _without(proto, "consumed_inputs", *gone)
    missing = _missing_axes(node, ranks) if gone is _LAID_OVER or node.op == "PRelu" else []
    if missing:
        wide = f"{proto.output[0]}/{proto.input[1]}"
        yield helper.make_node("Unsqueeze", [proto.input[1]], [wide], wide, axes=missing)
        proto.input[1] = wide
    if node.op == "Reshape" and "shape" in node.attrs:
        name = f"{proto.output[0]}/shape"
        shape = numpy_helper.from_array(np.array(node.attrs["shape"], np.int64))
        yield helper.make_node("Constant", [], [name], name, value=shape)
        _without(proto, "shape")
        proto.input.append(name)
    if node.op == "Cast" and isinstance(node.attrs.get("to"), str):
        kinds = dict(onnx.TensorProto.DataType.items())
        kind = kinds.get(node.attrs["to"].upper(), onnx.TensorProto.UNDEFINED)
        _without(proto, "to")
        proto.attribute.append(helper.make_attribute("to", kind))
    if node.op == "Concat" and "axis" not in node.attrs:
        proto.attribute.append(helper.make_attribute("axis", 1))
    for attribute in proto.attribute:
        if (node.op, attribute.name) == ("Pad", "paddings"):
            attribute.name = "pads"
    if node.op in ("Split", "Tile") and len(proto.input) > {"Split": 1, "Tile": 2}[node.op]:
        raise Refusal("expected its form of opset 2 or later; export the model again")
    yield proto


def _without(proto: onnx.NodeProto, *names: str) -> None:
    """Takes attributes off a node."""
    kept = [attribute for attribute in proto.attribute if attribute.name not in names]
    del proto.attribute[:]
    proto.attribute.extend(kept)


def _missing_axes(node: OnnxNode, ranks: dict[str, int]) -> list[int]:
    """The axes of extent 1 that the second operand lacks to match the last axes of the first.

    It lies over the axes of the first from `axis` on; slopes of a PRelu lie over axis 1.
    """
    if node.op == "PRelu":
        axis: int | None = 1
    else:
        axis = node.attrs.get("axis") if node.attrs.get("broadcast", 0) else None
    if axis is None:
        return []
    names = node.inputs[:2]
    if not all(name in ranks for name in names):
        raise Refusal(f"expected operands of known shapes, got {' and '.join(names)}")
    first, second = (ranks[name] for name in names)
    if node.op == "PRelu" and (second != 1 or first < 2):
        return []
    axis = axis_in(axis, first)
    return list(range(second, first - axis))


def _order(graph: onnx.GraphProto) -> list[int]:
    """The places of the nodes, each as early as what it reads allows; a circle keeps its own."""
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output if name}
    waiting: list[set[int]] = []
    readers: dict[int, list[int]] = {}
    for place, node in enumerate(graph.node):
        before = {makers[name] for name in reads(node) if name in makers}
        waiting.append(before)
        for maker in before:
            readers.setdefault(maker, []).append(place)
    ready = [place for place, makers_left in enumerate(waiting) if not makers_left]
    order: list[int] = []
    while ready:
        place = heapq.heappop(ready)
        order.append(place)
        for reader in readers.get(place, ()):
            waiting[reader].discard(place)
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    return order if len(order) == len(graph.node) else list(range(len(graph.node)))
