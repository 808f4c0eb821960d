"""slice: every step-th entry from start to stop along some axes, as Python's slices."""

from zkinfer.circuit import arrange
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value
from zkinfer.ops import lift
from zkinfer.ops.contract import Operator
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers, axis_of, require


def selections(attrs: Attrs, shape: tuple[int, ...]) -> dict[int, range]:
    """For each sliced axis, the indices it keeps. Raises ShapeError."""
    lists = [attrs[name] for name in ("axes", "starts", "stops", "steps")]
    require(
        len({len(items) for items in lists}) == 1, "axes, starts, stops, steps differ in length"
    )
    kept: dict[int, range] = {}
    for axis, start, stop, step in zip(*lists, strict=True):
        axis_of(axis, len(shape), "a sliced axis")
        require(step != 0 and axis not in kept, f"axis {axis} with step {step}")
        kept[axis] = range(shape[axis])[start:stop:step]
        require(len(kept[axis]) > 0, f"nothing is left of axis {axis}")
    return kept


def infer(attrs: Attrs, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
    """Scale and bounds stay."""
    (x,) = tensors
    kept = selections(attrs, x.shape)
    shape = tuple(len(kept.get(axis, range(extent))) for axis, extent in enumerate(x.shape))
    return (FixedTensor(shape, x.scale, x.low, x.high),)


def forward(attrs: Attrs, *arrays: Integers) -> tuple[Integers, ...]:
    """A view."""
    (x,) = arrays
    index = [slice(None)] * x.ndim
    for axis, kept in selections(attrs, x.shape).items():
        stop = kept.stop if kept.stop >= 0 else None
        index[axis] = slice(kept.start, stop, kept.step)
    return (x[tuple(index)],)


def constrain(b: Builder, path: str, attrs: Attrs, *values: Value) -> tuple[Value, ...]:
    """A view; a stored copy where an axis that is cut has several factors."""
    (x,) = values
    for axis, kept in selections(attrs, x.shape).items():
        name = f"{path}/axis{axis}"
        x = arrange.sliced(b, name, x, axis, kept.start, len(kept), kept.step)
    return (x,)


OP = Operator(
    attrs={"starts": "ints", "stops": "ints", "axes": "ints", "steps": "ints"},
    inputs=(1, 1),
    infer=infer,
    forward=forward,
    lift=lift.along_axes,
    constrain=constrain,
)
