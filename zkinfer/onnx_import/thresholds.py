"""Thresholds moved before what is done to each column by itself, as a scaler does it.

A column z that is read as x = f(z), with f never falling, has x <= t where z <= s, s being the
largest number with f(s) <= t. It is found by bisection over all float32 numbers, through the same
float32 arithmetic as onnxruntime's, so that no rounding of f moves a decision.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.term import MAX_CONSTANTS
from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.forest import Table
from zkinfer.onnx_import.moves import end_to_end
from zkinfer.onnx_import.node import ML_DOMAIN, OnnxNode

Floats = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Step = Callable[[Single], Single]

LARGEST = float(np.finfo(np.float64).max)
MOST_STEPS = 32


@dataclass(frozen=True)
class Column:
    """A column of a tensor of the model, and what is done to it, step by step.

    cast: whether it is made float32 on the way, whatever it was.
    """

    source: str
    place: int
    steps: tuple[Step, ...] = ()
    cast: bool = False

    def before(self, thresholds: Floats) -> Floats:
        """The largest numbers that become at most the thresholds."""
        if not self.steps:
            return thresholds
        last = int(_ordinals(np.array([np.finfo(np.float32).max], np.float32))[0])
        low = np.full(thresholds.shape, -last - 1, np.int64)
        high = np.full(thresholds.shape, last, np.int64)
        with np.errstate(all="ignore"):
            while (low < high).any():
                middle = low + (high - low + 1) // 2
                fits = self._made(_singles(middle)).astype(np.float64) <= thresholds
                low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
        found = _singles(np.maximum(low, -last))
        made = _rounding_to(found) if self.cast else found.astype(np.float64)
        return np.where(low < -last, -LARGEST, made)

    def _made(self, x: Single) -> Single:
        for step in self.steps:
            x = step(x)
        return x


def moved(site: Site, name: str, table: Table) -> tuple[str, Table]:
    """What columns of a tensor [samples, columns] are made of, each by itself, and the table for
    these.
    """
    graph = site.graph
    if graph.shape(graph.source(name))[-1] > MAX_CONSTANTS:
        return graph.source(name), table
    columns = _columns(site, name, MOST_STEPS)
    sources = list(dict.fromkeys(column.source for column in columns))
    widths = [graph.shape(graph.source(source))[-1] for source in sources]
    starts = dict(zip(sources, np.cumsum([0, *widths]).tolist(), strict=False))
    old = table.features.astype(np.int64)
    features, thresholds = np.zeros(old.shape), np.array(table.thresholds)
    for number in np.unique(old).tolist():
        here, column = old == number, columns[number]
        features[here] = starts[column.source] + column.place
        thresholds[here] = column.before(thresholds[here])
    x = end_to_end(site, [graph.source(source) for source in sources], 1)
    return x, replace(table, features=features, thresholds=thresholds)


def _columns(site: Site, name: str, left: int) -> list[Column]:
    """The columns of a tensor."""
    graph = site.graph
    shape = graph.shape(graph.source(name))
    node = graph.makers.get(name)
    own = [Column(name, place) for place in range(shape[-1])]
    if node is None or not left or any(_constant(site, source) for source in node.inputs[:1]):
        return own
    if (node.domain, node.op) in (("", "Concat"), (ML_DOMAIN, "FeatureVectorizer")):
        parts = [graph.shape(graph.source(source)) for source in node.inputs]
        flat = all(len(part) == 2 for part in parts) and node.attrs.get("axis", 1) in (1, -1)
        if not flat or any(_constant(site, source) for source in node.inputs):
            return own
        return [column for source in node.inputs for column in _columns(site, source, left - 1)]
    if (node.domain, node.op) == (ML_DOMAIN, "ArrayFeatureExtractor"):
        if not _constant(site, node.inputs[1]) or len(shape) != 2:
            return own
        places = graph.arrays[graph.source(node.inputs[1])].ravel().tolist()
        inner = _columns(site, node.inputs[0], left - 1)
        return [inner[place] for place in places]
    steps = _steps(site, node, shape[-1])
    if steps is None or graph.shape(graph.source(node.inputs[0])) != shape:
        return own
    cast = node.op in ("Cast", "Scaler")
    return [
        replace(column, steps=(*column.steps, step), cast=column.cast or cast)
        for column, step in zip(_columns(site, node.inputs[0], left - 1), steps, strict=True)
    ]


def _constant(site: Site, name: str) -> bool:
    return site.graph.source(name) in site.graph.arrays


def _steps(site: Site, node: OnnxNode, width: int) -> list[Step] | None:
    """What a node does to each column, if it does it by itself, never falls and is known."""
    if (node.domain, node.op) == (ML_DOMAIN, "Scaler"):
        pairs = (("offset", 0.0), ("scale", 1.0))
        offset, scale = (_row(node.attrs.get(name, [neutral]), width) for name, neutral in pairs)
        if (scale > 0).all():
            return [_scaler(*numbers) for numbers in zip(offset, scale, strict=True)]
    elif node.domain:
        return None
    elif node.op == "Identity" or (node.op == "Cast" and node.attrs.get("to") == 1):
        return [lambda x: x] * width
    elif node.op in _ARITHMETIC and _constant(site, node.inputs[1]):
        array = site.graph.arrays[site.graph.source(node.inputs[1])]
        rising = node.op in ("Add", "Sub") or bool((array > 0).all())
        if array.dtype == np.float32 and array.size in (1, width) and rising:
            return [_arithmetic(node.op, number) for number in _row(array, width)]
    return None


_ARITHMETIC: dict[str, Callable[[Single, np.float32], Single]] = {
    "Add": np.add,
    "Div": np.divide,
    "Mul": np.multiply,
    "Sub": np.subtract,
}


def _arithmetic(op: str, number: np.float32) -> Step:
    return lambda x: _ARITHMETIC[op](x, number)


def _scaler(offset: np.float32, scale: np.float32) -> Step:
    return lambda x: (x - offset) * scale


def _row(numbers: Sequence[float] | Single, width: int) -> Single:
    """One number for each column, of one for each or one for all."""
    return np.broadcast_to(np.array(numbers, np.float32).ravel(), (width,))


def _rounding_to(found: Single) -> Floats:
    """The largest double that becomes each float32 number: half way to the next for even ones."""
    here = found.astype(np.float64)
    after = np.nextafter(found, np.float32(math.inf)).astype(np.float64)
    half = np.where(np.isfinite(after), here + (after - here) / 2, here)
    return np.where(found.view(np.int32) % 2 == 0, half, np.nextafter(half, -math.inf))


def _ordinals(x: Single) -> Integers:
    """Integers in the order of float32 numbers: zero is 0."""
    bits = x.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _singles(ordinals: Integers) -> Single:
    """The float32 numbers of ordinals."""
    bits = np.where(ordinals < 0, -ordinals | 0x80000000, ordinals)
    return bits.astype(np.uint32).view(np.float32)
