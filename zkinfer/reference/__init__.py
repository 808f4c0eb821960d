"""An independent verifier in plain Python, after docs/protocol.md and docs/formats.md.

It shares no code with the rest of zkinfer and needs nothing but the standard library, and for
proofs of the backend groth16 py_ecc. Use it to
check a verdict of `zkinfer verify`, or as the specification in executable form:

    python -m zkinfer.reference verify KEY PROOF [--context TEXT] [--data COMMITMENT]
        [--labels COMMITMENT] [--outputs COMMITMENT] [--json]

It verifies proofs against the circuits in the key; a verdict says what it did not check.
"""

from zkinfer.reference.data import read_data
from zkinfer.reference.errors import FormatError, VerificationError
from zkinfer.reference.formats import is_pairing, read_proof
from zkinfer.reference.verify import read_key, verify

__all__ = [
    "FormatError",
    "VerificationError",
    "is_pairing",
    "read_data",
    "read_key",
    "read_proof",
    "verify",
]
