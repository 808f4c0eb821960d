"""How nodes that move entries are drawn: shapes, axes, slices, joins, padding."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.properties.choices import Rejected
from tests.properties.drawing import Drawing, Tensor

FAR = (2**63 - 1, 2**31 - 1, 1000)
"""Ends that exporters write for the end of an axis."""


def reshape(d: Drawing) -> None:
    """To a constant shape, with 0 and -1."""
    c = d.choices
    x = d.any()
    shape = d.split_up(x.value.size, c.one((2, 1, 3, 4, 0, 5)))
    if shape and c.chance(40):
        shape[c.integer(0, len(shape) - 1)] = -1
    for axis, extent in enumerate(shape):
        if axis < x.rank and extent == x.shape[axis] and c.chance(30):
            shape[axis] = 0
    allowed = d.version >= 14 and 0 not in shape and c.chance(15)
    d.emit("Reshape", x.name, d.integers(shape), **({"allowzero": 1} if allowed else {}))


def view(d: Drawing) -> None:
    """What PyTorch makes of x.view(x.size(0), -1): the shape is computed from a tensor's."""
    c = d.choices
    x = d.any()
    if x.rank < 2:
        raise Rejected("too few axes")
    if c.chance(30):
        d.emit("Reshape", x.name, d.emit("Shape", x.name).name)
        return
    shape = d.emit("Shape", x.name)
    if c.chance(50):
        first = d.emit("Gather", shape.name, d.constant(np.array(0, np.int64)), axis=0)
        first = _unsqueezed(d, first, [0])
    else:
        first = _sliced(d, shape, [0], [1], None, None)
    rest = [-1] if c.chance(60) else [*x.shape[2:], x.shape[1]]
    joined = d.emit("Concat", first.name, d.integers(rest), axis=0)
    d.emit("Reshape", x.name, joined.name)


def flatten(d: Drawing) -> None:
    """Flatten."""
    x = d.any()
    axis = d.choices.integer(0, x.rank)
    if d.version >= 11 and x.rank and d.choices.chance(30):
        axis = d.choices.integer(-x.rank, -1)
    d.emit("Flatten", x.name, **({} if d.choices.chance(30) else {"axis": axis}))


def squeeze(d: Drawing) -> None:
    """Squeeze of all axes of extent 1, or of some."""
    x = d.any()
    ones = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    axes = [axis for axis in ones if d.choices.chance(60)]
    _with_axes(d, "Squeeze", x, axes, x.rank)


def unsqueeze(d: Drawing) -> None:
    """Unsqueeze at any places."""
    x = d.any()
    count = d.choices.integer(1, 2)
    axes = d.choices.shuffled(range(x.rank + count))[:count]
    _with_axes(d, "Unsqueeze", x, axes, x.rank + count)


def _with_axes(d: Drawing, op: str, x: Tensor, axes: list[int], rank: int) -> Tensor:
    if d.version >= 11:
        axes = [axis - rank if d.choices.chance(30) else axis for axis in axes]
    if not axes:
        return d.emit(op, x.name)
    if d.version >= 13:
        return d.emit(op, x.name, d.integers(axes))
    return d.emit(op, x.name, axes=axes)


def _unsqueezed(d: Drawing, x: Tensor, axes: list[int]) -> Tensor:
    if d.version >= 13:
        return d.emit("Unsqueeze", x.name, d.integers(axes))
    return d.emit("Unsqueeze", x.name, axes=axes)


def transpose(d: Drawing) -> None:
    """Transpose by any permutation, or by none."""
    x = d.any()
    if not x.rank or d.choices.chance(20):
        d.emit("Transpose", x.name)
    else:
        d.emit("Transpose", x.name, perm=d.choices.shuffled(range(x.rank)))


def concat(d: Drawing) -> None:
    """Computed tensors and constants end to end, in any order, some of them more than once."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    axis = c.integer(0, x.rank - 1)
    parts = [x.name]
    for _ in range(c.integer(0, 3)):
        fitting = [t for t in d.floats() if _joins(t.shape, x.shape, axis)]
        if c.chance(50) and fitting:
            parts.append(c.one(fitting).name)
        else:
            shape = list(x.shape)
            shape[axis] = c.one((1, 2, 3, x.shape[axis]))
            parts.append(d.weight(shape))
    negative = d.version >= 11 and c.chance(40)
    d.emit("Concat", *c.shuffled(parts), axis=axis - x.rank if negative else axis)


def _joins(shape: Sequence[int], other: Sequence[int], axis: int) -> bool:
    same = [a == b or i == axis for i, (a, b) in enumerate(zip(shape, other, strict=False))]
    return len(shape) == len(other) and all(same)


def token(d: Drawing) -> None:
    """What PyTorch makes of token.expand(x.size(0), ...) before x along an axis."""
    c = d.choices
    x = d.any()
    if x.rank < 2 or d.version < 8:
        raise Rejected("too few axes, or no Expand")
    shape = d.emit("Shape", x.name)
    batch = d.emit("Gather", shape.name, d.integers([0]), axis=0)
    axis = c.integer(1, x.rank - 1)
    rest = [1 if i == axis else x.shape[i] for i in range(1, x.rank)]
    target = d.emit("Concat", batch.name, d.integers(rest), axis=0)
    if c.chance(40) and d.version >= 11:  # keeps the extents that are given as -1
        ones = d.emit(
            "ConstantOfShape",
            d.integers([x.rank]),
            value=numpy_helper.from_array(np.array([1], np.int64)),
        )
        minus = d.emit("Mul", ones.name, d.constant(np.array(-1, np.int64)))
        equal = d.emit("Equal", target.name, minus.name)
        target = d.emit("Where", equal.name, ones.name, target.name)
    learnt = d.emit("Expand", d.weight([1, *rest]), target.name)
    d.emit("Concat", *c.shuffled([learnt.name, x.name]), axis=axis)
    d.pool.remove(learnt)  # depends on no input


def gather(d: Drawing) -> None:
    """Gather with constant indices: one, a few, a permutation, a table; negative ones too."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    axis = d.axis(x.rank, 11)
    extent = x.shape[axis]
    shape = c.one(((), (1,), (extent,), (2,), (c.integer(1, 9),), (2, 3), (1, 1, 2)))
    indices = d.numbers.integers(0, extent, shape)
    if shape == (extent,):
        indices = c.one((d.numbers.permutation(extent), np.arange(extent)[::-1]))
    if d.version >= 11 and c.chance(40):
        indices = indices - extent * d.numbers.integers(0, 2, indices.shape)
    kind = c.one((np.int64, np.int64, np.int32))
    attrs = {} if axis == 0 and c.chance(50) else {"axis": axis}
    d.emit("Gather", x.name, d.constant(np.asarray(indices, kind)), **attrs)


def embedding(d: Drawing) -> None:
    """Gather with computed indices, into constants or computed tensors, along any axis."""
    c = d.choices
    whole = [t for t in d.pool if t.value.dtype in (np.int64, np.int32) and t.value.size]
    whole = [t for t in whole if t.value.min() >= 0 and t.value.max() < 300]
    if not whole:
        raise Rejected("no indices")
    index = c.one(whole)
    rows = int(index.value.max()) + c.one((1, 1, 2, 9))
    fitting = [t for t in d.floats() if t.rank and rows in t.shape]
    if fitting and c.chance(30):
        x = c.one(fitting)
        d.emit("Gather", x.name, index.name, axis=x.shape.index(rows))
        return
    shape = c.one(((rows,), (rows, d.extent()), (2, rows), (rows, 2, 3), (2, rows, 3)))
    d.emit("Gather", d.weight(shape), index.name, axis=shape.index(rows))


def repeat(d: Drawing) -> None:
    """Expand to a wider shape, Tile along some axes."""
    c = d.choices
    x = d.any()
    if c.chance(50) and x.rank:
        repeats = [c.one((1, 1, 2, 3)) for _ in x.shape]
        d.emit("Tile", x.name, d.integers(repeats))
        return
    if d.version < 8:
        raise Rejected("no Expand")
    target = [c.one((1, 2, 3)) if n == 1 else c.one((n, n, 1)) for n in x.shape]
    target = [c.one((1, 2)) for _ in range(c.one((0, 0, 1)))] + target
    d.emit("Expand", x.name, d.integers(target))


def slice_(d: Drawing) -> None:
    """Slice with any starts, ends and steps, negative ones and far ones too."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    axes = c.shuffled(range(x.rank))[: c.integer(1, x.rank)]
    starts, ends, steps = [], [], []
    for axis in axes:
        extent = x.shape[axis]
        step = c.one((1, 1, 2, 3, -1, -2)) if d.version >= 10 else 1
        start = c.integer(0, extent - 1)
        if step > 0:
            end = c.one((c.integer(start + 1, extent), *FAR))
        else:
            start = c.one((start, extent - 1, 2**31 - 1))
            end = -extent - 1 - c.integer(0, 2)
        if step > 0 and c.chance(30):
            start -= extent
        starts.append(start)
        ends.append(end)
        steps.append(step)
    plain = axes == list(range(len(axes)))
    if d.version >= 11:
        axes = [axis - x.rank if c.chance(30) else axis for axis in axes]
    no_axes = plain and c.chance(50)
    no_steps = set(steps) == {1} and c.chance(50)
    _sliced(d, x, starts, ends, None if no_axes else axes, None if no_steps else steps)


def _sliced(
    d: Drawing,
    x: Tensor,
    starts: list[int],
    ends: list[int],
    axes: list[int] | None,
    steps: list[int] | None,
) -> Tensor:
    if d.version < 10:
        given = {"axes": axes} if axes is not None else {}
        return d.emit("Slice", x.name, starts=starts, ends=ends, **given)
    narrow = max(ends) < 2**31 and d.choices.chance(30)
    kind = np.int32 if narrow else np.int64
    inputs = [d.integers(starts, kind), d.integers(ends, kind)]
    if axes is not None or steps is not None:
        inputs.append("" if axes is None else d.integers(axes, kind))
    if steps is not None:
        inputs.append(d.integers(steps, kind))
    return d.emit("Slice", x.name, *inputs)


def split(d: Drawing) -> None:
    """Split into equal or unequal parts."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    axis = d.axis(x.rank, 11)
    extent = x.shape[axis]
    count = c.integer(1, min(extent, 3))
    attrs = {"axis": axis} if axis or c.chance(50) else {}
    if c.chance(40) and (d.version >= 18 or extent % count == 0):
        if d.version >= 18:
            attrs["num_outputs"] = count
        d.emit_many("Split", [x.name], count, **attrs)
        return
    ends = sorted(c.shuffled(range(1, extent))[: count - 1])
    sizes = np.diff([0, *ends, extent]).tolist()
    if d.version >= 13:
        d.emit_many("Split", [x.name, d.integers(sizes)], count, **attrs)
    else:
        d.emit_many("Split", [x.name], count, split=sizes, **attrs)


def pad(d: Drawing) -> None:
    """Pad with a constant or the tensor's own entries; negative pads cut."""
    c = d.choices
    x = d.any()
    if not x.rank:
        raise Rejected("a scalar")
    axes = list(range(x.rank))
    some = d.version >= 18 and c.chance(40)
    if some:
        axes = c.shuffled(axes)[: c.integer(1, x.rank)]
    pads = [c.one((0, 0, 1, 2, -1) if x.shape[axis] > 2 else (0, 1, 2)) for axis in (*axes, *axes)]
    value = c.one((None, 0.0, 1.0, -0.5, 0.3))
    mode = {"mode": "constant"} if c.chance(40) else {}
    if c.chance(40):
        mode = {
            "mode": c.one(("reflect", "edge", "wrap") if d.version >= 19 else ("reflect", "edge"))
        }
        value = None
    if d.version < 11:
        given = {} if value is None else {"value": value}
        d.emit("Pad", x.name, pads=pads, **given, **mode)
        return
    inputs = [d.integers(pads)]
    if value is not None or some:
        inputs.append("" if value is None else d.scalar(value))
    if some:
        negative = [axis - x.rank if c.chance(30) else axis for axis in axes]
        inputs.append(d.integers(negative))
    d.emit("Pad", x.name, *inputs, **mode)


def dropout(d: Drawing) -> None:
    """Dropout as it is left in exported models; its mask is named or not."""
    c = d.choices
    x = d.any()
    inputs, attrs = [x.name], {}
    if d.version < 12:
        attrs = {"ratio": 0.3} if c.chance(50) else {}
    elif c.chance(50):
        inputs.append(d.scalar(0.4))
        if c.chance(50):
            inputs.append(d.constant(np.array(False)))
    outputs = d.emit_many("Dropout", inputs, c.one((1, 2)), **attrs)
    for mask in outputs[1:]:
        d.pool.remove(mask)


def cast(d: Drawing) -> None:
    """Cast to a float type and back."""
    x = d.any()
    own = helper.np_dtype_to_tensor_dtype(d.dtype)
    kind = d.choices.one((own, TensorProto.DOUBLE, TensorProto.FLOAT))
    y = d.emit("Cast", x.name, to=kind)
    if kind != own:
        d.emit("Cast", y.name, to=own)


def sequence(d: Drawing) -> None:
    """A sequence of parts or copies of a tensor, perhaps changed, and what is made of it."""
    c, x = d.choices, d.of_rank(1, 2, 3)
    if d.version < 11:
        raise Rejected("opsets without sequences")
    axis = c.integer(-x.rank, x.rank - 1)
    kind = c.one(("entries", "parts", "copies"))
    steps: list[tuple[str, list[str], dict[str, Any]]] = []
    if kind == "copies" and c.chance(30):
        steps += [("SequenceEmpty", [], {}), ("SequenceInsert", ["$0", x.name], {})]
    elif kind == "copies":
        steps.append(("SequenceConstruct", [x.name] * c.integer(1, 3), {}))
    elif kind == "parts":
        size = d.constant(np.array(c.integer(1, x.shape[axis]), np.int64))
        steps.append(("SplitToSequence", [x.name, size], {"axis": axis}))
    else:
        steps.append(("SplitToSequence", [x.name], {"axis": axis, "keepdims": c.one((1, 0))}))
    place = d.constant(np.array(c.one((0, -1)), np.int64))
    if c.chance(30):
        steps.append(("SequenceErase", [f"${len(steps) - 1}", *c.one(([], [place]))], {}))
    if c.chance(30):
        others = [("SequenceAt", [f"${len(steps) - 1}", place], {})]
        others.append(("SequenceInsert", [f"${len(steps) - 1}", f"${len(steps)}"], {}))
        steps += others
    if c.chance(20):
        steps.append(("SequenceLength", [f"${len(steps) - 1}"], {}))
        steps.append(("Cast", [f"${len(steps) - 1}"], {"to": TensorProto.FLOAT}))
        steps.append(("Mul", [x.name, f"${len(steps) - 1}"], {}))
    elif c.chance(50):
        steps.append(("SequenceAt", [f"${len(steps) - 1}", place], {}))
    else:
        attrs = {"axis": c.integer(0, x.rank - 1), "new_axis": c.one((0, 1))}
        steps.append(("ConcatFromSequence", [f"${len(steps) - 1}"], attrs))
    d.emit_chain(steps)


MOVING: dict[str, Callable[[Drawing], None]] = {
    "reshape": reshape,
    "sequence": sequence,
    "view": view,
    "flatten": flatten,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "transpose": transpose,
    "concat": concat,
    "token": token,
    "gather": gather,
    "embedding": embedding,
    "repeat": repeat,
    "slice": slice_,
    "split": split,
    "pad": pad,
    "dropout": dropout,
    "cast": cast,
}
