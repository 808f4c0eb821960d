"""A prover for the opening of a model's commitment, as docs/formats.md says it, on py_ecc."""

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from py_ecc import optimized_bn128 as bn

from tests.pairing.setting import affine, projective
from zkinfer.pairing.curve import G1, R, encode_g1

DRAWN = random.Random(14)  # noqa: S311


def commitment(bases: Sequence[G1], scalars: Sequence[int]) -> bytes:
    """sum_i scalars_i bases_i in 32 bytes."""
    return encoded(_sum(scalars, [projective(base) for base in bases]))


def prove(bases: Sequence[G1], scalars: Sequence[int], seed: bytes) -> bytes:
    """The opening proof of commitment(bases, scalars)."""
    n = len(bases)
    padding = (1 << (n - 1).bit_length()) - n
    points = [*map(projective, bases), *[bn.Z1] * padding]
    masks = [*(DRAWN.randrange(R) for _ in bases), *[0] * padding]
    sent = [encoded(_sum(masks, points))]
    start = b"zkinfer/groth16/opening" + seed + n.to_bytes(4, "little")
    points_as_bytes = b"".join(map(encode_g1, bases))
    state = hashlib.sha3_256(
        start + points_as_bytes + commitment(bases, scalars) + sent[0]
    ).digest()
    c = challenge(state)
    z = [t + c * w for t, w in zip(masks, [*scalars, *[0] * padding], strict=True)]
    while len(z) > 1:
        half = len(z) // 2
        pair = [_sum(z[:half], points[half:]), _sum(z[half:], points[:half])]
        sent += map(encoded, pair)
        state = hashlib.sha3_256(state + b"".join(sent[-2:])).digest()
        c = challenge(state)
        z = [low + c * high for low, high in zip(z[:half], z[half:], strict=True)]
        halves = zip(points[:half], points[half:], strict=True)
        points = [bn.add(bn.multiply(low, c), high) for low, high in halves]
    return b"".join(sent) + (z[0] % R).to_bytes(32, "little")


def challenge(state: bytes) -> int:
    """An integer below r."""
    return int.from_bytes(hashlib.shake_256(state).digest(64), "little") % R


def encoded(point: Any) -> bytes:
    """A point of py_ecc in 32 bytes."""
    return encode_g1(None if bn.is_inf(point) else affine(point))


def _sum(scalars: Sequence[int], points: Sequence[Any]) -> Any:
    total = bn.Z1
    for scalar, point in zip(scalars, points, strict=True):
        total = bn.add(total, bn.multiply(point, scalar % R))
    return total
