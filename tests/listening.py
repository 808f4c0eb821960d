"""The reference verifier with a transcript that tests can listen to and tamper with."""

from collections.abc import Mapping
from dataclasses import replace

from zkinfer.reference.argument import Argument, Combination, Point
from zkinfer.reference.circuit import Circuit
from zkinfer.reference.field import ORDER
from zkinfer.reference.formats import Proof, VerifyingKey

MESSAGE, DRAW = 0, 1


class Listening(Argument):
    """A run of the verifier that notes every frame, every challenge, and what step 6 computes.

    `run` checks the argument only: that the proof names this key, and that its public values are
    within bounds, is checked elsewhere.
    """

    def __init__(self, key: VerifyingKey, proof: Proof) -> None:
        super().__init__(key, proof.context, [values for _, values in proof.public], proof.body)
        self.frames: list[tuple[int, str]] = []
        self.challenges: list[tuple[str, tuple[int, ...]]] = []
        self.matrix = self.share = 0

    def absorb(self, label: str, data: bytes, kind: int = MESSAGE) -> None:
        self.frames.append((kind, label))
        super().absorb(label, data, kind)

    def draw(self, label: str, count: int) -> tuple[int, ...]:
        scalars = super().draw(label, count)
        self.challenges.append((label, scalars))
        return scalars

    def public_share(self, ry: Point) -> int:
        self.share = super().public_share(ry)
        return self.share

    def closing(self, values: tuple[Combination, ...], D: Combination, m: int, ry: Point) -> None:
        self.matrix = m % ORDER
        super().closing(values, D, m, ry)


class Deaf(Listening):
    """Skips the frames at the given positions: nothing is absorbed for them."""

    def __init__(self, key: VerifyingKey, proof: Proof, *skipped: int) -> None:
        super().__init__(key, proof)
        self.skipped = skipped

    def absorb(self, label: str, data: bytes, kind: int = MESSAGE) -> None:
        if len(self.frames) in self.skipped:
            self.frames.append((kind, label))
        else:
            super().absorb(label, data, kind)


class Mishearing(Listening):
    """Absorbs other data where the label is this one: one bit of it is flipped."""

    def __init__(self, key: VerifyingKey, proof: Proof, kind: int, label: str) -> None:
        super().__init__(key, proof)
        self.frame = kind, label

    def absorb(self, label: str, data: bytes, kind: int = MESSAGE) -> None:
        if (kind, label) == self.frame:
            data = bytes([data[0] ^ 1, *data[1:]])
        super().absorb(label, data, kind)


class Programmed(Listening):
    """Draws what the test says for some labels, whatever was absorbed."""

    def __init__(
        self, key: VerifyingKey, proof: Proof, scalars: Mapping[str, tuple[int, ...]]
    ) -> None:
        super().__init__(key, proof)
        self.scalars = scalars

    def draw(self, label: str, count: int) -> tuple[int, ...]:
        drawn = super().draw(label, count)
        return self.scalars.get(label, drawn)


def certificate(key: VerifyingKey) -> Listening:
    """A run of the verifier over the certificate of a key's weights (protocol.md, section 6)."""
    end = 4 + int.from_bytes(key.certificate[:4], "little")
    circuit = Circuit(key.certificate[4:end])
    run = Listening(
        replace(key, circuit=circuit), Proof(key.digest, b"", [], key.certificate[end:])
    )
    run.kind = b"certificate"
    return run
