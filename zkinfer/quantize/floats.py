"""The float network in numpy: float64 values of every tensor, and their intervals.

Values serve to calibrate ranges; intervals bound the ranges when only the input's range is known.
What is no finite number is kept: it is refused where formats are chosen.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Graph
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Floats, Interval, Operand

Array = npt.NDArray[Any]


def values(
    graph: Graph, samples: Mapping[str, Floats], known: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Every tensor that the graph computes, [samples, ...], and the inputs.

    samples: the inputs, [samples, ...]. known: tensors that need not be computed, of any precision.
    """
    arrays: dict[str, Array] = {**samples, **(known or {})}
    for node in graph.nodes:
        if arrays.keys() >= set(node.outputs):
            continue
        operands: list[Operand] = [
            (arrays[name].astype(np.float64, copy=False), True)
            if name in arrays
            else (graph.constants[name], False)
            for name in node.inputs
        ]
        with np.errstate(all="ignore"):
            made = LAYERS[node.op].value(node.attrs, operands)
        arrays.update(zip(node.outputs, made, strict=True))
    return arrays


def intervals(
    graph: Graph, inputs: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The least and the greatest value that each tensor can take, for inputs in these ranges."""
    found = {
        name: Interval(np.full(graph.shape(name), low), np.full(graph.shape(name), high))
        for name, (low, high) in inputs.items()
    }
    for node in graph.nodes:
        operands = [
            found[name] if name in found else Interval(graph.constants[name], graph.constants[name])
            for name in node.inputs
        ]
        with np.errstate(all="ignore"):
            made = LAYERS[node.op].interval(node.attrs, operands)
        found.update(zip(node.outputs, made, strict=True))
    return {name: (float(low.min()), float(high.max())) for name, (low, high) in found.items()}
