"""Models as older exporters leave them, made what zkinfer and onnxruntime read.

Nodes out of order are sorted; opsets before the oldest one are converted by the onnx package.
"""

import heapq

import onnx
from onnx import version_converter

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
        return version_converter.convert_version(model, models.OLDEST_OPSET)
    except Exception as error:  # a bare error of the package's C++ part
        raise UnsupportedModelError(
            f"the model has opset {version} and cannot be converted to {models.OLDEST_OPSET}: "
            f"{flat(error)}; export it again"
        ) from error


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
