"""The rows of pairing proofs of a graph, all of them and the fewer that say the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zkinfer.circuit.circuit import Circuit, Defines
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.pairs import paired
from zkinfer.circuit.rank_one import RankOne, entries, rank_one
from zkinfer.circuit.simplify import simplified
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.fixed import FixedGraph
from zkinfer.lower import Witness, lower, solve, weight_arrays

Arrays = Mapping[str, np.ndarray]


class Rows:
    """The rows of a graph for some target."""

    def __init__(self, graph: FixedGraph, ranges: Ranges) -> None:
        self.graph, self.target = graph, PAIRING[ranges]
        self.circuit: Circuit = lower(graph, self.target)
        self.named: RankOne = rank_one(self.circuit, self.target.modulus)
        few = paired(self.named, absorb=not self.target.exact)
        self.few: RankOne = simplified(few)

    def solved(self, weights: Arrays, inputs: Arrays, **lies: Any) -> tuple[Witness, np.ndarray]:
        """The witness, and all entries of it."""
        witness = solve(self.graph, weights, inputs, target=self.target, **lies)
        arrays = {**witness.segments, Segment.WEIGHTS: weight_arrays(self.graph, weights)}
        return witness, entries(self.circuit, arrays)

    def unsatisfied(self, z: np.ndarray) -> tuple[list[str], bool]:
        """The paths of the rows that fail, and whether any of the fewer ones does."""
        paths = list(dict.fromkeys(self.named.unsatisfied(z.tolist())))
        return paths, any(self.few.unsatisfied(self.few.extended(z).tolist()))

    def restored(self, z: np.ndarray) -> list[int]:
        """All entries, from those that the fewer rows read, with the same public ones."""
        known, modulus = self.few.extended(z).tolist(), self.target.modulus
        known[: self.named.named] = z[: self.named.named].tolist()
        for entry, *sides in reversed(self.few.replaced):
            a, b, c = (sum(k * known[e] for e, k in side.items()) for side in sides)
            known[entry] = (a * b + c) % modulus
        blocks = self.circuit.blocks
        making = {block.path for block in blocks if block.defines == Defines.PRODUCT}
        for row in self.named:
            if row.path in making:
                (entry,) = row.c
                a, b = (sum(k * known[e] for e, k in side.items()) for side in (row.a, row.b))
                known[entry] = a * b % modulus
        return known[: self.named.entries]
