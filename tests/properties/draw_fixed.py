"""Draws fixed-point graphs that a key may carry, op by op and in chains, with hostile attributes.

A node that the graph refuses is drawn again: what comes out is accepted, and near the limits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.properties.choices import Choices, Finding
from tests.properties.draw_fixed_nodes import DRAW
from tests.properties.draw_fixed_tensors import Drawing
from zkinfer.errors import FormatError
from zkinfer.fixed import FixedGraph, FixedTensor

Integers = np.ndarray
ATTEMPTS = 12

CHAINS = (
    ("requantize", "max_pool"),
    ("conv", "requantize", "max_pool"),
    ("conv", "rescale", "max_pool"),
    ("rescale", "rescale", "matmul", "rescale"),
    ("conv", "add", "requantize"),
    ("matmul", "neg", "requantize"),
    ("mul", "add", "requantize"),
    ("prelu", "sub", "max_pool", "requantize"),
    ("matmul", "add", "sub", "requantize"),
    ("matmul", "matmul", "add", "max_pool"),
    ("prelu", "requantize"),
    ("mul", "max_pool", "requantize"),
    ("average_pool", "mul", "max_pool", "requantize"),
    ("average_pool", "reshape", "prelu", "max_pool", "requantize"),
    ("mul", "requantize", "max_pool", "requantize"),
    ("requantize", "label"),
    ("concat", "reshape", "pad"),
    ("transpose", "reshape", "slice"),
    ("transpose", "reshape", "matmul", "requantize"),
    ("transpose", "reshape", "add", "reshape", "mul"),
    ("transpose", "reshape", "concat", "label"),
    ("transpose", "reshape", "conv", "requantize", "max_pool"),
    ("pad", "conv", "add", "requantize"),
    ("average_pool", "average_pool", "reduce_sum"),
    ("average_pool",) * 5,
    ("add",) * 8,
    ("slice", "add") * 4,
    ("prelu", "max_pool", "requantize"),
)
"""Where the lowering treats neighbours together."""


@dataclass(frozen=True)
class Example:
    """A graph with weights and inputs for it, none if it is too large to run; proved: whether it is
    tried on real proofs too.
    """

    graph: FixedGraph
    assignments: tuple[tuple[Mapping[str, Integers], Mapping[str, Integers]], ...]
    proved: bool


def graph(choices: Choices, chain: Sequence[str] = ()) -> Example:
    """A graph and two assignments: one at the ends of the ranges, one near them or anywhere.

    chain: operators to draw in this order; any if there are none.
    """
    d = Drawing(choices)
    if d.chance(1):
        d.entries = 4000
    d.fresh(d.extents(0, 5), d.scale(), weight=0)
    if d.chance(40):
        d.fresh(d.extents(3, 4), d.scale(), weight=20)
    if chain:
        ops = list(chain)
    elif d.chance(35):
        ops = list(d.one(CHAINS))
    else:
        single = [op for op in DRAW if op != "label"]
        ops = [d.one(single) for _ in range(d.one((1, 1, 2, 3, 5, 8)))]
        ops += ["label"] * d.one((0, 0, 0, 0, 0, 0, 1, 1, 2))
    for op in ops:
        if not d.is_large:
            node(d, op)
    return example(d)


def example(d: Drawing) -> Example:
    """The graph in the making as a key carries it, with integers for it."""
    made = [name for name in d.tensors if name not in d.weights]
    outputs = [made[-1], *(name for name in made[:-1] if d.chance(15))]
    modes = [d.one(("hidden", "hidden", "public", *more)) for more in (("committed",), ())]
    drawn = d.graph_of(d.nodes, tuple(d.choices.shuffled(outputs)), *modes)
    if drawn.input_mode == "committed" and d.chance(50):
        drawn = replace(drawn, record_mode="hidden")
    assignments = tuple(
        tuple({name: _array(d, drawn, name, ends) for name in names}
              for names in (d.weights, d.inputs))
        for ends in ((True, False) if not d.is_large else ())
    )  # fmt: skip
    proved = not d.is_large and d.chance(8)
    single = drawn.output_mode == "public" and not set(drawn.outputs) & set(drawn.columns)
    if single and d.chance(20):
        drawn = replace(drawn, output_mode="committed")
    return Example(drawn, assignments, proved)


def node(d: Drawing, op: str) -> None:
    """Adds a node of an op, unless all attempts are refused."""
    for _ in range(ATTEMPTS):
        known = [dict(d.declared), list(d.inputs), list(d.weights)]
        columns = dict(d.columns)
        tensors, nodes = dict(d.tensors), list(d.nodes)
        try:
            operands, attrs = DRAW[op](d)
            attrs = d.spoiled(attrs) if d.chance(6) else attrs
            name = d.add(op, *operands, **attrs)
        except FormatError as error:
            parts = [part for one in d.nodes for part in (one.name, *one.outputs)]
            parts += [*d.declared, "a name ", "two nodes have one name"]
            if not any(part and part in str(error) for part in parts):
                raise Finding("a refusal names nothing", str(error)) from error
        except Exception as error:
            raise Finding("crash", f"{op}: {error!r}") from error
        else:
            d.is_large = not _is_small(d, op, operands, attrs, d.tensors[name])
            if not d.is_large or d.chance(20):
                return
            d.is_large = False
        d.declared, d.inputs, d.weights = known
        d.columns = columns
        d.tensors, d.nodes = tensors, nodes


def _is_small(
    d: Drawing, op: str, operands: Sequence[str], attrs: Mapping[str, Any], made: FixedTensor
) -> bool:
    """Whether the test can afford the node: its entries, windows and padding."""
    entries = math.prod(made.shape)
    if op in ("conv", "max_pool", "average_pool"):
        x = d.tensors[operands[0]].shape
        kernel = d.tensors[operands[1]].shape[2:] if op == "conv" else attrs["kernel"]
        entries *= math.prod(kernel)
        rank = len(kernel)
        around = zip(x[2:], attrs["pads"][:rank], attrs["pads"][rank:], strict=True)
        entries = max(entries, math.prod(map(sum, around)) // 40)
    return entries <= 2 * d.entries


def _array(d: Drawing, graph: FixedGraph, name: str, ends: bool) -> Integers:
    """Integers of a declared tensor: at the ends of its range, or anywhere."""
    encoding, shape = graph.encoding(name), graph.tensors[name].shape

    def one(low: int, high: int) -> int:
        if ends:
            return d.one((low, high))
        close = d.near(low, high, 0, (low + high) // 2, d.integer(low, high))
        return min(max(close, low), high)

    ranges = list(zip(*(np.broadcast_to(end, shape).flat for end in (encoding.low, encoding.high)),
                      strict=True))  # fmt: skip
    same = one(int(encoding.low.min()), int(encoding.high.max())) if d.chance(20) else None
    values = [
        one(int(low), int(high)) if same is None else min(max(same, int(low)), int(high))
        for low, high in ranges
    ]
    return np.array(values, dtype=np.int64).reshape(shape)
