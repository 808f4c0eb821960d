"""matmul: numpy's matrix product, with an optional constant bias, exact integers.

y[..., i, l] = bias + sum_j a[..., i, j] b[..., j, l]. The scale is the sum of the scales.
"""

import numpy as np

from zkinfer.circuit import value as views
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.gadgets.contraction import contract
from zkinfer.circuit.value import Value
from zkinfer.ops import exact, lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, ShapeError, product_bounds, require


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Shapes as for numpy.matmul; the bias broadcasts to the output, at its scale."""
    a, b = tensors[:2]
    require(bool(a.shape) and bool(b.shape), "a matrix product takes no scalars")
    shape = _shape(a.shape, b.shape)
    depth = a.shape[-1]
    low, high = product_bounds(a, b)
    low, high = depth * low, depth * high
    if len(tensors) == 3:
        bias = tensors[2]
        require(_broadcasts(bias.shape, shape), f"bias {bias.shape} for an output {shape}")
        require(bias.scale == a.scale + b.scale, "the bias is not at the output's scale")
        low, high = low + bias.low, high + bias.high
    return (FixedTensor(shape, a.scale + b.scale, low, high),)


def _shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    rows = a if len(a) > 1 else (1, *a)
    columns = b if len(b) > 1 else (*b, 1)
    require(rows[-1] == columns[-2], f"matmul of {a} and {b}")
    try:
        batch = np.broadcast_shapes(rows[:-2], columns[:-2])
    except ValueError as error:
        raise ShapeError(f"matmul of {a} and {b}") from error
    return (*batch, *((rows[-2],) if len(a) > 1 else ()), *((columns[-1],) if len(b) > 1 else ()))


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """The product through float64 BLAS, exact."""
    a, b = arrays[:2]
    rows = a if a.ndim > 1 else a[None]
    columns = b if b.ndim > 1 else b[:, None]
    y = exact.matmul(rows, columns)
    y = y if a.ndim > 1 else y[..., 0, :]
    y = y if b.ndim > 1 else y[..., 0]
    return (y + arrays[2] if len(arrays) == 3 else y,)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """The Freivalds product; a batch axis that only one operand has belongs to its rows."""
    x, w = values[:2]
    bias = values[2] if len(values) == 3 else None
    known = (x, w)
    numbers = b.lazily(lambda: forward(attrs, *(value.array for value in known))[0])
    n, m = ["n"] if len(x.shape) > 1 else [], ["m"] if len(w.shape) > 1 else []
    batch = max(len(x.shape) - len(n), len(w.shape) - len(m)) - 1
    names = [f"batch{axis}" for axis in range(batch)]
    x_labels = [*names[batch + 1 + len(n) - len(x.shape) :], *n, "k"]
    w_labels = [*names[batch + 1 + len(m) - len(w.shape) :], "k", *m]
    y_labels = [(label,) for label in (*names, *n, *m)]
    for name in names:
        # A batch axis that one operand repeats belongs to the other alone.
        if name in x_labels and name in w_labels:
            at_x, at_w = x_labels.index(name), w_labels.index(name)
            if w.shape[at_w] == 1:
                w = views.drop(w, (at_w,))
                w_labels.remove(name)
            elif x.shape[at_x] == 1:
                x = views.drop(x, (at_x,))
                x_labels.remove(name)
    return (contract(b, path, x, x_labels, w, w_labels, y_labels, bias, numbers),)


OP = Operator(
    attrs={},
    inputs=(2, 3),
    infer=infer,
    forward=forward,
    lift=lift.contracted,
    constrain=constrain,
)
