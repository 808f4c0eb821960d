"""What a verifier hears: the body's points and scalars, in a transcript.

A commitment is known here only as a linear combination of points: those of the proof, of the
statement, and generators. Equations between them are linear combinations too, which multi-scalar
multiplications decide.
"""

from collections.abc import Sequence

from zkinfer.reference import ristretto
from zkinfer.reference.field import ORDER
from zkinfer.reference.reader import Reader
from zkinfer.reference.ristretto import Point
from zkinfer.reference.transcript import Transcript

Combination = dict[int, int]  # the position of a point -> its coefficient


def combine(*parts: tuple[int, Combination]) -> Combination:
    """The sum of combinations times coefficients."""
    total: Combination = {}
    for coefficient, part in parts:
        for position, value in part.items():
            total[position] = (total.get(position, 0) + coefficient * value) % ORDER
    return total


class Conversation(Transcript):
    """A body that is read, the transcript, and the points met so far."""

    reader: Reader

    def __init__(self, points: Sequence[Point] = ()) -> None:
        super().__init__()
        self.points = list(points)

    def receive(self, label: str, count: int) -> list[Combination]:
        """Reads and absorbs points."""
        encoded = [self.reader.take(32) for _ in range(count)]
        self.absorb(label, b"".join(encoded))
        return self.add_points(encoded)

    def add_points(self, encoded: Sequence[bytes]) -> list[Combination]:
        """Decodes points and takes them into the list."""
        return self.take_points([ristretto.decode(data) for data in encoded])

    def take_points(self, points: Sequence[Point]) -> list[Combination]:
        """Takes points into the list."""
        first = len(self.points)
        self.points += points
        return [{position: 1} for position in range(first, len(self.points))]

    def vanishes(self, parts: Sequence[tuple[int, Combination]]) -> bool:
        """Whether the sum of combinations times coefficients is the identity."""
        total = combine(*parts)
        result = ristretto.multiply(list(total.values()), [self.points[i] for i in total])
        return ristretto.encode(result) == bytes(32)
