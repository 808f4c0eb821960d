"""The proof that a model's commitment can be opened: the reference takes honest ones alone."""

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc import optimized_bn128 as bn

from tests.pairing.opening import commitment, encoded, prove
from tests.pairing.setting import affine, affine2, projective
from zkinfer.pairing.curve import R
from zkinfer.pairing.groth16 import Key, encode_key
from zkinfer.reference import FormatError, VerificationError
from zkinfer.reference.groth16 import Key as ReferenceKey
from zkinfer.reference.groth16 import check_opening, read_key

SEED = bytes(range(32))
TWIST = [affine2(bn.multiply(bn.G2, scalar)) for scalar in (3, 5, 7)]
FIXED = read_key(encode_key(Key((1, 2), *TWIST, ((1, 2),))))
"""What all keys here have in common, as the reference reads it."""

SCALARS = st.integers(0, R - 1) | st.integers(0, 3)
REFUSED = (FormatError, VerificationError)


def setup(public: int, weights: int) -> Key:
    """A key with points drawn for so many public values, weights and the blinding."""
    rng = random.Random(weights)  # noqa: S311
    points = [affine(bn.multiply(bn.G1, rng.randrange(1, R))) for _ in range(3 + public + weights)]
    return Key(points[0], *TWIST, tuple(points[1:]))


@dataclasses.dataclass
class Opened:
    """A setup's key, a commitment over its points for weights, and the proof of its opening.

    read: the key as the reference reads it.
    """

    public: int
    key: Key
    read: ReferenceKey
    commitment: bytes
    proof: bytes

    def check(self, **changes: bytes | int) -> None:
        said = {"commitment": self.commitment, "proof": self.proof, "seed": SEED} | changes
        check_opening(self.read, public=said.pop("public", self.public), **said)  # type: ignore[arg-type]


def opened(public: int, scalars: list[int]) -> Opened:
    """What an honest prover makes; the last scalar is the blinding."""
    key = setup(public, len(scalars) - 1)
    bases = key.ic[public + 1 :]
    made = commitment(bases, scalars), prove(bases, scalars, SEED)
    read = dataclasses.replace(FIXED, ic=tuple(map(projective, key.ic)))
    return Opened(public, key, read, *made)


@given(st.integers(1, 3), st.lists(SCALARS, min_size=1, max_size=9).filter(any))
@settings(max_examples=8, deadline=None)
def test_honest_proofs_are_taken(public: int, scalars: list[int]) -> None:
    of = opened(public, scalars)
    of.check()
    assert len(of.proof) == 64 + 64 * (len(scalars) - 1).bit_length()


@pytest.fixture(scope="module", params=[1, 2, 5])
def honest(request: pytest.FixtureRequest) -> Opened:
    return opened(2, list(range(7, 7 + request.param)))


def test_it_is_bound_to_seed_commitment_and_points(honest: Opened) -> None:
    with pytest.raises(VerificationError):
        honest.check(seed=bytes(32))
    moved = bn.add(bn.multiply(bn.G1, 12345), bn.G1)
    with pytest.raises(VerificationError):
        honest.check(commitment=encoded(moved))
    with pytest.raises(REFUSED):
        honest.check(public=honest.public - 1)
    swapped = dataclasses.replace(honest.read, ic=(*honest.read.ic[:-1], honest.read.ic[1]))
    with pytest.raises(VerificationError):
        dataclasses.replace(honest, read=swapped).check()


def test_every_element_counts(honest: Opened) -> None:
    """Another point, infinity, another scalar, the scalar plus r."""
    other = encoded(bn.multiply(bn.G1, 99))
    for at in range(0, len(honest.proof) - 32, 32):
        for point in (other, bytes(31) + b"\x40"):
            with pytest.raises(VerificationError):
                honest.check(proof=honest.proof[:at] + point + honest.proof[at + 32 :])
    z = int.from_bytes(honest.proof[-32:], "little")
    with pytest.raises(VerificationError):
        honest.check(proof=honest.proof[:-32] + ((z + 1) % R).to_bytes(32, "little"))
    with pytest.raises(FormatError):
        honest.check(proof=honest.proof[:-32] + (z + R).to_bytes(32, "little"))
    for proof in (b"", honest.proof[:-1], honest.proof + b"\0"):
        with pytest.raises(FormatError):
            honest.check(proof=proof)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_no_changed_byte_is_taken(honest: Opened, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(honest.proof) - 1))
    change = data.draw(st.integers(1, 255))
    proof = honest.proof[:at] + bytes([honest.proof[at] ^ change]) + honest.proof[at + 1 :]
    with pytest.raises(REFUSED):
        honest.check(proof=proof)


def test_a_commitment_of_public_points_is_not_opened(honest: Opened) -> None:
    """D = -(IC_0 + sum_i x_i IC_i), with which any values can be proved, is no sum of the weights'
    points: a proof of another commitment, or with its scalars, does not open it.
    """
    public = honest.key.ic[: honest.public + 1]
    minus = commitment(public, [-1] * len(public))
    with pytest.raises(VerificationError):
        honest.check(commitment=minus)
    bases = honest.key.ic[honest.public + 1 :]
    scalars = [1] * len(bases)
    with pytest.raises(VerificationError):
        honest.check(commitment=minus, proof=prove(bases, scalars, SEED))


def test_infinity_is_no_commitment(honest: Opened) -> None:
    with pytest.raises(FormatError, match="infinity"):
        honest.check(commitment=bytes(31) + b"\x40")
