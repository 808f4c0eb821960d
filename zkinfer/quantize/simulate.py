"""Runs fixed-point networks on many samples at once."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from zkinfer.fixed import FixedGraph
from zkinfer.ops import OPS
from zkinfer.ops.tensor import Integers
from zkinfer.quantize import lift
from zkinfer.quantize.samples import Samples

Floats = npt.NDArray[np.float64]


def integers(graph: FixedGraph, samples: Samples) -> dict[str, Integers]:
    """The inputs as the graph takes them, [samples, ...]."""
    arrays = {}
    for name in graph.inputs:
        rounded = np.rint(np.ldexp(samples[name], graph.tensors[name].scale))
        arrays[name] = rounded.astype(np.int64)
    return arrays


def run(
    graph: FixedGraph, weights: Mapping[str, Integers], samples: Samples
) -> Iterator[tuple[str, Integers]]:
    """Every tensor with its integers, [samples, ...], in order; each is kept while it is needed."""
    last = {name: place for place, node in enumerate(graph.nodes) for name in node.inputs}
    arrays = integers(graph, samples)
    yield from list(arrays.items())
    for place, node in enumerate(graph.nodes):
        operands = [
            (arrays[name], True) if name in arrays else (weights[name], False)
            for name in node.inputs
        ]
        arrays[node.output] = lift.apply(node.op, node.attrs, OPS[node.op].forward, operands)
        yield node.output, arrays[node.output]
        for name in {*node.inputs, node.output}:
            if last.get(name, place) <= place:
                arrays.pop(name, None)


def numbers(graph: FixedGraph, name: str, array: Integers) -> Floats:
    """What integers of a tensor stand for."""
    return np.ldexp(array.astype(np.float64), -graph.tensors[name].scale)
