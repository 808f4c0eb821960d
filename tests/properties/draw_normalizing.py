"""How normalizations are drawn, and the divisions and roots that they are made of."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.properties.choices import Rejected
from tests.properties.draw_computing import operand
from tests.properties.drawing import Drawing, Tensor

EPSILONS = (1e-5, 1e-5, 1e-12, 1e-3, 0.1)


def quotient(d: Drawing) -> None:
    """Div by a computed tensor, of one sign or of both, and of a constant."""
    c = d.choices
    x = d.any()
    divisor = away_from_zero(d, d.any() if c.chance(30) else x)
    if c.chance(20):
        d.emit("Div", d.weight(c.one(((), x.shape))), divisor.name)
        return
    d.emit("Div", x.name if c.chance(60) else operand(d, divisor), divisor.name)


def away_from_zero(d: Drawing, x: Tensor) -> Tensor:
    """A tensor like another, mostly without numbers near zero."""
    c = d.choices
    kind = c.one(("positive", "positive", "negative", "either", "sum", "anything"))
    if kind == "anything":
        return x
    if kind == "either":
        sign = d.constant(np.asarray(d.numbers.choice([-1, 1], x.shape), d.dtype))
        return d.emit("Mul", away_from_zero(d, x).name, sign)
    positive = d.emit("Add", d.emit(c.one(("Abs", "Relu")), x.name).name, d.scalar(0.5))
    if kind == "sum" and x.rank:
        axes = [c.integer(0, x.rank - 1)]
        if d.version >= 13:
            return d.emit("ReduceSum", positive.name, d.integers(axes))
        return d.emit("ReduceSum", positive.name, axes=axes)
    return d.emit("Neg", positive.name) if kind == "negative" else positive


def roots(d: Drawing) -> None:
    """Sqrt, Reciprocal, and Pow with exponents of their kind."""
    c = d.choices
    op = c.one(("Sqrt", "Reciprocal", "Pow"))
    x = d.any()
    if op == "Reciprocal":
        d.emit("Reciprocal", away_from_zero(d, x).name)
        return
    positive = d.emit("Add", d.emit("Abs", x.name).name, d.scalar(c.one((0.25, 1.0, 0.0))))
    if op == "Sqrt":
        d.emit("Sqrt", positive.name)
    else:
        if c.chance(25):  # computed exponents or bases
            above = d.emit("Add", d.emit("Sigmoid", d.any().name).name, d.scalar(0.25))
            others = (d.scalar(c.one((2.0, 0.3))), d.emit("Sigmoid", d.any().name).name)
            d.emit("Pow", *c.one(((above.name, others[1]), (others[0], above.name))))
            return
        d.emit("Pow", positive.name, d.scalar(c.one((0.5, -0.5, -1.0, 1.5, 2.2, 0.7, -1.5, -0.4))))


def layers(d: Drawing) -> None:
    """LayerNormalization and RMSNormalization over the last axes."""
    c = d.choices
    x = d.any()
    if not x.rank or d.version < 17:
        raise Rejected("a scalar, or an opset without it")
    axis = c.integer(0, x.rank - 1)
    attrs: dict[str, Any] = {"axis": axis if c.chance(50) else axis - x.rank}
    if c.chance(50):
        attrs["epsilon"] = c.one(EPSILONS)
    op = "RMSNormalization" if d.version >= 23 and c.chance(50) else "LayerNormalization"
    inputs = [x.name, d.weight(x.shape[axis:])]
    if op == "LayerNormalization" and c.chance(60):
        inputs.append(d.weight(x.shape[axis:]))
    if op == "LayerNormalization" and c.chance(25):
        d.emit_many(op, inputs, 3, **attrs)
    else:
        d.emit(op, *inputs, **attrs)


def skips(d: Drawing) -> None:
    """SkipLayerNormalization of com.microsoft, with a mean or without."""
    c = d.choices
    x = d.of_rank(3)
    width = x.shape[-1:]
    inputs = [x.name, c.one([t.name for t in d.floats() if t.shape == x.shape]), d.weight(width)]
    op = c.one(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"))
    if c.chance(50):
        if op == "SkipLayerNormalization":
            inputs.append(d.weight(width))
        if c.chance(50):
            inputs.append(d.weight(width))
    d.emit(op, *inputs, domain="com.microsoft", epsilon=c.one(EPSILONS))


def channels(d: Drawing) -> None:
    """InstanceNormalization and GroupNormalization."""
    c = d.choices
    x = d.of_rank(3, 4)
    attrs: dict[str, Any] = {"epsilon": c.one(EPSILONS)} if c.chance(60) else {}
    count = x.shape[1]
    op = "GroupNormalization" if d.version >= 18 and c.chance(60) else "InstanceNormalization"
    if op == "GroupNormalization":
        groups = c.one([n for n in range(1, count + 1) if count % n == 0])
        attrs["num_groups"] = groups
        count = count if d.version >= 21 else groups
    d.emit(op, x.name, d.weight((count,)), d.weight((count,)), **attrs)


def others(d: Drawing) -> None:
    """MeanVarianceNormalization and LpNormalization."""
    c = d.choices
    if d.version >= 9 and c.chance(50):
        x = d.of_rank(4)
        axes = sorted(c.shuffled(range(4))[: c.integer(1, 4)])
        d.emit("MeanVarianceNormalization", x.name, **({"axes": axes} if c.chance(60) else {}))
        return
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    d.emit("LpNormalization", x.name, axis=d.axis(x.rank), p=c.one((2, 2, 1)))


def norms(d: Drawing) -> None:
    """LpPool, GlobalLpPool, and LRN with powers of all kinds."""
    c = d.choices
    op = c.one(("LpPool", "GlobalLpPool", "LRN"))
    x = d.of_rank(3, 4) if op == "LpPool" else d.of_rank(4)
    if op == "LRN":
        attrs: dict[str, Any] = {"size": c.one((1, 2, 3, 5))}
        attrs |= {"alpha": c.one((1e-4, 0.1, 1.0)), "bias": c.one((1.0, 0.5, 2.0))}
        attrs["beta"] = c.one((0.75, 0.5, 0.25, 1.0, 0.6))
        d.emit(op, x.name, **attrs)
        return
    attrs = {"p": c.one((2, 1, 3, 4))}
    if op == "LpPool":
        kernel = [c.integer(1, min(extent, 3)) for extent in x.shape[2:]]
        attrs |= {"kernel_shape": kernel, "strides": [c.one((1, 2)) for _ in kernel]}
        if c.chance(40):
            attrs["pads"] = [c.integer(0, size - 1) for size in kernel * 2]
        if d.version >= 18 and c.chance(30):
            attrs["ceil_mode"] = 1
    d.emit(op, x.name, **attrs)


def spelt_out(d: Drawing) -> None:
    """What exporters make of a normalization: means, squares, a root and a quotient."""
    c = d.choices
    x = d.any()
    if not x.rank or d.version >= 18:
        raise Rejected("no axes, or axes that are an input")
    axes = sorted(c.shuffled(range(x.rank))[: c.integer(1, x.rank)])
    if c.chance(40):
        _moments(d, x, axes)
        return
    centered = x
    if c.chance(70):
        centered = d.emit("Sub", x.name, _mean(d, x, axes).name)
    variance = d.emit("Add", _mean(d, _square(d, centered), axes).name, d.scalar(c.one(EPSILONS)))
    root = d.emit("Sqrt", variance.name)
    if c.chance(60):
        d.emit("Div", centered.name, root.name)
    else:
        inverse = d.emit("Reciprocal", root.name)
        pair = (centered.name, inverse.name)
        d.emit("Mul", *(pair if c.chance(50) else pair[::-1]))


def _square(d: Drawing, x: Tensor) -> Tensor:
    if d.choices.chance(50):
        return d.emit("Pow", x.name, d.scalar(2.0))
    return d.emit("Mul", x.name, x.name)


def _mean(d: Drawing, x: Tensor, axes: list[int]) -> Tensor:
    """A mean over axes that stay, or the sum times one over the count, with axes that come back."""
    c = d.choices
    if d.version >= 13 or c.chance(50):
        return d.emit("ReduceMean", x.name, axes=axes)
    total = d.emit("ReduceSum", x.name, axes=axes, keepdims=0)
    count = math.prod(x.shape[axis] for axis in axes)
    mean = d.emit("Mul", total.name, d.scalar(1 / count))
    kept = [1 if axis in axes else n for axis, n in enumerate(x.shape)]
    return d.emit("Reshape", mean.name, d.integers(kept))


def _moments(d: Drawing, x: Tensor, axes: list[int]) -> None:
    """With the variance as the mean of squares less the square of the mean."""
    c = d.choices
    mean = _mean(d, x, axes)
    square = d.emit("Mul", mean.name, mean.name)
    variance = d.emit("Sub", _mean(d, _square(d, x), axes).name, square.name)
    if c.chance(50):
        variance = d.emit("Relu", variance.name)
    root = d.emit("Sqrt", d.emit("Add", variance.name, d.scalar(0.1)).name)
    inverse = d.emit("Reciprocal", root.name)
    if c.chance(70):
        inverse = d.emit("Mul", inverse.name, d.weight((x.shape[-1],)))
    if c.chance(50):
        d.emit("Mul", d.emit("Sub", x.name, mean.name).name, inverse.name)
        return
    moved = d.emit("Sub", d.weight((x.shape[-1],)), d.emit("Mul", mean.name, inverse.name).name)
    d.emit("Add", d.emit("Mul", x.name, inverse.name).name, moved.name)


def spelt_out_softmax(d: Drawing) -> None:
    """Powers of e over their sum, or less the logarithm of it."""
    c = d.choices
    x = d.any()
    if not x.rank or d.version >= 13:
        raise Rejected("no axes, or axes that are an input")
    axis = d.axis(x.rank) % x.rank
    if c.chance(60):
        x = d.emit("Sub", x.name, d.emit("ReduceMax", x.name, axes=[axis]).name)
    if np.abs(x.value).max() > 50:
        raise Rejected("powers that are too large")
    powers = d.emit("Exp", x.name)
    total = d.emit("ReduceSum", powers.name, axes=[axis])
    if c.chance(30):
        d.emit("Sub", x.name, d.emit("Log", total.name).name)
    else:
        d.emit("Div", powers.name, total.name)


def energies(d: Drawing) -> None:
    """The logarithm of energies, with as little added as lies many orders of magnitude below."""
    c = d.choices
    x = _square(d, d.any())
    if x.rank and c.chance(40) and d.version < 13:
        x = d.emit("ReduceSum", x.name, axes=[d.axis(x.rank)])
    if x.rank and c.chance(50):
        bands = np.abs(d.values((x.shape[-1], c.integer(1, 5))))
        x = d.emit("MatMul", x.name, d.constant(bands))
    least = d.scalar(c.one((1e-2, 1e-3, 1e-4, 1e-6)))
    op = "Max" if d.version >= 8 and c.chance(50) else "Add"
    d.emit("Log", d.emit(op, x.name, least).name)


NORMALIZING: dict[str, Callable[[Drawing], None]] = {
    "quotient": quotient,
    "roots": roots,
    "layers": layers,
    "skips": skips,
    "channels": channels,
    "others": others,
    "norms": norms,
    "spelt_out": spelt_out,
    "spelt_out_softmax": spelt_out_softmax,
    "energies": energies,
}
