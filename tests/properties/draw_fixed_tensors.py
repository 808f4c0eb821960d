"""A fixed-point graph in the making.

Its numbers, bounds, shapes and tensors are plausible or at the ends of what their types allow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.properties.choices import Choices
from zkinfer.encoding import MAX_BITS, Columns
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor

Shape = tuple[int, ...]

NAMES = ("", "x0", "/output", "/range/bits/0", "a b: c", "\u00e9\U0001f600", "n" * 4000)
"""What a node or a tensor may be called, in front of another's name."""


@dataclass
class Drawing:
    """A graph in the making: what is declared, what nodes there are, what nodes have made.

    entries: the most of a tensor, and of all windows of a node; is_large: whether it has more.
    """

    choices: Choices
    declared: dict[str, FixedTensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    columns: dict[str, Columns] = field(default_factory=dict)
    nodes: list[FixedNode] = field(default_factory=list)
    tensors: dict[str, FixedTensor] = field(default_factory=dict)
    entries: int = 160
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
        extents = (1, 2, 2, 3, 4, 5, 6) if self.entries < 1000 else (1, 2, 5, 8, 13, 17, 64, 100)
        shape = tuple(self.one(extents) for _ in range(rank))
        while math.prod(shape) > self.entries // 2:
            shape = tuple(max(1, extent - 1 - extent // 8) for extent in shape)
        return shape

    # -- tensors ---------------------------------------------------------------------------------

    def fresh(self, shape: Shape, scale: int, *, weight: int = 50, most: int = 62) -> str:
        """A new input or weight."""
        is_weight = self.chance(weight)
        names = self.weights if is_weight else self.inputs
        name = f"{'w' if is_weight else 'x'}{len(names)}"
        names.append(name)
        if shape and not is_weight and self.chance(15):
            self.columns[name] = self.table(shape, most)
            made = self.columns[name].tensor(shape, scale)
        else:
            low, high = self.bounds(most, power=is_weight and self.chance(80))
            made = FixedTensor(shape, scale, low, high)
        self.declared[name] = self.tensors[name] = made
        return name

    def table(self, shape: Shape, most: int) -> Columns:
        """Columns of an input within 2^most."""
        axis, bits = self.integer(0, len(shape) - 1), self.integer(1, min(most, MAX_BITS))
        edge, width = 2**most - 1, 2**bits
        lows = [self.one((0, -width // 2, self.near(-edge, edge))) for _ in range(shape[axis])]
        lows = [max(-edge, min(low, edge + 1 - width)) for low in lows]
        scales = tuple(self.scale() for _ in lows)
        return Columns(axis, scales, tuple(lows), bits)

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
        self.nodes = [*self.nodes, FixedNode(name, op, operands, (output,), attrs)]
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
        labels = tuple(name for node in nodes if node.op == "label" for name in node.outputs)
        return FixedGraph(
            inputs=tuple(self.inputs),
            weights=tuple(self.weights),
            nodes=tuple(nodes),
            outputs=labels or outputs,
            declared=self.declared,
            columns=self.columns,
            input_mode=input_mode,
            output_mode="label" if labels else "public",
            weights_mode=weights_mode,
        )
