"""The native module: circuits, commitments, the prover and the verifier.

Arrays are C-contiguous int64 of their tensor's shape. A list of arrays holds the tensors of one
segment in the circuit's order.
"""

import numpy as np
import numpy.typing as npt

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

def commit_weights(
    circuit: Circuit, weights: list[npt.NDArray[np.int64]], hidden: bool
) -> tuple[bytes, bytes]:
    """Row commitments and blindings, 32 bytes a row each; blindings are zero unless hidden."""

class Prover:
    """A circuit with the weights committed in a key, ready to prove any number of inputs.

    Raises RefusedError with the reason when weights and blindings do not open the rows.
    """

    def __init__(
        self,
        circuit: Circuit,
        weights: list[npt.NDArray[np.int64]],
        rows: bytes,
        blinds: bytes,
        key_digest: bytes,
    ) -> None: ...
    @staticmethod
    def unchecked(
        circuit: Circuit,
        weights: list[npt.NDArray[np.int64]],
        rows: bytes,
        blinds: bytes,
        key_digest: bytes,
    ) -> Prover:
        """A prover that also proves what is false, for tests of verifiers.

        What it makes of a false witness shows hidden values to whoever receives it.
        """

    def prove(
        self,
        context: bytes,
        public: list[npt.NDArray[np.int64]],
        input: list[npt.NDArray[np.int64]],
        bits: list[npt.NDArray[np.int64]],
        trace: list[npt.NDArray[np.int64]],
        *,
        certificate: bool = False,
    ) -> bytes:
        """The body of a proof, or of a certificate, for one witness.

        Raises RefusedError naming the block, before anything is released, when the witness does not
        satisfy it.
        """

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that each step of the last proof took."""

class Verifier:
    """A circuit and the commitments to its weights, ready to verify any number of proofs.

    Raises RefusedError with the reason when the rows are not those of so many weights.
    """

    def __init__(self, circuit: Circuit, rows: bytes, key_digest: bytes) -> None: ...
    def verify(
        self,
        context: bytes,
        public: list[npt.NDArray[np.int64]],
        proof: bytes,
        *,
        certificate: bool = False,
    ) -> None:
        """Returns when the body of a proof, or of a certificate, is valid.

        Raises RefusedError naming the failing check.
        """
