"""The native module: circuits, commitments, the prover and the verifier.

Arrays are C-contiguous int64 of their tensor's shape. A list of arrays holds the tensors of one
segment in the circuit's order.
"""

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

class RefusedError(ValueError):
    """What was given is refused; the text says why."""

class Circuit:
    """A parsed and checked circuit.

    Raises RefusedError with the reason when the bytes are no circuit or exceed a stated limit.
    """

    def __init__(self, data: bytes) -> None: ...
    @property
    def digest(self) -> bytes:
        """SHA3-256 of the circuit's bytes, 32 bytes."""

    @property
    def rows(self) -> int:
        """Committed rows of all segments."""

    @property
    def columns(self) -> int:
        """Entries of one committed row."""

    @property
    def entries(self) -> int:
        """Witness entries, padded to a power of two."""

    @property
    def constraints(self) -> int:
        """Constraint rows, padded to a power of two."""

def commit(
    circuit: Circuit, segment: str, arrays: list[npt.NDArray[np.int64]], hidden: bool
) -> tuple[bytes, bytes]:
    """Row commitments to a committed segment and blindings, 32 bytes a row each.

    Blindings are zero unless hidden.
    """

def commit_rows(rows: npt.NDArray[np.int64], blindings: bytes | None) -> tuple[bytes, bytes]:
    """Row commitments to an array [rows, width] and blindings, 32 bytes a row each.

    Blindings are fresh unless given.
    """

class Data:
    """Committed data that records are hidden among: their number and their rows, 32 bytes each.

    Raises RefusedError when a row is no point.
    """

    def __init__(self, records: int, rows: bytes) -> None: ...

class Prover:
    """A circuit with its committed segments, ready to prove any number of inputs.

    committed: by a segment's name its arrays, its rows and their blindings; what every proof has of
    its own is left out. Raises RefusedError
    with the reason when arrays and blindings do not open the rows.
    """

    def __init__(
        self,
        circuit: Circuit,
        committed: dict[str, tuple[list[npt.NDArray[np.int64]], bytes, bytes]],
        key_digest: bytes,
    ) -> None: ...
    @staticmethod
    def unchecked(
        circuit: Circuit,
        committed: dict[str, tuple[list[npt.NDArray[np.int64]], bytes, bytes]],
        key_digest: bytes,
    ) -> Prover:
        """A prover that also proves what is false, for tests of verifiers.

        What it makes of a false witness shows hidden values to whoever receives it.
        """

    def prove(
        self,
        context: bytes,
        public: list[npt.NDArray[np.int64]],
        sent: dict[str, list[npt.NDArray[np.int64]]],
        *,
        data: bytes = b"",
        committed: dict[str, tuple[list[npt.NDArray[np.int64]], bytes, bytes]] = ...,
        hidden: tuple[Data, list[int], bytes] | None = None,
        certificate: bool = False,
    ) -> bytes:
        """The body of a proof, or of a certificate, for one witness.

        committed: the segments that the prover was made without; data: what names them in the
        statement. hidden: of records that this does not name their data, their numbers, and the
        blindings of their rows there. Raises RefusedError naming the block, before anything is
        released, when the witness does not satisfy it.
        """

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that each step of the last proof took."""

class Verifier:
    """A circuit and the rows of its committed segments, ready to verify any number of proofs.

    rows: by a segment's name; what every statement has of its own is left out. Raises RefusedError
    with the reason when they are not as many as the circuit fixes, or are no points.
    """

    def __init__(self, circuit: Circuit, rows: dict[str, bytes], key_digest: bytes) -> None: ...
    def verify(
        self,
        context: bytes,
        public: list[npt.NDArray[np.int64]],
        proof: bytes,
        *,
        data: bytes = b"",
        rows: dict[str, bytes] = ...,
        hidden: Data | None = None,
        certificate: bool = False,
    ) -> None:
        """Returns when the body of a proof, or of a certificate, is valid.

        rows: of the segments that the verifier was made without; data: what names them; hidden: the
        data of records that this does not name. Raises RefusedError naming the failing check.
        """

def groth16_setup(r1cs: Buffer) -> bytes:
    """The `.zkey` of a setup that this machine makes, for development.

    Its secrets come from the system's entropy and are erased. Raises RefusedError when the bytes
    are no R1CS over the scalar field of BN254.
    """

class Groth16Setup:
    """A circuit's R1CS and its setup, a `.zkey` of Groth16, ready to prove.

    The setup's points are read from the buffer by each proof, so it may be a memory map. Raises
    RefusedError when either is malformed, the setup is another circuit's, or its key proves
    nothing.
    """

    def __init__(self, zkey: Buffer, r1cs: Buffer) -> None: ...
    @property
    def constants(self) -> tuple[int, int, int]:
        """Wires, public signals without the one, and points of the domain."""

    @property
    def contributions(self) -> int:
        """Contributions of a ceremony that the file records; none in a setup for development."""

    @property
    def key(self) -> Groth16Key:
        """The setup's key."""

def groth16_prove(setup: Groth16Setup, assignment: bytes) -> bytes:
    """A proof, 128 bytes, for an assignment of all wires, 32 bytes each, little-endian.

    Raises RefusedError when wire 0 is not one, when a row is not satisfied (naming the first), and
    when a proof made with this setup does not verify.
    """

class Groth16Key:
    """A key, of a setup or a model, its points checked: alpha, beta, gamma, delta and the IC.

    Raises RefusedError when the bytes, compressed points, are no key, or one that proves nothing.
    """

    def __init__(self, key: bytes) -> None: ...
    def to_bytes(self) -> bytes:
        """The points, compressed."""

    def commit(self, n_pub: int, scalars: bytes) -> bytes:
        """The commitment, 32 bytes, to weights and then a blinding, 32 bytes each, little-endian.

        n_pub: how many public signals there are before the weights.
        """

    def open(self, n_pub: int, scalars: bytes, seed: bytes) -> bytes:
        """A proof that the commitment to these scalars opens, bound to a seed of 32 bytes."""

    def check_opening(self, n_pub: int, commitment: bytes, seed: bytes, proof: bytes) -> None:
        """Returns when the proof shows that the commitment opens.

        Raises RefusedError when it does not, and for any malformed argument.
        """

    def model(self, n_pub: int, commitment: bytes) -> Groth16Key:
        """The key of the model that was committed to, that of a circuit of n_pub values."""

class Groth16Verifier:
    """A model's key, ready to verify."""

    def __init__(self, model: Groth16Key) -> None: ...
    def verify(self, public: bytes, proof: bytes) -> None:
        """Returns when the proof of the public values, 32 bytes each, little-endian, is valid.

        Raises RefusedError when it is not, and for any malformed argument.
        """
