"""From the float graph and chosen widths to the fixed-point network, layer by layer.

What a layer computes is first "raw": exact, at the scale that the operators give. A requantize
brings it to the format of its tensor, unless what alone reads it takes it raw: a layer that keeps
it within bounds, which are then that requantize's, or a sum, so that one requantize serves both.
Layers whose entries are those of their operands keep the operands' format. Where integers could
reach 2^62 narrower constants are tried, then the model is refused.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from zkinfer.encoding import LIMIT, Columns
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import MAX_SCALE, MAX_TENSORS, FixedGraph, FixedNode
from zkinfer.graph import Integer, Node, unused
from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Bounds, Emitted, Entries, Floats, TooWideError
from zkinfer.layers.emitting import copying, ranking, refined, rounding
from zkinfer.ops import OPS
from zkinfer.ops.tensor import FixedTensor, Integers, ShapeError
from zkinfer.quantize.formats import (
    DECIDED_BITS,
    MAX_CONSTANT_BITS,
    OUTPUT_BITS,
    Ends,
    Format,
    Widths,
    declared,
    detail_scale,
    even_scale,
    exponent,
    to_integers,
    weight_scale,
    width,
)
from zkinfer.quantize.task import Task

MAX_DETAIL = 24
"""Most bits of public reciprocals and of slopes."""

_T = TypeVar("_T")


@dataclass
class Rounded:
    """What is found of constants once and used again: the ends of each, and for each use of one
    the last scale and the integers.
    """

    latest: dict[tuple[str, str], tuple[int, Integers]] = field(default_factory=dict)
    known: dict[str, Ends] = field(default_factory=dict)

    def ends(self, name: str, array: Any) -> Ends:
        """The least and the greatest entry of a constant."""
        if name not in self.known:
            self.known[name] = Ends.of(array)
        return self.known[name]

    def get(self, use: tuple[str, str], array: Any, scale: int) -> Integers:
        """The integers of a constant at a scale. use: its name, and the one of these integers."""
        if use not in self.latest or self.latest[use][0] != scale:
            self.latest[use] = (scale, to_integers(array, scale))
        return self.latest[use][1]

    def cut(self, use: tuple[str, str], array: Any, scale: int, ends: tuple[int, int]) -> Integers:
        """The integers of a constant rounded down and cut to ends, which the use tells too."""
        if use not in self.latest:
            floors = np.clip(np.floor(np.ldexp(array, scale)), -LIMIT, LIMIT).astype(np.int64)
            self.latest[use] = (scale, np.clip(floors, *ends))
        return self.latest[use][1]


@dataclass(frozen=True)
class Built:
    """A fixed-point network: its graph, its weights by name, the names of the float tensors.

    raw: the float tensors that are in no format, because what reads them takes them raw. rounded:
    the fixed-point tensors that a requantize brings to a format.
    """

    graph: FixedGraph
    weights: Mapping[str, Integers]
    names: Mapping[str, str]
    raw: frozenset[str]
    rounded: frozenset[str]


def build(
    task: Task,
    formats: Mapping[str, Format],
    widths: Widths,
    constants: Rounded,
    domains: Mapping[str, FixedTensor],
    columns: Mapping[str, Columns],
    modes: Mapping[str, str],
) -> Built:
    """The fixed-point network of a task.

    formats: of every float tensor. constants: of earlier calls. domains: the declared inputs.
    columns, modes: as FixedGraph has them. Raises TooWideError, naming the node, when integers
    could reach 2^62.
    """
    network = Network(task, formats, widths, constants)
    network.declare(domains)
    for node in task.graph.nodes:
        network.settle(node, LAYERS[node.op].emit(network, node))
    return network.built(domains, columns, modes)


@dataclass
class Network:
    """The network under construction: what a layer sees of it, and what is made at its end."""

    task: Task
    formats: Mapping[str, Format]
    widths: Widths
    constants: Rounded
    tensors: dict[str, FixedTensor] = field(default_factory=dict)
    nodes: list[FixedNode] = field(default_factory=list)
    weights: dict[str, Integers] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    unsettled: dict[str, tuple[str, str]] = field(default_factory=dict)
    rounded: set[str] = field(default_factory=set)
    _derived: dict[tuple[str, str], str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Reserves the names of the float graph."""
        graph = self.task.graph
        self._taken.update(graph.inputs, graph.constants, self.task.names)
        for node in graph.nodes:
            self._taken.update((node.name, *node.outputs))

    def derived(self, base: str, suffix: str) -> str:
        """The name of what is made of a node or tensor; longer where the model has that name."""
        if (base, suffix) not in self._derived:
            name = unused(base + suffix, self._taken)
            self._taken.add(name)
            self._derived[base, suffix] = name
        return self._derived[base, suffix]

    def declare(self, domains: Mapping[str, FixedTensor]) -> None:
        """Takes the declared inputs in."""
        for name, tensor in domains.items():
            self._check_scale(name, tensor)
            self.tensors[name] = tensor
            self.names[name] = name

    def settle(self, node: Node, emitted: Sequence[Emitted]) -> None:
        """Takes in what a node's outputs are, rounded unless their only reader takes them raw."""
        for place, (tensor, made) in enumerate(zip(node.outputs, emitted, strict=True)):
            self.names[tensor] = made.tensor
            if made.raw:
                suffix = f"/requantize/{place}" if place else "/requantize"
                self.unsettled[tensor] = (node.name, suffix)
                only = self.task.only_reader(tensor)
                if only is None or not LAYERS[only.op].reads_raw:
                    self.fixed(tensor)

    def built(
        self,
        domains: Mapping[str, FixedTensor],
        columns: Mapping[str, Columns],
        modes: Mapping[str, str],
    ) -> Built:
        """The network, once all nodes are made. columns, modes: as FixedGraph has them."""
        outputs = self._label() if self.task.output_mode == "label" else self._outputs()
        count = len(self.tensors)
        if count > MAX_TENSORS:
            raise UnsupportedModelError(
                f"in integers the model has {count} tensors; at most {MAX_TENSORS} are supported; "
                "a recurrence has some for each step, so compile it for shorter sequences"
            )
        graph = FixedGraph(
            inputs=tuple(domains),
            weights=tuple(self.weights),
            nodes=tuple(self.nodes),
            outputs=outputs,
            declared={name: self.tensors[name] for name in (*domains, *self.weights)},
            columns=columns,
            classes={name: self.task.graph.classes[name] for name in outputs if self._named(name)},
            input_mode=modes["input_mode"],
            output_mode=modes["output_mode"],
            weights_mode=modes["weights_mode"],
        )
        raw = {t for t, name in self.names.items() if name == self._derived.get((t, "/raw"))}
        return Built(graph, self.weights, self.names, frozenset(raw), frozenset(self.rounded))

    @property
    def detail(self) -> int:
        """Bits of public reciprocals and of slopes."""
        return min(self.widths.detail, MAX_DETAIL)

    @property
    def most_bits(self) -> int:
        """The most bits of a constant."""
        return MAX_CONSTANT_BITS

    def tensor(self, fixed: str) -> FixedTensor:
        """The type of a fixed-point tensor."""
        return self.tensors[fixed]

    def is_constant(self, tensor: str) -> bool:
        """Whether a tensor is a constant of the float graph."""
        return tensor in self.task.graph.constants

    def is_raw(self, tensor: str) -> bool:
        """Whether a float tensor is raw."""
        return tensor in self.unsettled

    def is_read(self, tensor: str) -> bool:
        """Whether a node reads a float tensor."""
        return tensor in self.task.reader

    def is_clamped(self, tensor: str) -> bool:
        """Whether a float tensor's only reader keeps it within bounds."""
        only = self.task.only_reader(tensor)
        return only is not None and LAYERS[only.op].entries is Entries.CLAMPED

    def fixed(self, tensor: str) -> str:
        """The fixed-point tensor of a float tensor, in its format."""
        if tensor in self.unsettled:
            self.requantize(self.derived(*self.unsettled[tensor]), tensor, tensor)
        return self.names[tensor]

    def as_it_is(self, tensor: str) -> str:
        """The fixed-point tensor of a float tensor, raw or not."""
        return self.names[tensor]

    def requantize(self, name: str, source: str, target: str) -> str:
        """Brings a float tensor's integers into the format of another (or the same) tensor.

        Whole numbers by their type stay as they are.
        """
        fixed = self.names[source]
        if source == target and self._is_whole(source):
            self.unsettled.pop(source, None)
            return fixed
        x, form, bits = self.tensors[fixed], self.formats[target], self._bits(target)
        kind = self.task.graph.tensors[target].kind
        if isinstance(kind, Integer) and x.scale == 0:
            form, bits = Format.of_integers(kind, form), MAX_CONSTANT_BITS
        elif not form.is_exact(x.scale):
            fixed = refined(self, self.derived(name, "/refined"), fixed, form.scale(bits))
            x = self.tensors[fixed]
        # At the coarsest of these scales all integers round to 0.
        scale = max(min(form.scale(bits), x.scale), x.scale - LIMIT.bit_length() + 1)
        low, high = (max(1 - LIMIT, min(LIMIT - 1, end)) for end in form.bounds(scale))
        self.unsettled.pop(source, None)
        if scale == x.scale and low <= x.low and x.high <= high:
            self.names[target] = fixed
            return fixed
        output = self.own(target)
        rounding(
            self,
            name,
            fixed,
            output,
            shift=x.scale - scale,
            bounds=(low, high),
            saturates=form.saturates,
        )
        self.rounded.add(output)
        self.names[target] = output
        return output

    def ends(self, tensor: str) -> tuple[Bounds, bool]:
        """The least and the greatest value that a float tensor may have, and whether both are by
        the data, so that values may leave them.
        """
        if tensor in self.formats:
            form = self.formats[tensor]
            return form.ends, form.calibrated
        x = self.tensors[self.names[tensor]]
        return (math.ldexp(x.low, -x.scale), math.ldexp(x.high, -x.scale)), False

    def domain(self, tensor: str) -> tuple[int, int]:
        """The least and the greatest integer of a float tensor, or of any that is alike."""
        x = self.tensors[self.names[tensor]]
        if self.task.stands(tensor) == tensor:
            return x.low, x.high
        low, high = self.formats[tensor].bounds(x.scale)
        return min(low, x.low), max(high, x.high)

    def scale(self, tensor: str) -> int:
        """The scale of a float tensor's format."""
        return self.formats[tensor].scale(self._bits(tensor))

    def _bits(self, tensor: str) -> int:
        """The width of a float tensor's format."""
        shown = tensor in self.task.shown and self.task.output_mode == "public"
        fine = tensor in self.task.decided or tensor in self.task.ranked
        least = DECIDED_BITS if fine else OUTPUT_BITS if shown else 0
        return max(self.widths.activation(self.task.stands(tensor)), least)

    def own(self, tensor: str) -> str:
        """The fixed-point tensor's name: the float one's, or the scores' behind a label."""
        hidden = self.task.output_mode == "label" and tensor in self.task.names
        return self.derived(tensor, "/scores") if hidden else tensor

    def raw(self, tensor: str) -> str:
        """The name of a float tensor's raw integers."""
        return self.derived(tensor, "/raw")

    def emit(self, name: str, op: str, inputs: Sequence[str], output: str, **attrs: Any) -> None:
        """Appends a node. Raises TooWideError instead when its numbers are beyond the limits."""
        try:
            (tensor,) = OPS[op].infer(attrs, *(self.tensors[tensor] for tensor in inputs))
        except ShapeError as error:
            raise TooWideError(f"node {name} ({op}): {error}") from error
        self._check_scale(output, tensor)
        if tensor.low <= -LIMIT or tensor.high >= LIMIT:
            bits = max(-tensor.low, tensor.high).bit_length()
            raise TooWideError(
                f"node {name} ({op}): its integers could take {bits} bits, at most 62 are "
                "supported; allow a larger error or give calibration data of a smaller range"
            )
        self.nodes.append(FixedNode(name, op, tuple(inputs), (output,), attrs))
        self.tensors[output] = tensor

    def _check_scale(self, name: str, tensor: FixedTensor) -> None:
        """Raises TooWideError for steps finer or coarser than any network may have."""
        if abs(tensor.scale) > MAX_SCALE:
            raise TooWideError(
                f"the numbers of {name} come in steps of 2^{-tensor.scale}; supported are steps "
                f"from 2^-{MAX_SCALE} to 2^{MAX_SCALE}; give the model data closer to 1"
            )

    def first_that_fits(self, attempts: Sequence[Callable[[], _T]]) -> _T:
        """The result of the first attempt that is not too wide; the last error if all are."""
        weights, nodes = len(self.weights), len(self.nodes)
        for attempt in attempts[:-1]:
            try:
                return attempt()
            except TooWideError:
                for name in list(self.weights)[weights:]:
                    del self.weights[name], self.tensors[name]
                for node in self.nodes[nodes:]:
                    del self.tensors[node.outputs[0]]
                del self.nodes[nodes:]
        return attempts[-1]()

    def factor(self, name: str, bits: int) -> str:
        """A constant of a sum of products, in so many bits, or in those of its type."""
        kind = self.task.graph.tensors[name].kind
        if isinstance(kind, Integer):
            return self.constant(name, 0, width(kind.low, kind.high))
        return self.constant(name, weight_scale(self._ends(name), bits), bits)

    def factor_bits(self, name: str) -> int:
        """The bits that the constant of a sum of products is to have."""
        return max(self.widths.weight(name), DECIDED_BITS if name in self.task.ranked else 0)

    def elementwise(self, name: str, bits: int) -> str:
        """A constant of a product entry by entry, in at most so many bits."""
        return self.constant(name, self._elementwise_scale(name, bits))

    def needed(self, name: str, finest: int) -> int:
        """The scale that a constant needs beside tensors of at most this scale."""
        needed = self._elementwise_scale(name, MAX_CONSTANT_BITS)
        return min(needed, max(finest, self.widths.detail))

    def addend(self, name: str, finest: int) -> str:
        """A constant of a sum whose other operands have at most this scale."""
        return self.constant(name, self.needed(name, finest))

    def exponent(self, name: str) -> int:
        """The least k for which no entry of a constant exceeds 2^k."""
        return exponent(self._ends(name).largest)

    def constant(self, name: str, scale: int, bits: int = 1) -> str:
        """Declares a constant at a scale as a weight, once."""
        array, ends = self._array(name), self._ends(name)
        if ends.largest * 2.0**scale >= LIMIT:
            raise TooWideError(
                f"constant {name} holds numbers up to {ends.largest:.1e}, where steps of "
                f"{2.0**-scale:.1e} are needed: it does not fit 62 bits; bring what it is computed "
                "with to a similar size"
            )
        unique = name
        if name in self.weights and self.tensors[name].scale != scale:
            unique = self.derived(name, f"/{scale}")
        if unique not in self.weights:
            self.weights[unique] = self.constants.get((name, unique), array, scale)
            self.tensors[unique] = declared(array.shape, ends, scale, bits)
        return unique

    def multiple(self, name: str, steps: int, scale: int) -> str:
        """Declares a constant of whole numbers times so many steps of a scale as a weight, once."""
        array, ends = self._array(name), self._ends(name)
        if ends.largest * steps >= LIMIT:
            raise TooWideError(f"constant {name} times {steps} does not fit 62 bits")
        unique = self.derived(name, f"/{steps}/{scale}")
        if unique not in self.weights:
            step = math.ldexp(steps, -scale)
            self.weights[unique] = steps * array.astype(np.int64)
            self.tensors[unique] = declared(
                array.shape, Ends(ends.low * step, ends.high * step), scale
            )
        return unique

    def within(self, name: str, scale: int, ends: tuple[int, int]) -> str:
        """Declares a constant rounded down at a scale and cut to ends as a weight, once."""
        unique = self.derived(name, f"/{scale}/{ends[0]}/{ends[1]}")
        if unique not in self.weights:
            array = self._array(name)
            self.weights[unique] = self.constants.cut((name, unique), array, scale, ends)
            self.tensors[unique] = FixedTensor(array.shape, scale, *ends)
        return unique

    def _is_whole(self, name: str) -> bool:
        """Whether a float tensor or a constant holds whole numbers of a type."""
        return isinstance(self.task.graph.tensors[name].kind, Integer)

    def _array(self, name: str) -> Floats:
        return self.task.graph.constants[name]

    def _ends(self, name: str) -> Ends:
        return self.constants.ends(name, self._array(name))

    def _elementwise_scale(self, name: str, bits: int) -> int:
        """The scale that a constant needs entry by entry, for at most so many bits."""
        if self._is_whole(name):
            return 0
        detail = max(self.widths.detail, DECIDED_BITS if name in self.task.ranked else 0)
        if self.task.hidden:
            return even_scale(self._ends(name), detail, bits)
        return detail_scale(self._array(name), detail, bits)

    def _outputs(self) -> tuple[str, ...]:
        for name in self.task.graph.outputs:
            fixed = self.fixed(name)
            if fixed != name:
                copying(self, self.derived(name, "/output"), fixed, name)
        return self.task.graph.outputs

    def _named(self, name: str) -> bool:
        """Whether an output's numbers are those of classes with names."""
        classes, tensor = self.task.graph.classes.get(name, ()), self.tensors[name]
        return not tensor.scale and 0 <= tensor.low and tensor.high < len(classes)

    def _label(self) -> tuple[str, ...]:
        (scores,), (name,) = self.task.graph.outputs, self.task.names
        ranking(self, self.derived(name, "/label"), self.fixed(scores), name)
        return (name,)
