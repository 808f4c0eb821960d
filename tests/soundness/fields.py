"""Every field of a container, of public values, a record, a circuit, a certificate and a body.

Written after docs/formats.md: a walk over the bytes that notes where each field is. Names repeat:
all extents of all tensors of a circuit are `tensor/extent`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer import container
from zkinfer.container import Kind
from zkinfer.reference.circuit import BITS, COMMITTED, SENT, SKETCH, Circuit


@dataclass(frozen=True)
class Field:
    """A field and its place.

    code: how it says an integer: `fixed` in as many bytes as it has, `number` and `integer` as
    circuits do.
    """

    name: str
    start: int
    size: int
    code: str = "fixed"


class Walk:
    """Takes fields off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fields: list[Field] = []
        self.position = 0

    def take(self, name: str, size: int, code: str = "fixed") -> bytes:
        field = Field(name, self.position, size, code)
        assert field.start + size <= len(self.data), name
        self.fields.append(field)
        self.position += size
        return self.data[field.start : self.position]

    def fixed(self, name: str, size: int) -> int:
        """An unsigned integer of so many bytes."""
        return int.from_bytes(self.take(name, size), "little")

    def number(self, name: str, code: str = "number") -> int:
        """A number of seven bits a byte."""
        size = 1
        while self.data[self.position + size - 1] & 128:
            size += 1
        groups = self.take(name, size, code)
        return sum((byte & 127) << 7 * place for place, byte in enumerate(groups))

    def integer(self, name: str) -> None:
        """A number that says an integer."""
        self.number(name, "integer")

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
        at = walk.position
        end = len(data) - container.CHECKSUM_SIZE
        if section.optional and (at == end or data[at] != section.tag):
            continue
        walk.take(f"{section.name}/tag", 1)
        size = walk.fixed(f"{section.name}/length", 8)
        walk.take(section.name, size)
    walk.take("checksum", 32)
    return walk.end()


def public_fields(data: bytes) -> list[Field]:
    walk = Walk(data)
    for _ in range(walk.fixed("public values/count", 4)):
        count = 1
        for _ in range(walk.fixed("public values/axes", 1)):
            count *= walk.fixed("public values/extent", 4)
        for _ in range(count):
            walk.take("public values/value", 8)
    return walk.end()


def record_fields(data: bytes) -> list[Field]:
    walk = Walk(data)
    count = walk.fixed("count", 4)
    assert not walk.fixed("labelled", 1)
    walk.take("digest", 32)
    for _ in range(count):
        walk.take("number", 8)
    walk.each(*["row"] * ((len(data) - walk.position) // 32))
    return walk.end()


def body_fields(circuit: Circuit, data: bytes) -> list[Field]:
    walk = Walk(data)
    for segment in (*circuit.bound(SENT, BITS), *circuit.bound(SKETCH)):
        walk.each(*[f"rows/{segment.name}"] * segment.rows)
    (bits,) = circuit.bound(BITS)
    walk.each("outer/first c", *["outer/a", "outer/c"] * (circuit.mu - 1))
    walk.each("vA", "vB", "vA vB")
    walk.each("boolean/first c", *["boolean/a", "boolean/c"] * (bits.log2 - 1))
    walk.each("vb")
    walk.each(*["inner/g(0)", "inner/c"] * circuit.nu)
    walk.each(*(f"announcement {k}" for k in range(1, 8)))
    walk.each("response vA", "response vb")
    walk.each(*["response w"] * (1 << circuit.columns_log2))
    walk.each("response q", *(f"blinding {k}" for k in range(1, 8)))
    return walk.end()


BODY = {
    "rows": ["rows/input", "rows/bits", "rows/trace", "rows/sketch"],
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
    circuit = Circuit(walk.take("circuit", walk.fixed("circuit length", 4)))
    _, projections = circuit.bound(COMMITTED)
    walk.each(*[f"rows/{projections.name}"] * projections.rows)
    for field in body_fields(circuit, data[walk.position :]):
        walk.take(field.name, field.size)
    return walk.end()


def circuit_fields(data: bytes) -> list[Field]:
    walk = Walk(data)
    walk.take("magic", 8)
    walk.number("log2 C")
    for _ in range(walk.number("segments/count")):
        walk.take("segment/name", walk.number("segment/name length"))
        walk.take("segment/binding", 1)
    for _ in range(walk.number("challenges/count")):
        walk.number("challenges/coordinates")
    for _ in range(walk.number("tensors/count")):
        public = walk.number("tensor/segment") == 0
        _extents(walk, "tensor")
        if public:
            walk.integer("tensor/low")
            walk.integer("tensor/high")
    for _ in range(walk.number("blocks/count")):
        walk.take("block/path", walk.number("block/path length"))
        rows = _extents(walk, "block")
        walk.take("block/defines", 1)
        for _ in "ABC":
            for _ in range(walk.number("block/terms")):
                _term(walk, rows)
    return walk.end()


def _extents(walk: Walk, name: str) -> Sequence[int]:
    axes = walk.number(f"{name}/axes")
    return [walk.number(f"{name}/extent") for _ in range(axes)]


def _term(walk: Walk, rows: Sequence[int]) -> None:
    walk.number("term/tensor")
    walk.integer("term/coefficient")
    extents = [*rows, *_extents(walk, "sum")]
    for extent in extents:
        kind = walk.fixed("weight/kind", 1)
        if kind == 4:
            walk.number("weight/count")
        if kind in (2, 4):
            walk.number("weight/challenge")
        if kind == 3:
            for _ in range(extent):
                walk.integer("weight/constant")
        if kind == 4:
            walk.take("weight/seed", 32)
    for _ in range(walk.number("index/axes")):
        walk.integer("index/base")
        for _ in extents:
            walk.integer("index/stride")
