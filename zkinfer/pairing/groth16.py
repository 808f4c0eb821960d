"""Verifying keys, proofs and public values of Groth16 (eprint 2016/260): bytes and integers.

A proof (A, B, C) is valid for public values x_1 ... x_n under a key if

    e(A, B) = e(alpha, beta) e(IC_0 + sum_i x_i IC_i, gamma) e(C, delta).

A model's key is that of a circuit's setup with IC_0 + D in the place of IC_0, D the commitment to
the weights, and without the IC_i of the weights: an ordinary key, which every verifier of Groth16
takes. Its public values are the context's element and then the circuit's public integers, of which
x stands for x modulo r.

Whoever has a proof makes others of the same statement: nothing may rest on a proof's bytes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.errors import FormatError
from zkinfer.pairing.curve import (
    G1,
    G1_SIZE,
    G2,
    G2_SIZE,
    GENERATOR_G2,
    R,
    decode_g1,
    decode_g1_or_infinity,
    decode_g2,
    encode_g1,
    encode_g2,
)

PROOF_SIZE = 2 * G1_SIZE + G2_SIZE

_FIXED = G1_SIZE + 3 * G2_SIZE
"""The bytes of a key before IC_0."""


@dataclass(frozen=True)
class Key:
    """A verifying key, its points read and checked. ic: IC_0, ..., IC_n, at least IC_0.

    Raises FormatError if delta is gamma or the generator: such a key was made without a setup, and
    proves anything.
    """

    alpha: G1
    beta: G2
    gamma: G2
    delta: G2
    ic: tuple[G1, ...]

    def __post_init__(self) -> None:
        if self.delta in (self.gamma, GENERATOR_G2):
            raise FormatError(
                "delta of the verifying key is gamma or the generator of G2: nobody contributed to "
                "the setup, and anything can be proved with such a key"
            )

    @property
    def public(self) -> int:
        """How many public values a proof has."""
        return len(self.ic) - 1


@dataclass(frozen=True)
class Proof:
    """A proof, its points read and checked; c is None where it is the point at infinity."""

    a: G1
    b: G2
    c: G1 | None


def encode_key(key: Key) -> bytes:
    """alpha, beta, gamma, delta, IC_0, ..., IC_n, each compressed."""
    fixed = (encode_g1(key.alpha), *map(encode_g2, (key.beta, key.gamma, key.delta)))
    return b"".join((*fixed, *map(encode_g1, key.ic)))


def decode_key(data: bytes) -> Key:
    """The key of these bytes. Raises FormatError unless each point is as it must be."""
    if len(data) < _FIXED + G1_SIZE or (len(data) - _FIXED) % G1_SIZE:
        raise FormatError(f"a verifying key of a pairing proof does not have {len(data)} bytes")
    starts = range(G1_SIZE, _FIXED, G2_SIZE)
    beta, gamma, delta = (
        decode_g2(data[at : at + G2_SIZE], f"{name} of the verifying key")
        for at, name in zip(starts, ("beta", "gamma", "delta"), strict=True)
    )
    points = (data[at : at + G1_SIZE] for at in range(_FIXED, len(data), G1_SIZE))
    return Key(
        decode_g1(data[:G1_SIZE], "alpha of the verifying key"),
        beta,
        gamma,
        delta,
        tuple(decode_g1(at, f"IC {i} of the verifying key") for i, at in enumerate(points)),
    )


def encode_proof(proof: Proof) -> bytes:
    """A, B, C, each compressed: 128 bytes."""
    return encode_g1(proof.a) + encode_g2(proof.b) + encode_g1(proof.c)


def decode_proof(data: bytes) -> Proof:
    """The proof of 128 bytes. Raises FormatError unless each point is as it must be."""
    if len(data) != PROOF_SIZE:
        raise FormatError(f"a pairing proof has {PROOF_SIZE} bytes, not {len(data)}")
    return Proof(
        decode_g1(data[:G1_SIZE], "A of the proof"),
        decode_g2(data[G1_SIZE:-G1_SIZE], "B of the proof"),
        decode_g1_or_infinity(data[-G1_SIZE:], "C of the proof"),
    )


def checked_values(key: Key, values: Sequence[int]) -> Sequence[int]:
    """The public values of a proof under a key, each an integer from 0 to r - 1.

    Raises FormatError if there are more or fewer than the key takes, or one is not in that range:
    x + r would stand for what x does, and other verifiers may take it.
    """
    if len(values) != key.public:
        raise FormatError(f"the key takes {key.public} public values, not {len(values)}")
    for index, value in enumerate(values):
        if not 0 <= value < R:
            raise FormatError(f"public value {index} is {value}, not an integer from 0 to r - 1")
    return values


def context_element(key_digest: bytes, context: bytes) -> int:
    """The first public value: 253 bits of SHA-256 of the setup's key digest and the context."""
    digest = hashlib.sha256(b"zkinfer/groth16/context" + key_digest + context).digest()
    return int.from_bytes(digest, "big") >> 3
