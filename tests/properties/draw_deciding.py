"""How comparisons, logic, rounding and reductions are drawn."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from tests.properties.choices import Rejected
from tests.properties.draw_computing import operand
from tests.properties.drawing import Drawing, Tensor

COMPARISONS = (
    ("Less", 9),
    ("Greater", 9),
    ("LessOrEqual", 12),
    ("GreaterOrEqual", 12),
    ("Equal", 11),
)
"""With the opset since which they take floats."""


def compared(d: Drawing) -> Tensor:
    """A truth value for each entry, mostly of numbers that are not near to each other."""
    c = d.choices
    x = d.any()
    op = c.one([op for op, since in COMPARISONS if d.version >= since])
    if c.chance(50) or op == "Equal":
        x = d.emit(c.one(("Relu", "Abs")), x.name)
        return d.emit(op, *c.shuffled([x.name, d.scalar(c.one((0.0, 0.0, -1.0)))]))
    return d.emit(op, *c.shuffled([x.name, operand(d, x)]))


def number(d: Drawing, truth: Tensor) -> Tensor:
    """Truth values as numbers."""
    to = TensorProto.DOUBLE if d.dtype == np.float64 else TensorProto.FLOAT
    return d.emit("Cast", truth.name, to=to)


def comparison(d: Drawing) -> None:
    """A comparison, and logic of it."""
    _new(d)
    c = d.choices
    truth = compared(d)
    for _ in range(c.one((0, 1, 1, 2))):
        op = c.one(("Not", "And", "Or", "Xor"))
        same = [t for t in d.pool if t.value.dtype == bool and t.shape == truth.shape]
        other = () if op == "Not" else (c.one(same).name,)
        truth = d.emit(op, truth.name, *other)
    number(d, truth)


def where(d: Drawing) -> None:
    """Where with a computed condition or a constant one; choices of all kinds."""
    _new(d)
    c = d.choices
    truth = compared(d)
    condition = truth.name
    if c.chance(25):
        condition = d.constant(d.numbers.random(truth.shape) < 0.5)
    first, second = (_choice(d, truth) for _ in range(2))
    if condition != truth.name:
        first = d.emit("Neg", d.any().name).name
        if d.pool[-1].shape != truth.shape:
            raise Rejected("a constant condition of another shape")
    if c.chance(25):
        second = d.scalar(0.0)
    d.emit("Where", condition, *((first, second) if c.chance(70) else (second, first)))


def _choice(d: Drawing, truth: Tensor) -> str:
    same = [t.name for t in d.floats() if t.shape == truth.shape]
    if same and d.choices.chance(60):
        return d.choices.one(same)
    return d.weight(d.choices.one((truth.shape, (), truth.shape[-1:])))


def _new(d: Drawing) -> None:
    if d.version < 11:
        raise Rejected("an opset without comparisons of floats")


def rounded(d: Drawing) -> None:
    """Floor, Ceil, Round, Sign, Mod and Cast, and back; often of halves, which are exact."""
    c = d.choices
    x = d.any()
    if c.chance(50):
        x = d.emit("Mul", x.name, d.scalar(c.one((0.5, 4.0))))
    op = c.one(("Floor", "Ceil", "Sign", *(("Round",) if d.version >= 11 else ()), "Cast", "Mod"))
    if op == "Cast":
        whole = d.emit("Cast", x.name, to=c.one((TensorProto.INT32, TensorProto.BOOL)))
        number(d, whole)
    elif op == "Mod" and d.version >= 13:
        d.emit("Mod", x.name, d.scalar(c.one((1.0, 0.75, -2.0))), fmod=1)
    elif op != "Mod":
        d.emit(op, x.name)


def reduced(d: Drawing) -> None:
    """The largest and least entries, norms and products along axes."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    op = c.one(("ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd"))
    if op == "ReduceProd":
        x = d.emit("Clip", x.name, *_ends(d)) if d.version >= 11 else x
    attrs: dict[str, Any] = {"keepdims": c.one((1, 0))} if c.chance(60) else {}
    axes = c.shuffled(range(x.rank))[: c.integer(0, x.rank)]
    inputs = [x.name]
    if d.version >= 18:
        if axes or c.chance(30):
            inputs.append(d.integers(axes))
    elif axes:
        attrs["axes"] = axes
    y = d.emit(op, *inputs, **attrs)
    if op == "ReduceProd" and x.value.size > 64 * y.value.size:
        raise Rejected("a product of many factors")
    size = float(np.abs(y.value).max())
    if size > 10:
        d.emit("Mul", y.name, d.scalar(1 / size))


def _ends(d: Drawing) -> tuple[str, str]:
    return d.scalar(-1.25), d.scalar(1.25)


def counted(d: Drawing) -> None:
    """Sums, products, quotients and remainders of integers, which truth values are cast to."""
    c = d.choices
    if d.version < 13:
        raise Rejected("opsets before the axes of a sum are an input")
    kind, dtype = c.one(((TensorProto.INT64, np.int64), (TensorProto.INT32, np.int32)))
    whole = d.emit("Cast", compared(d).name, to=kind)
    if not whole.rank:
        raise Rejected("a scalar")
    for _ in range(c.integer(1, 4)):
        op = c.one(
            ("Add", "Mul", "Sub", "Max", "Min", "CumSum", "ReduceSum", "Neg", "Abs", "Div", "Mod")
        )
        if op in ("CumSum", "ReduceSum"):
            axis = c.integer(0, whole.rank - 1)
            whole = d.emit(op, whole.name, d.constant(np.full(1 if op[0] == "R" else (), axis)))
        elif op in ("Neg", "Abs"):
            whole = d.emit(op, whole.name)
        elif op in ("Div", "Mod"):
            whole = _quotient(d, op, whole)
        else:
            other = d.constant(d.numbers.integers(-3, 4, whole.shape[-1:]).astype(dtype))
            whole = d.emit(op, *c.shuffled([whole.name, c.one((other, whole.name))]))
    number(d, whole)


def _quotient(d: Drawing, op: str, whole: Tensor) -> Tensor:
    """A quotient or remainder of larger integers, by constants or by others of either sign."""
    c = d.choices
    dtype, shape = whole.value.dtype, whole.shape[-1:]
    more = (d.numbers.integers(-99, 100, shape).astype(dtype) for _ in range(2))
    large = whole
    for step, other in zip(("Mul", "Add"), more, strict=True):
        large = d.emit(step, large.name, d.constant(other))
    sign = c.one((1, -1))
    sizes = d.numbers.integers(1, c.one((3, 9, 40)), shape).astype(dtype)
    signs = d.numbers.choice([-1, 1], shape) if c.chance(30) else sign
    by = d.constant((sizes * signs).astype(dtype))
    if c.chance(30):
        above = d.emit("Add", d.emit("Abs", whole.name).name, d.constant(sizes))
        by = d.emit("Mul", above.name, d.constant(np.array(sign, dtype))).name
    attrs = {"fmod": 1} if op == "Mod" and c.chance(30) else {}
    return d.emit(op, large.name, by, **attrs)


def extremes(d: Drawing) -> None:
    """The places of the largest and least entries along an axis, often of equal ones."""
    c = d.choices
    x = _with_axes(d)
    if c.chance(30) and d.version >= 11:
        x = d.emit("Round", x.name)
    attrs: dict[str, Any] = {"keepdims": c.one((1, 0))} if c.chance(60) else {}
    if c.chance(80):
        attrs["axis"] = c.integer(-x.rank, x.rank - 1)
    if d.version >= 12 and c.chance(30):
        attrs["select_last_index"] = 1
    number(d, d.emit(c.one(("ArgMax", "ArgMin")), x.name, **attrs))


def hot(d: Drawing) -> None:
    """Hardmax, and OneHot of places that may lie outside."""
    c = d.choices
    x = _with_axes(d)
    if c.chance(40):
        d.emit("Hardmax", x.name, axis=c.integer(-x.rank if d.version >= 11 else 0, x.rank - 1))
        return
    if c.chance(50):
        places = d.emit("ArgMax", x.name, axis=c.integer(0, x.rank - 1))
    else:
        places = d.emit("Cast", d.emit("Floor", x.name).name, to=TensorProto.INT64)
    depth, values = c.integer(1, 6), c.one(([0.0, 1.0], [-1.5, 2.0]))
    inputs = (places.name, d.integers([depth]), d.constant(np.array(values, d.dtype)))
    d.emit("OneHot", *inputs, axis=c.integer(-1, places.rank))


def top_k(d: Drawing) -> None:
    """The largest or least entries, and what their places choose of another tensor."""
    c = d.choices
    x = _with_axes(d)
    axis = c.integer(0, x.rank - 1)
    attrs: dict[str, Any] = {"axis": axis - c.one((0, x.rank))}
    if d.version >= 11 and c.chance(60):
        attrs |= {"largest": c.one((0, 1)), "sorted": 1}
    count = c.integer(1, min(x.shape[axis], 5))
    inputs = [x.name]
    if d.version < 10:
        attrs["k"] = count
    else:
        inputs.append(d.integers([count]))
    values, places = d.emit_many("TopK", inputs, 2, **attrs)
    way = c.one(("values", "numbers", "elements", "rows"))
    if way == "numbers":
        d.emit("Add", number(d, places).name, values.name)
    elif way == "elements" and d.version >= 11:
        table = d.weight(x.shape) if c.chance(50) else d.emit("Neg", x.name).name
        d.emit("GatherElements", table, places.name, axis=axis)
    elif way == "rows" and d.version >= 13:
        one = d.emit("Unsqueeze", places.name, d.integers([-1]))
        lead = x.shape[: places.rank] if c.chance(50) else ()
        table = d.weight((*lead, x.shape[axis], *((2,) if c.chance(50) else ())))
        d.emit("GatherND", table, one.name, batch_dims=len(lead))


def _with_axes(d: Drawing) -> Tensor:
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    return x


def jumps(d: Drawing) -> None:
    """ThresholdedRelu, and Shrink with jumps."""
    c = d.choices
    if d.version < 10:
        raise Rejected("opsets before ThresholdedRelu")
    x = d.any()
    if c.chance(50):
        d.emit("ThresholdedRelu", x.name, alpha=c.one((1.0, 0.3, 0.0, -0.5)))
    else:
        d.emit("Shrink", x.name, lambd=c.one((0.5, 0.2)), bias=c.one((0.0, 0.5, -0.3)))


def guards(d: Drawing) -> None:
    """What exporters write against numbers that are not finite."""
    c = d.choices
    x = d.any()
    if d.version < 10 or d.dtype != np.float32:
        raise Rejected("an opset without it, or doubles")
    strange = d.emit(c.one(("IsNaN", "IsInf")), x.name)
    if c.chance(30):
        _new(d)
        strange = d.emit("Or", strange.name, d.emit("Less", x.name, d.scalar(-1.0)).name)
    d.emit("Where", strange.name, d.scalar(0.0), x.name)


def unseen(d: Drawing) -> None:
    """Zeros where a softmax sees nothing, as exporters of attention write it."""
    c = d.choices
    x = d.any()
    if d.version < 13 or d.dtype != np.float32 or x.value.size < 2:
        raise Rejected("an opset without it, doubles, or a number")
    alike = [t for t in d.pool if t.value.dtype == np.float32 and t.shape == x.shape]
    kept = d.emit("Greater", c.one(alike).name, d.scalar(c.one((0.0, 0.3))))
    _new(d)
    closed = d.emit("Where", kept.name, d.scalar(0.0), d.scalar(-math.inf), most=None)
    scores = d.emit("Add", x.name, closed.name, most=None)
    axis = c.one([axis for axis in range(x.rank) if x.shape[axis] > 1])
    shares = d.emit("Softmax", scores.name, axis=axis - c.one((0, x.rank)), most=None)
    strange = d.emit("IsNaN", shares.name)
    d.emit("Where", strange.name, d.scalar(0.0), shares.name)
    for lost in (closed, scores, shares):
        d.pool.remove(lost)


def bounds(d: Drawing) -> None:
    """Clip with a computed bound, and maybe a constant one."""
    if d.version < 12:
        raise Rejected("bounds that are attributes")
    x, other = d.any(), d.any()
    bound = d.emit("ReduceMean", other.name, keepdims=0) if other.rank else other
    ways = (
        (bound.name,),
        ("", bound.name),
        (bound.name, d.scalar(d.choices.one((0.5, math.inf)))),
        (d.scalar(d.choices.one((-0.5, -math.inf))), bound.name),
    )
    d.emit("Clip", x.name, *d.choices.one(ways))


DECIDING: dict[str, Callable[[Drawing], None]] = {
    "comparison": comparison,
    "where": where,
    "rounded": rounded,
    "reduced": reduced,
    "bounds": bounds,
    "counted": counted,
    "extremes": extremes,
    "guards": guards,
    "hot": hot,
    "jumps": jumps,
    "top_k": top_k,
    "unseen": unseen,
}
