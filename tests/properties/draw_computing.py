"""How nodes that compute are drawn: one function for each operator, with all of its attributes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.properties.choices import Rejected
from tests.properties.drawing import Drawing, Tensor


def gemm(d: Drawing) -> None:
    """alpha A' B' + beta C; any of them constant, A or B computed."""
    c = d.choices
    x = d.of_rank(2)
    rows, depth = x.shape
    attrs: dict[str, Any] = {}
    left = c.chance(15)  # the weights come first
    transposed = c.chance(30)
    if transposed:
        attrs["transB" if left else "transA"] = 1
        rows, depth = depth, rows
    if left:
        rows, depth = depth, rows
    other = (d.extent(), depth) if left else (depth, d.extent())
    if c.chance(40):
        attrs["transA" if left else "transB"] = 1
        other = other[::-1]
    w = d.matrix(other)
    shape = (other[1 if "transA" in attrs else 0] if left else rows,) + (
        (rows,) if left else (other[0 if "transB" in attrs else 1],)
    )
    for factor in ("alpha", "beta"):
        if c.chance(25):
            attrs[factor] = c.one((1.0, 0.5, 2.0, -1.0, 0.3, 0.0))
    inputs = [w, x.name] if left else [x.name, w]
    bias = c.one(("row", "none", "full", "scalar", "one", "column", "computed"))
    shapes = {
        "row": shape[1:],
        "full": shape,
        "scalar": (),
        "one": (1,),
        "column": (shape[0], 1),
    }
    if bias in shapes:
        inputs.append(d.weight(shapes[bias]))
    elif bias == "computed":
        fitting = [t for t in d.floats() if fits(t.shape, shape)]
        if fitting:
            inputs.append(c.one(fitting).name)
    if len(inputs) == 2 and d.version < 11:
        inputs.append(d.weight(shape[1:]))
    d.emit("Gemm", *inputs, **attrs)


def matmul(d: Drawing) -> None:
    """Weights on either side, vectors, stacks of matrices; or two computed operands."""
    c = d.choices
    x = d.any()
    if not x.rank:
        x = d.of_rank(1, 2)
    depth = x.shape[-1]
    kind = c.one(("right", "right", "right", "vector", "stack", "left", "row", "both"))
    if kind == "right":
        d.emit("MatMul", x.name, d.matrix((depth, d.extent())))
    elif kind == "vector":
        d.emit("MatMul", x.name, d.matrix((depth,)))
    elif kind == "stack":
        lead = x.shape[:-2] if c.chance(60) else (c.one((1, 2, 3)), *(1,) * (x.rank - 2))
        d.emit("MatMul", x.name, d.matrix((*lead, depth, d.extent())))
    elif kind == "left":
        d.emit("MatMul", d.matrix((d.extent(), x.shape[-2] if x.rank > 1 else depth)), x.name)
    elif kind == "row":
        d.emit("MatMul", d.matrix((x.shape[-2] if x.rank > 1 else depth,)), x.name)
    else:
        perm = list(range(x.rank))
        perm[-2:] = perm[-2:][::-1]
        other = d.emit("Transpose", x.name, perm=perm) if x.rank > 1 else x
        pair = (x.name, other.name)
        product = d.emit("MatMul", *(pair if c.chance(60) else pair[::-1]))
        d.emit("Mul", product.name, d.scalar(1 / max(depth, 1)))


def linear(d: Drawing) -> None:
    """What PyTorch makes of a layer on more than two axes: MatMul, then Add."""
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    width = d.extent()
    y = d.emit("MatMul", x.name, d.matrix((x.shape[-1], width)))
    bias = d.weight((width,))
    d.emit("Add", *((y.name, bias) if d.choices.chance(50) else (bias, y.name)))


def conv(d: Drawing) -> None:
    """One to three spatial axes, with padding, strides, dilations and groups of any kind."""
    c = d.choices
    x = d.of_rank(3, 4, 4, 5)
    rank, channels = x.rank - 2, x.shape[1]
    groups = c.one([n for n in (1, 1, 1, channels, 2, 3) if channels % n == 0])
    kernel = _kernel(d, x)
    filters = groups * c.one((1, 2, 3, 4))
    attrs = _window(d, rank, dilated=True)
    if groups > 1 or c.chance(30):
        attrs["group"] = groups
    if c.chance(60):
        attrs["kernel_shape"] = kernel
    inputs = [x.name, d.matrix((filters, channels // groups, *kernel))]
    if c.chance(60):
        inputs.append(d.weight((filters,)))
    d.emit("Conv", *inputs, **attrs)


def max_pool(d: Drawing) -> None:
    """MaxPool."""
    x = d.of_rank(3, 4, 4, 5)
    attrs = _window(d, x.rank - 2, dilated=d.version >= 10)
    if d.version >= 10 and d.choices.chance(30):
        attrs["ceil_mode"] = 1
    if d.version >= 8 and d.choices.chance(15):
        attrs["storage_order"] = 1
    d.emit("MaxPool", x.name, kernel_shape=_pool_kernel(d, x, attrs), **attrs)


def average_pool(d: Drawing) -> None:
    """AveragePool."""
    x = d.of_rank(3, 4, 4, 5)
    attrs = _window(d, x.rank - 2, dilated=d.version >= 19)
    if d.version >= 10 and d.choices.chance(30):
        attrs["ceil_mode"] = 1
    if d.choices.chance(50):
        attrs["count_include_pad"] = d.choices.one((0, 1, 1))
    d.emit("AveragePool", x.name, kernel_shape=_pool_kernel(d, x, attrs), **attrs)


def global_pool(d: Drawing) -> None:
    """GlobalAveragePool and GlobalMaxPool."""
    x = d.of_rank(3, 4, 5)
    d.emit(d.choices.one(("GlobalAveragePool", "GlobalMaxPool")), x.name)


def _kernel(d: Drawing, x: Tensor) -> list[int]:
    return [d.choices.integer(1, min(extent + 1, 5)) for extent in x.shape[2:]]


def _pool_kernel(d: Drawing, x: Tensor, attrs: dict[str, Any]) -> list[int]:
    """A pool's kernel.

    Where it leaves out entries of three axes, onnxruntime begins with another than ONNX if they are
    to be padded to the same extent.
    """
    kernel = _kernel(d, x)
    steps = zip(kernel, attrs.get("strides", ()), strict=False)
    if x.rank == 5 and "auto_pad" in attrs and any(stride > size for size, stride in steps):
        raise Rejected("a stride beyond the kernel")
    return kernel


def _window(d: Drawing, rank: int, *, dilated: bool) -> dict[str, Any]:
    c = d.choices
    attrs: dict[str, Any] = {}
    if c.chance(50):
        attrs["strides"] = [c.one((1, 2, 3, 4)) for _ in range(rank)]
    padding = c.one(("none", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"))
    if padding == "pads":
        attrs["pads"] = [c.one((0, 1, 2)) for _ in range(2 * rank)]
    elif padding != "none":
        attrs["auto_pad"] = padding
    if dilated and c.chance(25):
        attrs["dilations"] = [c.one((1, 2, 3)) for _ in range(rank)]
    return attrs


def batch_normalization(d: Drawing) -> None:
    """In inference form."""
    c = d.choices
    x = d.of_rank(2, 3, 4)
    shape: tuple[int, ...] = (x.shape[1],)
    attrs: dict[str, Any] = {}
    if d.version < 9 and c.chance(30):
        attrs["spatial"] = c.one((1, 0))
        if not attrs["spatial"]:
            shape = x.shape[1:]
    if c.chance(50):
        attrs["epsilon"] = c.one((1e-5, 1e-3, 0.1))
    if c.chance(30):
        attrs["momentum"] = 0.9
    if d.version >= 14 and c.chance(20):
        attrs["training_mode"] = 0
    parameters = [d.weight(shape) for _ in range(3)]
    variance = d.constant(d.uniform(shape, 0.2, 3))
    d.emit("BatchNormalization", x.name, *parameters, variance, **attrs)


def arithmetic(d: Drawing) -> None:
    """Add, Sub and Mul of computed tensors and constants, with broadcasting of all kinds."""
    op = d.choices.one(("Add", "Sub", "Mul"))
    x = d.any()
    pair = [x.name, operand(d, x)]
    d.emit(op, *(pair if d.choices.chance(60) else pair[::-1]))


def operand(d: Drawing, x: Tensor) -> str:
    """Something that broadcasts with a tensor."""
    c = d.choices
    if c.chance(35):
        fitting = [t for t in d.floats() if broadcast(t.shape, x.shape) is not None]
        if fitting:
            return c.one(fitting).name
    return d.weight(_broadcastable(d, x.shape))


def _broadcastable(d: Drawing, shape: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts with another: fewer axes or more, extents of 1 on either side."""
    c = d.choices
    kind = c.one(("last", "same", "scalar", "one", "some", "fewer", "more"))
    if kind == "last" or not shape:
        return tuple(shape[-1:])
    if kind == "scalar":
        return ()
    if kind == "one":
        return (1,) * c.integer(1, len(shape) + 1)
    result = [extent if c.chance(60) else 1 for extent in shape] if kind != "same" else list(shape)
    result = [c.one((1, 2, 3)) if n == 1 and c.chance(15) else n for n in result]
    if kind == "fewer":
        return tuple(result[c.integer(0, len(result) - 1) :])
    return (c.one((1, 2, 3)), *result) if kind == "more" else tuple(result)


def div(d: Drawing) -> None:
    """Div by a constant."""
    x = d.any()
    shape = _broadcastable(d, x.shape)
    if math.prod(shape) > 1024:
        raise Rejected("a large constant")
    divisor = d.uniform(shape, 0.25, 4)
    if d.choices.chance(40):
        divisor = -divisor
    if d.choices.chance(30):
        divisor = np.full_like(divisor, d.choices.one((2.0, 255.0, 3.0, 0.1)))
    d.emit("Div", x.name, d.constant(divisor))


def unary(d: Drawing) -> None:
    """Relu, Neg, Abs, Identity, and LeakyRelu with slopes of all kinds."""
    op = d.choices.one(("Relu", "Relu", "LeakyRelu", "Neg", "Abs", "Identity"))
    attrs = {}
    if op == "LeakyRelu" and d.choices.chance(70):
        attrs["alpha"] = d.choices.one((0.1, 0.25, 0.2, 1.0, 0.0, 1.5, -0.5, 1e-3))
    d.emit(op, d.any().name, **attrs)


SIGMOIDS = ("Sigmoid", "Tanh", "Erf", "Atan", "Asinh", "Softsign", "Softplus", "Sin", "Cos")
"""Functions that take any number."""

UNITS = ("Elu", "Selu", "Celu", "Gelu", "Mish", "HardSigmoid", "HardSwish", "Swish", "Shrink")
"""Activations, which have attributes or a first opset."""


def function(d: Drawing) -> None:
    """A function of one number, on numbers that it takes."""
    c = d.choices
    op = c.one(
        (
            *SIGMOIDS,
            *UNITS,
            *UNITS,
            "Exp",
            "Log",
            "Sinh",
            "Cosh",
            "Tan",
            "Asin",
            "Acos",
            "Atanh",
            "Acosh",
        )
    )
    first = {"Gelu": 20, "Mish": 18, "HardSwish": 14, "Swish": 24, "Celu": 12, "Shrink": 9}
    first |= {"Erf": 9, **dict.fromkeys(("Atan", "Sin", "Cos", "Tan", "Asin", "Acos"), 7)}
    first |= dict.fromkeys(("Sinh", "Cosh", "Asinh", "Atanh", "Acosh"), 9)
    if d.version >= first["Swish"] and c.chance(60):
        op = "Swish"
    if d.version < first.get(op, 0):
        raise Rejected(f"{op} before its first opset")
    x = d.any()
    size = max(float(np.abs(x.value).max()), 1e-3)
    if op in ("Exp", "Sinh", "Cosh") and size > 2:
        x = d.emit("Mul", x.name, d.scalar(2 / size))
    if op in ("Tan", "Asin", "Acos", "Atanh"):
        x = d.emit("Mul", x.name, d.scalar(0.4 / size))
    if op in ("Log", "Acosh"):
        x = d.emit("Add", d.emit("Mul", x.name, d.scalar(0.3 / size)).name, d.scalar(1.5))
    attrs: dict[str, Any] = {}
    if op in ("Elu", "Celu", "HardSigmoid", "Swish", "Selu") and c.chance(50):
        attrs["alpha"] = c.one((0.5, 1.0, 2.0, 1.702))
    if op in ("HardSigmoid", "Selu") and c.chance(50):
        attrs["beta" if op == "HardSigmoid" else "gamma"] = c.one((0.25, 1.5))
    if op == "Gelu" and c.chance(50):
        attrs["approximate"] = c.one(("none", "tanh"))
    if op == "Shrink":
        attrs |= dict.fromkeys(("lambd", "bias"), c.one((0.25, 0.5)))
    d.emit(op, x.name, **attrs)


def fused(d: Drawing) -> None:
    """Activations of the domain com.microsoft, some with a bias."""
    op = d.choices.one(("Gelu", "BiasGelu", "FastGelu", "QuickGelu"))
    x = d.any()
    if not x.rank or d.dtype != np.float32:
        raise Rejected("a scalar, or doubles")
    inputs, attrs = [x.name], {}
    if op == "BiasGelu" or (op == "FastGelu" and d.choices.chance(50)):
        inputs.append(d.weight(x.shape[-1:]))
    if op == "QuickGelu" and d.choices.chance(50):
        attrs["alpha"] = d.choices.one((1.0, 1.702, 0.5))
    d.emit(op, *inputs, domain="com.microsoft", **attrs)


def recurrent(d: Drawing) -> None:
    """RNN, GRU and LSTM of a few steps, with all that they may have."""
    c = d.choices
    x = d.of_rank(3)
    gates, op = c.one(((1, "RNN"), (3, "GRU"), (4, "LSTM")))
    if d.dtype != np.float32 or d.version < 7 or x.shape[0] > 6 or x.shape[1] > 3:
        raise Rejected("long sequences, many of them, or doubles")
    direction = c.one(("forward", "forward", "reverse", "bidirectional"))
    count, batch, hidden = 1 + (direction == "bidirectional"), x.shape[1], c.integer(1, 4)
    attrs: dict[str, Any] = {"hidden_size": hidden, "direction": direction}

    def small(*shape: int) -> str:
        return d.constant(d.uniform(shape, -0.7, 0.7))

    inputs = [
        x.name,
        small(count, gates * hidden, x.shape[2]),
        small(count, gates * hidden, hidden),
    ]
    inputs.append(small(count, 2 * gates * hidden) if c.chance(70) else "")
    lengths = d.numbers.integers(1, x.shape[0] + 1, batch)
    inputs.append(d.integers(lengths, np.int32) if c.chance(25) else "")
    inputs += [small(count, batch, hidden) if c.chance(30) else "" for _ in range(gates // 4 + 1)]
    if op == "LSTM" and c.chance(20):
        inputs += [""] * (7 - len(inputs)) + [small(count, 3 * hidden)]
    if c.chance(20):
        attrs["clip"] = c.one((0.5, 2.0))
    if op == "GRU" and c.chance(50):
        attrs["linear_before_reset"] = 1
    if op == "LSTM" and c.chance(15):
        attrs["input_forget"] = 1
    if c.chance(20):
        usual = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
        names = [c.one((name, "Softsign", "Relu")) for name in usual[op] * count]
        attrs["activations"] = names
    while not inputs[-1]:
        inputs.pop()
    d.emit_many(op, inputs, 3 if op == "LSTM" else 2, **attrs)


def power(d: Drawing) -> None:
    """Pow with whole exponents, one for all or one an entry; large powers are made small again."""
    c = d.choices
    x = d.any()
    shape = c.one(((), (1,), _broadcastable(d, x.shape)))
    exponents = d.numbers.integers(0, 4, shape)
    if not shape or c.chance(50):
        exponents = np.full(shape, c.one((2, 3, 1, 4, 5)))
    kind = c.one((d.dtype, d.dtype, np.int64)) if d.version >= 12 else d.dtype
    y = d.emit("Pow", x.name, d.constant(exponents.astype(kind)))
    size = max(float(np.abs(x.value).max()), 1.0)
    if exponents.max() > 1 and size > 1:
        d.emit("Mul", y.name, d.scalar(1 / size ** (int(exponents.max()) - 1)))


def several(d: Drawing) -> None:
    """Max, Min, Sum and Mean of one to four operands, constant or computed, some of them twice."""
    c = d.choices
    op = c.one(("Max", "Min", "Sum", "Mean"))
    x = d.any()
    operands = [x.name]
    for _ in range(c.one((1, 1, 2, 3, 0))):
        if op in ("Max", "Min") and c.chance(30):
            operands.append(d.scalar(c.one((0.0, 1.0, -0.5, 6.0))))
        elif d.version < 8:
            fitting = [t.name for t in d.floats() if t.shape == x.shape]
            operands.append(c.one(fitting) if c.chance(50) else d.weight(x.shape))
        else:
            operands.append(operand(d, x))
    d.emit(op, *c.shuffled(operands))


def one_sided(d: Drawing) -> None:
    """An activation of values that are never negative, or never positive."""
    x = d.emit("Relu", d.any().name)
    if d.choices.chance(50):
        x = d.emit("Neg", x.name)
    op = d.choices.one(("Relu", "LeakyRelu", "PRelu", "Clip"))
    if op == "PRelu":
        d.emit("PRelu", x.name, _slope(d, x))
    elif op == "Clip":
        _clip(d, x)
    else:
        d.emit(op, x.name)


def prelu(d: Drawing) -> None:
    """PRelu with slopes that broadcast to the input."""
    x = d.any()
    d.emit("PRelu", x.name, _slope(d, x))


def _slope(d: Drawing, x: Tensor) -> str:
    c = d.choices
    kind = c.one(("channels", "one", "scalar", "same", "last", "some")) if x.rank else "scalar"
    shape: tuple[int, ...] = tuple(n if c.chance(50) else 1 for n in x.shape)
    if kind == "channels" and x.rank > 1:
        shape = (x.shape[1], *(1,) * (x.rank - 2))
    elif kind == "one":
        shape = (1,)
    elif kind == "scalar":
        shape = ()
    elif kind == "same":
        shape = x.shape
    elif kind == "last":
        shape = x.shape[-1:]
    return d.weight(shape, c.one((0.25, 1.0)))


def clip(d: Drawing) -> None:
    """Clip with one bound, both or none."""
    _clip(d, d.any())


def _clip(d: Drawing, x: Tensor) -> None:
    low, high = d.choices.one(
        (
            (0.0, 6.0), (0.0, 1.0), (-1.0, 1.0), (None, 1.0), (0.0, None), (None, None), (0.5, 2.0),
            (-2.0, -0.5), (-3.4028234663852886e38, 0.3), (0.0, 0.0), (None, -1.0), (1.0, None),
        )
    )  # fmt: skip
    if d.version < 11:
        attrs = {name: bound for name, bound in (("min", low), ("max", high)) if bound is not None}
        d.emit("Clip", x.name, **attrs)
        return
    bounds = ["" if bound is None else d.scalar(bound) for bound in (low, high)]
    while bounds and not bounds[-1]:
        bounds.pop()
    d.emit("Clip", x.name, *bounds)


def reduction(d: Drawing) -> None:
    """ReduceMean and ReduceSum; the axes are an attribute or an input."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    op, since = c.one((("ReduceMean", 18), ("ReduceSum", 13)))
    attrs: dict[str, Any] = {}
    if c.chance(60):
        attrs["keepdims"] = c.one((1, 0))
    count = c.integer(0, x.rank)
    axes = c.shuffled(range(x.rank))[:count]
    if d.version >= 11:
        axes = [axis - x.rank if c.chance(30) else axis for axis in axes]
    inputs = [x.name]
    if d.version >= since:
        if axes or c.chance(30):
            inputs.append(d.integers(axes))
        if c.chance(15):
            attrs["noop_with_empty_axes"] = c.one((0, 1))
    elif axes:
        attrs["axes"] = axes
    y = d.emit(op, *inputs, **attrs)
    if op == "ReduceSum" and x.value.size > y.value.size:
        d.emit("Mul", y.name, d.scalar(1 / math.sqrt(x.value.size / y.value.size)))


def scaler(d: Drawing) -> None:
    """Scaler of ai.onnx.ml."""
    x = d.any()
    if x.rank not in (1, 2):
        x = d.of_rank(2)
    sizes = [d.choices.one((1, x.shape[-1])) for _ in range(2)]
    if len(set(sizes)) > 1:  # onnxruntime takes only equal sizes
        sizes = [x.shape[-1]] * 2
    offset, scale = d.uniform(sizes[:1], -1, 1), d.uniform(sizes[1:], 0.2, 2)
    d.emit("Scaler", x.name, domain="ai.onnx.ml", offset=offset.tolist(), scale=scale.tolist())


def fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to another."""
    return broadcast(shape, target) == target


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The common shape, if there is one."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


COMPUTING: dict[str, Callable[[Drawing], None]] = {
    "gemm": gemm,
    "matmul": matmul,
    "linear": linear,
    "conv": conv,
    "max_pool": max_pool,
    "average_pool": average_pool,
    "global_pool": global_pool,
    "batch_normalization": batch_normalization,
    "arithmetic": arithmetic,
    "div": div,
    "unary": unary,
    "function": function,
    "fused": fused,
    "recurrent": recurrent,
    "power": power,
    "several": several,
    "one_sided": one_sided,
    "prelu": prelu,
    "clip": clip,
    "reduction": reduction,
    "scaler": scaler,
}
