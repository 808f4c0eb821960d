"""The model's inputs, with every dimension fixed."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.graph import Boolean, Integer, Kind, Real
from zkinfer.onnx_import.shapes import MAX_ENTRIES, Shape

FLOAT_TYPES = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
)
INT_TYPES = frozenset(
    {
        TensorProto.INT8,
        TensorProto.INT16,
        TensorProto.INT32,
        TensorProto.INT64,
        TensorProto.UINT8,
        TensorProto.UINT16,
        TensorProto.UINT32,
        TensorProto.UINT64,
    }
)

TEXTS = "texts"
"""What a type of entries is called that are strings."""

MAX_AXES = 64
"""As many as numpy's arrays have."""

Dimension = int | str
"""An extent, or the name of an unknown one (empty when the model gives none)."""


@dataclass(frozen=True)
class Input:
    """One input of the model.

    dimensions: as the model has them, None when it does not even fix their number. type_name: of
    the entries. kind: what these are, None if they are no numbers.
    """

    name: str
    dimensions: tuple[Dimension, ...] | None
    type_name: str
    kind: Kind | None


def is_narrow(kind: Kind) -> bool:
    """Whether numbers of a type of integers wrap around at less than 2^31, or below zero."""
    return isinstance(kind, Integer) and (kind.low > -(1 << 31) or kind.high < (1 << 31) - 1)


def read_inputs(graph: onnx.GraphProto, constants: Collection[str]) -> tuple[Input, ...]:
    """The graph's inputs but for those that an initializer fixes."""
    return tuple(_read(value) for value in graph.input if value.name not in constants)


def check_shapes(inputs: Sequence[Input], shapes: Mapping[str, Sequence[int]]) -> None:
    """Raises UsageError unless the given shapes are for inputs of the model and fit them."""
    known = {value.name: value for value in inputs}
    for name, shape in shapes.items():
        if name not in known:
            raise UsageError(
                f"a shape is given for {name}, but the model's inputs are {', '.join(known)}"
            )
        if not isinstance(shape, tuple | list) or not all(type(extent) is int for extent in shape):
            raise UsageError(f"the shape given for {name} must be a tuple of ints, got {shape!r}")
        if any(extent < 1 for extent in shape):
            raise UsageError(
                f"the shape given for {name} must hold positive integers, got {tuple(shape)}"
            )
        dimensions = known[name].dimensions
        if dimensions is not None and not _fits(shape, dimensions):
            raise UsageError(
                f"the shape {tuple(shape)} given for {name} does not fit the model's "
                f"{_listed(dimensions)}"
            )


def fix_shapes(
    inputs: Sequence[Input], shapes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Shape], list[str]]:
    """Each input's shape, and the unknown dimensions in words.

    An unknown axis 0 is the batch axis and becomes 1; all others come from `shapes`, which
    check_shapes has accepted. Raises UsageError for an input that is too large.
    """
    fixed: dict[str, Shape] = {}
    unknown: list[str] = []
    for value in inputs:
        if value.name in shapes:
            fixed[value.name] = tuple(shapes[value.name])
        elif value.dimensions is None:
            unknown.append(f"all dimensions of {value.name}")
        else:
            for axis, dimension in enumerate(value.dimensions[1:], 1):
                if isinstance(dimension, str):
                    symbol = f" ({dimension})" if dimension else ""
                    unknown.append(f"axis {axis}{symbol} of {value.name}")
            first = (1 if isinstance(d, str) else d for d in value.dimensions[:1])
            rest = (d for d in value.dimensions[1:] if isinstance(d, int))
            fixed[value.name] = (*first, *rest)
    for name, shape in fixed.items():
        if math.prod(shape) > MAX_ENTRIES or len(shape) > MAX_AXES:
            raise UsageError(
                f"input {name} has {len(shape)} axes and the shape {shape[:MAX_AXES]}; expected at "
                f"most {MAX_AXES} axes and {MAX_ENTRIES} entries"
            )
    return fixed, unknown


def unknown_dimensions(inputs: Sequence[Input], unknown: Sequence[str]) -> UsageError:
    """The error that lists unknown dimensions and says how to fix them."""
    examples = []
    for value in inputs:
        dimensions = value.dimensions
        if dimensions is None:
            examples.append(f"--shape {value.name}=1,...")
        elif any(isinstance(dimension, str) for dimension in dimensions[1:]):
            extents = ["1" if isinstance(d, str) and not i else d for i, d in enumerate(dimensions)]
            words = [str(extent or "D") for extent in extents]
            examples.append(f"--shape {value.name}={','.join(words)}")
    return UsageError(
        f"the model leaves dimensions open: {', '.join(unknown)}; fix them with "
        f"{' '.join(examples)}, a number for each name (in Python: shapes={{name: extents}})"
    )


def has_batch_axis(value: Input, shape: Shape) -> bool:
    """Whether axis 0 is a batch axis: unknown in the model, or of extent 1 before other axes."""
    if not shape:
        return False
    symbolic = value.dimensions is None or isinstance(value.dimensions[0], str)
    return symbolic or (len(shape) >= 2 and shape[0] == 1)


def _read(value: onnx.ValueInfoProto) -> Input:
    if not value.type.HasField("tensor_type"):
        kind = value.type.WhichOneof("value") or "value of unknown type"
        raise UnsupportedModelError(
            f"zkinfer cannot compile this model: its input {value.name} is a "
            f"{kind.removesuffix('_type').replace('_', ' ')}; expected a tensor"
        )
    tensor = value.type.tensor_type
    dimensions: tuple[Dimension, ...] | None = None
    if tensor.HasField("shape"):
        dimensions = tuple(
            dim.dim_value if dim.dim_value > 0 else dim.dim_param for dim in tensor.shape.dim
        )
    return Input(value.name, dimensions, type_name(tensor.elem_type), _kind(tensor.elem_type))


def _kind(elem_type: int) -> Kind | None:
    if elem_type in INT_TYPES:
        limits = np.iinfo(helper.tensor_dtype_to_np_dtype(elem_type))
        return Integer(int(limits.min), int(limits.max))
    if elem_type == TensorProto.BOOL:
        return Boolean()
    return Real() if elem_type in FLOAT_TYPES else None


def type_name(elem_type: int) -> str:
    """numpy's or ONNX's name of a type of entries."""
    if elem_type == TensorProto.STRING:
        return TEXTS
    try:
        return str(helper.tensor_dtype_to_np_dtype(elem_type))
    except KeyError:
        return f"type {elem_type}"


def _fits(shape: Sequence[int], dimensions: Sequence[Dimension]) -> bool:
    if len(shape) != len(dimensions):
        return False
    pairs = zip(shape, dimensions, strict=True)
    return all(isinstance(dimension, str) or extent == dimension for extent, dimension in pairs)


def _listed(dimensions: Sequence[Dimension]) -> str:
    return f"({', '.join(str(dimension) or '?' for dimension in dimensions)})"
