"""How nodes are drawn that are rewritten on import: resizing, blocks, scattering, sums of products,
transforms with constants.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.properties.choices import Rejected
from tests.properties.drawing import Drawing


def conv_transpose(d: Drawing) -> None:
    """One to three spatial axes, with all attributes."""
    c = d.choices
    x = d.of_rank(3, 4, 5)
    rank, channels = x.rank - 2, x.shape[1]
    groups = c.one([n for n in (1, 1, 1, channels, 2, 3) if channels % n == 0])
    kernel = [c.integer(1, 4 if rank < 3 else 2) for _ in range(rank)]
    attrs: dict[str, Any] = {}
    if c.chance(70):
        attrs["strides"] = [c.one((1, 2, 3)) for _ in range(rank)]
    strides = attrs.get("strides", [1] * rank)
    if c.chance(25):
        attrs["dilations"] = [c.one((1, 2, 3)) for _ in range(rank)]
    if c.chance(30):
        attrs["output_padding"] = [c.integer(0, n - 1) for n in strides]
    padding = c.one(("none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "output_shape"))
    if padding == "pads":
        attrs["pads"] = [c.one((0, 1, 2)) for _ in range(2 * rank)]
    elif padding == "output_shape":
        attrs["output_shape"] = [
            n * s + c.one((0, 0, -1, 1)) for n, s in zip(x.shape[2:], strides, strict=True)
        ]
        if c.chance(40):
            attrs["auto_pad"] = c.one(("SAME_UPPER", "SAME_LOWER"))
    elif padding != "none":
        attrs["auto_pad"] = padding
    if groups > 1 or c.chance(30):
        attrs["group"] = groups
    if c.chance(60):
        attrs["kernel_shape"] = kernel
    filters = c.one((1, 2, 3))
    inputs = [x.name, d.matrix((channels, filters, *kernel))]
    if c.chance(60):
        inputs.append(d.weight((groups * filters,)))
    d.emit("ConvTranspose", *inputs, **attrs)


def resize(d: Drawing) -> None:
    """Resize: every mode, by scales or sizes, of some axes or all."""
    c = d.choices
    x = d.of_rank(4, 4, 3, 2)
    if d.version < 10:
        raise Rejected("no Resize")
    mode = c.one(("nearest", "linear", "cubic"))
    factors = [c.one((2.0, 0.5, 3.0, 1.5, 0.6, 1.0, 1.3)) for _ in x.shape]
    if x.rank == 4 or mode == "cubic":
        factors[: x.rank - 2] = [1.0] * (x.rank - 2)
    if d.version < 11:
        if mode == "cubic":
            raise Rejected("no cubic")
        d.emit("Resize", x.name, d.constant(np.array(factors, np.float32)), mode=mode)
        return
    attrs: dict[str, Any] = {"mode": mode}
    transforms = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                  "tf_crop_and_resize"]  # fmt: skip
    transforms += ["half_pixel_symmetric"] if d.version >= 19 else []
    transforms += ["tf_half_pixel_for_nn"] if d.version < 13 and mode == "nearest" else []
    transform = c.one(transforms)
    if c.chance(80):
        attrs["coordinate_transformation_mode"] = transform
    if d.version >= 18 and mode != "nearest" and c.chance(30):
        attrs["antialias"] = 1
    crops = attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    if mode == "nearest" and c.chance(60):
        names = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        attrs["nearest_mode"] = c.one(names)
    if mode == "cubic":
        if c.chance(40):
            attrs["cubic_coeff_a"] = c.one((-0.5, -0.75))
        if c.chance(40):
            attrs["exclude_outside"] = 1
    if crops and c.chance(50):
        attrs["extrapolation_value"] = c.one((0.0, 1.5))
    axes = list(range(x.rank))
    if d.version >= 18 and c.chance(30):
        axes = axes[-2:]
        attrs["axes"] = [axis - x.rank for axis in axes] if c.chance(40) else axes
    roi = ""
    if crops:
        begins = [0.0 if factors[axis] == 1 else c.one((0.0, 0.2, -0.1)) for axis in axes]
        ends = [1.0 if factors[axis] == 1 else c.one((1.0, 0.8, 1.2)) for axis in axes]
        roi = d.constant(np.array([*begins, *ends], np.float32))
    elif d.version < 13:
        roi = d.constant(np.zeros(0, np.float32))
    if c.chance(50) and not crops:
        scales = d.constant(np.array([factors[axis] for axis in axes], np.float32))
        d.emit("Resize", x.name, roi, scales, **attrs)
        return
    sizes = [max(int(x.shape[axis] * factors[axis]), 1) for axis in axes]
    if d.version >= 18 and len(axes) == 2 and c.chance(30):
        attrs["keep_aspect_ratio_policy"] = c.one(("not_larger", "not_smaller", "stretch"))
    empty = d.constant(np.zeros(0, np.float32)) if d.version < 13 else ""
    d.emit("Resize", x.name, roi, empty, d.integers(sizes), **attrs)


def upsample(d: Drawing) -> None:
    """Upsample, which opset 10 drops."""
    c = d.choices
    if d.version > 9:
        raise Rejected("no Upsample")
    x = d.of_rank(4)
    scales = [1.0, 1.0, c.one((2.0, 1.0, 3.0, 1.5)), c.one((2.0, 1.0, 2.5))]
    mode = {"mode": c.one(("nearest", "linear"))} if c.chance(70) else {}
    if d.version < 9:
        d.emit("Upsample", x.name, scales=scales, **mode)
    else:
        d.emit("Upsample", x.name, d.constant(np.array(scales, np.float32)), **mode)


def blocks(d: Drawing) -> None:
    """DepthToSpace in both modes, and SpaceToDepth."""
    c = d.choices
    x = d.of_rank(4)
    block = c.one((2, 1, 3))
    if c.chance(50):
        n, h, w, deep = x.shape[0], x.shape[2], x.shape[3], x.value.size
        deep //= n * h * w
        if deep % (block * block):
            x = d.reshaped(x, d.split_up(x.value.size, 4))
        attrs = {"mode": c.one(("DCR", "CRD"))} if d.version >= 11 and c.chance(70) else {}
        d.emit("DepthToSpace", x.name, blocksize=block, **attrs)
    else:
        d.emit("SpaceToDepth", x.name, blocksize=block)


def gather_at(d: Drawing) -> None:
    """GatherElements and GatherND with constant indices."""
    c = d.choices
    if d.version < 11:
        raise Rejected("no GatherElements")
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    if c.chance(50):
        axis = d.axis(x.rank)
        shape = [c.integer(1, n) for n in x.shape]
        shape[axis] = c.integer(1, 4)
        attrs = {} if axis == 0 and c.chance(50) else {"axis": axis}
        d.emit("GatherElements", x.name, _indices(d, shape, x.shape[axis]), **attrs)
        return
    batch = c.one((0, 0, 1)) if d.version >= 12 and x.rank > 1 else 0
    depth = c.integer(1, x.rank - batch)
    lead = [*x.shape[:batch], *c.one(((3,), (2, 2), (1,)))]
    columns = [d.numbers.integers(-n, n, lead) for n in x.shape[batch : batch + depth]]
    attrs = {"batch_dims": batch} if batch else {}
    d.emit("GatherND", x.name, d.constant(np.stack(columns, -1).astype(np.int64)), **attrs)


def _indices(d: Drawing, shape: list[int], extent: int) -> str:
    """Indices of an axis, negative ones too."""
    if math.prod(shape) > 400:
        raise Rejected("many indices")
    kind = d.choices.one((np.int64, np.int32))
    return d.constant(d.numbers.integers(-extent, extent, shape).astype(kind))


def scatter(d: Drawing) -> None:
    """ScatterElements, ScatterND and Scatter with constant indices and any updates."""
    c = d.choices
    x = d.any()
    if not x.rank or x.value.size > 400 or d.version < 9:
        raise Rejected("a scalar, a large tensor, or no Scatter")
    reductions = ["none", "none"]
    reductions += ["add", "mul"] if d.version >= 16 else []
    reductions += ["max", "min"] if d.version >= 18 else []
    reduction = c.one(reductions)
    attrs: dict[str, Any] = {"reduction": reduction} if reduction != "none" else {}
    if c.chance(50) or d.version < 11:
        axis = d.axis(x.rank, 11)
        shape = [c.integer(1, n) for n in x.shape]
        indices = d.numbers.integers(0, x.shape[axis], shape)
        if reduction == "none":  # which of several updates wins is nobody's promise
            shape[axis] = c.integer(1, x.shape[axis])
            indices = d.numbers.random(x.shape).argsort(axis)[tuple(slice(n) for n in shape)]
        name = d.constant(indices.astype(np.int64))
        op = "Scatter" if d.version < 11 else "ScatterElements"
        d.emit(op, x.name, name, _updates(d, shape), axis=axis, **attrs)
        return
    depth = c.integer(1, x.rank)
    places = math.prod(x.shape[:depth])
    count = c.integer(1, min(places, 4))
    flat = d.numbers.integers(0, places, count)
    if reduction == "none":
        flat = d.numbers.permutation(places)[:count]
    rows = np.stack(np.unravel_index(flat, x.shape[:depth]), -1)
    updates = _updates(d, [count, *x.shape[depth:]])
    d.emit("ScatterND", x.name, d.constant(rows.astype(np.int64)), updates, **attrs)


def _updates(d: Drawing, shape: list[int]) -> str:
    """A constant, or what is cut out of a tensor."""
    size = math.prod(shape)
    wide = [t for t in d.floats() if t.value.size >= size]
    if not wide or d.choices.chance(40):
        return d.weight(shape)
    flat = d.reshaped(d.choices.one(wide), [-1])
    if flat.value.size > size:
        ends = [d.integers([0]), d.integers([size])]
        attrs = {"starts": [0], "ends": [size]} if d.version < 10 else {}
        flat = d.emit("Slice", flat.name, *([] if attrs else ends), **attrs)
    return d.reshaped(flat, shape).name


def picked(d: Drawing) -> None:
    """Compress with a constant condition, ReverseSequence with constant lengths."""
    c = d.choices
    x = d.any()
    if c.chance(50) and d.version >= 9 and x.rank:
        axis = d.axis(x.rank, 11) if c.chance(70) else None
        extent = x.value.size if axis is None else x.shape[axis]
        condition = d.numbers.random(c.integer(1, extent)) < 0.6
        condition[0] = True
        attrs = {} if axis is None else {"axis": axis}
        d.emit("Compress", x.name, d.constant(condition), **attrs)
        return
    if x.rank < 2 or d.version < 10:
        raise Rejected("too few axes, or no ReverseSequence")
    time = c.integer(0, 1)
    lengths = d.numbers.integers(1, x.shape[time] + 1, x.shape[1 - time])
    attrs = {"time_axis": time, "batch_axis": 1 - time} if time or c.chance(50) else {}
    d.emit("ReverseSequence", x.name, d.constant(lengths.astype(np.int64)), **attrs)


def einsum(d: Drawing) -> None:
    """Einsum of one to three operands: products, sums, diagonals, outer products, ellipses."""
    c = d.choices
    if d.version < 12:
        raise Rejected("no Einsum")
    x = d.any()
    if not 0 < x.rank < 5:
        raise Rejected("a scalar, or many axes")
    letters = "abcdefgh"
    labels = list(letters[: x.rank])
    if c.chance(15):
        i, j = c.integer(0, x.rank - 1), c.integer(0, x.rank - 1)
        if x.shape[i] == x.shape[j]:
            labels[j] = labels[i]
    extents = dict(zip(labels, x.shape, strict=True))
    terms, operands = ["".join(labels)], [x.name]
    for place in range(c.one((1, 1, 0, 2))):
        shared = [label for label in extents if c.chance(60)]
        own = c.shuffled([*shared, *("xyz"[place] for _ in range(c.one((1, 0))))])
        extents.setdefault("xyz"[place], c.one((2, 3)))
        shape = tuple(extents[label] for label in own)
        fitting = [t.name for t in d.floats() if t.shape == shape]
        known = bool(fitting) and c.chance(60)
        operands.append(c.one(fitting) if known else d.matrix(shape))
        terms.append("".join(own))
    used = sorted({*"".join(terms)})
    output = "".join(c.shuffled([label for label in used if c.chance(60)]))
    equation = ",".join(terms) + (f"->{output}" if c.chance(80) else "")
    if len(operands) == 1 and c.chance(25):
        equation = c.one(("...->...", "...a->...", "...a->a...", "a...->..."))
    if len(operands) == 2 and c.chance(20) and x.rank > 1:
        operands[1] = d.matrix((x.shape[-1], 3))
        equation = c.one(("...a,ab->...b", "...a,ab->b...", "...a,ab"))
    y = d.emit("Einsum", *operands, equation=equation)
    d.emit("Mul", y.name, d.scalar(1 / max(1.0, float(np.abs(y.value).max()))))


def triangles(d: Drawing) -> None:
    """CumSum in all directions, Trilu by any diagonal."""
    c = d.choices
    x = d.any()
    if not x.rank or d.version < 11:
        raise Rejected("a scalar, or no CumSum")
    if c.chance(50):
        names = [name for name in ("exclusive", "reverse") if c.chance(40)]
        axis = d.constant(np.array(d.axis(x.rank), c.one((np.int64, np.int32))))
        d.emit("CumSum", x.name, axis, **dict.fromkeys(names, 1))
        return
    if d.version < 14 or x.rank < 2:
        raise Rejected("no Trilu")
    diagonal = [d.constant(np.array(c.integer(-3, 3), np.int64))] if c.chance(70) else []
    d.emit("Trilu", x.name, *diagonal, **({"upper": c.one((0, 1))} if c.chance(70) else {}))


def where(d: Drawing) -> None:
    """Where with a constant condition; either operand constant."""
    c = d.choices
    x = d.any()
    if d.version < 9:
        raise Rejected("no Where")
    shape = tuple(n if c.chance(70) else 1 for n in x.shape)
    condition = d.numbers.random(shape) < c.one((0.5, 0.5, 1.1, -1))
    fitting = [t.name for t in d.floats() if t.shape == x.shape]
    other = c.one(fitting) if c.chance(40) else d.weight(c.one((x.shape, ())))
    pair = (x.name, other) if c.chance(60) else (other, x.name)
    y = d.emit("Where", d.constant(condition), *pair)
    if {name for name, mask in zip(pair, (condition, ~condition), strict=True) if mask.any()} <= {
        *d.weights
    }:
        d.pool.remove(y)  # depends on no input


def spectrum(d: Drawing) -> None:
    """DFT and STFT, of real numbers and pairs."""
    c = d.choices
    if d.version < 17:
        raise Rejected("no DFT")
    if c.chance(60):
        x = d.of_rank(2, 3)
        parts = c.one((1, 2))
        x = d.reshaped(x, [*x.shape, 1] if parts == 1 else [*x.shape[:-1], -1, 2])
        axis = c.integer(0, x.rank - 2)
        attrs: dict[str, Any] = {}
        inverse = c.chance(40)
        if inverse:
            attrs["inverse"] = 1
        elif parts == 1 and c.chance(50):
            attrs["onesided"] = 1
        length = [d.constant(np.array(c.integer(1, x.shape[axis] + 2), np.int64))]
        length = length if c.chance(50) else []
        if d.version < 20:
            d.emit("DFT", x.name, *length, axis=axis, **attrs)
        else:
            d.emit("DFT", x.name, *(length or [""]), d.constant(np.array(axis, np.int64)), **attrs)
        return
    x = d.of_rank(2)
    if x.shape[1] < 3:
        raise Rejected("a short signal")
    x = d.reshaped(x, [*x.shape, 1])
    length = c.integer(2, min(x.shape[1], 16))
    window = d.constant(d.uniform((length,), 0, 1)) if c.chance(60) else ""
    step = d.constant(np.array(c.integer(1, 4), np.int64))
    attrs = {"onesided": c.one((0, 1))} if c.chance(50) else {}
    size = d.constant(np.array(length, np.int64))
    d.emit("STFT", x.name, step, window, size, **attrs)


def fused_matmul(d: Drawing) -> None:
    """FusedMatMul of com.microsoft: a MatMul of transposed operands, times a factor."""
    c = d.choices
    x = d.of_rank(2, 3)
    attrs: dict[str, Any] = {}
    if c.chance(50):
        attrs["alpha"] = c.one((0.5, 0.125, -1.0))
    depth = x.shape[-1]
    if c.chance(40):
        attrs["transA"], depth = 1, x.shape[-2]
    shape: tuple[int, ...] = (depth, c.integer(1, 5))
    if c.chance(40):
        attrs["transB"], shape = 1, shape[::-1]
    if x.rank == 3 and c.chance(40):  # [b, m, k] of the operands lie as [m, b, k]
        batch = x.shape[0]
        if c.chance(50):
            attrs["transBatchA"], batch = 1, x.shape[1]
            depth = x.shape[0] if "transA" in attrs else depth
            shape = (depth, 3) if "transB" not in attrs else (3, depth)
        shape = (batch, *shape)
        if c.chance(50):
            attrs["transBatchB"], shape = 1, (shape[1], batch, shape[2])
    d.emit("FusedMatMul", x.name, d.matrix(shape), domain="com.microsoft", **attrs)


def activation(d: Drawing) -> tuple[str, list[float]]:
    """An activation of com.microsoft's fused operators, and its numbers."""
    c = d.choices
    op = c.one(("Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "Clip"))
    numbers = {
        "LeakyRelu": [c.one((0.1, 0.5))],
        "HardSigmoid": [c.one((0.2, 0.1)), 0.5],
        "Clip": [c.one((0.0, -1.0)), c.one((6.0, 0.5))],
    }
    return op, numbers.get(op, [])


def fused_conv(d: Drawing) -> None:
    """FusedConv of com.microsoft: Conv, plus a tensor of its shape, and an activation."""
    c = d.choices
    x = d.of_rank(3, 4)
    if d.dtype != np.float32:
        raise Rejected("no such kernel")
    channels, filters = x.shape[1], c.integer(1, 4)
    kernel = [min(c.integer(1, 3), extent) for extent in x.shape[2:]]
    attrs: dict[str, Any] = {"kernel_shape": kernel}
    if c.chance(40):
        attrs["strides"] = [c.integer(1, 2) for _ in kernel]
    inputs = [x.name, d.matrix((filters, channels, *kernel))]
    inputs.append(d.weight((filters,)) if c.chance(60) else "")
    if c.chance(40):
        strides = attrs.get("strides", [1] * len(kernel))
        extents = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, strides, strict=True)]
        inputs.append(d.weight((x.shape[0], filters, *extents)))
    op, numbers = activation(d)
    if numbers:
        attrs["activation_params"] = numbers
    d.emit("FusedConv", *inputs, domain="com.microsoft", activation=op, **attrs)


def fused_gemm(d: Drawing) -> None:
    """FusedGemm of com.microsoft: Gemm and an activation."""
    c = d.choices
    x = d.of_rank(2)
    if d.dtype != np.float32:
        raise Rejected("no such kernel")
    count = c.integer(1, 5)
    attrs: dict[str, Any] = {"transB": 1} if c.chance(50) else {}
    shape = (count, x.shape[1]) if attrs else (x.shape[1], count)
    if c.chance(30):
        attrs["alpha"] = 0.5
    inputs = [x.name, d.matrix(shape)]
    if c.chance(60):
        inputs.append(d.weight((count,)))
    op, numbers = activation(d)
    names = ("activation_alpha", "activation_beta")
    attrs |= dict(zip(names, numbers, strict=False))
    d.emit("FusedGemm", *inputs, domain="com.microsoft", activation=op, **attrs)


def matmul_n_bits(d: Drawing) -> None:
    """MatMulNBits of com.microsoft: weights of a few bits in blocks."""
    c = d.choices
    x = d.of_rank(2, 3)
    if d.dtype != np.float32:
        raise Rejected("no such kernel")
    bits, block = c.one((4, 4, 8)), c.one((16, 32))
    depth, count = x.shape[-1], c.integer(1, 6)
    blocks = -(-depth // block)
    packed = d.numbers.integers(0, 256, (count, blocks, block * bits // 8)).astype(np.uint8)
    scales = d.uniform((count, blocks), 0.01, 0.1) / math.sqrt(depth)
    inputs = [x.name, d.constant(packed), d.constant(scales)]
    size = (blocks * bits + 7) // 8
    if c.chance(50):
        zeros = d.numbers.integers(0, 256, (count, size)).astype(np.uint8)
        inputs.append(d.constant(zeros))
    if c.chance(40):
        inputs += [""] * (5 - len(inputs)) + [d.weight((count,))]
    attrs = {"bits": bits, "block_size": block, "K": depth, "N": count}
    d.emit("MatMulNBits", *inputs, domain="com.microsoft", **attrs)


REWRITING: dict[str, Callable[[Drawing], None]] = {
    "conv_transpose": conv_transpose,
    "resize": resize,
    "upsample": upsample,
    "blocks": blocks,
    "gather_at": gather_at,
    "scatter": scatter,
    "picked": picked,
    "einsum": einsum,
    "triangles": triangles,
    "where": where,
    "spectrum": spectrum,
    "fused_matmul": fused_matmul,
    "fused_conv": fused_conv,
    "fused_gemm": fused_gemm,
    "matmul_n_bits": matmul_n_bits,
}
