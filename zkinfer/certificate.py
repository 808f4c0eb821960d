"""The weights certificate: every committed weight is a small integer.

Without it a model's owner could commit to field elements that are no fixed-point numbers, so that
sums wrap around l. The certificate is a proof, made once with the key, about the rows that commit
to the weights. Its circuit sees them as one matrix W [R, C], padding included, and knows nothing of
the network. With A, B [K, .] and the rows of D [K, K^2] random signs 0, 0, 1, -1:

    P = A W B^T                    committed in rows of its own, before the proof
    Q_m = sum_kl D[m, kl] P[k, l]  for m < K: -bound <= Q_m < bound, by their bits

    sum_ij (A^T u)_i (B^T v)_j W[i, j] = sum_kl u_k v_l P[k, l]            `projections`
    sum_m w_m Q_m = sum_kl (D^T w)_kl P[k, l]                              `combinations`

with challenge vectors u, v, w. Two rows and K (log2 bound + 1) bits, whatever the model is.

If W has an entry of more than 8 bound in absolute value (least modulo l), a row of B takes it to
more than 4 bound with probability 1/2 at least: fix all other signs, then one of the two halves of
the remaining sign's values does. So all K fail to with 2^-K; likewise A, to more than 2 bound, and
D, to more than bound, where the bits have no room. Signs come from a hash of what they test, so an
accepted certificate excludes such entries up to 3 2^-K per attempt (approximate range proofs:
Gentry, Halevi, Lyubashevsky, eprint 2021/1397, section 3), besides the argument's error, with 3
ceil(log2 K) coordinates of challenges. An honest W has |Q_m| <= K^2 sum |W| <= bound.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.bits import split_width
from zkinfer.circuit.circuit import Block, Circuit
from zkinfer.circuit.layout import Segment, Tensor, inner_size, next_power, place
from zkinfer.circuit.term import POWERS, Axis, Challenge, Projection, Term
from zkinfer.circuit.value import Integers
from zkinfer.fixed import FixedGraph

K = 160
"""Rows of each matrix of signs."""

STATISTICAL_BITS = 158
"""Of 1/error of the projections: 3 2^-K, rounded."""

DIGIT = 48
"""Bits of the numbers that entries of P are committed as; a second one where they need it."""

_CHALLENGE = (K - 1).bit_length()
_CHUNK = 512
_SEED = b"zkinfer/v2/projections/"
_ONE = 0


@dataclass(frozen=True)
class Seeds:
    """What the signs of A, B and D are made of, 32 bytes each."""

    a: bytes
    b: bytes
    d: bytes

    @classmethod
    def of(cls, key_digest: bytes, rows: bytes) -> "Seeds":
        """By the key's digest, which binds the weights' rows; D also by the rows of P."""
        given = {"a": key_digest, "b": key_digest, "d": key_digest + rows}
        return cls(
            **{
                letter: hashlib.sha3_256(_SEED + letter.encode() + data).digest()
                for letter, data in given.items()
            }
        )


def projection_bound(graph: FixedGraph) -> int:
    """The power of two within which the combinations of the graph's weights lie."""
    tensors = (graph.tensors[name] for name in graph.weights)
    total = sum(math.prod(t.shape) * max(-t.low, t.high) for t in tensors)
    return next_power(K * K * max(total, 1))


def certified_bound(graph: FixedGraph) -> int:
    """What no weight exceeds in absolute value, once a certificate is accepted."""
    return 8 * projection_bound(graph)


def certificate_circuit(graph: FixedGraph, circuit: Circuit, seeds: Seeds) -> Circuit:
    """The certificate's circuit for a graph with hidden weights and its own circuit."""
    bound, columns = projection_bound(graph), circuit.columns
    shape = (circuit.committed_rows(Segment.WEIGHTS), columns)
    tensors = [Tensor("one", Segment.PUBLIC, (), 1, 1), Tensor("weights", Segment.WEIGHTS, shape)]
    left = Axis(shape[0], Projection(0, K, seeds.a), (1, 0))
    right = Axis(shape[1], Projection(1, K, seeds.b), (0, 1))
    projections = [Term(1, 1, (0, 0), (), (left, right))]
    combinations = [Term(_ONE, -bound, (), (), (Axis(K, Challenge(2), ()),))]
    for digit in range(_digits(bound)):
        p, place_value = len(tensors), 1 << DIGIT * digit
        tensors.append(Tensor(f"projections/{digit}", Segment.PROJECTIONS, (K * K,)))
        entries = (Axis(K, Challenge(0), (K,)), Axis(K, Challenge(1), (1,)))
        projections.append(Term(p, -place_value, (0,), (), entries))
        signs = Axis(K * K, Projection(2, K, seeds.d), (1,))
        combinations.append(Term(p, -place_value, (0,), (), (signs,)))
    for start, width in _pieces(bound):
        tensors.append(Tensor(f"combinations/bits/{start}", Segment.BITS, (K, width)))
        sums = (Axis(K, Challenge(2), (1, 0)), Axis(width, POWERS, (0, 1)))
        combinations.append(Term(len(tensors) - 1, 1 << start, (0, 0), (), sums))
    blocks = (
        Block("projections", (), (), (), tuple(projections)),
        Block("combinations", (), (), (), tuple(combinations)),
    )
    return Circuit(columns, (_CHALLENGE,) * 3, tuple(tensors), blocks)


def weight_matrix(circuit: Circuit, weights: Sequence[Integers]) -> Integers:
    """The committed matrix [R, C]. weights: as `zkinfer.lower.weight_arrays` gives them."""
    grids = [tensor.extents or (1,) for tensor in circuit.segment(Segment.WEIGHTS)]
    offsets, _ = place(grids)
    image = np.zeros(circuit.committed_rows(Segment.WEIGHTS) * circuit.columns, np.int64)
    for extents, offset, array in zip(grids, offsets, weights, strict=True):
        padded = (extents[0], *map(next_power, extents[1:]))
        there = image[offset : offset + extents[0] * inner_size(extents)].reshape(padded)
        there[tuple(map(slice, extents))] = array.reshape(extents)
    return image.reshape(-1, circuit.columns)


def project(graph: FixedGraph, matrix: Integers, seeds: Seeds) -> list[Integers]:
    """P as the tensors of `projections`. matrix: W."""
    a = Projection(0, K, seeds.a).signs(matrix.shape[0]).astype(np.float64)
    b = Projection(1, K, seeds.b).signs(matrix.shape[1]).astype(np.float64)
    # Every sum of W's entries, `size` bits of each at a time, is exact in a float64.
    size = 52 - matrix.size.bit_length()
    lefts: list[npt.NDArray[np.float64]] = []
    for start in range(0, len(matrix), _CHUNK):
        rows = slice(start, start + _CHUNK)
        for part, low in enumerate(_parts(matrix[rows], size)):
            if part == len(lefts):
                lefts.append(np.zeros((K, matrix.shape[1])))
            lefts[part] += a[:, rows] @ low.astype(np.float64)
    digits = _digits(projection_bound(graph))
    # Numbers of one digit fit 64 bits, and so do their parts on the way, modulo 2^64.
    total = np.zeros((K, K), dtype=np.int64 if digits == 1 else object)
    for part, left in enumerate(lefts):
        total += (left @ b.T).astype(np.int64).astype(total.dtype) << size * part
    values, numbers = total.reshape(-1), []
    for digit in range(digits):
        low = values if digit + 1 == digits else values & ((1 << DIGIT) - 1)
        numbers.append(low.astype(np.int64))
        values = values >> DIGIT
    return numbers


def combine(graph: FixedGraph, projections: Sequence[Integers], seeds: Seeds) -> list[Integers]:
    """Q_m + bound as the tensors of `bits`. projections: as `project` gives them."""
    bound = projection_bound(graph)
    signs = Projection(2, K, seeds.d).signs(K * K)
    total = np.full(K, bound, dtype=object)
    for digit, array in enumerate(projections):
        # Sums of K^2 numbers of 32 bits are exact in a float64.
        for part, low in enumerate(_parts(array, 32)):
            sums = _products(signs, low).astype(np.int64).astype(object)
            total += sums << DIGIT * digit + 32 * part
    return [
        (total >> start & ((1 << width) - 1)).astype(np.int64) for start, width in _pieces(bound)
    ]


def _parts(array: Integers, size: int) -> Iterator[Integers]:
    """Arrays of numbers below 2^size in absolute value: the sum of 2^(size i) times the i-th."""
    while largest := max(int(array.max()), -int(array.min())):
        if largest < 1 << size:
            yield array
            return
        yield array & ((1 << size) - 1)
        array = array >> size


def _products(signs: npt.NDArray[np.int8], numbers: Integers) -> npt.NDArray[np.float64]:
    """signs @ numbers in float64, a piece at a time."""
    total = np.zeros(len(signs))
    for start in range(0, signs.shape[1], _CHUNK):
        piece = slice(start, start + _CHUNK)
        total += signs[:, piece].astype(np.float64) @ numbers[piece].astype(np.float64)
    return total


def _digits(bound: int) -> int:
    """How many numbers make an entry of P, which is below the bound."""
    return 1 if bound < 1 << 62 else 2


def _pieces(bound: int) -> list[tuple[int, int]]:
    """The bits tensors of Q_m + bound: the first position and the width of each."""
    pieces, start, rest = [], 0, bound.bit_length()
    while rest:
        for width in split_width(min(rest, DIGIT)):
            pieces.append((start, width))
            start, rest = start + width, rest - width
    return pieces
