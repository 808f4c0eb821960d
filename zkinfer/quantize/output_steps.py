"""Outputs that the model rounds itself, as quantized models do: they are off by whole steps or not.

Where floats come before the rounding, a number next to the middle of a step may come out on the
other side of it, however fine the network is. So an error of one step is allowed.
"""

from collections.abc import Mapping

from zkinfer.graph import Graph
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries

KEEPING = (Entries.MOVED, Entries.LARGEST, Entries.CLAMPED)
MARGIN = 1.001
"""What outputs in float32 add to a step."""


def step(graph: Graph, magnitude: Mapping[str, float]) -> float:
    """The least step of the outputs over their largest number; 0 if there is one without steps.

    magnitude: the largest number of each output.
    """
    steps = _steps(graph)
    found = ((steps.get(name) or 0.0) / (magnitude[name] or 1.0) for name in graph.outputs)
    return MARGIN * min(found)


def _steps(graph: Graph) -> dict[str, float | None]:
    steps: dict[str, float | None] = {}
    for node in graph.nodes:
        layer, before = LAYERS[node.op], steps.get(node.inputs[0])
        keeps = layer.entries in KEEPING and len(node.inputs) == 1
        made = before if keeps else layer.step(node.attrs, before)
        steps.update(dict.fromkeys(node.outputs, made))
    return steps
