"""What quantized integers stand for, (q - zero) scale, and the steps that converters take there.

Scales and zero points are constants, and public.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from zkinfer.graph import Integer
from zkinfer.onnx_import.bodies import Body, inlined, stand_for
from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.constants import Array
from zkinfer.onnx_import.inputs import is_narrow
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape

INT32 = Integer(-(1 << 31), (1 << 31) - 1)
UINT8 = Integer(0, 255)

QUANTIZED = frozenset(
    (
        TensorProto.INT2, TensorProto.INT4, TensorProto.INT8, TensorProto.INT16,
        TensorProto.UINT2, TensorProto.UINT4, TensorProto.UINT8, TensorProto.UINT16,
    )
)  # fmt: skip
"""The types that numbers are rounded to."""


@dataclass(frozen=True)
class Grid:
    """The numbers (q - zeros) scales, for q of a type; one of each, or one an index of an axis.

    scales: of float32. axis: None for one.
    """

    scales: Array
    zeros: Array
    type: Integer
    axis: int | None

    @property
    def wide(self) -> Integer:
        """What q - zeros can be."""
        zeros = self.zeros
        return Integer(self.type.low - int(zeros.max()), self.type.high - int(zeros.min()))

    def attrs(self, rank: int) -> dict[str, Any]:
        """Of a layer on a tensor of this rank."""
        return listed(self.scales, self.zeros, 0 if self.axis is None else rank - 1 - self.axis)

    def along(self, numbers: Array, rank: int) -> Array:
        """Scales or zeros, broadcasting to a tensor of this rank."""
        return numbers if self.axis is None else numbers.reshape(-1, *(1,) * (rank - 1 - self.axis))


def grid(site: Site, scale: int, zero: int, shape: Shape, axis: int, kind: Integer) -> Grid:
    """The grid whose scale and zero point are inputs at these places.

    axis: of a tensor of this shape, that a list of scales goes along. kind: the type of the
    integers, should no zero point say it. Raises Refusal.
    """
    scales = site.floats(scale, "a scale")
    zeros = np.zeros((), np.int64)
    if site.has(zero):
        array = site.array(zero, "a zero point")
        kind = type_of(array)
        zeros = array.astype(np.int64)
    single = scales.size == 1
    if not single and (scales.ndim != 1 or scales.shape != shape[axis : axis + 1]):
        raise Refusal(
            f"expected one scale, or one for each index of axis {axis} of the shape {shape}, "
            f"got {scales.shape}"
        )
    if not (scales > 0).all():
        raise Refusal(f"expected scales above zero, got {scales.min():g}")
    if zeros.size not in (1, scales.size):
        raise Refusal(f"expected as many zero points as scales, got {zeros.size}")
    zeros = np.broadcast_to(zeros.reshape(-1), (scales.size,))
    return Grid(scales.reshape(-1).astype(np.float32), zeros, kind, None if single else axis)


def operand_grid(site: Site, index: int, *, last: bool = False) -> Grid:
    """The grid of the input at a place, its scale and zero point at the next two.

    last: whether a list of scales goes along the last axis, else along the first.
    """
    shape = site.shape(index)
    kind = type_of(site.array(index, "integers")) if site.is_constant(index) else INT32
    return grid(site, index + 1, index + 2, shape, len(shape) - 1 if last else 0, kind)


def centred(site: Site, index: int, of: Grid) -> str | Array:
    """An input less its zero points; an array if it is constant."""
    shape = site.shape(index)
    if site.is_constant(index):
        return site.array(index, "integers").astype(np.int64) - of.along(of.zeros, len(shape))
    x = site.any_operand(index)
    if not of.zeros.any():
        return x
    attrs = of.attrs(len(shape)) | {"scales": (1.0,) * len(of.zeros)}
    y = site.step("dequantize_linear", f"centred{index}", x, **attrs)
    site.graph.kinds[y] = of.wide
    return y


def scaled(site: Site, index: int, of: Grid, scales: Array) -> str:
    """What an input stands for, of other scales than its own."""
    rank = len(site.shape(index))
    if site.is_constant(index):
        array = site.array(index, "integers").astype(np.float64) - of.along(of.zeros, rank)
        return site.weight("scaled", array * of.along(scales, rank), index)
    attrs = of.attrs(rank) | {"scales": tuple(scales.tolist())}
    return site.step("dequantize_linear", f"scaled{index}", site.any_operand(index), **attrs)


def computed(site: Site, index: int, of: Grid) -> str:
    """A computed input less its zero points. Raises Refusal for a constant."""
    x = centred(site, index, of)
    if not isinstance(x, str):
        raise Refusal("expected a computed operand, got a constant")
    return x


def listed(scales: Array, zeros: Array, behind: int) -> dict[str, Any]:
    """Numbers as attributes of a layer."""
    return {"scales": tuple(scales.tolist()), "zeros": tuple(zeros.tolist()), "behind": behind}


def whole(site: Site, kind: Integer) -> None:
    """Says that the output holds integers of a type."""
    graph, name = site.graph, site.node.outputs[0]
    graph.integral.add(name)
    if is_narrow(kind):
        graph.narrow.add(name)
    source = graph.source(name)
    if source in graph.shapes:
        graph.kinds[source] = kind


def type_of(array: Array) -> Integer:
    """The type of an array. Raises Refusal where it does not hold integers."""
    if helper.np_dtype_to_tensor_dtype(array.dtype) not in {*QUANTIZED, TensorProto.INT32}:
        raise Refusal(f"expected integers, got {array.dtype}")
    return limits(array.dtype)


def limits(dtype: np.dtype[Any]) -> Integer:
    """The least and the greatest integer of a type."""
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        return Integer(int(ends.min), int(ends.max))
    bits = int("".join(filter(str.isdigit, dtype.name)))
    return (
        Integer(0, (1 << bits) - 1)
        if "u" in dtype.name
        else Integer(-(1 << bits - 1), (1 << bits - 1) - 1)
    )


def requantized(
    site: Site, sums: str, scales: Array, scale: int, zero: int, axis: int | None
) -> None:
    """Makes sums, which stand for multiples of scales, the output, of the grid at two inputs.

    axis: how many axes are behind the one that scales go along; None for one scale.
    """
    to = grid(site, scale, zero, (), 0, UINT8)
    multipliers = (scales / to.scales).astype(np.float32)
    attrs = listed(multipliers, np.broadcast_to(to.zeros, multipliers.shape), axis or 0)
    low = int(to.zeros[0]) if site.attr("relu", 0) else to.type.low
    high = max(to.type.high, low + 1)
    site.finish("quantize_linear", sums, divides=False, **attrs, low=low, high=high)
    whole(site, to.type)


def quantized(site: Site, x: str, to: Grid, scales: Array, *, divides: bool) -> None:
    """Makes x times or over scales the output, of a grid."""
    attrs = to.attrs(len(site.graph.shape(x))) | {"scales": tuple(scales.tolist())}
    ends = {"low": to.type.low, "high": to.type.high}
    site.finish("quantize_linear", x, divides=divides, **attrs, **ends)
    whole(site, to.type)


def by_nodes(
    site: Site,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[str],
    opsets: Mapping[str, int] | None = None,
) -> None:
    """Makes the tensor y of standard operators the output."""
    body = Body(tuple(inputs), ("y",), tuple(nodes), {}, opsets or {"": 21})
    (y,) = inlined(site, body, site.node.inputs)
    stand_for(site, 0, y)
    if y in site.graph.narrow:
        site.graph.narrow.add(site.node.outputs[0])
