"""A prover without a witness: what it takes is the power to choose one challenge.

All that is sent before the closing proof are commitments, which the simulator draws at random: a
commitment hides perfectly, so that is how an honest prover's look too. It then draws the closing
proof's challenge and responses at random and solves its seven equations for the announcements; an
honest prover's masks make these just as uniform. Everything else is drawn from the transcript, as
a verifier does. Knowing only the statement it thus makes what an honest prover makes, where the
random oracle says the chosen challenge: so an honest proof shows nothing but its statement.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from listening import Programmed

from zkinfer.reference import ristretto
from zkinfer.reference.argument import Combination, G, H, Point, U, combine
from zkinfer.reference.field import ORDER, eq_table
from zkinfer.reference.formats import Proof, VerifyingKey

CHALLENGE = "opening/challenge"
Public = Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
"""Shape and values of each public tensor."""


def simulate(
    key: VerifyingKey,
    public: Public,
    context: bytes,
    kind: bytes = b"proof",
    about: Proof | None = None,
) -> tuple[Proof, int]:
    """A proof of a statement, and what `opening/challenge` must be for it to be accepted.

    Reads the key's digest, circuit and rows, the public values, and what `about` says of records:
    what they are called, and their rows; and the rows of outputs. Nothing else.
    """
    challenge = secrets.randbelow(ORDER)
    statement = Proof(key.digest, context, list(public), b"")
    if about is not None:
        records = {"numbers": about.numbers, "digests": about.digests, "rows": about.rows}
        statement = replace(statement, **records, outputs=about.outputs)
    run = Simulator(key, statement, challenge)
    run.kind = kind
    run.run()
    return replace(statement, body=b"".join(run.made)), challenge


class Simulator(Programmed):
    """The verifier's own steps, where what it would read from a proof is made up instead."""

    def __init__(
        self,
        key: VerifyingKey,
        statement: Proof,
        challenge: int,
    ) -> None:
        super().__init__(key, statement, {CHALLENGE: (challenge,)})
        self.made: list[bytes] = []

    def receive(self, label: str, count: int) -> list[Combination]:
        """Sends random points."""
        sent = [ristretto.encode(ristretto.derive(secrets.token_bytes(64))) for _ in range(count)]
        return self.send(label, sent)

    def send(self, label: str, encoded: list[bytes]) -> list[Combination]:
        self.made += encoded
        self.absorb(label, b"".join(encoded))
        return self.add_points(encoded)

    def closing(self, values: tuple[Combination, ...], D: Combination, m: int, ry: Point) -> None:
        """Step 7, with announcements that fit the challenge and the responses."""
        vA, vB, vAvB, vb, vb2 = values
        low = self.circuit.columns_log2
        gamma = self.draw_one("opening/gamma")
        Q = combine(*((pow(gamma, k, ORDER), c) for k, c in enumerate(self.scalar_commitments)))
        R = self.combined_rows(ry[low:])
        e = eq_table(ry[:low], 0, 1 << low)
        a, b, q = (secrets.randbelow(ORDER) for _ in range(3))
        w = [secrets.randbelow(ORDER) for _ in e]
        w_e = sum(x * y for x, y in zip(w, e, strict=True))
        equations = [
            (vA, {U: a}),
            (vAvB, combine((a, vB))),
            (vb, {U: b}),
            (vb2, combine((b, vb))),
            (R, {G + j: w_j for j, w_j in enumerate(w)}),
            (D, {U: m * w_e}),
            (Q, {U: q}),
        ]
        blindings = [secrets.randbelow(ORDER) for _ in equations]
        (challenge,) = self.scalars[CHALLENGE]
        announcements = [
            self.point(combine((1, right), (z, {H: 1}), (-challenge, left)))
            for (left, right), z in zip(equations, blindings, strict=True)
        ]
        self.send("opening/announcements", announcements)
        self.made += [scalar.to_bytes(32, "little") for scalar in (a, b, *w, q, *blindings)]

    def combined_rows(self, point: Point) -> Combination:
        """R: every committed row times eq of its index."""
        total: Combination = {}
        for segment, rows in self.rows:
            start = segment.start >> self.circuit.columns_log2
            weights = eq_table(point, start, len(rows))
            total = combine((1, total), *zip(weights, rows, strict=True))
        return total

    def point(self, combination: Combination) -> bytes:
        points = [self.points[position] for position in combination]
        return ristretto.encode(ristretto.multiply(list(combination.values()), points))
