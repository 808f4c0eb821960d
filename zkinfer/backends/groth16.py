"""The pairing backend: thin calls into the native module, with zkinfer's own errors.

Groth16 (eprint 2016/260) over BN254. Weights are public signals of the circuit that the verifier is
not shown: a key has their commitment D = sum_i w_i IC_i + b IC_b, b uniform, in its first point.
"""

from functools import lru_cache

from zkinfer import _core
from zkinfer._core import Groth16Key, Groth16Setup, Groth16Verifier, RefusedError
from zkinfer.errors import FormatError, UsageError, VerificationError

__all__ = [
    "NAME",
    "Groth16Key",
    "Groth16Setup",
    "Groth16Verifier",
    "check_opening",
    "commit",
    "model_key",
    "open_commitment",
    "prove",
    "read_key",
    "read_setup",
    "setup",
    "verify",
]

NAME = "groth16"
"""What keys call this proof system."""


def setup(r1cs: bytes) -> bytes:
    """A .zkey for a circuit, made on this machine: whoever runs it could keep what forges proofs.

    Raises UsageError.
    """
    try:
        return _core.groth16_setup(r1cs)
    except RefusedError as error:
        raise UsageError(f"no setup is made: {error}") from error


def read_setup(zkey: bytes | memoryview, r1cs: bytes) -> Groth16Setup:
    """The setup of a circuit. Raises FormatError."""
    try:
        return Groth16Setup(zkey, r1cs)
    except RefusedError as error:
        raise FormatError(f"the setup is not acceptable: {error}") from error


@lru_cache(maxsize=4)
def read_key(data: bytes) -> Groth16Key:
    """A setup's key; the last ones are kept, as reading takes a square root a point.

    Raises FormatError.
    """
    try:
        return Groth16Key(data)
    except RefusedError as error:
        raise FormatError(f"the setup's key is not acceptable: {error}") from error


def commit(key: Groth16Key, public: int, scalars: bytes) -> bytes:
    """The commitment to what the signals behind the public ones are. Raises FormatError."""
    try:
        return key.commit(public, scalars)
    except RefusedError as error:
        raise FormatError(f"the weights cannot be committed: {error}") from error


def open_commitment(key: Groth16Key, public: int, scalars: bytes, seed: bytes) -> bytes:
    """A proof that somebody knows what a commitment is to. Raises FormatError."""
    try:
        return key.open(public, scalars, seed)
    except RefusedError as error:
        raise FormatError(f"the commitment cannot be opened: {error}") from error


def check_opening(
    key: Groth16Key, public: int, commitment: bytes, seed: bytes, proof: bytes
) -> None:
    """Returns if it is such a proof. Raises FormatError."""
    try:
        key.check_opening(public, commitment, seed, proof)
    except RefusedError as error:
        raise FormatError(
            f"that the weights' commitment can be opened is not shown: {error}"
        ) from error


def model_key(key: Groth16Key, public: int, commitment: bytes) -> Groth16Key:
    """The key of a model: the setup's, with the commitment. Raises FormatError."""
    try:
        return key.model(public, commitment)
    except RefusedError as error:
        raise FormatError(f"the model's key is not acceptable: {error}") from error


def prove(known: Groth16Setup, assignment: bytes) -> bytes:
    """A proof, 128 bytes. Raises UsageError, naming the row, when one is not satisfied."""
    try:
        return _core.groth16_prove(known, assignment)
    except RefusedError as error:
        raise UsageError(f"no proof is released: {error}") from error


def verify(model: Groth16Verifier, public: bytes, proof: bytes) -> None:
    """Returns if a proof is valid under a model's key. Raises VerificationError."""
    try:
        model.verify(public, proof)
    except RefusedError as error:
        raise VerificationError(str(error)) from error
