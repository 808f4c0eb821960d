"""Work on samples by several threads, each with samples of its own.

What numpy does between products of matrices uses one core only, and so do most products that are
as small as those of one sample.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

WORKERS = 2


def in_parallel(function: Callable[[S], T], parts: Sequence[S]) -> list[T]:
    """The results in order. One part alone is left to the caller's thread."""
    if len(parts) == 1:
        return [function(parts[0])]
    with ThreadPoolExecutor(WORKERS) as threads:
        return list(threads.map(function, parts))
