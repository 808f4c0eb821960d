"""A compiled model that waits for the setup of its circuit.

What a ceremony needs of it is public: the circuit's rows, which follow from the graph. The weights
are committed to under the setup that comes of it.

Sections of the container (secret): the fixed-point graph as canonical JSON; what keeps hidden
weights small, as a word; the weights, as keys have them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zkinfer import container
from zkinfer.circuit.target import PAIRING, Ranges
from zkinfer.errors import FormatError
from zkinfer.files import SECRET_MODE, NewFile, StrPath, check_free, load_file, write_files
from zkinfer.fixed import FixedGraph
from zkinfer.keys import ProvingKey, make_pairing_keys, pack_weights, read_graph, unpack_weights
from zkinfer.pairing.keys import check_supported, wiring

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Draft:
    """A network and its weights, without keys. Secret.

    graph: the fixed-point graph, without look-ups; weights: name to int64 array; ranges: what keeps
    hidden ones small.
    """

    graph: FixedGraph
    weights: Mapping[str, Integers]
    ranges: Ranges

    def r1cs(self) -> bytes:
        """The circuit as a .r1cs file, for a setup."""
        return wiring(self.graph, self.ranges).r1cs

    @property
    def rows(self) -> int:
        """How many rows the circuit has."""
        return len(wiring(self.graph, self.ranges).system)

    def names(self) -> list[str]:
        """What each wire of the circuit is, from 1 on."""
        return wiring(self.graph, self.ranges).names()

    def finished(self, zkey: bytes) -> ProvingKey:
        """The keys under a setup of the circuit. Raises FormatError when it is none."""
        return make_pairing_keys(self.graph, self.weights, self.ranges, zkey)

    def to_bytes(self) -> bytes:
        """The container. Whoever has it has the weights."""
        packed = pack_weights(self.graph, self.weights)
        parts = (self.graph.to_json(), self.ranges.value.encode(), packed)
        return container.write(container.DRAFT, parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Draft":
        """Reads a container. Raises FormatError."""
        graph_json, word, packed = container.read(container.DRAFT, data)
        ranges = {each.value.encode(): each for each in PAIRING}
        if word not in ranges:
            raise FormatError("this draft does not say what keeps its weights small")
        graph = read_graph(graph_json)
        check_supported(graph)
        return cls(graph, unpack_weights(graph, packed), ranges[word])

    @classmethod
    def load(cls, path: StrPath) -> "Draft":
        """Reads a file. Raises UsageError when it cannot be opened, FormatError otherwise."""
        return load_file(path, container.DRAFT.limit, "draft", cls.from_bytes)

    def save(self, path: StrPath, *, force: bool = False) -> None:
        """Writes a file that only its owner can read. Raises UsageError if it exists."""
        check_free(path, lambda _: force)
        write_files([NewFile(path, self.to_bytes(), SECRET_MODE)])
