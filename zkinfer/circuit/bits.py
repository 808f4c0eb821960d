"""How a number of some width is dealt out to bits tensors."""

from functools import cache
from itertools import combinations

from zkinfer.circuit.layout import next_power

MAX_PIECES = 3
MAX_WIDTH = 64


@cache
def split_width(width: int, *, scalar: bool = False) -> tuple[int, ...]:
    """The widths of the bits tensors of a number, the low bits first.

    The position is a tensor's innermost axis and padded to a power of two: 17 bits take 16 + 1
    entries as two tensors, 32 as one. At most three pieces; the least padding, then the fewest
    pieces. scalar: the position is the only axis, which is never padded.
    """
    if not 1 <= width <= MAX_WIDTH:
        raise ValueError(f"a number of {width} bits; between 1 and {MAX_WIDTH} are supported")
    best = (width,)
    if scalar:
        return best
    for count in range(1, MAX_PIECES):
        for cuts in combinations(range(width - 1, 0, -1), count):
            cuts = cuts[::-1]
            ends = (*cuts, width)
            pieces = tuple(end - start for start, end in zip((0, *cuts), ends, strict=True))
            if sum(map(next_power, pieces)) < sum(map(next_power, best)):
                best = pieces
    return best
