"""formats.md, section "Pairing proofs": their verification, on py_ecc's arithmetic of BN254.

Of the files of the reference this one alone needs more than the standard library: py_ecc, which
has the curve's groups and its pairing. Points are py_ecc's: projective, of order r where they were
read here. Nothing takes constant time: a verifier has no secrets. py_ecc lifts Python's limit on
recursion, which is put back: without it JSON that is nested deeply breaks the process.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zkinfer.reference.errors import VerificationError, demand
from zkinfer.reference.reader import Reader

_limit = sys.getrecursionlimit()
from py_ecc import optimized_bn128 as bn  # noqa: E402

sys.setrecursionlimit(_limit)

Q = bn.field_modulus
R = bn.curve_order
Point = Any
"""A point of G1 or G2."""

INFINITY: Point = bn.Z1


@dataclass(frozen=True)
class Key:
    """A verifying key of Groth16. ic: IC_0, ..., IC_n."""

    alpha: Point
    beta: Point
    gamma: Point
    delta: Point
    ic: tuple[Point, ...]

    @cached_property
    def left(self) -> Any:
        """e(-alpha, beta), before the final exponentiation."""
        return bn.pairing(self.beta, bn.neg(self.alpha), final_exponentiate=False)


def read_key(data: bytes) -> Key:
    """The key of these bytes. Raises FormatError unless they are the encoding of one."""
    reader, points = Reader(data, "the verifying key"), (len(data) - 32 - 3 * 64) // 32
    demand(points >= 1, "the verifying key ends too early")
    key = Key(
        _g1(reader.take(32)),
        _g2(reader.take(64)),
        _g2(reader.take(64)),
        _g2(reader.take(64)),
        tuple(_g1(reader.take(32)) for _ in range(points)),
    )
    reader.end()
    demand(not bn.eq(key.delta, key.gamma), "delta is gamma")
    demand(not bn.eq(key.delta, bn.G2), "delta is the generator")
    return key


def model_key(setup: Key, public: int, commitment: bytes) -> Key:
    """The key of a model, of a setup with so many true public values. Raises FormatError."""
    demand(0 <= public < len(setup.ic) - 1, "the setup's key has no point for the blinding")
    first = bn.add(setup.ic[0], _g1(commitment))
    demand(not bn.is_inf(first), "the first point of the model's key is infinity")
    ic = (first, *setup.ic[1 : public + 1])
    return Key(setup.alpha, setup.beta, setup.gamma, setup.delta, ic)


def context_element(key_digest: bytes, context: bytes) -> int:
    """The first public value of a proof."""
    digest = hashlib.sha256(b"zkinfer/groth16/context" + key_digest + context).digest()
    return int.from_bytes(digest, "big") >> 3


def verify(key: Key, values: Sequence[int], proof: bytes) -> None:
    """Checks a proof of 128 bytes for these public values under a model's key.

    Raises FormatError for what is no proof, and VerificationError unless
    e(A, B) = e(alpha, beta) e(IC_0 + sum_i x_i IC_i, gamma) e(C, delta).
    """
    reader = Reader(proof, "the proof")
    a, b, c = _g1(reader.take(32)), _g2(reader.take(64)), _g1_or_infinity(reader.take(32))
    reader.end()
    demand(len(values) == len(key.ic) - 1, f"the key takes {len(key.ic) - 1} public values")
    demand(all(0 <= value < R for value in values), "a public value is not from 0 to r - 1")
    combined = combination((1, *values), key.ic)
    product = key.left
    for g1, g2 in ((a, b), (bn.neg(combined), key.gamma), (bn.neg(c), key.delta)):
        product = product * bn.pairing(g2, g1, final_exponentiate=False)
    if not _is_one(product):
        raise VerificationError("the equation of the pairings does not hold")


def check_opening(setup: Key, public: int, commitment: bytes, seed: bytes, proof: bytes) -> None:
    """Checks that whoever made a model's commitment knows the weights and the blinding in it.

    setup: the setup's key. public: how many true public values it has. seed: 32 bytes, which the
    proof is bound to.

    Raises FormatError for what is no such proof, and VerificationError unless it holds: the fold
    of A + c D is z times the fold of the bases, as one sum of multiples of all points in play.
    """
    bases = setup.ic[public + 1 :]
    demand(len(bases) > 0, "the setup's key has no point for the blinding")
    demand(len(seed) == 32, "the seed does not have 32 bytes")
    reader, rounds = Reader(proof, "the opening proof"), (len(bases) - 1).bit_length()
    first = reader.take(32)
    start = b"zkinfer/groth16/opening" + seed + len(bases).to_bytes(4, "little")
    points = b"".join(map(_encoded, bases))
    state = hashlib.sha3_256(start + points + commitment + first).digest()
    left = [(_challenge(state), _g1(commitment)), (1, _g1_or_infinity(first))]
    factors = [1]
    for _ in range(rounds):
        pair = reader.take(32), reader.take(32)
        state = hashlib.sha3_256(state + b"".join(pair)).digest()
        c = _challenge(state)
        ends = zip((1, c * c), map(_g1_or_infinity, pair), strict=True)
        left = [*((c * scalar, point) for scalar, point in left), *ends]
        factors = [factor * by % R for factor in factors for by in (c, 1)]
    z = reader.uint(32)
    demand(z < R, "a scalar is not below r")
    reader.end()
    right = [(-z * factor, base) for factor, base in zip(factors, bases, strict=False)]
    if not bn.is_inf(combination(*zip(*left, *right, strict=True))):
        raise VerificationError("the commitment to the weights is not shown to be opened")


def combination(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """sum_i scalars_i points_i in G1, by Pippenger's method."""
    pairs = [(s % R, p) for s, p in zip(scalars, points, strict=True)]
    width = max(2, len(pairs).bit_length() - 2)
    total = INFINITY
    for shift in reversed(range(0, R.bit_length(), width)):
        for _ in range(width):
            total = bn.double(total)
        buckets = [INFINITY] * 2**width
        for scalar, point in pairs:
            digit = (scalar >> shift) % 2**width
            buckets[digit] = bn.add(buckets[digit], point)
        running = window = INFINITY
        for bucket in reversed(buckets[1:]):
            running = bn.add(running, bucket)
            window = bn.add(window, running)
        total = bn.add(total, window)
    return total


def _is_one(product: Any) -> bool:
    """Whether f^((q^12 - 1) / r) is one, the end of a product of pairings.

    The exponent is (q^6 - 1) (q^2 + 1) (q^4 - q^2 + 1) / r. Elements are polynomials in w, of
    which w^2 is in F_q^6 and w is not: the power q^6 changes the sign of w.
    """
    signs = (1, -1) * 6
    conjugate = bn.FQ12([s * int(c) for s, c in zip(signs, product.coeffs, strict=True)])
    f = conjugate / product
    f = f ** (Q**2) * f
    return f ** ((Q**4 - Q**2 + 1) // R) == bn.FQ12.one()


def _encoded(point: Point) -> bytes:
    """A point of G1, not infinity, in 32 bytes."""
    x, y = bn.normalize(point)
    return int(x.n + (y.n > Q // 2) * 2**255).to_bytes(32, "little")


def _challenge(state: bytes) -> int:
    c = int.from_bytes(hashlib.shake_256(state).digest(64), "little") % R
    if c == 0:
        raise VerificationError("a challenge of the opening proof is zero")
    return c


def _coordinates(data: bytes) -> tuple[list[int], bool, bool]:
    """The integers below q of an encoded point; whether y is the greater one; whether infinity."""
    last = data[-1]
    data = data[:-1] + bytes([last & 0x3F])
    numbers = [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]
    demand(max(numbers) < Q, "a coordinate is not below q")
    return numbers, bool(last & 0x80), bool(last & 0x40)


def _g1_or_infinity(data: bytes) -> Point:
    demand(len(data) == 32, "a point does not have 32 bytes")
    (number,), greater, infinite = _coordinates(data)
    if infinite:
        demand(number == 0 and not greater, "a point is not canonical")
        return INFINITY
    x = bn.FQ(number)
    y = (x * x * x + bn.b) ** ((Q + 1) // 4)
    y = y if (y.n > Q // 2) == greater else -y
    demand(bn.is_on_curve((x, y, bn.FQ.one()), bn.b), "a point is not on the curve")
    return x, y, bn.FQ.one()


def _g1(data: bytes) -> Point:
    point = _g1_or_infinity(data)
    demand(not bn.is_inf(point), "a point is infinity")
    return point


def _g2(data: bytes) -> Point:
    numbers, greater, infinite = _coordinates(data)
    demand(not infinite, "a point is infinity")
    x = bn.FQ2(numbers)
    y = _root(x * x * x + bn.b2)
    c0, c1 = map(int, y.coeffs)
    y = y if ((c1 or c0) > Q // 2) == greater else -y
    point = (x, y, bn.FQ2.one())
    demand(bn.is_on_curve(point, bn.b2), "a point is not on the curve")
    demand(bn.is_inf(bn.multiply(point, R)), "a point is not in the subgroup of order r")
    return point


def _root(square: Any) -> Any:
    """The root of a square in F_q[u] / (u^2 + 1): eprint 2012/685, algorithm 9."""
    power = square ** ((Q - 3) // 4)
    root, sign = power * square, power * power * square
    if sign == -bn.FQ2.one():
        return bn.FQ2([0, 1]) * root
    return (bn.FQ2.one() + sign) ** ((Q - 1) // 2) * root
