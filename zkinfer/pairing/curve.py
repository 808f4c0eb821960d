"""Points of BN254 (alt_bn128): 32 and 64 bytes, and the integers that they stand for.

    G1: y^2 = x^3 + 3 over F_q, of prime order r
    G2: the subgroup of order r of y^2 = x^3 + 3 / (9 + u) over F_q[u] / (u^2 + 1)

A point is its affine coordinates, integers below q; an element a + b u is the pair (a, b), and the
point at infinity is None. Compressed, as arkworks has it, a point is x, little-endian (in G2 its
two coefficients), with two flags in the highest bits of the last byte: 0x80, y is the greater of y
and -y, compared as integers and in G2 by the coefficients of u first; 0x40, infinity, with x zero.
A point has one encoding, and reading refuses every other.

Nothing here takes constant time: keys and proofs are no secrets. Parameters: EIP-196, EIP-197.
"""

from zkinfer.errors import FormatError

Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""The order of the base field."""

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""The order of the groups: scalars are integers below it."""

G1_SIZE, G2_SIZE = 32, 64

Fq2 = tuple[int, int]
G1 = tuple[int, int]
G2 = tuple[Fq2, Fq2]

GENERATOR_G2: G2 = (
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)

_GREATER, _INFINITY = 0x80, 0x40
_B1 = 3


def encode_g1(point: G1 | None) -> bytes:
    """A point of G1 in 32 bytes; None is infinity."""
    if point is None:
        return _flagged(bytes(G1_SIZE), _INFINITY)
    x, y = point
    return _flagged(x.to_bytes(G1_SIZE, "little"), _GREATER if y > Q - y else 0)


def encode_g2(point: G2) -> bytes:
    """A point of G2 in 64 bytes."""
    (x0, x1), (y0, y1) = point
    greater = y1 > Q - y1 if y1 else y0 > Q - y0
    return _flagged(
        x0.to_bytes(32, "little") + x1.to_bytes(32, "little"), _GREATER if greater else 0
    )


def decode_g1(data: bytes, what: str) -> G1:
    """The point of G1 that 32 bytes encode.

    what: the point's name, for messages.

    Raises FormatError unless they are the encoding of a point that is not infinity.
    """
    point = decode_g1_or_infinity(data, what)
    if point is None:
        raise FormatError(f"{what} is the point at infinity")
    return point


def decode_g1_or_infinity(data: bytes, what: str) -> G1 | None:
    """What decode_g1 returns, and None for the encoding of infinity."""
    numbers, flags = _coefficients(data, G1_SIZE, what)
    if flags & _INFINITY:
        if flags & _GREATER or any(numbers):
            raise FormatError(f"{what} is not a canonical point")
        return None
    (x,) = numbers
    y = _root(x * x * x + _B1)
    if y is None:
        raise FormatError(f"{what} is not on the curve")
    return x, y if (y > Q - y) == bool(flags & _GREATER) else -y % Q


def decode_g2(data: bytes, what: str) -> G2:
    """The point of G2 that 64 bytes encode.

    what: the point's name, for messages.

    Raises FormatError unless they are the encoding of a point in the subgroup that is not infinity.
    """
    numbers, flags = _coefficients(data, G2_SIZE, what)
    if flags & _INFINITY:
        raise FormatError(f"{what} is the point at infinity")
    x0, x1 = numbers
    y = _root2(_curve_g2((x0, x1)))
    if y is None:
        raise FormatError(f"{what} is not on the curve")
    greater = y[1] > Q - y[1] if y[1] else y[0] > Q - y[0]
    if greater != bool(flags & _GREATER):
        y = (-y[0] % Q, -y[1] % Q)
    return checked_g2(((x0, x1), y), what)


def checked_g1(point: G1, what: str) -> G1:
    """The point, if its coordinates are below q and on the curve; raises FormatError else."""
    x, y = point
    if not (0 <= x < Q and 0 <= y < Q):
        raise FormatError(f"{what} has a coordinate that is not below q")
    if (y * y - x * x * x - _B1) % Q:
        raise FormatError(f"{what} is not on the curve")
    return point


def checked_g2(point: G2, what: str) -> G2:
    """The point, if its coefficients are below q, it is on the curve and of order r.

    Raises FormatError else.
    """
    x, y = point
    if not all(0 <= number < Q for number in (*x, *y)):
        raise FormatError(f"{what} has a coordinate that is not below q")
    if _product(y, y) != _curve_g2(x):
        raise FormatError(f"{what} is not on the curve")
    if _multiple(R, point) is not None:
        raise FormatError(f"{what} is not in the subgroup of order r")
    return point


def _flagged(data: bytes, flags: int) -> bytes:
    return data[:-1] + bytes([data[-1] | flags])


def _coefficients(data: bytes, size: int, what: str) -> tuple[list[int], int]:
    """The integers below q that an encoding holds, and its flags."""
    if len(data) != size:
        raise FormatError(f"{what} has {len(data)} bytes, not {size}")
    flags = data[-1] & (_GREATER | _INFINITY)
    data = data[:-1] + bytes([data[-1] ^ flags])
    numbers = [int.from_bytes(data[at : at + 32], "little") for at in range(0, size, 32)]
    if max(numbers) >= Q:
        raise FormatError(f"{what} has a coordinate that is not below q")
    return numbers, flags


def _root(square: int) -> int | None:
    """A square root modulo q, which is 3 modulo 4; None if there is none."""
    root = pow(square, (Q + 1) // 4, Q)
    return root if (root * root - square) % Q == 0 else None


def _root2(square: Fq2) -> Fq2 | None:
    """A square root in F_q[u]; None if there is none.

    (a + b u)^2 = s + t u means a^2 - b^2 = s and 2 a b = t, so that a^2 is one of
    (s +- sqrt(s^2 + t^2)) / 2, and b = t / (2 a).
    """
    s, t = square
    norm = _root(s * s + t * t)
    if norm is None:
        return None
    half = (Q + 1) // 2
    for sign in (norm, -norm):
        a = _root((s + sign) * half)
        if a is not None:
            b = t * pow(2 * a, -1, Q) % Q if a else _root(-s)
            if b is not None and _product((a, b), (a, b)) == square:
                return a, b
    return None


def _product(a: Fq2, b: Fq2) -> Fq2:
    return (a[0] * b[0] - a[1] * b[1]) % Q, (a[0] * b[1] + a[1] * b[0]) % Q


def _quotient(a: Fq2, b: Fq2) -> Fq2:
    inverse = pow(b[0] * b[0] + b[1] * b[1], -1, Q)
    return _product(a, (b[0] * inverse % Q, -b[1] * inverse % Q))


_B2 = _quotient((_B1, 0), (9, 1))


def _curve_g2(x: Fq2) -> Fq2:
    """x^3 + 3 / (9 + u), which is y^2 on the curve."""
    cube = _product(_product(x, x), x)
    return (cube[0] + _B2[0]) % Q, (cube[1] + _B2[1]) % Q


def _multiple(scalar: int, point: G2) -> G2 | None:
    """The point added up so many times, scalar > 0."""
    total: G2 | None = None
    for bit in f"{scalar:b}":
        total = _sum(total, total)
        if bit == "1":
            total = _sum(total, point)
    return total


def _sum(p: G2 | None, q: G2 | None) -> G2 | None:
    """The sum of any two points of the curve that G2 is in."""
    if p is None or q is None:
        return p or q
    (x, y), (x2, y2) = p, q
    if x != x2:
        slope = _quotient(_difference(y2, y), _difference(x2, x))
    elif y == y2 and any(y):
        square = _product(x, x)
        slope = _quotient((3 * square[0], 3 * square[1]), (2 * y[0], 2 * y[1]))
    else:
        return None
    x3 = _difference(_difference(_product(slope, slope), x), x2)
    return x3, _difference(_product(slope, _difference(x, x3)), y)


def _difference(a: Fq2, b: Fq2) -> Fq2:
    return (a[0] - b[0]) % Q, (a[1] - b[1]) % Q
