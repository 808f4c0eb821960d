"""Range checks.

x - low = sum_i 2^i b_i with k bits; and, unless high - low = 2^k - 1, high - x likewise.
Rows: one (or two) a number. Bits: k (or 2k). A field element with such bits is an integer in
[low, high], as k is far below 252.
"""

from collections.abc import Sequence

from zkinfer.circuit import arrange, linear
from zkinfer.circuit.builder import Builder
from zkinfer.circuit.value import Value


def in_range(b: Builder, path: str, x: Value, low: int, high: int) -> None:
    """States low <= x <= high for every entry, in blocks `path` and `path/upper`."""
    width = (high - low).bit_length()
    nonnegative(b, path, linear.shifted(x, -low), width)
    if high - low != (1 << width) - 1:
        nonnegative(b, f"{path}/upper", linear.shifted(linear.scale(x, -1), high), width)


def in_ranges(b: Builder, path: str, x: Value, axis: int, lows: Sequence[int], width: int) -> None:
    """States lows[j] <= x < lows[j] + 2^width at position j of an axis, in the block `path`."""
    moved = arrange.weighted(b, path, linear.constant(-1, x), axis, lows)
    nonnegative(b, path, linear.add(x, moved), width)


def floor(b: Builder, path: str, x: Value) -> int:
    """What no entry of x is below; where its bits do not say so, the block `path/floor` does."""
    width = (x.high - x.low).bit_length()
    sure = min(x.low, x.certain.low)
    if (x.high - sure).bit_length() <= width:
        return sure
    nonnegative(b, f"{path}/floor", linear.shifted(x, -x.low), width)
    return x.low


def nonnegative(b: Builder, path: str, x: Value, width: int) -> None:
    """States 0 <= x < 2^width for every entry, in the block `path`."""
    if width == 0:
        b.equal(path, x, linear.constant(0, x))
        return
    bits = b.bits(f"{path}/bits", x, width, b.integers(path, x))
    b.equal(path, x, bits.field(0, width))
