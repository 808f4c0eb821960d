"""A circuit written by hand that has every segment, weight and kind of view, and its witness.

Y = X W by two-sided Freivalds, Y in two's complement bits, S = Y^2, output = S.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer import _core

N, K, M, WIDTH = 11, 5, 6, 20
PUBLIC, WEIGHTS, INPUT, BITS, TRACE, SKETCH = range(6)
NAMES = {"public": 0, "weights": 1, "input": 2, "bits": 3, "trace": 2, "sketch": 4}
ORDER = 2**252 + 27742317777372353535851937790883648493
KEY_DIGEST = bytes([7] * 32)

ONE, POWERS = b"\0", b"\1"


def number(value: int) -> bytes:
    data = b""
    while value >= 128:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def integers(*values: int) -> bytes:
    return b"".join(number(2 * n if n >= 0 else -2 * n - 1) for n in values)


def challenge(index: int) -> bytes:
    return b"\2" + number(index)


def constants(*values: int) -> bytes:
    return b"\3" + integers(*values)


def extents(*values: int) -> bytes:
    return b"".join(map(number, (len(values), *values)))


def term(tensor, coefficient, rows, sums=(), index=()):
    """sums: (extent, weight) pairs; index: (base, strides) pairs."""
    data = number(tensor) + integers(coefficient)
    data += extents(*(extent for extent, _ in sums))
    data += ONE * rows + b"".join(weight for _, weight in sums)
    data += bytes([len(index)])
    for base, strides in index:
        data += integers(base, *strides)
    return data


def block(path, rows, *matrices):
    data = number(len(path)) + path.encode() + extents(*rows) + bytes([path == "product"])
    for terms in matrices:
        data += number(len(terms)) + b"".join(terms)
    return data


def circuit_bytes(columns_log2: int) -> bytes:
    tensors = [
        (PUBLIC, (), (1, 1)),
        (PUBLIC, (N, M), (0, 2**40)),
        (WEIGHTS, (K, M), None),
        (INPUT, (N, K), None),
        (BITS, (N, M, WIDTH), None),
        (TRACE, (N, M), None),
        (TRACE, (N, M), None),
        (SKETCH, (K,), None),
    ]
    data = b"zkicirc2" + number(columns_log2) + number(len(NAMES))
    for name, binding in NAMES.items():
        data += number(len(name)) + name.encode() + bytes([binding])
    data += extents(4, 3) + number(len(tensors))
    for segment, shape, bounds in tensors:
        data += bytes([segment]) + extents(*shape)
        data += integers(*bounds) if bounds else b""
    u, v = (N, challenge(0)), (M, challenge(1))
    place = constants(*(2**k for k in range(WIDTH - 1)), -(2 ** (WIDTH - 1)))
    each = [(0, (1, 0)), (0, (0, 1))]
    blocks = [
        block(
            "product",
            (K,),
            [term(3, 1, 1, [u], [(0, (0, 1)), (0, (1, 0))])],
            [term(2, 1, 1, [v], [(0, (1, 0)), (0, (0, 1))])],
            [term(7, 1, 1, [], [(0, (1,))])],
        ),
        block(
            "product/sum",
            (),
            [],
            [],
            [term(7, 1, 0, [(K, ONE)], [(0, (1,))]), term(5, -1, 0, [u, v], each)],
        ),
        block(
            "bits",
            (N, M),
            [],
            [],
            [
                term(5, 1, 2, [], each),
                term(4, -1, 2, [(WIDTH, place)], [(0, (1, 0, 0)), (0, (0, 1, 0)), (0, (0, 0, 1))]),
            ],
        ),
        block(
            "square",
            (N, M),
            [term(5, 1, 2, [], each)],
            [term(5, 1, 2, [], each)],
            [term(6, 1, 2, [], each)],
        ),
        block("output", (N, M), [], [], [term(6, 1, 2, [], each), term(1, -1, 2, [], each)]),
        block(
            "low",
            (N,),
            [term(4, 1, 1, [(12, POWERS)], [(0, (1, 0)), (2, (0, 0)), (0, (0, 1))])],
            [term(0, 0, 1)],
            [],
        ),
        # Windows: a row axis and a summation axis in one tensor axis, some reads out of range.
        block(
            "windows",
            (N - 1,),
            [],
            [],
            [
                term(5, 1, 1, [(3, ONE), (M, ONE)], [(-1, (2, -1, 0)), (0, (0, 0, 1))]),
                term(5, -1, 1, [(3, ONE), (M, ONE)], [(-1, (2, -1, 0)), (M - 1, (0, 0, -1))]),
            ],
        ),
    ]
    return data + number(len(blocks)) + b"".join(blocks)


@dataclass(frozen=True)
class Case:
    """A circuit and one honest proof of it."""

    circuit: bytes
    rows: bytes
    context: bytes
    public: npt.NDArray[np.int64]
    body: bytes


def honest(columns_log2: int = 4, context: bytes = b"context") -> Case:
    data = circuit_bytes(columns_log2)
    circuit = _core.Circuit(data)
    rng = np.random.default_rng(5)
    x = rng.integers(-20, 21, (N, K))
    w = rng.integers(-20, 21, (K, M))
    y = x @ w
    rows, blinds = _core.commit(circuit, "weights", [w], True)
    prover = _core.Prover(circuit, {"weights": ([w], rows, blinds)}, KEY_DIGEST)
    body = prover.prove(context, [y * y], {"input": [x], "bits": [y], "trace": [y, y * y]})
    return Case(data, rows, context, y * y, body)
