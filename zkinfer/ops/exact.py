"""Exact integer matrix products through float64 BLAS.

float64 holds integers up to 2^53 exactly, so a product is exact while every partial sum stays
below; wider operands are split into limbs.
"""

import numpy as np

from zkinfer.ops.tensor import Integers

_EXACT = 2**53


def matmul(a: Integers, b: Integers) -> Integers:
    """numpy's matmul on int64 arrays of two axes or more, exact while the result fits int64."""
    if a.size == 0 or b.size == 0:
        return np.matmul(a, b)
    depth = a.shape[-1]
    largest_a, largest_b = _largest(a), _largest(b)
    if largest_a * largest_b * depth < _EXACT:
        product = np.matmul(a.astype(np.float64), b.astype(np.float64))
        return product.astype(np.int64)
    if largest_a >= largest_b:
        high, low, shift = _split(a, largest_a)
        return (matmul(high, b) << shift) + matmul(low, b)
    high, low, shift = _split(b, largest_b)
    return (matmul(a, high) << shift) + matmul(a, low)


def _largest(array: Integers) -> int:
    return max(int(array.max()), -int(array.min()))


def _split(array: Integers, largest: int) -> tuple[Integers, Integers, int]:
    """array = high * 2^shift + low, with low in [0, 2^shift)."""
    shift = (largest.bit_length() + 1) // 2
    high = array >> shift
    return high, array - (high << shift), shift
