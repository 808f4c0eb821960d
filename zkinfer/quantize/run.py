"""Running fixed-point networks on samples, and comparing them with the float network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.fixed import FixedGraph, FixedNode
from zkinfer.ops import OPS
from zkinfer.ops.tensor import Integers
from zkinfer.quantize.network import Built
from zkinfer.saturation import excesses

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A network and all its tensors on some samples, [samples, ...]."""

    built: Built
    arrays: Mapping[str, Integers]

    def value(self, tensor: str) -> Floats:
        """A float tensor as the fixed-point network has it."""
        name = self.built.names[tensor]
        return np.ldexp(self.arrays[name].astype(np.float64), -self.built.graph.tensors[name].scale)

    def saturates(self) -> bool:
        """Whether a value leaves its calibrated range."""
        return any((times > 1).any() for _, times in excesses(self.built.graph, self.arrays))


def round_inputs(graph: FixedGraph, samples: Mapping[str, Floats]) -> dict[str, Integers]:
    """The samples at the inputs' scales, within their domains."""
    rounded = {}
    for name, array in samples.items():
        tensor = graph.tensors[name]
        integers = np.rint(np.ldexp(array, tensor.scale))
        rounded[name] = np.clip(integers, tensor.low, tensor.high).astype(np.int64)
    return rounded


def run(built: Built, samples: Mapping[str, Floats], previous: Run | None = None) -> Run:
    """Every tensor.

    previous: a run of a similar network on the same samples, whose equal parts are reused.
    """
    graph = built.graph
    same: set[str] = set()
    known: dict[str, FixedNode] = {}
    arrays: dict[str, Integers] = {}
    if previous is not None:
        old = previous.built
        same.update(n for n in graph.inputs if graph.declared[n] == old.graph.declared.get(n))
        same.update(n for n in graph.weights if built.weights[n] is old.weights.get(n))
        known = {node.name: node for node in old.graph.nodes}
        arrays.update({name: previous.arrays[name] for name in graph.inputs if name in same})
    fresh = {name: array for name, array in samples.items() if name not in arrays}
    arrays.update(round_inputs(graph, fresh))
    for node in graph.nodes:
        if previous is not None and same.issuperset(node.inputs) and known.get(node.name) == node:
            same.update(node.outputs)
            arrays.update((name, previous.arrays[name]) for name in node.outputs)
            continue
        operands = [
            (arrays[name], True) if name in arrays else (built.weights[name], False)
            for name in node.inputs
        ]
        op = OPS[node.op]
        made = op.lift(op.forward, node.attrs, operands)
        arrays.update(zip(node.outputs, made, strict=True))
    return Run(built, arrays)


def output_error(
    value: Callable[[str], Floats], reference: Mapping[str, Floats], magnitude: Mapping[str, float]
) -> float:
    """The largest output error over the largest output, of the worst output.

    value: the outputs to judge by name. reference: the float network's. magnitude: each output's
    largest absolute float value.
    """
    return max(
        float(np.abs(value(name) - expected).max()) / (magnitude[name] or 1.0)
        for name, expected in reference.items()
    )
