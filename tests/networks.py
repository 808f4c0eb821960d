"""Small fixed-point networks, one or more for every op, for the tests of circuits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.encoding import Columns, Quantization
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor
from zkinfer.ops.rescale import SERIES

Integers = npt.NDArray[np.int64]


class Net:
    """Writes a graph node by node; every method returns the name of the tensor it adds."""

    def __init__(self) -> None:
        self.declared: dict[str, FixedTensor] = {}
        self.inputs: list[str] = []
        self.weights: list[str] = []
        self.nodes: list[FixedNode] = []
        self.columns: dict[str, Columns] = {}
        self.quantized: dict[str, Quantization] = {}

    def table(self, *shape: int, axis: int, lows: Sequence[int], bits: int) -> str:
        """An input by column, at a scale of 2 that the columns' own begin with."""
        columns = Columns(axis, tuple(range(2, 2 + len(lows))), tuple(lows), bits)
        tensor = columns.tensor(shape, 2)
        name = self._declare("x", self.inputs, shape, tensor.low, tensor.high, tensor.scale)
        self.columns[name] = columns
        return name

    def quantized_input(self, *shape: int, scale: float, zero_point: int) -> str:
        """An input that is what a QuantizeLinear makes of numbers."""
        name = self._declare("x", self.inputs, shape, 0, 255, 0)
        self.quantized[name] = Quantization.of(scale, zero_point)
        return name

    def input(self, *shape: int, low: int = -8, high: int = 7, scale: int = 0) -> str:
        return self._declare("x", self.inputs, shape, low, high, scale)

    def weight(self, *shape: int, low: int = -8, high: int = 7, scale: int = 0) -> str:
        return self._declare("w", self.weights, shape, low, high, scale)

    def _declare(
        self, letter: str, names: list[str], shape: tuple[int, ...], low: int, high: int, scale: int
    ) -> str:
        name = f"{letter}{len(names)}"
        names.append(name)
        self.declared[name] = FixedTensor(shape, scale, low, high)
        return name

    def node(self, op: str, *inputs: str, name: str = "", **attrs: Any) -> str:
        name = name or op
        self.nodes.append(FixedNode(name, op, inputs, (f"{name}_out",), attrs))
        return f"{name}_out"

    def requantize(self, x: str, shift: int = 2, *, low: int = -8, high: int = 7) -> str:
        name = f"rescale{sum(node.op == 'requantize' for node in self.nodes)}"
        ends = {"low": low, "high": high, "low_saturates": low < 0, "high_saturates": True}
        return self.node("requantize", x, name=name, shift=shift, **ends)

    def rescale(
        self,
        x: str,
        by: Sequence[tuple[int, ...]],
        behind: int,
        ends: tuple[int, int],
        scale: int = 0,
    ) -> str:
        """by: multipliers, divisors and offsets, and skews if there are any."""
        numbers = zip(*(((*some, 0) if len(some) == 3 else some) for some in by), strict=True)
        series = dict(zip(SERIES, numbers, strict=True))
        low, high = ends
        return self.node("rescale", x, **series, behind=behind, low=low, high=high, scale=scale)

    def graph(self, *outputs: str, inputs: str = "hidden", output: str = "public") -> FixedGraph:
        return FixedGraph(
            inputs=tuple(self.inputs),
            weights=tuple(self.weights),
            nodes=tuple(self.nodes),
            outputs=outputs,
            declared=self.declared,
            columns=self.columns,
            quantized=self.quantized,
            input_mode=inputs,
            output_mode=output,
            weights_mode="hidden",
        )


@dataclass(frozen=True)
class Case:
    """A graph with an op in it. `ops` tells which."""

    name: str
    graph: FixedGraph

    @property
    def ops(self) -> set[str]:
        return {node.op for node in self.graph.nodes}

    def random(self, seed: int, *, extreme: bool = False) -> tuple[dict[str, Integers], ...]:
        """Weights and inputs in their declared ranges; extreme: at the ends of them only."""
        rng = np.random.default_rng(seed)

        def draw(names: Sequence[str]) -> dict[str, Integers]:
            return {name: _draw(rng, self.graph, name, extreme) for name in names}

        return draw(self.graph.weights), draw(self.graph.inputs)


def _draw(rng: np.random.Generator, graph: FixedGraph, name: str, extreme: bool) -> Integers:
    shape, encoding = graph.tensors[name].shape, graph.encoding(name)
    if extreme:
        return np.where(rng.random(shape) < 0.5, encoding.low, encoding.high)
    return rng.integers(encoding.low, encoding.high, shape, dtype=np.int64, endpoint=True)


def cases() -> dict[str, Case]:
    """Every case by name."""
    made = {}
    for function in CASES:
        for name, graph in function().items():
            made[name] = Case(name, graph)
    return made


def _linear() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    x, y = net.input(3, 4), net.input(4, low=0, scale=1)
    total = net.node("add", x, y, shift_a=1, shift_b=0)
    made["add"] = net.graph(total)
    net = Net()
    x, w = net.input(2, 3), net.weight(2, 1, scale=2)
    made["sub"] = net.graph(net.node("sub", x, w, shift_a=2, shift_b=0))
    net = Net()
    made["neg"] = net.graph(net.node("neg", net.input(5)))
    net = Net()
    x = net.input(2, 3)
    made["add of public inputs"] = net.graph(
        net.node("add", x, x, shift_a=0, shift_b=0), inputs="public"
    )
    for mode in ("hidden", "public"):
        net = Net()
        x = net.table(2, 3, axis=1, lows=(0, -8, 5), bits=4)
        made[f"{mode} input by column"] = net.graph(net.node("neg", x), inputs=mode)
        net = Net()
        x = net.quantized_input(2, 3, scale=0.3, zero_point=7)
        made[f"{mode} quantized input"] = net.graph(net.node("neg", x), inputs=mode)
    net = Net()
    x = net.input(2, 3, 5)
    made["reduce_sum"] = net.graph(
        net.node("reduce_sum", x, axes=(0, 2), keepdims=False, multiplier=3, scale=1)
    )
    net = Net()
    x = net.input(2, 3, 5)
    mean = net.node("reduce_sum", x, axes=(1, 2), keepdims=True, multiplier=17, scale=8)
    made["reduce_sum then requantize"] = net.graph(net.requantize(mean, 7))
    return made


def _shapes() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    made["reshape"] = net.graph(net.node("reshape", net.input(2, 6), shape=(3, 4)))
    net = Net()
    made["reshape that fits"] = net.graph(net.node("reshape", net.input(4, 1, 6), shape=(2, 1, 12)))
    net = Net()
    made["transpose"] = net.graph(net.node("transpose", net.input(2, 3, 4), perm=(2, 0, 1)))
    net = Net()
    x = net.input(7, 4)
    cut = net.node("slice", x, starts=(-1, 1), stops=(-8, 3), axes=(0, 1), steps=(-2, 1))
    made["slice"] = net.graph(cut)
    net = Net()
    flat = net.node("reshape", net.node("transpose", net.input(3, 4), perm=(1, 0)), shape=(12,))
    cut = net.node("slice", flat, starts=(2,), stops=(11,), axes=(0,), steps=(3,))
    made["slice of a reshaped axis"] = net.graph(cut)
    net = Net()
    parts = [net.input(2, 3), net.weight(2, 1), net.input(2, 4)]
    made["concat"] = net.graph(net.node("concat", *parts, axis=1))
    net = Net()
    x = net.input(2, 3)
    shifted = net.node("add", x, net.weight(1), shift_a=0, shift_b=0)
    flat = net.node("reshape", net.node("transpose", x, perm=(1, 0), name="t"), shape=(1, 6))
    wide = net.node("reshape", shifted, name="r2", shape=(1, 6))
    made["concat of expressions"] = net.graph(net.node("concat", wide, flat, axis=0))
    net = Net()
    long = net.node("concat", net.input(1, 3), net.weight(1, 1 << 14), axis=1)
    made["concat of a long axis"] = net.graph(
        net.node("slice", long, starts=(1,), stops=(6,), axes=(1,), steps=(1,))
    )
    net = Net()
    made["pad"] = net.graph(net.node("pad", net.input(2, 3), pads=(1, 0, 2, 1), value=-5))
    net = Net()
    made["pad of one entry"] = net.graph(
        net.node("pad", net.input(1, 3), pads=(2, 0, 1, 0), value=0)
    )
    return made


def _products() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    x = net.input(1, 5)
    made["matmul"] = net.graph(net.node("matmul", x, net.weight(5, 3), net.weight(3)))
    net = Net()
    x = net.input(3, 5)
    made["matmul then requantize"] = net.graph(
        net.requantize(net.node("matmul", x, net.weight(5, 2), net.weight(2, low=-64, high=63)), 4)
    )
    net = Net()
    made["matmul of vectors"] = net.graph(net.node("matmul", net.input(4), net.weight(4)))
    net = Net()
    a, c = net.input(2, 1, 3, 4), net.input(2, 4, 2)
    made["matmul of activations"] = net.graph(net.node("matmul", a, c))
    net = Net()
    flat = net.node("reshape", net.input(2, 3, 2), shape=(1, 12))
    made["matmul of a reshaped input"] = net.graph(net.node("matmul", flat, net.weight(12, 3)))
    net = Net()
    turned = net.node("transpose", net.input(3, 4), perm=(1, 0))
    flat = net.node("reshape", turned, shape=(6, 2))
    made["matmul of a copied input"] = net.graph(net.node("matmul", flat, net.weight(2, 3)))
    net = Net()
    made["mul"] = net.graph(net.node("mul", net.input(2, 3), net.weight(3)))
    net = Net()
    x = net.input(2, 3)
    made["mul then requantize"] = net.graph(net.requantize(net.node("mul", x, x)))
    return made


def _convolutions() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    x = net.input(1, 2, 5, 4)
    y = net.node(
        "conv", x, net.weight(3, 2, 3, 2), net.weight(3),
        strides=(1, 1), dilations=(1, 1), pads=(0, 0, 0, 0), groups=1,
    )  # fmt: skip
    made["conv"] = net.graph(net.requantize(y, 5, low=0))
    net = Net()
    x = net.input(2, 2, 5, 4)
    y = net.node(
        "conv", x, net.weight(4, 1, 3, 2), net.weight(4),
        strides=(2, 1), dilations=(1, 2), pads=(1, 1, 0, 2), groups=2,
    )  # fmt: skip
    made["conv with groups, padding, strides and dilations"] = net.graph(y)
    net = Net()
    x = net.input(1, 3, 4, 4)
    y = net.node(
        "conv", x, net.weight(3, 1, 3, 3),
        strides=(1, 1), dilations=(1, 1), pads=(1, 1, 1, 1), groups=3,
    )  # fmt: skip
    made["depthwise conv"] = net.graph(net.requantize(y))
    net = Net()
    x = net.input(1, 2, 7)
    y = net.node(
        "conv", x, net.weight(2, 2, 3), strides=(2,), dilations=(1,), pads=(1, 1), groups=1
    )
    made["conv in one dimension"] = net.graph(y)
    net = Net()
    x = net.input(1, 2, 1)
    y = net.node(
        "conv", x, net.weight(2, 2, 3), strides=(1,), dilations=(1,), pads=(1, 1), groups=1
    )
    made["conv of one entry"] = net.graph(y)
    net = Net()
    sum_ = net.node("add", net.input(1, 2, 3, 3), net.weight(1), shift_a=0, shift_b=0)
    y = net.node(
        "conv", sum_, net.weight(2, 2, 2, 2),
        strides=(1, 1), dilations=(1, 1), pads=(1, 0, 0, 1), groups=1,
    )  # fmt: skip
    made["conv of an expression"] = net.graph(y)
    return made


def _pools() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    plain = {"strides": (2, 2), "dilations": (1, 1), "pads": (0, 0, 0, 0)}
    made["max_pool"] = net.graph(
        net.node("max_pool", net.input(1, 2, 4, 5), kernel=(2, 2), **plain)
    )
    net = Net()
    padded = {"strides": (1, 2), "dilations": (2, 1), "pads": (1, 0, 1, 1)}
    made["max_pool with padding"] = net.graph(
        net.node("max_pool", net.input(1, 1, 4, 4), kernel=(2, 3), **padded)
    )
    net = Net()
    made["max_pool of positives with padding"] = net.graph(
        net.node("max_pool", net.input(1, 1, 4, 4, low=0), kernel=(2, 3), **padded)
    )
    net = Net()
    made["average_pool"] = net.graph(
        net.node(
            "average_pool", net.input(1, 2, 4, 5),
            kernel=(2, 2), **plain, multipliers=((3, 3), (3, 3)), scale=4,
        )
    )  # fmt: skip
    net = Net()
    pool = net.node(
        "average_pool", net.input(1, 2, 4, 4), kernel=(3, 3), strides=(2, 2), dilations=(1, 1),
        pads=(1, 1, 1, 1), multipliers=((8, 5), (8, 5)), scale=8,
    )  # fmt: skip
    made["average_pool with padding"] = net.graph(net.requantize(pool, 8))
    return made


def _nonlinear() -> Mapping[str, FixedGraph]:
    made = {}
    for name, low, high, shift, x_low, x_high in (
        ("requantize", -8, 7, 2, -100, 90),
        ("requantize as relu", 0, 7, 2, -128, 127),
        ("requantize with a range of no power of two", 0, 5, 1, -20, 20),
        ("requantize upwards only", -8, 7, 2, -30, 90),
        ("requantize downwards only", -8, 7, 2, -90, 20),
        ("requantize without saturation", -128, 127, 3, -90, 20),
        ("requantize without shift", -4, 3, 0, -20, 20),
        ("requantize to a constant", 2, 2, 1, -20, 20),
    ):
        net = Net()
        x = net.input(6, low=x_low, high=x_high)
        made[name] = net.graph(net.requantize(x, shift, low=low, high=high))
    for name, by, behind, ends in (
        ("rescale", [(3, 11, 5)], 0, (-4, 3)),
        ("rescale by a power of two", [(3, 16, 9)], 0, (-8, 7)),
        ("rescale by row", [(3, 11, 5), (1, 13, 0)], 1, (-4, 3)),
        ("rescale with a skew", [(3, 11, 5, 2)], 0, (-4, 3)),
        ("rescale with skews by row", [(3, 16, 5, -1), (1, 13, 0, 4)], 1, (-3, 4)),
        ("rescale without division", [(3, 1, 5), (1, 1, 0)], 1, (-999, 999)),
    ):
        net = Net()
        x = net.input(2, 3, low=-20, high=20)
        made[name] = net.graph(net.rescale(x, by, behind, ends))
    net = Net()
    made["leaky_relu"] = net.graph(net.node("leaky_relu", net.input(5), alpha=3, shift=4))
    net = Net()
    x = net.node("leaky_relu", net.input(5, low=2), alpha=3, shift=4)
    made["leaky_relu of positives"] = net.graph(x)
    net = Net()
    made["prelu"] = net.graph(net.node("prelu", net.input(2, 3), net.weight(3, scale=2), shift=2))
    net = Net()
    made["prelu then requantize"] = net.graph(
        net.requantize(net.node("prelu", net.input(2, 3), net.weight(1, scale=2), shift=2))
    )
    net = Net()
    made["label"] = net.graph(net.node("label", net.input(1, 5), kept=0), output="label")
    return made


def _distances() -> Mapping[str, FixedGraph]:
    net = Net()
    made = {"distances": net.graph(net.node("distances", net.input(2, 3, low=-6, high=5)))}
    net = Net()
    flat = net.node("reshape", net.node("transpose", net.input(3, 2), perm=(1, 0)), shape=(6,))
    made["distances of a reshaped axis"] = net.graph(net.node("distances", flat))
    return made


def _look_ups() -> Mapping[str, FixedGraph]:
    made = {}
    hill = {"shift": 2, "scale": 3, "values": (-3, 5, 20, 18, -7)}
    net = Net()
    made["interpolate"] = net.graph(
        net.node("interpolate", net.input(5, low=-7, high=5), first=-8, **hill)
    )
    net = Net()
    values = (0, 9, 9, 4, 4, 4, -4, -9)
    y = net.node("interpolate", net.input(2, 3), first=-9, **hill | {"values": values})
    made["interpolate then requantize"] = net.graph(net.requantize(y, 3))
    net = Net()
    x = net.input(3, low=-2, high=0)
    made["interpolate without lines"] = net.graph(
        net.node("interpolate", x, first=-3, shift=0, scale=0, values=(3, 5, -1, 5, 7, 0))
    )
    net = Net()
    x, y = net.input(4, low=-6, high=6), net.input(3, low=1, high=14)
    first = net.node("interpolate", x, name="left", first=-8, **hill)
    second = net.node("interpolate", y, name="right", first=0, **hill)
    made["two look-ups in one table"] = net.graph(first, second)
    net = Net()
    w, x = net.weight(7, 3), net.input(2, 2, low=1, high=5)
    made["gather"] = net.graph(net.node("gather", w, x))
    net = Net()
    w, x, y = net.weight(5, 1), net.input(3, low=0, high=3), net.input(2, low=1, high=4)
    one = net.node("gather", w, x, name="one")
    made["two gathers from one table"] = net.graph(one, net.node("gather", w, y, name="other"))
    net = Net()
    table, x = net.input(6, 2), net.input(2, low=1, high=4)
    made["gather from activations"] = net.graph(net.node("gather", table, x))
    return made


def _trees() -> Mapping[str, FixedGraph]:
    made = {}
    for name, samples, rows, values, trees, depth in (
        ("trees", 1, (2, 3), 2, 3, 2),
        ("trees of several samples", 2, (3, 1), 1, 2, 3),
        ("a tree of one step", 1, (2, 1), 1, 1, 1),
    ):
        net = Net()
        x, f = net.input(samples, 3), net.weight(*rows, low=0, high=2)
        t, c = (
            net.weight(*rows, low=-9, high=7),
            net.weight(*rows, 2, low=0, high=math.prod(rows) - 1),
        )
        v = net.weight(*rows, 2, values, scale=3)
        made[name] = net.graph(net.node("trees", x, f, t, c, v, trees=trees, depth=depth))
    return made


def _divisions() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    a, c = net.input(2, 3, low=-9, high=7, scale=1), net.input(3, low=2, high=6, scale=1)
    made["divide"] = net.graph(net.node("divide", a, c, shift=2))
    net = Net()
    a, c = net.input(4, low=2, high=9), net.weight(4, 1, low=1, high=4)
    made["divide by weights"] = net.graph(net.node("divide", a, c, shift=0))
    net = Net()
    x = net.input(3, low=9, high=12)
    one = net.requantize(x, 0, low=1, high=1)
    made["divide of a constant"] = net.graph(net.node("divide", one, x, shift=6))
    net = Net()
    x = net.input(2, 3, low=5, high=50)
    made["sqrt"] = net.graph(net.node("sqrt", x, shift=2))
    net = Net()
    x = net.node("mul", net.input(4, low=4, high=7), net.weight(1, low=1, high=2, scale=1))
    made["sqrt of a product"] = net.graph(net.requantize(net.node("sqrt", x, shift=5), 1))
    net = Net()
    made["is_negative"] = net.graph(net.node("is_negative", net.input(5, low=-5, high=6)))
    net = Net()
    x = net.node("is_negative", net.input(2, 3, low=-5, high=6))
    made["is_negative then mul"] = net.graph(net.node("mul", x, net.weight(3)))
    return made


def _networks() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    x = net.input(1, 4)
    for width in (4, 3):
        depth = net.graph(x).tensors[x].shape[1]
        x = net.node(
            "matmul",
            x,
            net.weight(depth, width, scale=3),
            net.weight(width, scale=3),
            name=f"fc{width}",
        )
        x = net.requantize(x, 3, low=0)
    made["perceptron"] = net.graph(x, inputs="public")
    net = Net()
    x = net.input(1, 1, 8, 8)
    x = net.node(
        "conv", x, net.weight(2, 1, 3, 3, scale=3), net.weight(2, scale=3),
        strides=(1, 1), dilations=(1, 1), pads=(0, 0, 0, 0), groups=1,
    )  # fmt: skip
    x = net.requantize(x, 3, low=0)
    x = net.node("max_pool", x, kernel=(2, 2), strides=(2, 2), dilations=(1, 1), pads=(0,) * 4)
    x = net.node("reshape", x, shape=(1, 18))
    x = net.requantize(net.node("matmul", x, net.weight(18, 3, scale=4), net.weight(3, scale=4)), 4)
    made["convolutional network"] = net.graph(net.node("label", x, kept=0), output="label")
    return made


def _sums_of_products() -> Mapping[str, FixedGraph]:
    made = {}
    around = {"strides": (1, 1), "dilations": (1, 1), "pads": (1, 1, 1, 1)}
    same = around | {"groups": 1}
    point = {"strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0)}

    def residual(net: Net) -> str:
        x = net.input(1, 2, 4, 4)
        first = net.node("conv", x, net.weight(2, 2, 3, 3), net.weight(2), **same, name="first")
        skip = net.node("conv", x, net.weight(2, 1, 1, 1), **point, groups=2, name="skip")
        return net.node("sub", first, skip, shift_a=0, shift_b=0)

    net = Net()
    made["two products in one sum"] = net.graph(net.requantize(residual(net), 3))
    net = Net()
    made["a sum of products that is shown"] = net.graph(residual(net))
    net = Net()
    x = net.requantize(residual(net), 3, low=0)
    made["a sum of products that is pooled"] = net.graph(
        net.node("max_pool", x, kernel=(2, 4), **point | {"strides": (2, 4)})
    )
    net = Net()
    x = net.input(1, 2, 4, 4)
    y = net.node("conv", x, net.weight(2, 2, 3, 3, scale=3), **same)
    y = net.node("add", net.node("neg", y), x, shift_a=0, shift_b=3)
    made["a product plus its input"] = net.graph(net.requantize(y, 3, low=0))
    net = Net()
    x = net.input(1, 1, 4, 4)
    pool = net.node(
        "average_pool", x, kernel=(3, 3), **around, multipliers=((2, 3, 3, 2),) * 2, scale=3
    )
    y = net.node("conv", x, net.weight(1, 1, 3, 3, scale=3), **same)
    y = net.node("add", pool, y, shift_a=0, shift_b=0)
    made["a product plus a weighted sum"] = net.graph(net.requantize(y, 3))
    net = Net()
    x = net.input(1, 3)
    y = net.node("matmul", x, net.weight(3, 2))
    made["a product that is broadcast"] = net.graph(
        net.node("add", y, net.input(2, 2), shift_a=0, shift_b=0)
    )
    net = Net()
    y = net.node("matmul", net.input(1, 3), net.weight(3, 2))
    y = net.node("add", net.node("mul", y, y), y, shift_a=0, shift_b=0)
    made["a product that is read twice"] = net.graph(y)
    return made


def _steps() -> Mapping[str, FixedGraph]:
    made = {}
    net = Net()
    x, h = net.input(5, 1, 2), net.weight(1, 1, 2, scale=-4)
    w, r = net.weight(2, 2), net.weight(2, 2, scale=4)
    for step in range(5):
        bounds = {"starts": (step,), "stops": (step + 1,), "axes": (0,), "steps": (1,)}
        part = net.node("slice", x, name=f"slice{step}", **bounds)
        left = net.node("matmul", part, w, name=f"left{step}")
        right = net.node("matmul", h, r, name=f"right{step}")
        total = net.node("add", left, right, name=f"add{step}", shift_a=0, shift_b=0)
        h = net.requantize(total, 4)
    made["a state step by step"] = net.graph(h)
    return made


CASES = (
    _linear,
    _shapes,
    _products,
    _convolutions,
    _pools,
    _nonlinear,
    _distances,
    _look_ups,
    _trees,
    _divisions,
    _sums_of_products,
    _networks,
    _steps,
)
