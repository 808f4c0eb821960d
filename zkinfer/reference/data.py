"""formats.md: data commitments, and which of their records a proof is about."""

import json
import math
from dataclasses import dataclass
from typing import Any

from zkinfer.reference.errors import FormatError, demand
from zkinfer.reference.formats import MIB, Proof, VerifyingKey, container, sha3

MEMBERS = {"axis", "bits", "name", "scales", "shape", "signed"}
WIDTH = 128


@dataclass
class Tensor:
    """A tensor of every record; scales of its entries in row-major order."""

    name: str
    shape: tuple[int, ...]
    scales: list[int]

    @property
    def rows(self) -> int:
        """The rows that its entries lie in."""
        extents = [extent for extent in self.shape if extent != 1] or [1]
        inner = math.prod(1 << (extent - 1).bit_length() for extent in extents[1:])
        cells = extents[0] * inner
        return -(-cells // min(WIDTH, 1 << (cells - 1).bit_length()))


@dataclass
class DataCommitment:
    """A data commitment: the rows of each record."""

    tensors: list[Tensor]
    records: list[tuple[bytes, ...]]
    digest: bytes


def read_data(data: bytes) -> DataCommitment:
    """Reads a data commitment. Raises FormatError."""
    name = "the data commitment"
    (described, rows), _ = container(data, name, b"zkinf.dc", 1, (4 * MIB, 2048 * MIB))
    try:
        document = json.loads(described.decode("ascii"))
        again = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
        demand(again == described, "the description of the data is not canonical JSON")
        known = set(document) - {"columns"} == {"records", "tensors"}
        demand(known, "the description of the data has other members")
        tensors = [_tensor(entry) for entry in document["tensors"]]
        distinct = len({tensor.name for tensor in tensors})
        demand(distinct == len(tensors), "two tensors of the data have one name")
        demand(0 < len(tensors) <= 64, "the records have no tensors, or more than 64")
        count = document["records"]
        demand(type(count) is int and 0 < count <= 2**40, "the data have no number of records")
        if "columns" in document:
            _check_names(document["columns"], tensors)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError("the description of the data is not as it must be") from error
    each = 32 * sum(tensor.rows for tensor in tensors)
    demand(len(rows) == count * each, "the data have another number of rows than records")
    pieces = [rows[at : at + each] for at in range(0, len(rows), each)]
    records = [tuple(p[at : at + 32] for at in range(0, each, 32)) for p in pieces]
    return DataCommitment(tensors, records, sha3(data[:-32]))


def _check_names(columns: Any, tensors: list[Tensor]) -> None:
    fits = type(columns) is list and all(_is_name(name) for name in columns)
    fits = fits and len(tensors) == 1 and tensors[0].shape[-1:] == (len(columns),)
    demand(fits, "the data name other columns than there are")


def _is_name(name: Any) -> bool:
    return type(name) is str and 0 < len(name.encode()) <= 4096


def _tensor(entry: Any) -> Tensor:
    demand(set(entry) == MEMBERS, "a tensor of the data has other members")
    shape, axis, scales, bits = (entry[name] for name in ("shape", "axis", "scales", "bits"))
    signed = entry["signed"]
    lists = all(type(numbers) is list for numbers in (shape, scales, signed))
    demand(lists and _is_name(entry["name"]), "a tensor of the data has no name, or no lists")
    fits = len(shape) <= 8 and all(type(n) is int and n > 0 for n in shape)
    demand(fits and math.prod(shape) <= 2**22, "a tensor of the data has no shape")
    count = 1
    if axis is not None:
        demand(type(axis) is int and 0 <= axis < len(shape), "columns lie on no axis")
        count = shape[axis]
    fits = len(scales) == len(signed) == count <= 2**14
    fits = fits and all(type(s) is int and abs(s) <= 256 for s in scales)
    fits = fits and all(type(sign) is bool for sign in signed)
    demand(fits and type(bits) is int and 1 <= bits <= 61, "a tensor has no scales, signs or bits")
    before, after = (1, math.prod(shape))
    if axis is not None:
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    listed = [scale for scale in scales for _ in range(after)] * before
    return Tensor(entry["name"], tuple(shape), listed)


def record_rows(
    key: VerifyingKey, proof: Proof, data: DataCommitment, labels: DataCommitment | None
) -> tuple[bytes, ...]:
    """The rows that the proof is about, as these data list them; those of hidden records are its
    own.

    labels: of the records, or their targets, for a proof that compares. Raises FormatError unless
    the proof names records of these data, at the key's scales.
    """
    demand(proof.digests[0] == data.digest, "the proof is about other data")
    names = key.graph.inputs
    single = len(names) == len(data.tensors) == 1
    same = single or names == [tensor.name for tensor in data.tensors]
    demand(same, "the records are made of other tensors than the inputs")
    for name, tensor in zip(names, data.tensors, strict=True):
        fits = key.graph.types[name][0] in (tensor.shape, (1, *tensor.shape))
        demand(fits, f"a record has another shape than the input {name}")
        demand(key.graph.scales(name) == tensor.scales, f"input {name} has other scales")
    if proof.hidden:
        each = sum(tensor.rows for tensor in data.tensors)
        fits = len(proof.rows) == each * key.graph.batch
        demand(fits, "the records of the data have other rows")
        return proof.rows
    known = max(proof.numbers) < len(data.records)
    demand(known, "the data have no record of that number")
    filled = list(proof.numbers)
    if key.graph.counts:
        counted = proof.public[0][1]
        nearest = counted.index(1)
        filled = []
        for place, counts in enumerate(counted):
            nearest = place if counts else nearest
            filled.append(proof.numbers[nearest])
    rows = _by_tensor(data, filled)
    if labels is None:
        fits = key.graph.counts or proof.rows == rows
        demand(fits, "the records of the data have other rows")
        return rows
    demand(proof.digests[1:] == (labels.digest,), "the proof is about other labels")
    fits = len(labels.tensors) == 1 and labels.tensors[0].shape in ((), (1,))
    fits = fits and labels.tensors[0].scales == [key.graph.target_scale or 0]
    demand(fits, "the labels are no whole numbers, one each, or the targets have another scale")
    demand(len(labels.records) == len(data.records), "there are other labels than records")
    return rows + _by_tensor(labels, filled)


def outputs_data(key: VerifyingKey, proof: Proof) -> DataCommitment:
    """The commitment to the outputs, as key and proof have it. Raises FormatError."""
    graph, tensors = key.graph, []
    for name in graph.outputs:
        shape, scale = graph.types[name]
        low, high = graph.bounds[name]
        bits = max(1, *(max(n, -n - 1).bit_length() + (low < 0) for n in (low, high)))
        tensor = {"name": name, "shape": shape, "axis": None, "bits": bits}
        tensors.append({**tensor, "scales": [scale], "signed": [low < 0]})
    document = {"records": graph.batch, "tensors": tensors}
    described = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
    encoded = b"zkinf.dc" + (1).to_bytes(2, "little")
    for tag, section in enumerate((described, proof.outputs), start=1):
        encoded += bytes([tag]) + len(section).to_bytes(8, "little") + section
    return read_data(encoded + sha3(encoded))


def output_rows(data: DataCommitment) -> tuple[bytes, ...]:
    """The rows of outputs in the order in which a circuit has them."""
    return _by_tensor(data, list(range(len(data.records))))


def _by_tensor(data: DataCommitment, numbers: list[int]) -> tuple[bytes, ...]:
    """The rows of the first tensor of all these records, then those of the next one."""
    rows: list[bytes] = []
    start = 0
    for tensor in data.tensors:
        for number in numbers:
            rows += data.records[number][start : start + tensor.rows]
        start += tensor.rows
    return tuple(rows)
