"""Models as older exporters leave them, made what zkinfer and onnxruntime read.

Nodes out of order are sorted; opsets before the oldest one are converted by the onnx package.
"""

import heapq

import onnx
from onnx import helper, shape_inference, version_converter

from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import import model as models
from zkinfer.onnx_import.read import flat


def upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its nodes in order and an opset of models.OLDEST_OPSET or later.

    The model itself where it is so. Raises UnsupportedModelError where it cannot be converted.
    """
    order = _order(model.graph)
    if order != sorted(order):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        del changed.graph.node[:]
        changed.graph.node.extend(model.graph.node[place] for place in order)
        model = changed
    version = max((o.version for o in model.opset_import if o.domain in models.STANDARD), default=0)
    if not 0 < version < models.OLDEST_OPSET:
        return model
    model = models.canonical(model)
    models.check(model)
    try:
        return version_converter.convert_version(_slopes_by_channel(model), models.OLDEST_OPSET)
    except Exception as error:  # a bare error of the package's C++ part
        raise UnsupportedModelError(
            f"the model has opset {version} and cannot be converted to {models.OLDEST_OPSET}: "
            f"{flat(error)}; export it again"
        ) from error


def _slopes_by_channel(model: onnx.ModelProto) -> onnx.ModelProto:
    """With a vector of slopes of a PRelu as [C, 1, ...], which opset 7 demands and the converter
    leaves out.
    """
    changed = shape_inference.infer_shapes(model)
    graph = changed.graph
    slopes = {tensor.name: tensor for tensor in graph.initializer}
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    for node in graph.node:
        slope = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        if slope is None or len(slope.dims) != 1 or slope.dims[0] == 1:
            continue
        wide = graph.initializer.add()
        wide.CopyFrom(slope)
        wide.name = f"{slope.name}/{node.output[0]}"
        wide.dims.extend([1] * (ranks.get(node.input[0], 2) - 2))
        info = helper.make_tensor_value_info(wide.name, wide.data_type, wide.dims)
        graph.input.append(info)  # the converter takes only constants that are inputs too
        node.input[1] = wide.name
    return changed


def _order(graph: onnx.GraphProto) -> list[int]:
    """The places of the nodes, each as early as what it reads allows; a circle keeps its own."""
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output if name}
    waiting: list[set[int]] = []
    readers: dict[int, list[int]] = {}
    for place, node in enumerate(graph.node):
        reads = {makers[name] for name in models.reads(node) if name in makers}
        waiting.append(reads)
        for maker in reads:
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
