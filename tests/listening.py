"""The reference verifier with a transcript that tests can listen to and tamper with."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from zkinfer.reference.argument import Argument, Point, Public, Rows
from zkinfer.reference.circuit import COMMITTED, Circuit
from zkinfer.reference.conversation import Combination
from zkinfer.reference.data import output_rows, outputs_data
from zkinfer.reference.field import ORDER
from zkinfer.reference.formats import Proof, VerifyingKey

MESSAGE, DRAW = 0, 1


class Noting(Argument):
    """A run of the verifier that notes every frame, every challenge, and what step 6 computes."""

    def __init__(
        self,
        circuit: Circuit,
        committed: Rows,
        digest: bytes,
        context: bytes,
        public: Public,
        data: bytes = b"",
    ) -> None:
        super().__init__(circuit, committed, digest, context, public, data)
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


class Listening(Noting):
    """A run on the body of a proof.

    `run` checks the argument only: that the proof names this key, and that its public values are
    within bounds, is checked elsewhere. The key's rows are those of all committed segments but the
    record's and the output's.
    """

    def __init__(self, key: VerifyingKey, proof: Proof) -> None:
        rows, given, named = iter(key.rows), {"record": proof.rows}, proof.named
        if proof.outputs:
            outputs = outputs_data(key, proof)
            given["output"], named = output_rows(outputs), named + outputs.digest
        committed = [
            list(given[s.name] if s.name in given else islice(rows, s.rows))
            for s in key.circuit.bound(COMMITTED)
        ]
        public = [values for _, values in proof.public]
        super().__init__(key.circuit, committed, key.digest, proof.context, public, named)
        self.body = proof.body

    def run(self, body: bytes = b"") -> None:
        """The seven steps on the proof's body, or on another."""
        super().run(body or self.body)


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


def certificate_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """The parts of a weights certificate: its circuit, the rows of its projections, its body."""
    end = 4 + int.from_bytes(data[:4], "little")
    _, projections = Circuit(data[4:end]).bound(COMMITTED)
    body = end + 32 * projections.rows
    return data[4:end], data[end:body], data[body:]


def certified(key: VerifyingKey) -> tuple[VerifyingKey, Proof]:
    """The certificate of a key's weights as a proof of its own circuit (protocol.md, section 6)."""
    circuit, rows, body = certificate_parts(key.certificate)
    points = [rows[at : at + 32] for at in range(0, len(rows), 32)]
    claim = replace(key, circuit=Circuit(circuit), rows=[*key.rows, *points])
    return claim, Proof(key.digest, b"", [], body)


def certificate(key: VerifyingKey) -> Listening:
    """A run of the verifier over the certificate of a key's weights."""
    run = Listening(*certified(key))
    run.kind = b"certificate"
    return run
