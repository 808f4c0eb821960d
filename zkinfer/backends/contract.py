"""What a backend is: an argument that turns the rows of a network into proofs, with its own keys.

A key names its backend. Two sections of a verifying key are the backend's own, `circuit`, by which
it knows the rows, and `certificate`, which shows what it needs to know of hidden weights, and in a
third, `rows`, it commits to them; so is one of a proof, its body. Graph, context and public values
are the same for all. A backend is these functions:

    accept      raises unless a verifying key is one that proofs can be trusted with
    target      what the rows of a network are written for
    verifier    checks proofs with an accepted key
    prover      makes them, from the weights and what opens their commitment
    sizes       what `inspect` says of the circuit
    insecure    whether whoever made a key can prove anything with it
    caveats     what a proof does not show, which one of the other backend does
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from zkinfer.backends.transparent import Circuit, Data, Hidden, Opened
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.target import Target
from zkinfer.fixed import FixedGraph

Integers = npt.NDArray[np.int64]


class Stated(Protocol):
    """A verifying key, as its backend sees it."""

    @property
    def graph(self) -> FixedGraph:
        """The network."""

    @property
    def circuit(self) -> bytes:
        """How the backend knows its rows."""

    @property
    def native_circuit(self) -> Circuit:
        """The circuit as the native module holds it, of a transparent key."""

    @property
    def rows(self) -> bytes:
        """The commitment to the weights."""

    @property
    def weights(self) -> Mapping[str, Integers] | None:
        """The weights if they are public."""

    @property
    def certificate(self) -> bytes:
        """What shows of hidden weights what is needed."""

    @property
    def key_digest(self) -> bytes:
        """SHA3-256 of all sections but the certificate."""


class Verifier(Protocol):
    """Checks proofs with one key."""

    def verify(
        self,
        context: bytes,
        public: Sequence[Integers],
        body: bytes,
        *,
        data: bytes = b"",
        rows: Mapping[Segment, bytes] | None = None,
        among: Data | None = None,
    ) -> None:
        """Returns if the body of a proof is valid. Raises VerificationError naming the check.

        public: the arrays of public tensors. data, rows, among: of a proof about committed data,
        what names them in the statement, the rows of committed segments, and the data that hidden
        records are of.
        """


class Prover(Protocol):
    """Makes proofs with one key."""

    def prove(
        self,
        context: bytes,
        witness: Mapping[Segment, Sequence[Integers]],
        *,
        data: bytes = b"",
        committed: Mapping[Segment, Opened] | None = None,
        hidden: Hidden | None = None,
    ) -> bytes:
        """The body of a proof for one witness. Raises UsageError, naming what is not satisfied.

        data, committed, hidden: of a proof about committed data, what names them in the statement,
        their openings, and which records they are where the statement does not say.
        """


class Backend(Protocol):
    """See above."""

    NAME: str

    def accept(self, key: Stated) -> None:
        """Raises FormatError."""

    def target(self, key: Stated) -> Target:
        """The field, and what keeps weights small."""

    def verifier(self, key: Stated) -> Verifier:
        """With an accepted key."""

    def prover(
        self, key: Stated, weights: Mapping[str, Integers], blinds: bytes, setup: bytes | memoryview
    ) -> Prover:
        """blinds: what opens the commitment besides the weights. setup: that of the circuit, or
        nothing. Raises FormatError when they do not open it.
        """

    def sizes(self, key: Stated) -> dict[str, Any]:
        """As JSON has it."""

    def insecure(self, key: Stated) -> bool:
        """Whether the key is for development only."""

    def caveats(self, key: Stated) -> tuple[str, ...]:
        """One sentence each."""
