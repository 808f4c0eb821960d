"""Sample inputs: the calibration data, checked and stacked, or samples drawn from a range."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.graph import Boolean, Graph, Integer

Floats = npt.NDArray[np.float64]
Samples = Mapping[str, Floats]

DRAWN = 64
GUESSED = 8

FEWEST_TO_SPLIT = 10
"""With fewer samples than this none are held out."""

HELD_OUT = 0.2
_GOLDEN = (math.sqrt(5) - 1) / 2
_SEED = 1


def stacked(graph: Graph, calibration: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
    """Calibration data as [samples, shape of the input...].

    calibration: by input name; samples lie along axis 0, which is the input's own batch axis where
    it has one, or a new one before that. Raises UsageError for other names, shapes or types, for
    NaN and infinity, and for fractions where the model takes integers.
    """
    if set(calibration) != set(graph.inputs):
        raise UsageError(
            f"the calibration data has {_listed(calibration)}, expected {_listed(graph.inputs)}"
        )
    samples = {name: _stacked(graph, name, calibration[name]) for name in graph.inputs}
    counts = {name: len(array) for name, array in samples.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(f"the inputs have different numbers of calibration samples: {counts}")
    return samples


def _stacked(graph: Graph, name: str, array: npt.NDArray[Any]) -> Floats:
    shape, array = graph.shape(name), np.asarray(array)
    if array.dtype.kind not in "fiub":
        raise UsageError(f"calibration of input {name} has dtype {array.dtype}; expected numbers")
    batched = graph.batch_axis[name]
    batch, inner = (shape[0], shape[1:]) if batched else (1, shape)
    if batched and array.shape[1:] == shape:
        array = array.reshape(-1, *inner)
    fits = array.ndim == len(inner) + 1 and array.shape[1:] == inner
    if not fits or len(array) == 0 or len(array) % batch:
        samples = "samples" if batch == 1 else f"a multiple of {batch}"
        expected = ", ".join([samples, *map(str, inner)])
        raise UsageError(
            f"calibration of input {name} has shape {array.shape}, expected ({expected})"
        )
    values = array.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise UsageError(
            f"calibration of input {name} at index {index} is {values[index]}; "
            "expected finite numbers"
        )
    kind = graph.tensors[name].kind
    if isinstance(kind, Integer | Boolean):
        wrong = (values != np.rint(values)) | (values < kind.low) | (values > kind.high)
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise UsageError(
                f"calibration of input {name} at index {index} is {values[index]:g}; the model "
                f"takes integers from {kind.low} to {kind.high}"
            )
    return values.reshape(-1, *shape)


def drawn(
    graph: Graph, low: float, high: float, within: Mapping[str, tuple[float, float]]
) -> dict[str, Floats]:
    """Samples from the range: uniform ones, corners and both ends; the same on every call.

    Inputs of an integer type get integers. within: by input, other ranges that some have. Raises
    UsageError where a range has none of them.
    """
    rng = np.random.default_rng(_SEED)
    samples = {}
    for name in graph.inputs:
        shape, kind = graph.shape(name), graph.tensors[name].kind
        least, most = within.get(name, (low, high))
        uniform = rng.uniform(least, most, (DRAWN, *shape))
        corners = np.where(rng.random(uniform.shape) < 0.5, least, most)
        ends = np.stack([np.full(shape, end) for end in (least, most)])
        samples[name] = np.concatenate([uniform, corners[: DRAWN // 4], ends])
        if isinstance(kind, Integer | Boolean):
            samples[name] = _whole(samples[name], name, (least, most), kind)
    return samples


def guessed(graph: Graph, count: int = GUESSED) -> Iterator[dict[str, Floats]]:
    """So many samples, for want of any: normal, and if the model does not take these, uniform in
    [0, 1]. Integers are 0 or 1, which any embedding holds.
    """
    for uniform in (False, True):
        rng = np.random.default_rng(_SEED)
        samples = {}
        for name in graph.inputs:
            shape = (count, *graph.shape(name))
            numbers = rng.random(shape) if uniform else rng.standard_normal(shape)
            whole = isinstance(graph.tensors[name].kind, Integer | Boolean)
            samples[name] = (numbers > 0.5).astype(np.float64) if whole else numbers
        yield {
            name: array.reshape(-1, *array.shape[2:]) if graph.batch_axis[name] else array
            for name, array in samples.items()
        }


def _whole(array: Floats, name: str, ends: tuple[float, float], kind: Integer | Boolean) -> Floats:
    """The nearest integers in a range that an integer type can hold."""
    first, last = max(math.ceil(ends[0]), kind.low), min(math.floor(ends[1]), kind.high)
    if first > last:
        raise UsageError(
            f"the input range {ends[0]:g} to {ends[1]:g} holds none of the integers from "
            f"{kind.low} to {kind.high} that input {name} takes"
        )
    return np.clip(np.rint(array), first, last)


def split(total: int) -> tuple[list[int], list[int]]:
    """Which samples widths are chosen on, and which of them are held out: none of a few.

    Multiples of the golden ratio modulo 1 are evenly spread over every period that data may have
    (classes in turn, a pattern by day), so that both parts are as varied as the whole.
    """
    if total < FEWEST_TO_SPLIT:
        return list(range(total)), []
    held = (np.arange(total) * _GOLDEN) % 1 >= 1 - HELD_OUT
    return np.flatnonzero(~held).tolist(), np.flatnonzero(held).tolist()


def at(samples: Samples, chosen: list[int]) -> dict[str, Floats]:
    """These samples."""
    return {name: array[chosen] for name, array in samples.items()}


def count(samples: Samples) -> int:
    """How many samples."""
    return len(next(iter(samples.values())))


def some(samples: Samples, most: int) -> dict[str, Floats]:
    """At most so many of the samples, evenly spread."""
    total = count(samples)
    chosen = np.unique(np.linspace(0, total - 1, min(most, total)).round().astype(np.int64))
    return {name: array[chosen] for name, array in samples.items()}


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "no inputs"
