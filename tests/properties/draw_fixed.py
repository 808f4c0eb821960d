"""Draws fixed-point graphs that a key may carry, op by op and in chains, with hostile attributes.

Scales, bounds, attributes and shapes are plausible or at the ends of what their types allow. A node
that the graph refuses is drawn again, so what comes out is mostly accepted and near the limits.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.properties.choices import Choices, Finding
from zkinfer.errors import FormatError
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor

Integers = np.ndarray
Shape = tuple[int, ...]
Drawn = tuple[tuple[str, ...], dict[str, Any]]
"""A node's operands and attributes."""

LIMIT = 2**62
ENTRIES = 160
"""The most entries of a tensor, and of all windows of a node: what a test can check in no time."""
ATTEMPTS = 12
NAMES = ("", "x0", "/output", "/range/bits/0", "a b: c", "\u00e9\U0001f600", "n" * 4000)
"""What a node or a tensor may be called, in front of another's name."""


@dataclass(frozen=True)
class Example:
    """A graph with weights and inputs for it, none if it is too large to run; proved: whether it is
    tried on real proofs too.
    """

    graph: FixedGraph
    assignments: tuple[tuple[Mapping[str, Integers], Mapping[str, Integers]], ...]
    proved: bool


@dataclass
class Drawing:
    """A graph in the making: what is declared, what nodes there are, what nodes have made."""

    choices: Choices
    declared: dict[str, FixedTensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    nodes: list[FixedNode] = field(default_factory=list)
    tensors: dict[str, FixedTensor] = field(default_factory=dict)
    is_large: bool = False

    # -- numbers ---------------------------------------------------------------------------------

    def chance(self, percent: int) -> bool:
        return self.choices.chance(percent)

    def one(self, items: Sequence[Any]) -> Any:
        return self.choices.one(items)

    def integer(self, low: int, high: int) -> int:
        return self.choices.integer(low, high)

    def size(self, most: int = 62) -> int:
        """A positive integer of any length up to `most` bits, small ones being likely."""
        bits = self.one((1, 2, 3, 4, 8, self.integer(1, most), most))
        return self.one((1 << bits - 1, (1 << bits) - 1, self.integer(1, (1 << bits) - 1)))

    def near(self, *places: int) -> int:
        return self.one(places) + self.one((0, 0, 1, -1, self.integer(-9, 9)))

    def hostile(self) -> int:
        """An integer that an attribute may be but hardly should."""
        ends = (0, 1, 2**31, 2**40, 2**48, 2**62, 2**63 - 1)
        return self.near(*ends) * self.one((1, -1))

    def bounds(self, most: int = 62, *, power: bool = False) -> tuple[int, int]:
        """Bounds within 2^most. power: of 2^k integers, as a certificate wants them."""
        edge = 2**most - 1
        if power:
            width = 2 ** self.one((1, 3, 4, self.integer(1, most)))
            middle = self.one((0, -width // 2, -width // 2, -width, self.integer(-edge, edge)))
            low = max(-edge, min(middle, edge + 1 - width))
            return low, low + width - 1
        kind = self.one(("signed", "signed", "positive", "negative", "constant", "far", "any"))
        size = min(self.size(most), edge)
        low, high = {
            "signed": (-size, min(self.size(most), edge)),
            "positive": (self.integer(0, 2), size),
            "negative": (-size, -self.integer(0, 2)),
            "constant": (size, size) if self.chance(60) else (0, 0),
            "far": (size - self.integer(0, 9), size),
            "any": (-edge, edge),
        }[kind]
        if kind in ("constant", "far") and self.chance(40):
            low, high = -high, -low
        return min(low, high), max(low, high)

    def extents(self, least: int = 0, most: int = 5) -> Shape:
        """A shape of few entries."""
        rank = 8 if most >= 5 and self.chance(5) else self.integer(least, most)
        shape = tuple(self.one((1, 2, 2, 3, 4, 5, 6)) for _ in range(rank))
        while math.prod(shape) > ENTRIES // 2:
            shape = tuple(max(1, extent - 1) for extent in shape)
        return shape

    # -- tensors ---------------------------------------------------------------------------------

    def fresh(self, shape: Shape, scale: int, *, weight: int = 50, most: int = 62) -> str:
        """A new input or weight."""
        is_weight = self.chance(weight)
        names = self.weights if is_weight else self.inputs
        name = f"{'w' if is_weight else 'x'}{len(names)}"
        names.append(name)
        low, high = self.bounds(most, power=is_weight and self.chance(80))
        self.declared[name] = self.tensors[name] = FixedTensor(shape, scale, low, high)
        return name

    def odd(self, shape: Shape, scale: int, most: int = 62) -> str:
        """A new tensor, seen through a view whose axes have several factors or public weights."""
        if not shape or self.chance(60):
            return self.fresh(shape, scale, most=most)
        way = self.one(("turned", "padded", "scaled"))
        if abs(scale) > 256:
            return self.fresh(shape, scale)
        if way == "turned":
            size = math.prod(shape)
            sides = self.one([(n, size // n) for n in range(1, size + 1) if size % n == 0])
            turned = self.add("transpose", self.fresh(sides, scale, most=most), perm=(1, 0))
            return self.add("reshape", turned, shape=shape)
        axis = self.one(range(len(shape)))
        if way == "padded" and shape[axis] > 1:
            inner = self.fresh(
                (*shape[:axis], shape[axis] - 1, *shape[axis + 1 :]), scale, most=most
            )
            pads = [0] * (2 * len(shape))
            pads[axis + self.one((0, len(shape)))] = 1
            return self.add("pad", inner, pads=tuple(pads), value=self.one((0, 1, -3)))
        cube = self.fresh((1, 1, math.prod(shape)), scale, most=max(1, most - 3))
        series = tuple(self.integer(0, 7) for _ in range(math.prod(shape)))
        point = {"kernel": (1,), "strides": (1,), "dilations": (1,), "pads": (0, 0)}
        pooled = self.add("average_pool", cube, **point, multipliers=(series,), scale=0)
        return self.add("reshape", pooled, shape=shape)

    def add(self, op: str, *operands: str, **attrs: Any) -> str:
        """Adds a node and returns what it makes. Raises FormatError if it is refused."""
        name, output = f"{op}{len(self.nodes)}", f"{op}{len(self.nodes)}.y"
        if self.chance(6):
            name = self.one(NAMES) + self.one((*self.tensors, ""))
            output = self.one((name, output, name + self.one(NAMES)))
        self.nodes = [*self.nodes, FixedNode(name, op, operands, output, attrs)]
        self.tensors[output] = self.graph_of(self.nodes, (output,)).tensors[output]
        return output

    def any(self, fits: Callable[[FixedTensor], bool] = lambda _: True) -> str | None:
        """A tensor there is, likely the last."""
        names = [name for name, tensor in self.tensors.items() if fits(tensor)]
        if not names:
            return None
        return names[-1] if self.chance(60) else self.one(names)

    def operand(self, least: int = 0, most: int = 5) -> str:
        """A tensor of so many axes, made if need be."""
        found = self.any(lambda tensor: least <= len(tensor.shape) <= most)
        if found is None or self.chance(10):
            return self.fresh(self.extents(least, most), self.scale(), weight=10)
        return found

    def scale(self) -> int:
        return self.one((0, 0, 0, 3, 8, -4, self.integer(-256, 256)))

    def small(self, tensor: FixedTensor) -> int:
        """How many bits another factor may have, so that a product is likely to fit."""
        used = max(abs(tensor.low), abs(tensor.high)).bit_length()
        return max(1, 62 - used - self.one((0, 1, 3, 6)))

    def narrower(self, shape: Shape) -> Shape:
        """A shape that broadcasts to one."""
        cut = self.integer(0, len(shape)) if self.chance(40) else 0
        return tuple(1 if self.chance(30) else extent for extent in shape[cut:])

    # -- nodes -----------------------------------------------------------------------------------

    def node(self, op: str) -> None:
        """Adds a node of an op, unless all attempts are refused."""
        for _ in range(ATTEMPTS):
            known = [dict(self.declared), list(self.inputs), list(self.weights)]
            tensors, nodes = dict(self.tensors), list(self.nodes)
            try:
                operands, attrs = DRAW[op](self)
                attrs = self.spoiled(attrs) if self.chance(6) else attrs
                name = self.add(op, *operands, **attrs)
            except FormatError as error:
                parts = [part for node in self.nodes for part in (node.name, node.output)]
                parts += [*self.declared, "a name ", "two nodes have one name"]
                if not any(part and part in str(error) for part in parts):
                    raise Finding("a refusal names nothing", str(error)) from error
            except Exception as error:
                raise Finding("crash", f"{op}: {error!r}") from error
            else:
                self.is_large = not self.is_small(op, operands, attrs, self.tensors[name])
                if not self.is_large or self.chance(20):
                    return
                self.is_large = False
            self.declared, self.inputs, self.weights = known
            self.tensors, self.nodes = tensors, nodes

    def is_small(
        self, op: str, operands: Sequence[str], attrs: Mapping[str, Any], made: FixedTensor
    ) -> bool:
        """Whether the test can afford the node: its entries, windows and padding."""
        entries = math.prod(made.shape)
        if op in ("conv", "max_pool", "average_pool"):
            x = self.tensors[operands[0]].shape
            kernel = self.tensors[operands[1]].shape[2:] if op == "conv" else attrs["kernel"]
            entries *= math.prod(kernel)
            rank = len(kernel)
            around = zip(x[2:], attrs["pads"][:rank], attrs["pads"][rank:], strict=True)
            entries = max(entries, math.prod(map(sum, around)) // 40)
        return entries <= 2 * ENTRIES

    def spoiled(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Attributes with one integer that is hostile."""
        changed = dict(attrs)
        for name in self.choices.shuffled(sorted(attrs)):
            value = attrs[name]
            if type(value) is int:
                changed[name] = self.hostile()
                break
            if isinstance(value, tuple) and value and type(value[0]) is int:
                place = self.integer(0, len(value) - 1)
                changed[name] = (*value[:place], self.hostile(), *value[place + 1 :])
                break
        return changed

    def graph_of(
        self,
        nodes: Sequence[FixedNode],
        outputs: tuple[str, ...],
        input_mode: str = "hidden",
        weights_mode: str = "hidden",
    ) -> FixedGraph:
        labels = tuple(node.output for node in nodes if node.op == "label")
        return FixedGraph(
            inputs=tuple(self.inputs),
            weights=tuple(self.weights),
            nodes=tuple(nodes),
            outputs=labels or outputs,
            declared=self.declared,
            input_mode=input_mode,
            output_mode="label" if labels else "public",
            weights_mode=weights_mode,
        )


# -- one function an op --------------------------------------------------------------------------


def _add(d: Drawing) -> Drawn:
    a = d.operand()
    x = d.tensors[a]
    if d.nodes and d.nodes[-1].op in ("conv", "matmul") and d.chance(50):
        return _twins(d, d.nodes[-1])
    if d.chance(20):
        shift = d.one((0, 1, d.integer(0, 62)))
        return (a, a), {"shift_a": shift, "shift_b": shift}
    other = d.any() if d.chance(30) else d.any(lambda t: t.shape == x.shape)
    if other is None or d.chance(40):
        shape = d.narrower(x.shape) if d.chance(80) else d.extents()
        other = d.odd(shape, min(x.scale + d.one((0, 0, 1, 5, d.integer(-40, 40))), 256))
    difference = x.scale - d.tensors[other].scale
    more = d.one((0, 0, 0, 1, d.integer(0, 40)))
    shifts = {"shift_a": max(-difference, 0) + more, "shift_b": max(difference, 0) + more}
    if d.chance(50):
        return (other, a), {"shift_a": shifts["shift_b"], "shift_b": shifts["shift_a"]}
    return (a, other), shifts


def _twins(d: Drawing, node: FixedNode) -> Drawn:
    """A product of matrices and another one like it."""
    x, w = (d.tensors[name] for name in node.inputs[:2])
    scale = d.scale()
    left = d.odd(x.shape, scale, max(1, d.small(w) - 5))
    right = node.inputs[1] if scale == x.scale else None
    if right is None or d.chance(50):
        right = d.odd(w.shape, x.scale + w.scale - scale, max(1, d.small(d.tensors[left]) - 5))
    twin = d.add(node.op, left, right, **node.attrs)
    return (node.output, twin), {"shift_a": d.one((0, 0, 1)), "shift_b": 0}


def _mul(d: Drawing) -> Drawn:
    a = d.operand()
    x = d.tensors[a]
    other = d.one((a, d.any(), None))
    if other is None:
        other = d.odd(d.narrower(x.shape), d.scale(), d.small(x))
    return (a, other) if d.chance(50) else (other, a), {}


def _unary(d: Drawing) -> Drawn:
    return (d.operand(0, 8),), {}


def _requantize(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    x = d.tensors[name]
    width = max(abs(x.low), abs(x.high)).bit_length()
    shift = d.one((0, 0, 1, 4, max(width - 8, 0), d.integer(0, 62), 62, width % 63))
    ends = [end >> shift for end in (x.low, x.high)]
    places = (*ends, 0, sum(ends) // 2, -(2 ** d.integer(1, 62)), 2 ** d.integer(1, 62))
    low, high = sorted((d.near(*places), d.near(*places)))
    if d.chance(10):
        low, high = sorted((d.hostile(), d.hostile()))
    return (name,), {"shift": shift, "low": low, "high": high}


def _leaky_relu(d: Drawing) -> Drawn:
    shift = d.one((0, 1, 4, d.integer(0, 40)))
    alpha = d.one((0, 1, 1 << shift, d.near(1 << shift), d.size(48), 2**48 - 1))
    return (d.operand(0, 8),), {"shift": shift, "alpha": alpha * d.one((1, 1, -1))}


def _prelu(d: Drawing) -> Drawn:
    name = d.operand()
    x = d.tensors[name]
    shift = d.one((0, 1, 4, d.integer(0, 40)))
    slope = d.any(lambda tensor: tensor.scale == shift) if d.chance(30) else None
    if slope is None:
        slope = d.odd(d.narrower(x.shape), shift, d.small(x))
    return (name, slope), {"shift": shift}


def _reduce_sum(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    rank = len(d.tensors[name].shape)
    axes = tuple(d.choices.shuffled(range(rank))[: d.integer(0, rank)])
    return (name,), {
        "axes": axes,
        "keepdims": d.chance(50),
        "multiplier": d.one((1, 1, 3, d.size(40))),
        "scale": d.one((0, 4, d.integer(0, 62))),
    }


def _reshape(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    left, shape = math.prod(d.tensors[name].shape), []
    while left > 1 and len(shape) < 7 and d.chance(80):
        shape.append(d.one([n for n in range(1, left + 1) if left % n == 0]))
        left //= shape[-1]
    if left > 1 or d.chance(30):
        shape.append(left)
    while len(shape) < 8 and d.chance(20):
        shape.insert(d.integer(0, len(shape)), 1)
    return (name,), {"shape": tuple(shape)}


def _transpose(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    rank = len(d.tensors[name].shape)
    return (name,), {"perm": tuple(d.choices.shuffled(range(rank)))}


def _slice(d: Drawing) -> Drawn:
    name = d.operand(1, 8)
    shape = d.tensors[name].shape
    axes = tuple(d.choices.shuffled(range(len(shape)))[: d.integer(0, len(shape))])
    bound = [d.one((d.integer(-e - 1, e + 1), 0, e, -e - 9, 2**62, -(2**62))) for e in shape]
    other = [d.one((d.integer(-e - 1, e + 1), 0, e, -e - 9, 2**62, -(2**62))) for e in shape]
    steps = tuple(d.one((1, 1, -1, 2, -2, 3, d.hostile() or 1)) for _ in axes)
    return (name,), {
        "axes": axes,
        "starts": tuple(bound[axis] for axis in axes),
        "stops": tuple(other[axis] for axis in axes),
        "steps": steps,
    }


def _concat(d: Drawing) -> Drawn:
    name = d.operand(1, 8)
    x = d.tensors[name]
    axis = d.integer(0, len(x.shape) - 1)

    def fits(tensor: FixedTensor) -> bool:
        sides = [s[:axis] + s[axis + 1 :] for s in (tensor.shape, x.shape)]
        return len(tensor.shape) == len(x.shape) and sides[0] == sides[1]

    parts = []
    for _ in range(d.integer(60, 255) if d.chance(3) else d.integer(0, 4)):
        extent = d.one((1, 1, 2, 3, x.shape[axis]))
        shape = (*x.shape[:axis], extent, *x.shape[axis + 1 :])
        old = d.any(lambda t: fits(t) and t.scale == x.scale) if d.chance(60) else None
        parts.append(old or d.odd(shape, x.scale))
    parts.insert(d.integer(0, len(parts)), name)
    return tuple(parts), {"axis": axis}


def _pad(d: Drawing) -> Drawn:
    name = d.operand(0, 8)
    x = d.tensors[name]
    pads = tuple(d.one((0, 0, 0, 1, 2)) for _ in range(2 * len(x.shape)))
    return (name,), {"pads": pads, "value": d.near(0, 0, x.low, x.high, LIMIT - 9, -LIMIT + 9)}


def _windows(d: Drawing, extents: Shape, kernel: Shape) -> dict[str, Any]:
    rank = len(extents)
    strides = tuple(d.one((1, 1, k, d.integer(1, 9))) for k in kernel)
    dilations = tuple(d.one((1, 1, 1, 2, d.integer(1, 9))) for _ in range(rank))
    pads = [d.one((0, 0, 1, k - 1, d.integer(0, 9))) for k in (*kernel, *kernel)]
    if d.chance(30):
        pads = [0] * (2 * rank)
    for axis in range(rank):
        lacking = dilations[axis] * (kernel[axis] - 1) + 1 - extents[axis]
        pads[axis] += max(0, lacking - pads[axis] - pads[axis + rank]) if d.chance(90) else 0
    return {"strides": strides, "dilations": dilations, "pads": tuple(pads)}


def _pooled(d: Drawing) -> str:
    """A tensor of three axes or more."""
    if d.chance(50):
        return d.operand(3, 8)
    return d.fresh((d.integer(1, 2), d.integer(1, 2), *d.extents(1, 2)), d.scale(), weight=10)


def _max_pool(d: Drawing) -> Drawn:
    name = _pooled(d)
    extents = d.tensors[name].shape[2:]
    divisors = [[n for n in range(1, e + 1) if e % n == 0] for e in extents]
    if d.chance(40):  # windows that tile
        kernel = tuple(map(d.one, divisors))
        rank = len(kernel)
        tiling = {"strides": kernel, "dilations": (1,) * rank, "pads": (0,) * (2 * rank)}
        return (name,), {"kernel": kernel, **tiling}
    kernel = tuple(d.integer(1, 3) for _ in extents)
    return (name,), {"kernel": kernel, **_windows(d, extents, kernel)}


def _average_pool(d: Drawing) -> Drawn:
    name = _pooled(d)
    extents = d.tensors[name].shape[2:]
    kernel = tuple(d.integer(1, 3) for _ in extents)
    attrs = _windows(d, extents, kernel)
    rank, multipliers = len(kernel), []
    for axis in range(rank):
        room = extents[axis] + attrs["pads"][axis] + attrs["pads"][axis + rank]
        count = (room - attrs["dilations"][axis] * (kernel[axis] - 1) - 1) // attrs["strides"][axis]
        series = [d.one((0, 1, d.size(8), d.size(40))) for _ in range(count + 1)]
        if d.chance(40):
            series = series[:1] * len(series)
        multipliers.append(tuple(series))
    scale = d.one((0, 8, d.integer(0, 62)))
    return (name,), {"kernel": kernel, **attrs, "multipliers": tuple(multipliers), "scale": scale}


def _bias(d: Drawing, shape: Shape, scale: int) -> tuple[str, ...]:
    if d.chance(40):
        return ()
    old = d.any(lambda t: t.scale == scale and t.shape == shape) if d.chance(50) else None
    return (old or d.odd(shape, scale),)


def _conv(d: Drawing) -> Drawn:
    name = d.operand(3, 4)
    x = d.tensors[name]
    groups = d.one([n for n in range(1, x.shape[1] + 1) if x.shape[1] % n == 0])
    filters = groups * d.integer(1, 2)
    kernel = tuple(d.integer(1, 3) for _ in x.shape[2:])
    shape = (filters, x.shape[1] // groups, *kernel)
    kernels = d.any(lambda t: t.shape == shape) if d.chance(30) else None
    w = kernels or d.odd(shape, d.scale(), max(1, d.small(x) - 4))
    bias = _bias(d, (filters,), x.scale + d.tensors[w].scale)
    return (name, w, *bias), {**_windows(d, x.shape[2:], kernel), "groups": groups}


def _matmul(d: Drawing) -> Drawn:
    a = d.operand(1, 5)
    x = d.tensors[a]
    rows = x.shape if len(x.shape) > 1 else (1, *x.shape)
    shape = (*d.narrower(rows[:-2]), x.shape[-1], *((d.integer(1, 4),) if d.chance(80) else ()))
    if len(shape) > 1 and math.prod(shape[:-2]) == 1 and d.chance(20):
        shape = (d.integer(1, 3), *shape)
    if d.chance(20):
        shape = x.shape[::-1]
    old = d.any(lambda t: t.shape == shape) if d.chance(40) else None
    other = old or d.odd(shape, d.scale(), max(1, d.small(x) - 3))
    try:
        out = np.matmul(np.zeros(x.shape), np.zeros(d.tensors[other].shape)).shape
    except ValueError:
        out = ()
    return (a, other, *_bias(d, d.narrower(out), x.scale + d.tensors[other].scale)), {}


DRAW: dict[str, Callable[[Drawing], Drawn]] = {
    "add": _add,
    "average_pool": _average_pool,
    "concat": _concat,
    "conv": _conv,
    "label": _unary,
    "leaky_relu": _leaky_relu,
    "matmul": _matmul,
    "max_pool": _max_pool,
    "mul": _mul,
    "neg": _unary,
    "pad": _pad,
    "prelu": _prelu,
    "reduce_sum": _reduce_sum,
    "requantize": _requantize,
    "reshape": _reshape,
    "slice": _slice,
    "sub": _add,
    "transpose": _transpose,
}
CHAINS = (
    ("requantize", "max_pool"),
    ("conv", "requantize", "max_pool"),
    ("conv", "add", "requantize"),
    ("matmul", "neg", "requantize"),
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


def graph(choices: Choices) -> Example:
    """A graph and two assignments: one at the ends of the ranges, one near them or anywhere."""
    d = Drawing(choices)
    d.fresh(d.extents(0, 5), d.scale(), weight=0)
    if d.chance(40):
        d.fresh(d.extents(3, 4), d.scale(), weight=20)
    if d.chance(35):
        ops = list(d.one(CHAINS))
    else:
        single = [op for op in DRAW if op != "label"]
        ops = [d.one(single) for _ in range(d.one((1, 1, 2, 3, 5, 8)))]
        ops += ["label"] * d.one((0, 0, 0, 0, 0, 0, 1, 1, 2))
    for op in ops:
        if not d.is_large:
            d.node(op)
    made = [name for name in d.tensors if name not in d.weights]
    outputs = [made[-1], *(name for name in made[:-1] if d.chance(15))]
    modes = [d.one(("hidden", "hidden", "public")) for _ in range(2)]
    drawn = d.graph_of(d.nodes, tuple(d.choices.shuffled(outputs)), *modes)
    assignments = tuple(
        tuple({name: _array(d, d.declared[name], ends) for name in names}
              for names in (d.weights, d.inputs))
        for ends in ((True, False) if not d.is_large else ())
    )  # fmt: skip
    return Example(drawn, assignments, proved=not d.is_large and d.chance(8))


def _array(d: Drawing, tensor: FixedTensor, ends: bool) -> Integers:
    """Integers of a declared tensor: at the ends of its range, or anywhere."""
    low, high = tensor.low, tensor.high

    def one() -> int:
        if ends:
            return d.one((low, high))
        close = d.near(low, high, 0, (low + high) // 2, d.integer(low, high))
        return min(max(close, low), high)

    count = math.prod(tensor.shape)
    same = one() if d.chance(20) else None
    values = [one() if same is None else same for _ in range(count)]
    return np.array(values, dtype=np.int64).reshape(tensor.shape)
