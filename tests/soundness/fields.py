"""Every field of a container, of public values, of a circuit and of a proof's body.

Written after docs/formats.md: a walk over the bytes that notes where each field is. Names repeat:
all extents of all tensors of a circuit are `tensor/extent`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.container import Kind
from zkinfer.reference.circuit import BITS, INPUT, SKETCH, TRACE, Circuit


@dataclass(frozen=True)
class Field:
    """A field and its place."""

    name: str
    start: int
    size: int


class Walk:
    """Takes fields off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fields: list[Field] = []
        self.position = 0

    def take(self, name: str, size: int) -> bytes:
        field = Field(name, self.position, size)
        assert field.start + size <= len(self.data), name
        self.fields.append(field)
        self.position += size
        return self.data[field.start : self.position]

    def number(self, name: str, size: int) -> int:
        return int.from_bytes(self.take(name, size), "little")

    def each(self, *names: str) -> None:
        """Elements of 32 bytes."""
        for name in names:
            self.take(name, 32)

    def end(self) -> list[Field]:
        assert self.position == len(self.data)
        return self.fields


def container_fields(kind: Kind, data: bytes) -> list[Field]:
    walk = Walk(data)
    walk.take("magic", 8)
    walk.take("version", 2)
    for section in kind.sections:
        walk.take(f"{section.name}/tag", 1)
        size = walk.number(f"{section.name}/length", 8)
        walk.take(section.name, size)
    walk.take("checksum", 32)
    return walk.end()


def public_fields(data: bytes) -> list[Field]:
    walk = Walk(data)
    for _ in range(walk.number("public values/count", 4)):
        count = 1
        for _ in range(walk.number("public values/axes", 1)):
            count *= walk.number("public values/extent", 4)
        for _ in range(count):
            walk.take("public values/value", 8)
    return walk.end()


def body_fields(circuit: Circuit, data: bytes) -> list[Field]:
    walk = Walk(data)
    for segment, name in ((INPUT, "input"), (BITS, "bits"), (TRACE, "trace"), (SKETCH, "sketch")):
        walk.each(*[f"rows/{name}"] * circuit.segments[segment].rows)
    walk.each("outer/first c", *["outer/a", "outer/c"] * (circuit.mu - 1))
    walk.each("vA", "vB", "vA vB")
    walk.each("boolean/first c", *["boolean/a", "boolean/c"] * (circuit.segments[BITS].log2 - 1))
    walk.each("vb")
    walk.each(*["inner/g(0)", "inner/c"] * circuit.nu)
    walk.each(*(f"announcement {k}" for k in range(1, 8)))
    walk.each("response vA", "response vb")
    walk.each(*["response w"] * (1 << circuit.columns_log2))
    walk.each("response q", *(f"blinding {k}" for k in range(1, 8)))
    return walk.end()


BODY = {
    "input": ["rows/input"],
    "bits": ["rows/bits"],
    "trace": ["rows/trace"],
    "sketch": ["rows/sketch"],
    "outer": ["outer/first c", "outer/a", "outer/c"],
    "outer_values": ["vA", "vB", "vA vB"],
    "boolean": ["boolean/first c", "boolean/a", "boolean/c"],
    "boolean_value": ["vb"],
    "inner": ["inner/g(0)", "inner/c"],
    "announcements": [f"announcement {k}" for k in range(1, 8)],
    "responses": [
        *("response vA", "response vb", "response w", "response q"),
        *(f"blinding {k}" for k in range(1, 8)),
    ],
}
"""By the field of the native verifier's struct: names of the fields above."""


def certificate_fields(data: bytes) -> list[Field]:
    walk = Walk(data)
    circuit = Circuit(walk.take("circuit", walk.number("circuit length", 4)))
    for field in body_fields(circuit, data[walk.position :]):
        walk.take(field.name, field.size)
    return walk.end()


def circuit_fields(data: bytes) -> list[Field]:
    walk = Walk(data)
    walk.take("magic", 8)
    walk.number("log2 C", 1)
    for _ in range(walk.number("challenges/count", 4)):
        walk.take("challenges/coordinates", 1)
    for _ in range(walk.number("tensors/count", 4)):
        public = walk.number("tensor/segment", 1) == 0
        _extents(walk, "tensor")
        if public:
            walk.take("tensor/low", 8)
            walk.take("tensor/high", 8)
    for _ in range(walk.number("blocks/count", 4)):
        walk.take("block/path", walk.number("block/path length", 2))
        rows = _extents(walk, "block")
        for _ in "ABC":
            for _ in range(walk.number("block/terms", 2)):
                _term(walk, rows)
    return walk.end()


def _extents(walk: Walk, name: str) -> Sequence[int]:
    axes = walk.number(f"{name}/axes", 1)
    return [walk.number(f"{name}/extent", 4) for _ in range(axes)]


def _term(walk: Walk, rows: Sequence[int]) -> None:
    walk.take("term/tensor", 4)
    walk.take("term/coefficient", 32)
    extents = [*rows, *_extents(walk, "sum")]
    for extent in extents:
        kind = walk.number("weight/kind", 1)
        if kind == 2:
            walk.take("weight/challenge", 4)
        if kind == 3:
            walk.each(*["weight/constant"] * extent)
    for _ in range(walk.number("index/axes", 1)):
        walk.take("index/base", 8)
        for _ in extents:
            walk.take("index/stride", 8)
