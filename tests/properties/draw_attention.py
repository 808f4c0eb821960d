"""How attention is drawn: masks before a softmax, the operators of it, rotary embeddings, and the
activations beside it as exporters spell them out.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from tests.properties.choices import Rejected
from tests.properties.drawing import Array, Drawing, Tensor

DEPTHS = (-math.inf, -3.4028234663852886e38, -1e9, -65504.0, -1e4)
MICROSOFT = "com.microsoft"


def masks(d: Drawing) -> None:
    """A softmax of scores and a mask, which is constant or made of booleans, or both."""
    c = d.choices
    x = d.any()
    if not x.rank or x.shape[-1] < 2 or d.version < 13:
        raise Rejected("no line of scores")
    before = len(d.pool)
    depth = c.one(DEPTHS)
    flags = [t for t in d.pool if t.value.dtype == bool and t.value.size >= x.shape[-1]]
    scores = x
    if flags and c.chance(80):
        depth = c.one(DEPTHS[1:])
        kept = one_for_each(d, c.one(flags), x.shape[-1])
        taken = d.emit("Sub", d.scalar(1.0), kept.name)
        mask = d.emit("Mul", taken.name, d.constant(np.array(depth, d.dtype)), most=math.inf)
        if c.chance(30):
            constant = constant_mask(d, x, depth)
            mask = d.emit("Add", mask.name, constant, most=math.inf)
        scores = d.emit("Add", *c.shuffled([x.name, mask.name]), most=math.inf)
    else:
        constant = constant_mask(d, x, depth)
        scores = d.emit("Add", *c.shuffled([x.name, constant]), most=math.inf)
        if c.chance(30):
            scores = d.emit("Unsqueeze", scores.name, d.integers([0]), most=math.inf)
    deep = d.pool[before:]
    shares = d.emit("Softmax", scores.name, axis=-1)
    d.pool[:] = [tensor for tensor in d.pool if tensor is shares or tensor not in deep]


def one_for_each(d: Drawing, flags: Tensor, count: int) -> Tensor:
    """So many of the flags, as floats."""
    line = d.emit("Reshape", flags.name, d.integers([-1]))
    if d.version >= 13 and d.choices.chance(30):
        line = d.emit("Not", line.name)
    bounds = (d.integers([n]) for n in (0, count))
    kind = {"float32": 1, "float64": 11}[d.dtype.name]
    return d.emit("Cast", d.emit("Slice", line.name, *bounds).name, to=kind)


def constant_mask(d: Drawing, x: Tensor, depth: float) -> str:
    """Entries of the depth, one of each line open; some have other numbers there."""
    c = d.choices
    shape = x.shape[-1:] if c.chance(40) else x.shape
    closed = d.numbers.random(shape) < c.one((0.2, 0.5, 0.9))
    if c.chance(30) and len(shape) > 1:
        closed = np.broadcast_to(np.triu(np.ones(shape[-2:], bool), 1), shape).copy()
    closed[..., 0] = False
    rest = d.uniform(shape, -1, 1) if c.chance(30) else np.zeros(shape)
    return d.constant(np.where(closed, depth, rest).astype(d.dtype))


def by_head(d: Drawing, *shape: int) -> Tensor:
    """A tensor of small numbers of this shape, made of another."""
    x = d.any()
    flat = d.emit("Reshape", x.name, d.integers([1, -1]))
    wide = d.emit("MatMul", flat.name, d.matrix((flat.shape[1], math.prod(shape))))
    size = max(float(np.abs(wide.value).max()), 1.0)
    return d.reshaped(d.emit("Mul", wide.name, d.scalar(2 / size)), shape)


def _keys(d: Drawing, *shape: int) -> str:
    """Keys or values, now and then constant."""
    return d.weight(shape) if d.choices.chance(15) else by_head(d, *shape).name


def attention(d: Drawing) -> None:
    """Attention of 3 or 4 axes, with fewer heads of keys, masks, caches and scores put out."""
    c = d.choices
    if d.version < 23:
        raise Rejected("an opset without it")
    groups, share, width, rows, columns = (c.integer(1, n) for n in (2, 3, 4, 5, 5))
    past = c.integer(1, 4) if c.chance(40) else 0
    attrs: dict[str, Any] = {"is_causal": 1} if c.chance(40) else {}
    if c.chance(30):
        attrs["scale"] = c.one((0.5, 1.0))
    if c.chance(20):
        attrs["softcap"] = c.one((1.0, 20.0))
    for side in ("left", "right"):
        if d.version >= 25 and c.chance(40):
            attrs[f"{side}_window_size"] = c.integer(0, 4)
    if past and rows == 1:
        columns = 1  # onnxruntime lets a single row see all others
    if c.chance(50):
        shapes = [(1, groups * share, rows, width), *[(1, groups, columns, width)] * 2]
    else:
        shapes = [(1, rows, groups * share * width), *[(1, columns, groups * width)] * 2]
        attrs |= {"q_num_heads": groups * share, "kv_num_heads": groups}
    inputs = [by_head(d, *shapes[0]).name, *(_keys(d, *shape) for shape in shapes[1:]), ""]
    if c.chance(50):
        mask: Array = d.numbers.random((rows, past + columns)) < 0.7
        if c.chance(50):
            mask = np.where(mask, d.uniform(mask.shape, -1, 1), -np.inf).astype(d.dtype)
        inputs[3] = d.constant(mask)
    outputs = 1
    if past:
        inputs += [_keys(d, 1, groups, past, width) for _ in range(2)]
    elif d.version >= 24 and c.chance(30):
        d.emit("Attention", *inputs, "", "", d.integers([c.integer(0, columns)]), **attrs)
        return
    if past or c.chance(30):
        outputs = c.one((3, 4))
        attrs["qk_matmul_output_mode"] = c.integer(0, 3)
    d.emit_many("Attention", inputs, outputs, **attrs)


def fused_attention(d: Drawing) -> None:
    """Attention and MultiHeadAttention of com.microsoft, with biases, masks of integers, caches."""
    c = d.choices
    heads, width, rows, columns = (c.integer(1, n) for n in (3, 4, 5, 5))
    total, attrs = heads * width, {"num_heads": heads}
    packed = c.chance(50)
    columns = rows if packed else columns
    if c.chance(30) and columns <= rows:  # else onnxruntime lets the last row see all others
        attrs["unidirectional"] = 1
    past = c.integer(1, 4) if c.chance(30) else 0
    kept: Array = d.numbers.random((1, past + columns)) < 0.7
    kept[:, 0] = True  # beside a mask scores are rounded, which shows where nothing else is left
    if c.chance(30):
        kept = np.array([c.integer(past + 1, past + columns), c.integer(0, past)])
        kept = kept if packed and c.chance(50) else kept[:1]
    mask = d.constant(kept.astype(np.int32))
    rest = [d.weight((3 * total,)), mask]
    if packed:
        x = by_head(d, 1, rows, total)
        inputs = [x.name, d.matrix((total, 3 * total)), *rest[: c.integer(1, 2)], ""][:4]
        if past:
            inputs.append(_keys(d, 2, 1, heads, past, width))
        d.emit_many("Attention", inputs, 1 + bool(past), domain=MICROSOFT, **attrs)
        return
    inputs = [by_head(d, 1, rows, total).name]
    inputs += [_keys(d, 1, columns, total) for _ in range(2)]
    inputs += rest[: c.integer(0, 2)]
    if past:
        inputs += [""] * (6 - len(inputs))
        inputs += [_keys(d, 1, heads, past, width) for _ in range(2)]
    outputs = 3 if past or c.chance(20) else 1
    d.emit_many("MultiHeadAttention", inputs, outputs, domain=MICROSOFT, **attrs)


def grouped_attention(d: Drawing) -> None:
    """GroupQueryAttention of com.microsoft, turned or not, with a cache that is full."""
    c = d.choices
    if d.dtype != np.float32:
        raise Rejected("doubles")
    groups, share, rows = (c.integer(1, n) for n in (2, 2, 4))
    past, width = c.integer(0, 4), c.one((8, 16))
    total, attrs = past + rows, {"num_heads": groups * share, "kv_num_heads": groups}
    if c.chance(30):
        attrs["softcap"] = c.one((1.0, 20.0))
    if c.chance(30):
        attrs["local_window_size"] = c.integer(1, 4)
    if c.chance(30):
        inputs = [by_head(d, 1, rows, (share + 2) * groups * width).name, "", ""]
    else:
        inputs = [by_head(d, 1, rows, groups * share * width).name]
        inputs += [_keys(d, 1, rows, groups * width) for _ in range(2)]
    inputs += [_keys(d, 1, groups, past, width) if past else "" for _ in range(2)]
    inputs.append(d.integers([total - 1], np.int32))
    inputs.append(d.constant(np.array(total, np.int32)))
    if width == 16 and c.chance(60):
        attrs |= {"do_rotary": 1, "rotary_interleaved": c.integer(0, 1)}
        angles = d.uniform((total + 2, 8), -3, 3)
        inputs += [d.constant(turn(angles).astype(d.dtype)) for turn in (np.cos, np.sin)]
    if c.chance(30):
        inputs += [""] * (10 - len(inputs))
        inputs.append(d.constant(d.uniform((1, 1, rows, total), -1, 1)))
    d.emit_many("GroupQueryAttention", inputs, 3, domain=MICROSOFT, **attrs)


def rotary(d: Drawing) -> None:
    """RotaryEmbedding of 3 or 4 axes, of a part of the width, by positions or without them."""
    c = d.choices
    fused = c.chance(50)
    if d.version < 23 and not fused:
        raise Rejected("an opset without it")
    heads, rows, half = (c.integer(1, n) for n in (3, 5, 3))
    attrs: dict[str, Any] = {"interleaved": 1} if c.chance(40) else {}
    flat = c.chance(40)
    x = by_head(d, *((1, rows, heads * 2 * half) if flat else (1, heads, rows, 2 * half)))
    angles = d.uniform((rows + 2, half), -3, 3)
    caches = [d.constant(function(angles).astype(d.dtype)) for function in (np.cos, np.sin)]
    positions = d.constant(d.numbers.integers(0, rows + 2, (1, rows)))
    if fused:
        d.emit("RotaryEmbedding", x.name, positions, *caches, domain=MICROSOFT, **attrs)
        return
    if flat:
        attrs["num_heads"] = heads
    d.emit("RotaryEmbedding", x.name, *caches, positions, **attrs)


def embedded(d: Drawing) -> None:
    """EmbedLayerNormalization of com.microsoft, of tokens in the pool or of whole parts."""
    c = d.choices
    if d.dtype != np.float32 or d.version < 8:
        raise Rejected("doubles, or a Min that does not broadcast")
    whole = [t for t in d.pool if t.value.dtype in (np.int32, np.int64) and t.value.size]
    fitting = [t for t in whole if 0 <= t.value.min() <= t.value.max() < 100 and t.value.size < 9]
    tokens = c.one(fitting) if fitting else d.any()
    largest = int(tokens.value.max()) if fitting else 9
    if not 0 < tokens.value.size < 9:
        raise Rejected("too many tokens")
    if not fitting:
        tokens = d.emit("Min", d.emit("Relu", tokens.name).name, d.scalar(largest))
    flat = d.emit("Reshape", tokens.name, d.integers([1, -1]))
    tokens = d.emit("Cast", flat.name, to=TensorProto.INT32)
    length, width = tokens.shape[1], c.integer(2, 6)
    rows = largest + c.one((1, 2))
    segments = c.chance(60)
    kept = d.numbers.integers(0, 2, (1, length), np.int32)
    inputs = [
        tokens.name,
        d.constant(kept) if segments else "",
        d.constant(d.uniform((rows, width), -1, 1)),  # rows of entries that differ
        d.weight((length + c.one((0, 2)), width)),
        d.weight((2, width)) if segments else "",
        d.weight((width,)),
        d.weight((width,)),
    ]
    attrs = {"epsilon": c.one((1e-12, 1e-3)), "domain": MICROSOFT}
    if c.chance(40):
        inputs.append(d.constant(kept) if c.chance(50) else "")
        inputs.append(d.constant(np.arange(length, dtype=np.int32)[None, ::-1].copy()))
    made = d.emit_many("EmbedLayerNormalization", inputs, c.one((2, 3)), **attrs)
    d.pool.remove(made[1])  # a constant


def spelt_out(d: Drawing) -> None:
    """An activation as exporters write it of others, or almost."""
    c = d.choices
    x = d.any()
    if np.abs(x.value).max(initial=0) > 30:
        x = d.emit("Mul", x.name, d.scalar(30 / float(np.abs(x.value).max())))
    one = d.scalar(1.0)
    kind = c.one(("silu", "erf", "tanh", "softplus", "mish", "quotient", "almost"))
    if kind == "erf" and d.version < 9:
        raise Rejected("an opset without it")
    if kind in ("silu", "almost"):
        factor = {"silu": (1.0, 1.702), "almost": (0.999, -1.0)}[kind]
        scaled = d.emit("Mul", x.name, d.scalar(c.one(factor)))
        d.emit("Mul", x.name, d.emit("Sigmoid", scaled.name).name)
    elif kind == "erf":
        bent = d.emit("Erf", d.emit("Div", x.name, d.scalar(math.sqrt(2))).name)
        d.emit("Mul", half(d, x).name, d.emit("Add", bent.name, one).name)
    elif kind == "tanh":
        inner = d.emit(
            "Mul", d.emit("Pow", x.name, d.scalar(3.0), most=1e9).name, d.scalar(0.044715)
        )
        inner = d.emit("Mul", d.emit("Add", x.name, inner.name).name, d.scalar(0.7978845608))
        bent = d.emit("Tanh", inner.name)
        d.emit("Mul", half(d, x).name, d.emit("Add", bent.name, one).name)
    elif kind == "quotient":
        power = d.emit("Exp", d.emit("Neg", x.name).name, most=math.inf)
        d.emit("Div", one, d.emit("Add", one, power.name, most=math.inf).name)
    else:
        power = d.emit("Exp", x.name, most=math.inf)
        soft = d.emit("Log", d.emit("Add", power.name, one, most=math.inf).name)
        if kind == "mish":
            d.emit("Mul", x.name, d.emit("Tanh", soft.name).name)


def half(d: Drawing, x: Tensor) -> Tensor:
    return d.emit("Mul", x.name, d.scalar(0.5))


ATTENTION: dict[str, Callable[[Drawing], None]] = {
    "masks": masks,
    "attention": attention,
    "fused_attention": fused_attention,
    "grouped_attention": grouped_attention,
    "rotary": rotary,
    "embedded": embedded,
    "spelt_out_functions": spelt_out,
}
