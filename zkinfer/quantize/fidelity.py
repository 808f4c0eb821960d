"""The measurement that is reported: the fixed-point network against the float one, all samples."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.graph import Node
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Bounds, Entries
from zkinfer.quantize import floats
from zkinfer.quantize.network import Built
from zkinfer.quantize.parallel import WORKERS, in_parallel
from zkinfer.quantize.result import LayerFidelity, Measured, Oracle, OutputFidelity
from zkinfer.quantize.run import Run, run
from zkinfer.quantize.samples import at, count
from zkinfer.quantize.task import Task
from zkinfer.saturation import excesses

Floats = npt.NDArray[np.float64]

Samples = Mapping[str, Floats]
Result = Mapping[str, npt.NDArray[Any]]
"""Every tensor that a node computes, by its ONNX name: what the oracle says of a sample."""

CHUNK = 32
ENTRIES = 2**23
"""Most samples that a worker takes at a time, and most entries of all their tensors together."""

KEPT = 2**28
"""Bytes of the oracle's results that are kept; the others are asked for again."""

QUANTILES = (0.5, 0.9, 0.99, 1.0)
PLOTTED = 400
"""Most values of an output that are kept for a plot."""


@dataclass(frozen=True)
class FloatRun:
    """The float network on some samples.

    outputs: by the graph's names, [samples, ...]; in label mode scores, which need not be outputs
    of the model. low, high: the least and the greatest value of each tensor, [samples]. kept: the
    oracle's results for some of the samples, by their places.
    """

    outputs: dict[str, Floats]
    low: dict[str, Floats]
    high: dict[str, Floats]
    kept: dict[int, Result]

    def ranges(self, chosen: list[int]) -> dict[str, tuple[float, float]]:
        """The least and the greatest value of each tensor on these samples."""
        return {
            name: (float(low[chosen].min()), float(self.high[name][chosen].max()))
            for name, low in self.low.items()
        }


def run_floats(task: Task, samples: Samples, oracle: Oracle) -> FloatRun:
    """Runs the float network."""
    total = count(samples)

    def some(chosen: list[int]) -> FloatRun:
        chunk = at(samples, chosen)
        results = [oracle.run_all(x) for x in _each(chunk)]
        values, _ = _values(task, chunk, results)
        flat = {name: array.reshape(len(array), -1) for name, array in values.items()}
        size = sum(array.nbytes for result in results for array in result.values())
        fit = len(chosen) * KEPT * len(chosen) // (total * max(size, 1))
        return FloatRun(
            {name: values[name].astype(np.float64) for name in task.graph.outputs},
            {name: array.min(axis=1).astype(np.float64) for name, array in flat.items()},
            {name: array.max(axis=1).astype(np.float64) for name, array in flat.items()},
            dict(zip(chosen, results[:fit], strict=False)),
        )

    runs = in_parallel(some, _chunks(task, list(range(total))))
    outputs, low, high = (
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for parts in zip(*((run.outputs, run.low, run.high) for run in runs), strict=True)
    )
    return FloatRun(outputs, low, high, {k: v for run in runs for k, v in run.kept.items()})


def _values(
    task: Task, samples: Samples, results: Sequence[Result]
) -> tuple[dict[str, npt.NDArray[Any]], frozenset[str]]:
    """Every tensor of the float network, [samples, ...], and which of them are the oracle's own:
    not those that are no numbers on the way to outputs that are, as where a softmax sees nothing.
    """
    graph = task.graph
    own = {
        name: np.stack([result[name].reshape(graph.shape(name)) for result in results])
        for node in graph.nodes
        for name in node.outputs
        if name in results[0]
    }
    own = {
        name: array
        for name, array in own.items()
        if name in graph.outputs or not np.isnan(array.sum())
    }
    return floats.values(graph, samples, own), frozenset(own)


def _chunks(task: Task, chosen: list[int]) -> list[list[int]]:
    """These samples, as many at a time as memory is to hold all tensors of."""
    graph = task.graph
    entries = sum(math.prod(graph.shape(name)) for node in graph.nodes for name in node.outputs)
    share = -(-len(chosen) // WORKERS)
    size = min(max(ENTRIES // max(entries, 1), 1), CHUNK, share)
    return [chosen[start : start + size] for start in range(0, len(chosen), size)]


def measure(
    task: Task,
    built: Built,
    samples: Samples,
    chosen: list[int],
    known: FloatRun,
    magnitude: Mapping[str, float],
    oracle: Oracle,
) -> tuple[Measured, list[int]]:
    """The fidelity on the chosen samples, and for each output the place among these of the one
    with the largest error.

    known: the float network on all samples. magnitude: what errors of each output are relative to.
    """

    def some(places: list[int]) -> tuple[list[Floats], list[LayerFidelity], int]:
        chunk = at(samples, places)
        fixed = run(built, chunk)
        pairs = zip(places, _each(chunk), strict=True)
        results = [known.kept.get(place) or oracle.run_all(x) for place, x in pairs]
        outputs = [fixed.value(name) for name in task.graph.outputs]
        return outputs, _layers(task, fixed, chunk, results), _saturating(fixed)

    values, layers, saturating = zip(*in_parallel(some, _chunks(task, chosen)), strict=True)
    outputs, worst = [], []
    for name, *parts in zip(task.graph.outputs, *values, strict=True):
        value, expected = np.concatenate(parts), known.outputs[name][chosen]
        outputs.append(_output(name, value, expected, magnitude[name]))
        errors = np.abs(value - expected).reshape(len(value), -1).max(axis=1)
        worst.append(int(errors.argmax()))
    measured = Measured(
        samples=len(chosen),
        saturating=sum(saturating),
        layers=tuple(reduce(_joined, parts) for parts in zip(*layers, strict=True)),
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


def _layers(
    task: Task, fixed: Run, chunk: Samples, results: Sequence[Result]
) -> list[LayerFidelity]:
    """Every tensor that is no view and was brought to a format."""
    values, known = _values(task, chunk, results)
    return [
        _layer(node, tensor, bounds, fixed, values[tensor], tensor in known)
        for node in task.graph.nodes
        if LAYERS[node.op].entries is not Entries.MOVED
        for tensor, bounds in zip(node.outputs, LAYERS[node.op].bounds(node.attrs), strict=True)
        if tensor not in fixed.built.raw
    ]


def _layer(
    node: Node,
    tensor: str,
    bounds: Bounds,
    fixed: Run,
    expected: npt.NDArray[Any],
    known: bool,
) -> LayerFidelity:
    """One tensor. bounds: those of its layer. known: whether the oracle says what is expected."""
    made = fixed.built.graph.tensors[fixed.built.names[tensor]]
    value = fixed.value(tensor)
    step = 2.0**-made.scale
    floor, ceiling = bounds
    saturated = 0
    if ceiling == math.inf:
        saturated += int(np.count_nonzero(expected > (made.high + 1) * step))
    if floor == -math.inf:
        saturated += int(np.count_nonzero(expected < (made.low - 1) * step))
    used = _largest(value) / (max(-made.low, made.high, 1) * step)
    value -= expected
    return LayerFidelity(
        name=node.name,
        op=node.op,
        tensor=tensor,
        error=_largest(value),
        magnitude=_largest(expected),
        used=used,
        saturated=saturated,
        count=expected.size,
        against_oracle=known,
    )


def _largest(array: npt.NDArray[Any]) -> float:
    """The largest absolute value."""
    return max(0.0, float(array.max()), -float(array.min()))


def _joined(a: LayerFidelity, b: LayerFidelity) -> LayerFidelity:
    """The same tensor on more samples."""
    return replace(
        a,
        error=max(a.error, b.error),
        magnitude=max(a.magnitude, b.magnitude),
        used=max(a.used, b.used),
        saturated=a.saturated + b.saturated,
        count=a.count + b.count,
        against_oracle=a.against_oracle and b.against_oracle,
    )


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
