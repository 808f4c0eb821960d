"""What a data commitment says of its records: tensors, and what their integers stand for.

An integer v of an entry stands for v / 2^scale and lies in [-2^(bits-1), 2^(bits-1) - 1] where the
numbers have signs, else in [0, 2^bits - 1]. Scale and sign are the entry's column's, if the tensor
has an axis of columns, else all of the tensor's; bits are the tensor's. Nobody has to believe the
ranges: a proof about a record shows those that it relies on.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer.encoding import MAX_BITS, MAX_COLUMNS, Columns, Encoding
from zkinfer.errors import FormatError, UnsupportedModelError, UsageError
from zkinfer.fixed import FixedGraph
from zkinfer.ops.tensor import FixedTensor, Integers

MAX_TENSORS = 64
MAX_RANK = 8
MAX_ENTRIES = 1 << 22
MAX_RECORDS = 1 << 40
MAX_SCALE = 256
MAX_NAME = 4096

_MEMBERS = {"axis", "bits", "name", "scales", "shape", "signed"}


@dataclass(frozen=True)
class DataTensor:
    """One tensor of every record. axis: of the columns, or None.

    scales, signed: by column; of a tensor without columns one each.
    """

    name: str
    shape: tuple[int, ...]
    axis: int | None
    scales: tuple[int, ...]
    signed: tuple[bool, ...]
    bits: int

    @classmethod
    def of(cls, name: str, tensor: FixedTensor) -> "DataTensor":
        """Like a tensor of a network, at its scale, in the fewest bits that its bounds take.

        Raises UnsupportedModelError where data cannot be like it.
        """
        signed = tensor.low < 0
        ends = (max(end, -end - 1) for end in (tensor.low, tensor.high))
        bits = max(1, *(end.bit_length() + signed for end in ends))
        if bits > MAX_BITS or math.prod(tensor.shape) > MAX_ENTRIES:
            raise UnsupportedModelError(
                f"output {name} has {math.prod(tensor.shape)} numbers of {bits} bits; at most "
                f"{MAX_ENTRIES} of {MAX_BITS} can be committed"
            )
        return cls(name, tensor.shape, None, (tensor.scale,), (signed,), bits)

    @cached_property
    def encoding(self) -> Encoding:
        """Scales and ranges, which broadcast to the shape."""
        lows = tuple(-(1 << self.bits - 1) if sign else 0 for sign in self.signed)
        columns = Columns(0 if self.axis is None else self.axis, self.scales, lows, self.bits)
        if self.axis is not None:
            return Encoding.of(FixedTensor(self.shape, 0, 0, 0), columns)
        high = lows[0] + (1 << self.bits) - 1
        return Encoding.of(FixedTensor(self.shape, self.scales[0], lows[0], high))

    @property
    def kind(self) -> np.dtype[np.signedinteger[Any]]:
        """The fewest of 1, 2, 4 or 8 bytes that an entry fits."""
        most = self.bits + (not all(self.signed))
        return np.dtype(next(f"<i{size}" for size in (1, 2, 4, 8) if most <= 8 * size))

    @property
    def exponents(self) -> tuple[int, ...]:
        """By column the power of two that numbers lie within."""
        pairs = zip(self.scales, self.signed, strict=True)
        return tuple(self.bits - scale - sign for scale, sign in pairs)

    def integers(self, numbers: npt.NDArray[Any], first: int) -> Integers:
        """Records [n, ...], the first of which has a number, rounded half to even.

        Raises UsageError for NaN, infinity, and numbers out of range, naming record and index.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            rounded = np.rint(np.ldexp(numbers.astype(np.float64), self.encoding.scale))
            low, high = self.encoding.low, self.encoding.high
            fits = (rounded >= low) & (rounded < high.astype(np.float64) + 1)
        if not fits.all():
            number, *index = (int(i) for i in np.argwhere(~fits)[0])
            value = float(numbers[(number, *index)])
            ends = (np.broadcast_to(e, self.shape)[tuple(index)] for e in (low, high))
            scale = int(np.broadcast_to(self.encoding.scale, self.shape)[tuple(index)])
            shown = " to ".join(f"{math.ldexp(int(end), -scale):g}" for end in ends)
            raise UsageError(
                f"record {first + number}, {self.name} at index {tuple(index)} is {value:g}; "
                f"expected a number from {shown}"
            )
        return rounded.astype(np.int64)

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "axis": self.axis,
            "bits": self.bits,
            "name": self.name,
            "scales": list(self.scales),
            "shape": list(self.shape),
            "signed": list(self.signed),
        }


@dataclass(frozen=True)
class Description:
    """records: how many there are. columns: what the columns of a table are called, or nothing."""

    records: int
    tensors: tuple[DataTensor, ...]
    columns: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, ASCII."""
        document = {
            **({"columns": list(self.columns)} if self.columns else {}),
            "records": self.records,
            "tensors": [tensor.document() for tensor in self.tensors],
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def of_outputs(cls, graph: FixedGraph) -> "Description":
        """Of what a network computes for all inputs of a batch, at the outputs' scales.

        Raises UnsupportedModelError where no data can be like it.
        """
        count = len(graph.outputs)
        if count > MAX_TENSORS:
            raise UnsupportedModelError(f"{count} outputs; at most {MAX_TENSORS} can be committed")
        tensors = (DataTensor.of(name, graph.tensors[name]) for name in graph.outputs)
        return cls(graph.batch, tuple(tensors))

    @classmethod
    def from_json(cls, data: bytes) -> "Description":
        """Reads canonical JSON. Raises FormatError with the reason for anything else."""
        try:
            document = json.loads(data.decode("ascii"))
        except (ValueError, RecursionError) as error:
            raise FormatError("the description of the data is not JSON") from error
        known = isinstance(document, dict)
        known = known and set(document) - {"columns"} == {"records", "tensors"}
        _check(known, "its members are not known")
        _check(_whole([document["records"]], 1, MAX_RECORDS), "it has no number of records")
        tensors = document["tensors"]
        fits = isinstance(tensors, list) and 0 < len(tensors) <= MAX_TENSORS
        _check(fits, f"its tensors are not 1 to {MAX_TENSORS}")
        made = tuple(_tensor(entry) for entry in tensors)
        _check(len({tensor.name for tensor in made}) == len(made), "two tensors have one name")
        names = document.get("columns", [])
        fits = isinstance(names, list) and (not names or len(made) == 1)
        fits = fits and (not names or made[0].shape[-1:] == (len(names),))
        _check(fits, "it names other columns")
        for name in names:
            _check_name(name)
        description = cls(document["records"], made, tuple(names))
        _check(description.to_json() == data, "its JSON is not canonical")
        return description

    def target(self) -> FixedTensor:
        """The one number of every record. Raises UsageError where there are more."""
        first, *others = self.tensors
        if others or first.shape not in ((), (1,)):
            raise UsageError(
                "targets are one number a record; commit to an array with one entry a record"
            )
        low = -(1 << first.bits - 1) if first.signed[0] else 0
        return FixedTensor((), first.scales[0], low, low + (1 << first.bits) - 1)

    def by_input(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, DataTensor]:
        """The tensor that each input of a network is, by the input's name.

        A single one needs no name; several have the inputs' names and order. An input may have a
        batch axis of extent 1 before the record's. Raises UsageError.
        """
        names = [tensor.name for tensor in self.tensors]
        single = len(names) == len(shapes) == 1
        if not single and names != list(shapes):
            raise UsageError(
                f"the records are made of {', '.join(names)}; the network's inputs are "
                f"{', '.join(shapes)}: commit to tensors of these names, in this order"
            )
        found = dict(zip(shapes, self.tensors, strict=True))
        for name, tensor in found.items():
            if shapes[name] not in (tensor.shape, (1, *tensor.shape)):
                raise UsageError(
                    f"a record's {tensor.name} has shape {tensor.shape}; the network's input "
                    f"{name} has shape {shapes[name]}"
                )
        return found


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"the description of the data is refused: {message}")


def _check_name(name: Any) -> None:
    try:
        size = len(name.encode()) if isinstance(name, str) else 0
    except UnicodeEncodeError:
        size = 0
    _check(0 < size <= MAX_NAME, f"a name is no text of 1 to {MAX_NAME} bytes")


def _whole(numbers: Iterable[Any], low: int, high: int) -> bool:
    """Whether all of these are integers within the bounds."""
    return all(type(number) is int and low <= number <= high for number in numbers)


def _tensor(entry: Any) -> DataTensor:
    known = isinstance(entry, dict) and set(entry) == _MEMBERS
    _check(known, "a tensor's members are not known")
    name, shape, axis, bits = (entry[member] for member in ("name", "shape", "axis", "bits"))
    scales, signed = entry["scales"], entry["signed"]
    _check_name(name)
    lists = all(isinstance(numbers, list) for numbers in (shape, scales, signed))
    _check(lists and len(shape) <= MAX_RANK, f"tensor {name} has no shape")
    fits = _whole(shape, 1, MAX_ENTRIES) and math.prod(shape) <= MAX_ENTRIES
    _check(fits, f"tensor {name} has shape {shape}; at most {MAX_ENTRIES} entries are supported")
    fits = axis is None or _whole([axis], 0, len(shape) - 1)
    count = 1 if axis is None or not fits else shape[axis]
    fits = fits and len(scales) == len(signed) == count <= MAX_COLUMNS
    _check(fits, f"tensor {name} has scales for other columns than its shape says")
    fits = _whole(scales, -MAX_SCALE, MAX_SCALE) and all(type(sign) is bool for sign in signed)
    fits = fits and _whole([bits], 1, MAX_BITS)
    _check(fits, f"tensor {name} has scales, signs or bits beyond the limits")
    return DataTensor(name, tuple(shape), axis, tuple(scales), tuple(signed), bits)
