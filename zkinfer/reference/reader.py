"""Takes values off the front of some bytes, and never reads past their end."""

import struct

from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER


class Reader:
    """What is left of some bytes. Every method raises FormatError where they do not suffice."""

    def __init__(self, data: bytes, name: str) -> None:
        self.position = 0
        self._data = bytes(data)
        self._name = name

    def take(self, size: int) -> bytes:
        """The next bytes."""
        demand(len(self._data) - self.position >= size, f"{self._name} ends too early")
        self.position += size
        return self._data[self.position - size : self.position]

    def end(self) -> None:
        """Refuses bytes that are left."""
        demand(self.position == len(self._data), f"{self._name} has trailing bytes")

    def uint(self, size: int) -> int:
        """The next unsigned integer of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def int64s(self, count: int) -> tuple[int, ...]:
        """The next integers of eight bytes, two's complement."""
        return struct.unpack(f"<{count}q", self.take(8 * count))

    def number(self) -> int:
        """The next number: seven bits a byte, the lowest first, in the fewest bytes."""
        value = shift = 0
        while True:
            byte = self.uint(1)
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                demand(byte > 0 or shift == 7, "a number takes more bytes than it needs")
                return value
            demand(shift < 259, "a number takes more than 259 bits")

    def integer(self, most: int) -> int:
        """The next integer n, as the number 2 n or -2 n - 1, at most so much either way."""
        value = self.number()
        n = -(value + 1 >> 1) if value & 1 else value >> 1
        demand(abs(n) <= most, f"an integer exceeds {most}")
        return n

    def scalars(self, count: int) -> tuple[int, ...]:
        """The next scalars, each below l."""
        values = tuple(self.uint(32) for _ in range(count))
        demand(all(value < ORDER for value in values), "a scalar is not canonical")
        return values
