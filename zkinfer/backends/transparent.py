"""The transparent backend: thin calls into the native module, with zkinfer's own errors.

The native module reports what it refuses as RefusedError; here that becomes the error that the
call site means: FormatError for circuits, UsageError while proving, VerificationError while
verifying. Its InternalError, after a panic, and a KeyboardInterrupt pass through.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zkinfer import _core
from zkinfer._core import Circuit, Prover, RefusedError, Verifier
from zkinfer.errors import FormatError, UsageError, VerificationError

__all__ = [
    "Circuit",
    "Prover",
    "Verifier",
    "commit_weights",
    "make_prover",
    "make_verifier",
    "parse_circuit",
    "prove",
    "verify",
]

Integers = npt.NDArray[np.int64]


def parse_circuit(data: bytes) -> Circuit:
    """The native circuit. Raises FormatError when the bytes are no circuit within the limits."""
    try:
        return Circuit(data)
    except RefusedError as error:
        raise FormatError(f"the circuit is not acceptable: {error}") from error


def commit_weights(
    circuit: Circuit, weights: Sequence[Integers], *, hidden: bool
) -> tuple[bytes, bytes]:
    """Row commitments and blindings, 32 bytes a row each. Raises UsageError."""
    try:
        return _core.commit_weights(circuit, _native(weights), hidden)
    except RefusedError as error:
        raise UsageError(f"the weights cannot be committed: {error}") from error


def make_prover(
    circuit: Circuit,
    weights: Sequence[Integers],
    rows: bytes,
    blinds: bytes,
    key_digest: bytes,
) -> Prover:
    """A prover that holds the circuit, the weights and the openings of their rows.

    Raises FormatError, also when weights and blindings do not open the rows.
    """
    try:
        return Prover(circuit, _native(weights), rows, blinds, key_digest)
    except RefusedError as error:
        raise FormatError(f"the proving key is not acceptable: {error}") from error


def prove(
    prover: Prover,
    context: bytes,
    public: Sequence[Integers],
    inputs: Sequence[Integers],
    bits: Sequence[Integers],
    trace: Sequence[Integers],
    *,
    certificate: bool = False,
) -> bytes:
    """The body of a proof, or of a certificate, for one witness.

    Raises UsageError, naming the block, when the witness does not satisfy it: a false proof would
    not verify, and would show hidden values to its receiver.
    """
    arrays = [_native(segment) for segment in (public, inputs, bits, trace)]
    try:
        return prover.prove(context, *arrays, certificate=certificate)
    except RefusedError as error:
        raise UsageError(f"no proof is released: {error}") from error


def make_verifier(circuit: Circuit, rows: bytes, key_digest: bytes) -> Verifier:
    """A verifier that holds the circuit and the weights' commitments. Raises FormatError."""
    try:
        return Verifier(circuit, rows, key_digest)
    except RefusedError as error:
        raise FormatError(f"the weights' commitments are not acceptable: {error}") from error


def verify(
    verifier: Verifier,
    context: bytes,
    public: Sequence[Integers],
    body: bytes,
    *,
    certificate: bool = False,
) -> None:
    """Returns if the body of a proof, or of a certificate, is valid.

    Raises VerificationError naming the check.
    """
    try:
        verifier.verify(context, _native(public), body, certificate=certificate)
    except RefusedError as error:
        raise VerificationError(str(error)) from error


def _native(arrays: Sequence[Integers]) -> list[Integers]:
    """C-contiguous int64 arrays; no copy where they are so already."""
    return [np.ascontiguousarray(array, dtype=np.int64) for array in arrays]
