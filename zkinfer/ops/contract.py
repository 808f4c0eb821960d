"""The contract of a fixed-point operator: what its file says of it, and all that others know.

Meaning, bounds, constraints and cost are functions of its attributes and operands; results are
tuples, one item an output. What the rewrites and the lowering may do with its neighbours are facts
of its own too, which hold unless it says otherwise: it takes stored operands, no operand is a
kernel, and it commutes with nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Interval, Value
from zkinfer.ops import lift
from zkinfer.ops.tensor import Attrs, FixedTensor, Integers

TABLE = "table"
"""The kind of attributes that are long lists of integers, which several nodes may share."""


class Open(Enum):
    """Which parts of an operand need not be stored, as the operator's equation says what they are.

    SUMMANDS: products of matrices, which are stated as one sum; ANYTHING: any product too.
    """

    NOTHING = 0
    SUMMANDS = 1
    ANYTHING = 2


class Infer(Protocol):
    """Shapes, scales, bounds and kinds of the outputs. Raises ShapeError when nothing fits."""

    def __call__(self, attrs: Attrs, /, *tensors: FixedTensor) -> tuple[FixedTensor, ...]:
        """attrs are of the declared names and kinds, tensors of a count within the declared."""


class Forward(Protocol):
    """Exact integers, int64: the meaning that everything is checked against."""

    def __call__(self, attrs: Attrs, /, *arrays: Integers) -> tuple[Integers, ...]:
        """Arrays of tensors that `infer` takes; sums on the way may wrap around 2^64 and back."""


class Lift(Protocol):
    """`forward` on many samples at once: a way of zkinfer.ops.lift."""

    def __call__(
        self, forward: Forward, attrs: Attrs, operands: Sequence[tuple[Integers, bool]], /
    ) -> tuple[Integers, ...]:
        """operands: each with whether it has the axis of samples, as at least one has."""


class Constrain(Protocol):
    """The same as constraints, in blocks below a path."""

    def __call__(self, b: Builder, path: str, attrs: Attrs, /, *values: Value) -> tuple[Value, ...]:
        """Values of tensors that `infer` takes. Raises UnsupportedModelError beyond the limits."""


class Cost(Protocol):
    """Range-checked bits, as tensors of bits are padded, and stored numbers."""

    def __call__(
        self, attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...], /
    ) -> int:
        """tensors: the operands, which `infer` takes and makes the outputs of."""


def nothing(
    attrs: Attrs, tensors: tuple[FixedTensor, ...], outputs: tuple[FixedTensor, ...]
) -> int:
    """The cost of views, sums, and products that are left to what reads them."""
    return 0


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator.

    attrs: kinds of the attributes by name: int, ints, bool, int_lists, and TABLE. inputs: the
    fewest and the most operands. takes_open: of an operand that nothing else reads, and the
    outputs: which parts may be open. kernels: by position, the operands that are read as kernels
    [filters, taps...], with the number of groups of the filters. keeps_order: whether it maps its
    only operand entry by entry, and never decreases within a channel. excess: of the only operand's
    integers, how many times the calibrated range each entry would be if it did not saturate, 1
    where it does not; None if there is no such range. takes_maxima: whether the output's entries
    are the maxima of parts of the operand, with each of its entries in just one. certain: bounds of
    the output that its constraints enforce, whatever the operands are; None if there are none.
    """

    attrs: Mapping[str, str]
    inputs: tuple[int, int]
    infer: Infer
    forward: Forward
    lift: Lift
    constrain: Constrain
    cost: Cost = nothing
    takes_open: Callable[[Attrs, FixedTensor, tuple[FixedTensor, ...]], Open] = lambda *_: (
        Open.NOTHING
    )
    kernels: Callable[[Attrs], Mapping[int, int]] = lambda _: {}
    keeps_order: Callable[[Attrs, FixedTensor], bool] = lambda *_: False
    excess: Callable[[Attrs, Integers], npt.NDArray[np.float64]] | None = None
    takes_maxima: Callable[[Attrs, FixedTensor], bool] = lambda *_: False
    certain: Callable[[Attrs], Interval] | None = None

    def stacked(self, ranks: Sequence[int], differ: Sequence[bool]) -> tuple[bool, ...] | None:
        """Which operands have a new first axis where many copies of it are one.

        ranks: of the operands; those with the new axis are first brought to one rank. differ: which
        are not the same in all copies. None where copies cannot be one, or need not.
        """
        if self.lift is lift.contracted:
            return tuple(differ) if any(differ[:2]) and min(ranks[:2]) > 1 else None
        if self.lift in (lift.entrywise, lift.broadcast) and any(differ):
            return (True, *differ[1:])
        return None
