"""Exact products of integers through float64 BLAS.

float64 holds integers up to 2^53 exactly, so a product is exact while every partial sum stays
below; wider operands are split into limbs.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock

import numpy as np
from threadpoolctl import ThreadpoolController

from zkinfer.ops.tensor import Integers

_EXACT = 2**53

_controller = cache(ThreadpoolController)


class _Limit:
    """BLAS on one thread as long as anybody wants it, whatever thread that is in."""

    def __init__(self) -> None:
        self._lock, self._wanted, self._limited = Lock(), 0, ExitStack()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """As long as this is open."""
        self._want(1)
        try:
            yield
        finally:
            self._want(-1)

    def _want(self, more: int) -> None:
        with self._lock:
            if not self._wanted:
                self._limited.enter_context(_controller().limit(limits=1, user_api="blas"))
            self._wanted += more
            if not self._wanted:
                self._limited.close()


one_thread = _Limit().wanted
"""Keeps BLAS on one thread: after a product its others wait for the next by spinning, for some
30 ms, and the cores are needed for what is between products.
"""


def matmul(a: Integers, b: Integers) -> Integers:
    """numpy's matmul on int64 arrays of two axes or more, exact while the result fits int64."""
    return bilinear(_matmul, a.shape[-1], a, b)


def bilinear(
    product: Callable[[Integers, Integers], Integers], depth: int, a: Integers, b: Integers
) -> Integers:
    """product(a, b), exact while the result fits int64.

    product: bilinear, each entry of it a sum of `depth` products of entries of a and b; exact while
    these sums stay below 2^53.
    """
    largest_a, largest_b = _largest(a), _largest(b)
    if largest_a * largest_b * depth < _EXACT:
        return product(a, b)
    if largest_a >= largest_b:
        high, low, shift = _split(a, largest_a)
        y = bilinear(product, depth, high, b)
        y <<= shift
        y += bilinear(product, depth, low, b)
        return y
    high, low, shift = _split(b, largest_b)
    y = bilinear(product, depth, a, high)
    y <<= shift
    y += bilinear(product, depth, a, low)
    return y


def _matmul(a: Integers, b: Integers) -> Integers:
    return np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.int64)


def _largest(array: Integers) -> int:
    return max(int(array.max()), -int(array.min())) if array.size else 0


def _split(array: Integers, largest: int) -> tuple[Integers, Integers, int]:
    """array = high * 2^shift + low, with low in [0, 2^shift)."""
    shift = (largest.bit_length() + 1) // 2
    high = array >> shift
    return high, array - (high << shift), shift
