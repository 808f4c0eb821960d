"""The transparent backend: thin calls into the native module, with zkinfer's own errors.

The native module reports what it refuses as RefusedError; here that becomes the error that the
call site means: FormatError for circuits, UsageError while proving, VerificationError while
verifying. Its InternalError, after a panic, and a KeyboardInterrupt pass through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer import _core
from zkinfer._core import Circuit, Data, Prover, RefusedError, Verifier
from zkinfer.circuit.layout import Binding, Segment
from zkinfer.errors import FormatError, UsageError, VerificationError

__all__ = [
    "NAME",
    "Circuit",
    "Data",
    "Hidden",
    "Opened",
    "Prover",
    "Verifier",
    "commit",
    "commit_rows",
    "make_data",
    "make_prover",
    "make_verifier",
    "native_openings",
    "parse_circuit",
    "prove",
    "verify",
]

Integers = npt.NDArray[np.int64]

NAME = "transparent"
"""What keys call this proof system."""


@dataclass(frozen=True, repr=False)
class Hidden:
    """Which records of which data the rows of a circuit are. Secret.

    numbers: from 0. blinds: of their rows in the data, in the order of the circuit's rows.
    """

    among: Data
    numbers: Sequence[int]
    blinds: bytes


@dataclass(frozen=True, repr=False)
class Opened:
    """The tensors of a committed segment, its rows and their blindings, 32 bytes a row each."""

    arrays: Sequence[Integers]
    rows: bytes
    blinds: bytes


def parse_circuit(data: bytes) -> Circuit:
    """The native circuit. Raises FormatError when the bytes are no circuit within the limits."""
    try:
        return Circuit(data)
    except RefusedError as error:
        raise FormatError(f"the circuit is not acceptable: {error}") from error


def commit(
    circuit: Circuit, segment: Segment, arrays: Sequence[Integers], *, hidden: bool
) -> tuple[bytes, bytes]:
    """Row commitments to a committed segment and blindings, 32 bytes a row each.

    Raises UsageError.
    """
    try:
        return _core.commit(circuit, segment.value, _native(arrays), hidden)
    except RefusedError as error:
        raise UsageError(f"the {segment.value} cannot be committed: {error}") from error


def commit_rows(cells: Integers, blinds: bytes | None = None) -> tuple[bytes, bytes]:
    """Row commitments to cells [rows, width] of no circuit, and blindings, 32 bytes a row each.

    width: a power of two. blinds: the blindings; fresh by default. Raises FormatError when the
    blindings are not as many canonical scalars.
    """
    try:
        return _core.commit_rows(np.ascontiguousarray(cells, dtype=np.int64), blinds)
    except RefusedError as error:
        raise FormatError(f"the rows cannot be committed to: {error}") from error


def make_data(records: int, rows: bytes) -> Data:
    """Committed data that records are hidden among. Raises FormatError when a row is no point."""
    try:
        return Data(records, rows)
    except RefusedError as error:
        raise FormatError(f"the data commitment is not acceptable: {error}") from error


def make_prover(circuit: Circuit, committed: Mapping[Segment, Opened], key_digest: bytes) -> Prover:
    """A prover that holds the circuit, its committed segments and the openings of their rows.

    What it lacks of these `prove` is given each time. Raises FormatError, also when entries and
    blindings do not open the rows.
    """
    try:
        return Prover(circuit, native_openings(committed), key_digest)
    except RefusedError as error:
        raise FormatError(f"the proving key is not acceptable: {error}") from error


def native_openings(
    committed: Mapping[Segment, Opened],
) -> dict[str, tuple[list[Integers], bytes, bytes]]:
    """What the native module opens rows with, by the name of the segment."""
    return {
        segment.value: (_native(opened.arrays), opened.rows, opened.blinds)
        for segment, opened in committed.items()
    }


def prove(
    prover: Prover,
    context: bytes,
    witness: Mapping[Segment, Sequence[Integers]],
    *,
    data: bytes = b"",
    committed: Mapping[Segment, Opened] | None = None,
    hidden: Hidden | None = None,
    certificate: bool = False,
) -> bytes:
    """The body of a proof, or of a certificate, for one witness.

    witness: the arrays of each segment; committed ones are those that the prover holds, and
    `committed`, those of this proof only. data: what names these in the statement. hidden: which
    records of which data they are, where the statement does not say.

    Raises UsageError, naming the block, when the witness does not satisfy it: a false proof would
    not verify, and would show hidden values to its receiver.
    """
    sent = {
        segment.value: _native(arrays)
        for segment, arrays in witness.items()
        if arrays and segment.binding in (Binding.SENT, Binding.BITS)
    }
    public = _native(witness.get(Segment.PUBLIC, []))
    try:
        return prover.prove(
            context,
            public,
            sent,
            data=data,
            committed=native_openings(committed or {}),
            hidden=(hidden.among, list(hidden.numbers), hidden.blinds) if hidden else None,
            certificate=certificate,
        )
    except RefusedError as error:
        raise UsageError(f"no proof is released: {error}") from error


def make_verifier(circuit: Circuit, rows: Mapping[Segment, bytes], key_digest: bytes) -> Verifier:
    """A verifier that holds the circuit and the rows of its committed segments.

    What it lacks of these `verify` is given each time. Raises FormatError.
    """
    try:
        by_name = {segment.value: encoded for segment, encoded in rows.items()}
        return Verifier(circuit, by_name, key_digest)
    except RefusedError as error:
        raise FormatError(f"the commitments are not acceptable: {error}") from error


def verify(
    verifier: Verifier,
    context: bytes,
    public: Sequence[Integers],
    body: bytes,
    *,
    data: bytes = b"",
    rows: Mapping[Segment, bytes] | None = None,
    among: Data | None = None,
    certificate: bool = False,
) -> None:
    """Returns if the body of a proof, or of a certificate, is valid.

    rows: of the committed segments that the verifier does not hold. data: what names them in the
    statement. among: the data of which they are records, where the statement does not say which.
    Raises VerificationError naming the check.
    """
    try:
        verifier.verify(
            context,
            _native(public),
            body,
            data=data,
            rows={segment.value: encoded for segment, encoded in (rows or {}).items()},
            hidden=among,
            certificate=certificate,
        )
    except RefusedError as error:
        raise VerificationError(str(error)) from error


def _native(arrays: Sequence[Integers]) -> list[Integers]:
    """C-contiguous int64 arrays; no copy where they are so already."""
    return [np.ascontiguousarray(array, dtype=np.int64) for array in arrays]
