"""How the entries of a record lie in rows that are committed to, whatever circuit will read them.

A record is what one input of a network is made of. Its axes of extent 1 are dropped, all of the
others but the first are padded to powers of two, and its entries have their row-major positions in
that grid, cut into rows of one width: a power of two, at most MAX_WIDTH, that holds the whole grid
where it can. So rows depend on the record's shape alone. Every cell that is no entry is zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.layout import next_power

Integers = npt.NDArray[np.int64]

MAX_WIDTH = 128
"""Most cells of a row. A circuit that reads it has rows of at least as many."""


@dataclass(frozen=True)
class RecordGrid:
    """rows x width cells, seen as the grid `padded`; the entries, of `shape`, are its corner."""

    shape: tuple[int, ...]
    padded: tuple[int, ...]
    rows: int
    width: int

    @classmethod
    def of(cls, shape: Sequence[int]) -> "RecordGrid":
        """That of records of a shape."""
        extents = tuple(extent for extent in shape if extent != 1) or (1,)
        inner = [next_power(extent) for extent in extents[1:]]
        step = math.prod(inner)
        width = min(next_power(extents[0] * step), MAX_WIDTH)
        rows = -(-extents[0] * step // width)
        return cls(extents, (rows * width // step, *inner), rows, width)

    def cells(self, records: npt.NDArray[np.signedinteger]) -> Integers:
        """Records [n, ...] of the shape as cells [n rows, width]."""
        count = len(records)
        grid = np.zeros((count, *self.padded), np.int64)
        corner = tuple(map(slice, self.shape))
        grid[(slice(None), *corner)] = records.reshape(count, *self.shape)
        return grid.reshape(count * self.rows, self.width)
