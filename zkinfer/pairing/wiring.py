"""A network as the wires of a pairing proof.

The wires, in order: one; the public signals, which are the context's element, the entries of the
circuit's public tensors, the weights as the rows have them, and the blinding of their commitment;
then what the rows read besides. (docs/formats.md, "Pairing proofs".) Whoever verifies is given the
first ones, the context and the public tensors, and the commitment for the others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.pairs import paired
from zkinfer.circuit.rank_one import RankOne, entries, places, rank_one
from zkinfer.circuit.simplify import simplified
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.circuit.value import Integers
from zkinfer.fixed import FixedGraph
from zkinfer.lower import lower, weight_arrays
from zkinfer.pairing.r1cs import Blocks, R1cs, elements, matrix, write_r1cs

_CONTEXT_WIRES = _BLINDING_WIRES = 1


@dataclass(frozen=True)
class Wiring:
    """The rows of a network over wires. system: the rows, over the entries of the circuit."""

    graph: FixedGraph
    circuit: Circuit
    system: RankOne

    @classmethod
    def of(cls, graph: FixedGraph, ranges: Ranges) -> "Wiring":
        """A pure function of the graph and of how its weights are kept small.

        Raises UnsupportedModelError.
        """
        target = PAIRING[ranges]
        circuit = lower(graph, target)
        rows = paired(rank_one(circuit, target.modulus), absorb=not target.exact)
        return cls(graph, circuit, simplified(rows))

    @property
    def public(self) -> int:
        """How many public signals a verifier is given."""
        return _CONTEXT_WIRES + self.system.public

    @property
    def hidden(self) -> int:
        """How many further ones are committed to: the weights, and the blinding."""
        return self.system.weights + _BLINDING_WIRES

    @cached_property
    def _private(self) -> Integers:
        """What rows read of the entries that have no place of their own, in order."""
        read = np.concatenate([side.entries for side in self.system.sides])
        read = np.flatnonzero(np.bincount(read))
        return read[read >= self.system.named]

    @property
    def r1cs(self) -> bytes:
        """The rows as a .r1cs file."""
        wires = np.zeros(self.system.entries + len(self.system.made), np.int64)
        named = np.arange(1, self.system.named)
        wires[named] = named + _CONTEXT_WIRES
        first = 1 + self.public + self.hidden
        wires[self._private] = np.arange(first, first + len(self._private))
        a, b, c = (
            matrix(side.starts, wires[side.entries], side.factors) for side in self.system.sides
        )
        return write_r1cs(R1cs(first + len(self._private), self.public + self.hidden, a, b, c))

    def names(self) -> list[str]:
        """What each wire is, from 1 on: a path, and the place in its tensor."""
        known = {}
        for place, tensor in zip(places(self.circuit)[0], self.circuit.tensors, strict=True):
            for number in range(math.prod(tensor.extents)):
                known[place.start + number] = f"{tensor.path}[{number}]"
        first = 1 + self.system.public
        public = [known[entry] for entry in range(1, first)]
        weights = [known[entry] for entry in range(first, self.system.named)]
        private = (known.get(e, f"product[{e}]") for e in self._private.tolist())
        return ["context", *public, *weights, "blinding", *private]

    def scalars(self, weights: Mapping[str, Integers], blinding: int) -> bytes:
        """What is committed to: the weights as the rows have them, and the blinding; 32 bytes each.

        weights: int64 arrays of the graph's shapes, by name.
        """
        first = 1 + self.system.public
        z = np.zeros(self.system.named, np.int64)
        z[0] = 1
        z[first:] = _flat(weight_arrays(self.graph, weights))
        committed = elements(self.system.absorbing(z)[first:])
        return committed.tobytes() + blinding.to_bytes(32, "little")

    def assignment(
        self,
        witness: Mapping[Segment, Sequence[Integers]],
        weights: Mapping[str, Integers],
        context: int,
        blinding: int,
    ) -> bytes:
        """The values of all wires, 32 bytes each, for a witness and what the key commits to.

        witness: the arrays of each segment. context: the element. weights, blinding: as `scalars`
        takes them.
        """
        arrays = {**witness, Segment.WEIGHTS: weight_arrays(self.graph, weights)}
        z = self.system.extended(entries(self.circuit, arrays))
        known = elements(z)
        first, named = 1 + self.system.public, self.system.named
        return b"".join(
            [
                known[:1].tobytes(),
                context.to_bytes(32, "little"),
                known[1:first].tobytes(),
                known[first:named].tobytes(),
                blinding.to_bytes(32, "little"),
                known[self._private].tobytes(),
            ]
        )


def as_they_are(graph: FixedGraph, weights: Mapping[str, Integers]) -> Blocks:
    """The weights modulo r, in the order of the rows: what is committed to where they take in no
    products.
    """
    return elements(_flat(weight_arrays(graph, weights)))


def _flat(arrays: Sequence[Integers]) -> npt.NDArray[np.int64]:
    return np.concatenate([array.ravel() for array in arrays]) if arrays else np.zeros(0, np.int64)
