"""An independent verifier in plain Python, written from docs/protocol.md and docs/formats.md alone.

It shares no code with the rest of zkinfer and needs nothing but the standard library. Use it to
check a verdict of `zkinfer verify`, or as the specification in executable form:

    python -m zkinfer.reference verify KEY PROOF [--context TEXT] [--json]

It verifies a proof against the circuit in the key. Two steps of accepting a key are the package's
only: that the circuit is the one that follows from the graph, and, where the weights are public,
that the commitments are those to the weights in the key. So it takes a key as given; accept the
key with `zkinfer inspect` or `zkinfer verify`, which does both.

    field       section 1: F, eq
    ristretto   section 1: G, the generators, multi-scalar multiplication
    transcript  section 4
    circuit     section 2, and the circuit of formats.md
    matrix      section 5
    argument    section 3
    formats, graph, reader   formats.md
    verify      the verdict
"""

from zkinfer.reference.errors import FormatError, ReferenceError_, VerificationError
from zkinfer.reference.formats import Proof, VerifyingKey, read_key, read_proof
from zkinfer.reference.verify import verify

__all__ = [
    "FormatError",
    "Proof",
    "ReferenceError_",
    "VerificationError",
    "VerifyingKey",
    "read_key",
    "read_proof",
    "verify",
]
