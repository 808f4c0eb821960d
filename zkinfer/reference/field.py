"""protocol.md, section 1: the field F and the function eq."""

from functools import lru_cache

ORDER = 2**252 + 27742317777372353535851937790883648493


@lru_cache(maxsize=256)
def eq_table(point: tuple[int, ...], start: int, count: int) -> list[int]:
    """eq(point, i) for i in start .. start + count - 1, all below 2^len(point).

    Level k, the highest first, holds the products over coordinates from k on, by prefix i >> k.
    """
    values = [1]
    for k in reversed(range(len(point))):
        below = start >> (k + 1)
        odd = [value * point[k] % ORDER for value in values]
        level = []
        for prefix in range(start >> k, ((start + count - 1) >> k) + 1):
            at = (prefix >> 1) - below
            level.append(odd[at] if prefix & 1 else values[at] - odd[at])
        values = level
    return values
