"""Inputs that are records of committed data: what links key, proof and data.

A network that reads records has its inputs at the scales of a data commitment, entry by entry, so
that an integer stands for the same number in both. Which records of which data a proof is about is
in its statement, and the rows that it opens are those that the data commitment lists. A proof about
records that count, such as one of accuracy, names records that follow one another, some of which
may be left out (counted_records.py). It may be about two commitments, to inputs and to labels or
targets, in which a record has the same number.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zkinfer.backends import transparent
from zkinfer.backends.transparent import Hidden, Opened
from zkinfer.counted_records import check_counted, counted, filled
from zkinfer.data import DataCommitment, DataOpening, check_number
from zkinfer.description import Description
from zkinfer.encoding import Encoding, first
from zkinfer.errors import UsageError, VerificationError
from zkinfer.fixed import FixedGraph
from zkinfer.hidden_records import hide
from zkinfer.lower import counting, true_labels
from zkinfer.ops.tensor import FixedTensor, Integers
from zkinfer.proof import Proof, RecordNames


@dataclass(frozen=True)
class Data:
    """Whose records a proof has to be about: a commitment, and that to their labels or targets
    where it needs one.
    """

    inputs: DataCommitment
    labels: DataCommitment | None = None


@dataclass(frozen=True, repr=False)
class Records:
    """What a prover has of the records that it proves about. Secret.

    names: for the proof. inputs: of the network, int64. opened: what opens the rows. hidden: which
    records of the data these are, if the proof does not say.
    """

    names: RecordNames
    inputs: Mapping[str, Integers]
    opened: Opened
    hidden: Hidden | None = None


@dataclass(frozen=True)
class Named:
    """The records that a proof names, the rows that it has to open, and the data among which they
    are, if it does not say which.
    """

    names: RecordNames
    rows: bytes
    among: transparent.Data | None = None


def read_records(
    graph: FixedGraph,
    data: DataOpening,
    labels: DataOpening | None,
    numbers: Sequence[int],
    columns: int,
    left_out: Collection[int] = (),
) -> Records:
    """Records as the inputs of a network. columns: of its circuit.

    labels: their labels or targets, where the network compares. left_out: records that do not
    count. Raises UsageError where this cannot be.
    """
    for opening in (data, *(() if labels is None else (labels,))):
        if not isinstance(opening, DataOpening):
            raise UsageError(
                f"data must be a DataOpening, got {type(opening).__name__}; load the file"
            )
    _check_numbers(graph, numbers)
    check_scales(graph, data.commitment.description)
    counts = counted(graph, numbers, left_out) if graph.counts else None
    places = numbers if counts is None else filled(counts, numbers)
    inputs = _stacked(graph, data, places)
    opened = data.opened(places, columns)
    if graph.record_mode == "hidden":
        names, opened, hidden = hide(data, places, opened)
        return Records(names, inputs, opened, hidden)
    digest, rows = data.commitment.digest_bytes, b"" if graph.counts else opened.rows
    if counts is not None:
        inputs[counting(graph.outputs[0])] = counts
    if labels is None:
        return Records(RecordNames(digest, tuple(numbers), rows), inputs, opened)
    _check_labels(graph, labels.commitment)
    inputs[true_labels(graph.outputs[0])] = _labels(graph, labels, places)
    other = labels.opened(places, columns)
    arrays, rows = [*opened.arrays, *other.arrays], opened.rows + other.rows
    both = Opened(arrays, rows, opened.blinds + other.blinds)
    names = RecordNames(digest, tuple(numbers), b"", labels.commitment.digest_bytes)
    return Records(names, inputs, both)


def outside(graph: FixedGraph, data: DataOpening, labels: DataOpening | None) -> set[int]:
    """The records of these data that leave the network's domain.

    Raises UsageError where proofs cannot be about such data at all.
    """
    check_scales(graph, data.commitment.description)
    if labels is not None:
        _check_labels(graph, labels.commitment)
    found: set[int] = set()
    for name, array in zip(graph.inputs, data.arrays, strict=True):
        array = array.reshape(len(data), *graph.tensors[name].shape)
        leaving = graph.encoding(name).outside(array).reshape(len(data), -1)
        found.update(np.flatnonzero(leaving.any(axis=1)).tolist())
    return found


def check_scales(graph: FixedGraph, description: Description) -> None:
    """Raises UsageError unless a network reads these records, entry by entry, at their scales."""
    shapes = {name: graph.tensors[name].shape for name in graph.inputs}
    for name, tensor in description.by_input(shapes).items():
        mine = np.broadcast_to(graph.encoding(name).scale, shapes[name])
        theirs = np.broadcast_to(tensor.encoding.scale, tensor.shape).reshape(shapes[name])
        if (mine != theirs).any():
            index = first(mine != theirs)
            raise UsageError(
                f"the data have other scales than the network's input {name}: at index {index} "
                f"2^{-theirs[index]}, expected 2^{-mine[index]}; commit to them like the data that "
                "the key was compiled with, or compile with this commitment"
            )


def named_records(
    graph: FixedGraph,
    proof: Proof,
    counts: Integers | None,
    data: Data | None,
    *,
    any_data: bool,
) -> Named | None:
    """The records that a proof names, checked against the data that they must be of.

    counts: which of them count, by what the proof shows, if it shows that. Raises UsageError where
    data are needed, or not, and VerificationError otherwise.
    """
    for commitment in () if data is None else (data.inputs, data.labels):
        if commitment is not None and not isinstance(commitment, DataCommitment):
            raise UsageError(
                f"data must be a DataCommitment, got {type(commitment).__name__}; load the file"
            )
    names = proof.records
    if graph.input_mode != "committed":
        if data is not None or any_data:
            raise UsageError(f"this key is about a {graph.input_mode} input, not about data")
        if names is not None:
            raise VerificationError("the proof names records, and its key is not about data")
        return None
    _check_given(graph, data, any_data=any_data)
    if names is None:
        raise VerificationError("the proof names no records")
    hidden = graph.record_mode == "hidden"
    if graph.compares != bool(names.labels):
        raise VerificationError("the proof names labels, or needs to")
    if graph.counts == bool(names.rows):
        raise VerificationError("the proof lists rows of its records, or needs to")
    if hidden != bool(names.hidden):
        raise VerificationError("the proof hides which records it is about, or needs to")
    try:
        _check_numbers(graph, range(names.hidden) if hidden else names.numbers)
    except UsageError as error:
        raise VerificationError(f"the proof names other records than its key: {error}") from error
    if counts is not None:
        check_counted(counts, names.numbers)
    if data is None:
        return Named(names, names.rows)
    pairs = [(data.inputs, names.digest)]
    pairs += [] if data.labels is None else [(data.labels, names.labels)]
    for commitment, digest in pairs:
        if digest != commitment.digest_bytes:
            raise VerificationError(
                f"the proof is about the data {digest.hex()}, not about {commitment.digest}"
            )
    try:
        check_scales(graph, data.inputs.description)
        if hidden:
            return Named(names, names.rows, data.inputs.native)
        for number in names.numbers:
            check_number(number, len(data.inputs))
        places = names.numbers if counts is None else filled(counts, names.numbers)
        rows = b"".join(commitment.rows_of(places) for commitment, _ in pairs)
    except UsageError as error:
        raise VerificationError(f"the proof is not about these data: {error}") from error
    if not graph.counts and names.rows != rows:
        raise VerificationError("the records of these numbers have other rows")
    return Named(names, rows)


def _check_given(graph: FixedGraph, data: Data | None, *, any_data: bool) -> None:
    """Raises UsageError unless it is said whose records they must be."""
    if graph.compares:
        if any_data or data is None or data.labels is None:
            raise UsageError(
                f"a proof of {graph.output_mode} is about data and their {true_name(graph)}: give "
                "both (--data X.commitment --labels Y.commitment)"
            )
        _check_labels(graph, data.labels)
        if len(data.labels) != len(data.inputs):
            raise UsageError(
                f"there are {len(data.labels)} {true_name(graph)} for {len(data.inputs)} records"
            )
        return
    if data is not None and data.labels is not None:
        raise UsageError(
            "this key is not about labels or targets (--output accuracy, confusion or error); "
            "leave them out"
        )
    if graph.counts and data is None:
        raise UsageError(
            f"that all records count is checked against them, so a proof of {graph.output_mode} "
            "needs the data: --data X.commitment"
        )
    if graph.record_mode == "hidden" and (any_data or data is None):
        raise UsageError(
            "that a hidden record is one of the data is checked against them: --data X.commitment"
        )
    if (data is None) == (not any_data):
        raise UsageError(
            "say which data the records must be of (--data X.commitment), or that any will do "
            "(--any-data)"
        )


def _check_numbers(graph: FixedGraph, numbers: Sequence[int]) -> None:
    """Raises UsageError unless a proof can be about so many records of these numbers."""
    count, batch = len(numbers), graph.batch
    if not graph.counts:
        if count != batch:
            raise UsageError(f"a proof with this key is about {batch} records, got {count}")
        return
    if not 0 < count <= batch:
        raise UsageError(f"a proof with this key is about 1 to {batch} records, got {count}")
    if list(numbers) != list(range(numbers[0], numbers[0] + count)):
        raise UsageError(f"the records of a proof of {graph.output_mode} follow one another")


def true_name(graph: FixedGraph) -> str:
    """What the numbers are called that a network compares its outputs with."""
    return "labels" if graph.target is None else "targets"


def check_given(graph: FixedGraph, *, given: bool) -> None:
    """Raises UsageError unless a prover is given labels or targets as the network needs them."""
    if given != graph.compares:
        raise UsageError(
            "labels are given for proofs of accuracy, confusion or error, and for these only: "
            "--labels Y.opening"
        )


def _check_labels(graph: FixedGraph, labels: DataCommitment) -> None:
    """Raises UsageError unless these are one number a record, a whole one or at the key's scale."""
    tensors = labels.description.tensors
    single = len(tensors) == 1 and tensors[0].shape in ((), (1,))
    target = graph.target
    if target is not None and (not single or tensors[0].scales != (target.scale,)):
        raise UsageError(
            f"targets are one number a record, at the scale 2^{-target.scale}; commit to them like "
            "those that the key was compiled with (--like), or compile with this commitment"
        )
    if target is None and (not single or tensors[0].scales != (0,)):
        raise UsageError(
            "labels are one whole number a record, that of its class from 0 on; commit to an "
            "array of integers with one entry a record"
        )


def _stacked(graph: FixedGraph, data: DataOpening, numbers: Sequence[int]) -> dict[str, Integers]:
    """Records as inputs, in the shapes that the circuit reads."""
    parts: dict[str, list[Integers]] = {name: [] for name in graph.inputs}
    for number in numbers:
        for name, array in zip(graph.inputs, data.record(number), strict=True):
            parts[name].append(_inside(graph, name, array, number))
    return {name: np.stack(part).reshape(graph.stacked(name)) for name, part in parts.items()}


def _inside(graph: FixedGraph, name: str, array: Integers, number: int) -> Integers:
    """A record's part as an input. Raises UsageError if it leaves the domain."""
    array, encoding = array.reshape(graph.tensors[name].shape), graph.encoding(name)
    outside = encoding.outside(array)
    if outside.any():
        index = first(outside)
        raise UsageError(
            f"record {number} leaves the network's domain: {name} at index {index} is "
            f"{encoding.numbers(array)[index]:g}; compile with a commitment whose ranges "
            "cover it"
        )
    return array


def _labels(graph: FixedGraph, labels: DataOpening, numbers: Sequence[int]) -> Integers:
    """The labels or targets of records. Raises UsageError for a label that is no class of the
    network, and a target out of its range.
    """
    array: Integers = np.stack([labels.record(number)[0].reshape(()) for number in numbers])
    last = graph.tensors[graph.outputs[0]].high
    target = FixedTensor((), 0, 0, last) if graph.target is None else graph.target
    encoding = Encoding.of(target)
    outside = encoding.outside(array)
    if outside.any():
        place = int(outside.argmax())
        number = encoding.numbers(array)[place]
        if graph.target is None:
            raise UsageError(
                f"record {numbers[place]} has the label {number:g}; the network's classes are "
                f"numbered 0 to {last}"
            )
        low, high = encoding.numbers(encoding.low), encoding.numbers(encoding.high)
        raise UsageError(
            f"record {numbers[place]} has the target {number:g}, expected {low:g} to {high:g}; "
            "compile with a commitment whose ranges cover it"
        )
    return array.reshape(graph.counted)
