"""What is to be quantized: the prepared float graph, who reads its tensors, and their formats."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UnsupportedModelError
from zkinfer.graph import Graph, Node, Real
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Entries
from zkinfer.quantize.formats import MARGIN, Format, exponent

Floats = npt.NDArray[np.float64]
Ranges = Mapping[str, tuple[float, float]]

RANKED_PRODUCTS, SCORED_PRODUCTS = 10**6, 10**5
"""Most multiplications to make what is ranked finer for, and what a label's scores follow from:
distances to some rows, and classical models; not deep networks.
"""


@dataclass(frozen=True)
class Task:
    """graph: prepared, without heads. names: of the outputs, in label mode of one.
    hidden: whether the weights are.

    readers: how many nodes and outputs read a tensor. reader: one node that does. shown: the
    tensors whose values reach an output unchanged. decided: the tensors that follow from
    comparisons, whose errors on samples say little of those on other data. ranked: those, constants
    and inputs among them, whose order makes places or the label, of which just the same is to be
    said.
    """

    graph: Graph
    names: tuple[str, ...]
    output_mode: str
    hidden: bool
    readers: Mapping[str, int]
    reader: Mapping[str, Node]
    shown: frozenset[str]
    decided: frozenset[str]
    ranked: frozenset[str]

    def stands(self, tensor: str) -> str:
        """What stands for the width of a tensor: its own name, or that of all that are alike."""
        return self.graph.alike.get(tensor, tensor)

    def only_reader(self, tensor: str) -> Node | None:
        """The node that alone reads a tensor."""
        return self.reader.get(tensor) if self.readers.get(tensor) == 1 else None


def make_task(graph: Graph, names: tuple[str, ...], output_mode: str, *, hidden: bool) -> Task:
    """The task of a prepared graph (zkinfer.quantize.prepare). hidden: the weights.

    Raises UnsupportedModelError, naming the node, for constants that are no numbers.
    """
    for node in graph.nodes:
        _check_constants(graph, node)
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    readers.update(graph.outputs)
    reader = {name: node for node in graph.nodes for name in node.inputs}
    shown = set(graph.outputs)
    for node in reversed(graph.nodes):
        if shown.intersection(node.outputs) and LAYERS[node.op].entries.keep_format:
            shown.update(node.inputs)
    decided: set[str] = set()
    for node in graph.nodes:
        if LAYERS[node.op].compared or decided.intersection(node.inputs):
            decided.update(node.outputs)
    ranked = _ranked(graph, (), RANKED_PRODUCTS)
    if output_mode == "label":
        ranked |= _ranked(graph, graph.outputs, SCORED_PRODUCTS)
    sets = frozenset(shown), frozenset(decided), ranked
    return Task(graph, names, output_mode, hidden, readers, reader, *sets)


def _ranked(graph: Graph, scores: Sequence[str], most: int) -> frozenset[str]:
    """What numbers that are ranked are made of; nothing where that takes more multiplications.

    scores: tensors that are ranked besides those that make places.
    """
    ranked, work = set(scores), 0
    for node in reversed(graph.nodes):
        if LAYERS[node.op].entries is Entries.PLACE:
            ranked.update(node.inputs[:1])
        elif ranked.intersection(node.outputs):
            ranked.update(node.inputs)
            work += products(graph, node)
    kinds = {name: graph.tensors[name].kind for name in ranked}
    found = {name for name, kind in kinds.items() if isinstance(kind, Real)}
    return frozenset(found if work <= most else ())


def products(graph: Graph, node: Node) -> int:
    """Multiplications of a node for one sample, and one for each entry that it makes."""
    count = sum(math.prod(graph.shape(tensor)) for tensor in node.outputs)
    depth = LAYERS[node.op].products([graph.shape(name) for name in node.inputs])
    return count * (depth + 4)


def _check_constants(graph: Graph, node: Node) -> None:
    for name in node.inputs:
        if name in graph.constants and not np.isfinite(graph.constants[name]).all():
            raise UnsupportedModelError(
                f"constant {name} of node {node.name} ({node.op}) holds NaN or infinity; "
                "expected finite numbers"
            )


def formats(task: Task, ranges: Ranges, *, guaranteed: bool) -> dict[str, Format]:
    """The format of every tensor of the graph, should it be requantized.

    ranges: least and greatest float value of each. guaranteed: no input exceeds them, so that no
    margin is needed. Raises UnsupportedModelError, naming the node, where a value has no bounds.
    """
    found: dict[str, Format] = {}
    for node in task.graph.nodes:
        bounds = LAYERS[node.op].bounds(node.attrs)
        for tensor, (floor, ceiling) in zip(node.outputs, bounds, strict=True):
            low, high = ranges[tensor]
            if not math.isfinite(high - low):
                raise UnsupportedModelError(_boundless(node, guaranteed=guaranteed))
            margin = 1.0 if guaranteed else MARGIN
            most = min(max(-low, high) * margin, max(-floor, ceiling))
            ends = (low / margin if low > 0 else low * margin, high * margin)
            ends = (max(ends[0], floor), min(high / margin if high < 0 else ends[1], ceiling))
            power, signed = exponent(most), floor < 0
            found[tensor] = Format(power, signed, floor, ceiling, not guaranteed, ends)
    return _alike(task.graph.alike, found)


def _boundless(node: Node, *, guaranteed: bool) -> str:
    """What to say of a node whose values have no bounds."""
    if guaranteed:
        return (
            f"node {node.name} ({node.op}): on the declared range of the inputs its values have no "
            "bounds, as those of a division by what may be zero; give calibration data, or a "
            "range on which they have"
        )
    return (
        f"node {node.name} ({node.op}): on the calibration data it gives NaN or infinity, as a "
        "division by zero does; expected finite numbers: leave these samples out"
    )


def _alike(alike: Mapping[str, str], found: Mapping[str, Format]) -> dict[str, Format]:
    """The formats with the widest range of all tensors that are alike."""
    powers: dict[tuple[str, bool, float, float], int] = {}
    keys = {
        tensor: (alike[tensor], form.signed, form.low, form.high)
        for tensor, form in found.items()
        if tensor in alike
    }
    for tensor, key in keys.items():
        powers[key] = max(powers.get(key, found[tensor].power), found[tensor].power)
    return {
        tensor: replace(form, power=powers[keys[tensor]]) if tensor in keys else form
        for tensor, form in found.items()
    }
