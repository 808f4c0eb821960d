"""The measurement that is reported: the fixed-point network against the float one, all samples."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Bounds, Entries
from zkinfer.quantize import floats
from zkinfer.quantize.network import Built
from zkinfer.quantize.result import LayerFidelity, Measured, Oracle, OutputFidelity
from zkinfer.quantize.run import Run, run
from zkinfer.quantize.samples import chunks
from zkinfer.quantize.task import Task
from zkinfer.saturation import excesses

Floats = npt.NDArray[np.float64]

CHUNK = 32
ENTRIES = 2**24
"""Most samples at a time, and most entries of all their tensors together."""

QUANTILES = (0.5, 0.9, 0.99, 1.0)
PLOTTED = 400
"""Most values of an output that are kept for a plot."""


@dataclass
class _Layer:
    """Running totals of one tensor. bounds: those of its layer."""

    node: Node
    tensor: str
    bounds: Bounds
    against_oracle: bool
    error: float = 0.0
    magnitude: float = 0.0
    used: float = 0.0
    saturated: int = 0
    count: int = 0

    def add(self, fixed: Run, expected: Floats) -> None:
        """Takes more samples in."""
        name = fixed.built.names[self.tensor]
        tensor = fixed.built.graph.tensors[name]
        value = fixed.value(self.tensor)
        step = 2.0**-tensor.scale
        self.error = max(self.error, float(np.abs(value - expected).max()))
        self.magnitude = max(self.magnitude, float(np.abs(expected).max()))
        end = max(-tensor.low, tensor.high, 1)
        self.used = max(self.used, float(np.abs(value).max()) / (end * step))
        beyond = np.zeros(expected.shape, bool)
        floor, ceiling = self.bounds
        if ceiling == math.inf:
            beyond |= expected > (tensor.high + 1) * step
        if floor == -math.inf:
            beyond |= expected < (tensor.low - 1) * step
        self.saturated += int(beyond.sum())
        self.count += expected.size


@dataclass(frozen=True)
class FloatRun:
    """The float network on some samples.

    outputs: by the graph's names, [samples, ...]; in label mode scores, which need not be outputs
    of the model. low, high: the least and the greatest value of each tensor, [samples].
    """

    outputs: dict[str, Floats]
    low: dict[str, Floats]
    high: dict[str, Floats]

    def ranges(self, chosen: list[int]) -> dict[str, tuple[float, float]]:
        """The least and the greatest value of each tensor on these samples."""
        return {
            name: (float(low[chosen].min()), float(self.high[name][chosen].max()))
            for name, low in self.low.items()
        }


def run_floats(task: Task, samples: Mapping[str, Floats], oracle: Oracle) -> FloatRun:
    """Runs the float network."""
    outputs: dict[str, list[Floats]] = {name: [] for name in task.graph.outputs}
    lows: dict[str, list[Floats]] = {}
    highs: dict[str, list[Floats]] = {}
    for chunk in _chunks(task, samples):
        values, _ = _values(task, chunk, oracle)
        for name, array in values.items():
            flat = array.reshape(len(array), -1)
            lows.setdefault(name, []).append(flat.min(axis=1).astype(np.float64))
            highs.setdefault(name, []).append(flat.max(axis=1).astype(np.float64))
        for name in outputs:
            outputs[name].append(values[name].astype(np.float64))
    joined = [
        {name: np.concatenate(arrays) for name, arrays in of.items()}
        for of in (outputs, lows, highs)
    ]
    return FloatRun(*joined)


def _values(
    task: Task, samples: Mapping[str, Floats], oracle: Oracle
) -> tuple[dict[str, npt.NDArray[Any]], frozenset[str]]:
    """Every tensor of the float network, [samples, ...], and which of them are the oracle's own."""
    graph = task.graph
    results = [oracle.run_all(x) for x in _each(samples)]
    own = {
        name: np.stack([result[name].reshape(graph.shape(name)) for result in results])
        for node in graph.nodes
        for name in node.outputs
        if name in results[0]
    }
    return floats.values(graph, samples, own), frozenset(own)


def _chunks(task: Task, samples: Mapping[str, Floats]) -> Iterator[dict[str, Floats]]:
    """The samples, as many at a time as memory is to hold all tensors of."""
    graph = task.graph
    entries = sum(math.prod(graph.shape(name)) for node in graph.nodes for name in node.outputs)
    return chunks(samples, min(max(ENTRIES // max(entries, 1), 1), CHUNK))


def measure(
    task: Task,
    built: Built,
    samples: Mapping[str, Floats],
    reference: Mapping[str, Floats],
    magnitude: Mapping[str, float],
    oracle: Oracle,
) -> tuple[Measured, list[int]]:
    """The fidelity on these samples, and for each output the sample with the largest error.

    reference: the float network's outputs. magnitude: what errors of each are relative to.
    """
    count = len(next(iter(samples.values())))
    fixed_outputs: dict[str, list[Floats]] = {name: [] for name in task.graph.outputs}
    layers: dict[str, _Layer] = {}
    saturating = 0
    for chunk in _chunks(task, samples):
        fixed = run(built, chunk)
        for name, values in fixed_outputs.items():
            values.append(fixed.value(name))
        _add_layers(task, fixed, chunk, oracle, layers)
        saturating += _saturating(fixed)
    outputs, worst = [], []
    for name, parts in fixed_outputs.items():
        value, expected = np.concatenate(parts), reference[name]
        outputs.append(_output(name, value, expected, magnitude[name]))
        worst.append(int(np.abs(value - expected).reshape(count, -1).max(axis=1).argmax()))
    measured = Measured(
        samples=count,
        saturating=saturating,
        layers=tuple(
            LayerFidelity(
                name=layer.node.name,
                op=layer.node.op,
                tensor=layer.tensor,
                error=layer.error,
                magnitude=layer.magnitude,
                used=layer.used,
                saturated=layer.saturated,
                count=layer.count,
                against_oracle=layer.against_oracle,
            )
            for layer in layers.values()
        ),
        outputs=tuple(outputs),
    )
    return measured, worst


def _saturating(fixed: Run) -> int:
    """On how many samples values saturate."""
    flags = [
        (times > 1).reshape(len(times), -1).any(axis=1)
        for _, times in excesses(fixed.built.graph, fixed.arrays)
    ]
    return int(np.any(flags, axis=0).sum()) if flags else 0


def _add_layers(
    task: Task,
    fixed: Run,
    chunk: Mapping[str, Floats],
    oracle: Oracle,
    layers: dict[str, _Layer],
) -> None:
    """Compares every tensor that is no view and was brought to a format."""
    made = [
        (node, tensor, bounds)
        for node in task.graph.nodes
        if LAYERS[node.op].entries is not Entries.MOVED
        for tensor, bounds in zip(node.outputs, LAYERS[node.op].bounds(node.attrs), strict=True)
        if tensor not in fixed.built.raw
    ]
    values, known = _values(task, chunk, oracle)
    for node, tensor, bounds in made:
        layer = layers.setdefault(tensor, _Layer(node, tensor, bounds, tensor in known))
        layer.add(fixed, values[tensor].astype(np.float64, copy=False))


def _output(name: str, value: Floats, expected: Floats, magnitude: float) -> OutputFidelity:
    count = len(value)
    flat, wanted = value.reshape(count, -1), expected.reshape(count, -1)
    agreement = None
    if flat.shape[1] > 1:
        agreement = float((flat.argmax(axis=1) == wanted.argmax(axis=1)).mean())
    difference, nonzero = np.abs(flat - wanted), wanted != 0
    own = difference[nonzero] / np.abs(wanted[nonzero])
    quantiles = np.quantile(own, QUANTILES).tolist() if own.size else []
    stride = max(1, flat.size // PLOTTED)
    return OutputFidelity(
        name=name,
        error=float(difference.max()),
        magnitude=magnitude,
        agreement=agreement,
        own_errors=dict(zip(QUANTILES, quantiles, strict=False)),
        floats=tuple(wanted.ravel()[::stride].tolist()),
        fixed=tuple(flat.ravel()[::stride].tolist()),
    )


def _each(samples: Mapping[str, Floats]) -> Iterator[dict[str, Floats]]:
    """The samples one by one."""
    for index in range(len(next(iter(samples.values())))):
        yield {name: array[index] for name, array in samples.items()}
