"""protocol.md, section 1: the group G, ristretto255 (RFC 9496), and its generators.

Elements are points (X, Y, Z, T) of edwards25519 in extended coordinates: x = X/Z, y = Y/Z,
xy = T/Z. Nothing here takes constant time: a verifier has no secrets.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER

Point = tuple[int, int, int, int]

# RFC 9496, section 4.1
P = 2**255 - 19
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838
D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952
IDENTITY: Point = (0, 1, 1, 0)


def add(a: Point, b: Point) -> Point:
    """The sum, for any two points (Hisil, Wong, Carter, Dawson 2008)."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    aa = (y1 - x1) * (y2 - x2) % P
    bb = (y1 + x1) * (y2 + x2) % P
    cc = 2 * D * t1 % P * t2 % P
    dd = 2 * z1 * z2 % P
    e, f, g, h = bb - aa, dd - cc, dd + cc, bb + aa
    return e * f % P, g * h % P, f * g % P, e * h % P


@lru_cache(maxsize=4096)
def decode(data: bytes) -> Point:
    """RFC 9496, section 4.3.1. Raises FormatError unless the bytes are a canonical encoding."""
    s = int.from_bytes(data, "little")
    demand(len(data) == 32 and s < P and s % 2 == 0, "a point is not canonical")
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, root = _sqrt_ratio_m1(1, v * u2 * u2 % P)
    den_x = root * u2 % P
    den_y = root * den_x % P * v % P
    x = _abs(2 * s * den_x)
    y = u1 * den_y % P
    t = x * y % P
    demand(was_square and t % 2 == 0 and y != 0, "a point is not canonical")
    return x, y, 1, t


def encode(a: Point) -> bytes:
    """RFC 9496, section 4.3.2."""
    x0, y0, z0, t0 = a
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    _, root = _sqrt_ratio_m1(1, u1 * u2 * u2 % P)
    den1, den2 = root * u1 % P, root * u2 % P
    z_inv = den1 * den2 * t0 % P
    if t0 * z_inv % P % 2:
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den = x0, y0, den2
    if x * z_inv % P % 2:
        y = -y
    return _abs(den * (z0 - y)).to_bytes(32, "little")


def derive(data: bytes) -> Point:
    """The element derivation of 64 bytes: RFC 9496, section 4.3.4."""
    halves = (int.from_bytes(half, "little") % 2**255 % P for half in (data[:32], data[32:]))
    return add(*map(_map, halves))


@lru_cache(maxsize=8)
def generators(letter: str, count: int) -> list[Point]:
    """The first generators of a letter: G, U or H."""
    start = b"zkinfer/v1/generator/" + letter.encode()
    names = (start + index.to_bytes(8, "little") for index in range(count))
    return [derive(hashlib.shake_128(name).digest(64)) for name in names]


def multiply(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """sum_i scalars_i points_i, by Pippenger's method.

    In each window of `width` bits, points with equal digits are added up first; the running sums
    from the highest digit down then count each as often as its digit says.
    """
    pairs = [(s % ORDER, p) for s, p in zip(scalars, points, strict=True)]
    width = max(2, len(pairs).bit_length() - 3)
    total = IDENTITY
    for shift in reversed(range(0, ORDER.bit_length(), width)):
        for _ in range(width):
            total = add(total, total)
        buckets = [IDENTITY] * 2**width
        for scalar, point in pairs:
            digit = (scalar >> shift) % 2**width
            buckets[digit] = add(buckets[digit], point)
        running = window = IDENTITY
        for bucket in reversed(buckets[1:]):
            running = add(running, bucket)
            window = add(window, running)
        total = add(total, window)
    return total


def _abs(x: int) -> int:
    """The one of x, -x that is even modulo p."""
    x %= P
    return P - x if x % 2 else x


def _sqrt_ratio_m1(u: int, v: int) -> tuple[bool, int]:
    """RFC 9496, section 4.2: (whether u/v is a square, the root of u/v or of SQRT_M1 u/v)."""
    v3 = v * v * v % P
    root = u * v3 * pow(u * v3 * v3 * v, (P - 5) // 8, P) % P
    square = v * root * root % P
    if square in (-u % P, -u * SQRT_M1 % P):
        root = root * SQRT_M1 % P
    return square in (u % P, -u % P), _abs(root)


def _map(t: int) -> Point:
    """RFC 9496, section 4.3.4: MAP."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = _sqrt_ratio_m1(u, v)
    s, c = (s, -1) if was_square else (-_abs(s * t), r)
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P
