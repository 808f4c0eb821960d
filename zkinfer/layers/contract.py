"""What is asked of a float operator: a Layer, one in each file of this folder that names one.

A sample is one set of inputs of the model. Sequences have an entry for each operand; the tuples
that are returned have one for each output.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from zkinfer.encoding import Quantization
from zkinfer.errors import UnsupportedModelError
from zkinfer.graph import Node
from zkinfer.ops.tensor import FixedTensor

Floats = npt.NDArray[np.float64]
Exponents = npt.NDArray[np.int64]
Shape = tuple[int, ...]
Attrs = Mapping[str, Any]
Bounds = tuple[float, float]
Operand = tuple[Floats, bool]
"""An operand's entries, and whether it has a first axis of samples, as all but constants have."""

_T = TypeVar("_T")


class Refusal(Exception):  # noqa: N818
    """Why an operator cannot be: its operands do not fit, or nobody proves it.

    The message goes on from "node <name> (<operator>, ...): ".
    """


class TooWideError(UnsupportedModelError):
    """Integers could reach 2^62 at the widths that were tried."""


class Interval(NamedTuple):
    """The least and the greatest value of every entry of a tensor of one sample."""

    low: Floats
    high: Floats


class Entries(Enum):
    """What an entry of the output is to those of the operands."""

    COMPUTED = "a number of its own"
    CLAMPED = "the operand's own entry, kept within the layer's bounds"
    NEGATED = "the operand's own entry or its negative"
    LARGEST = "the largest of several entries"
    MOVED = "an entry from another place, or a constant"
    PLACE = "the place of the largest of several entries"

    @property
    def keep_format(self) -> bool:
        """Whether the output is in the format of the operands."""
        return self in (Entries.NEGATED, Entries.LARGEST, Entries.MOVED)


@dataclass(frozen=True)
class Emitted:
    """A fixed-point tensor for an output.

    raw: whether it is exact, at the scale that the operator gives, and yet to be rounded to the
    format of its tensor, by a requantize or by what alone reads it.
    """

    tensor: str
    raw: bool


@dataclass(frozen=True)
class Weighted:
    """The operator op (with attrs) that reads constants, by their suffixes, after the operands."""

    op: str
    attrs: Attrs
    constants: Mapping[str, Floats]


class Divided(NamedTuple):
    """An operand that is divided by 2^exponents.

    constant: its entries, if it is one. exponents: of its rank, with extent 1 where they do not
    vary; zero for constants.
    """

    shape: Shape
    constant: Floats | None
    exponents: Exponents


@dataclass(frozen=True)
class Folded:
    """Constants, by the places of operands, with which the output is what it was over 2^exponents.

    exponents: they broadcast to the output's shape.
    """

    constants: Mapping[int, Floats]
    exponents: Exponents


@dataclass(frozen=True)
class Head:
    """What classifiers end with, where a label says as much as its output.

    The output's entries have the order of those of operand 0, the scores, or are the place of the
    largest.

    title: its name in ONNX. axis: that along which this is so; None if it is so of all entries.
    """

    title: str
    axis: Callable[[Attrs], int | None]


class Emitter(Protocol):
    """The fixed-point network under construction, as a layer sees it.

    Float tensors are called by their names in the float graph, fixed-point ones by theirs in the
    network; `fixed` leads from the first to the second.
    """

    @property
    def detail(self) -> int:
        """Bits of public reciprocals and of slopes."""

    @property
    def most_bits(self) -> int:
        """The most bits of a constant."""

    def tensor(self, fixed: str) -> FixedTensor:
        """The type of a fixed-point tensor."""

    def is_constant(self, tensor: str) -> bool:
        """Whether a float tensor is a constant."""

    def is_raw(self, tensor: str) -> bool:
        """Whether a float tensor is raw: exact, and in no format."""

    def is_read(self, tensor: str) -> bool:
        """Whether a node reads a float tensor, which is an output of the model if none does."""

    def is_clamped(self, tensor: str) -> bool:
        """Whether a float tensor's only reader keeps it within bounds, and rounds it."""

    def fixed(self, tensor: str) -> str:
        """The fixed-point tensor of a float tensor, rounded to its format if it is raw."""

    def as_it_is(self, tensor: str) -> str:
        """The fixed-point tensor of a float tensor, raw or not."""

    def requantize(self, name: str, source: str, target: str) -> str:
        """The integers of a float tensor in the format of another (or the same) tensor."""

    def constant(self, name: str, scale: int, bits: int = 1) -> str:
        """A constant at a scale, declared with at least so many bits. Raises TooWideError."""

    def multiple(self, name: str, steps: int, scale: int) -> str:
        """A constant of whole numbers, times so many steps of a scale. Raises TooWideError."""

    def within(self, name: str, scale: int, ends: tuple[int, int]) -> str:
        """A constant rounded down at a scale and cut to ends, all that its declaration tells."""

    def factor(self, name: str, bits: int) -> str:
        """A constant of a sum of products, in so many bits."""

    def factor_bits(self, name: str) -> int:
        """The bits that the constant of a sum of products is to have."""

    def elementwise(self, name: str, bits: int) -> str:
        """A constant of a product entry by entry, in at most so many bits."""

    def ends(self, tensor: str) -> tuple[Bounds, bool]:
        """The least and the greatest value that a float tensor may have, and whether both are by
        the data, so that values may leave them.
        """

    def domain(self, tensor: str) -> tuple[int, int]:
        """The least and the greatest integer of a float tensor, or of any that is alike."""

    def scale(self, tensor: str) -> int:
        """The scale of a float tensor's format."""

    def needed(self, name: str, finest: int) -> int:
        """The scale that a constant needs beside tensors of at most this scale."""

    def addend(self, name: str, finest: int) -> str:
        """A constant of a sum whose other operands have at most this scale."""

    def exponent(self, name: str) -> int:
        """The least k for which no entry of a constant exceeds 2^k."""

    def own(self, tensor: str) -> str:
        """The fixed-point name of a float tensor in its format."""

    def raw(self, tensor: str) -> str:
        """The fixed-point name of a float tensor that is raw."""

    def derived(self, base: str, suffix: str) -> str:
        """The name of what is made of a node or tensor."""

    def emit(self, name: str, op: str, inputs: Sequence[str], output: str, **attrs: Any) -> None:
        """Appends an operator of zkinfer.ops. Raises TooWideError."""

    def first_that_fits(self, attempts: Sequence[Callable[[], _T]]) -> _T:
        """The result of the first attempt that is not too wide; the last error if all are."""


@dataclass(frozen=True)
class Layer:
    """A float operator.

    shape: the outputs' shapes. Raises Refusal when the operands do not fit.
    value: the outputs for all samples, [samples, ...]; at least one operand has that axis.
    interval: what the outputs can be when the operands lie within these intervals.
    bounds: numbers that no entry of an output leaves, whatever the operands are.
    entries: what an output's entries are to those of operand 0, or of all operands.
    constants: the places of operands that must be constants.
    factors: the places of operands of a sum of products; constants among them have a width each.
    products: multiplications for one entry of the output, given the operands' shapes.
    reads_raw: whether operands may be raw: of any scale, and exact.
    head: what a head says of the order of the scores; None for a layer that is no head.
    weighted: where weights are hidden, the operator that reads its attributes' numbers as weights;
    None if they are no secret.
    emit: makes the fixed-point operators.
    fold: what becomes of the output when operands are divided by powers of two; None where no
    constants make up for it.
    within: by their places, the whole numbers that operands have to be within.
    compared: the places of operands whose numbers are compared with constants as they are.
    quantization: how operand 0 is quantized, by one scale, if that is all there is to the output.
    step: what the output's numbers are multiples of, up to an offset, as the model rounds them;
    given that of operand 0.
    """

    shape: Callable[[Attrs, Sequence[Shape]], tuple[Shape, ...]]
    value: Callable[[Attrs, Sequence[Operand]], tuple[Floats, ...]]
    interval: Callable[[Attrs, Sequence[Interval]], tuple[Interval, ...]]
    bounds: Callable[[Attrs], tuple[Bounds, ...]]
    entries: Entries
    constants: tuple[int, ...]
    factors: tuple[int, ...]
    products: Callable[[Sequence[Shape]], int]
    reads_raw: bool
    head: Head | None
    weighted: Callable[[Attrs], Weighted] | None
    emit: Callable[[Emitter, Node], tuple[Emitted, ...]]
    fold: Callable[[Attrs, Sequence[Divided]], Folded | None]
    within: Callable[[Attrs, Sequence[Shape]], Mapping[int, Bounds]] = lambda *_: {}
    compared: tuple[int, ...] = ()
    quantization: Callable[[Attrs], Quantization | None] = lambda _: None
    step: Callable[[Attrs, float | None], float | None] = lambda *_: None
