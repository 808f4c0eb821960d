"""A prover without a witness: what it takes is the power to choose one challenge.

All that is sent before the closing proof are commitments, which the simulator draws at random: a
commitment hides perfectly, so that is how an honest prover's look too. It then draws the closing
proof's challenge and responses at random and solves its seven equations for the announcements; an
honest prover's masks make these just as uniform. Everything else is drawn from the transcript, as
a verifier does. Knowing only the statement it thus makes what an honest prover makes, where the
random oracle says the chosen challenge: so an honest proof shows nothing but its statement.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import replace

from listening import Programmed

from zkinfer.reference import ristretto
from zkinfer.reference.argument import G, H, Point, U
from zkinfer.reference.conversation import Combination, combine
from zkinfer.reference.field import ORDER, eq_table
from zkinfer.reference.formats import Proof, VerifyingKey
from zkinfer.reference.membership import Hidden
from zkinfer.reference.reader import Reader

CHALLENGE = "opening/challenge"
MEMBERSHIP = "membership/challenge"
Public = Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
"""Shape and values of each public tensor."""


def simulate(
    key: VerifyingKey,
    public: Public,
    context: bytes,
    kind: bytes = b"proof",
    about: Proof | None = None,
    hidden: Hidden | None = None,
) -> tuple[Proof, int]:
    """A proof of a statement, and what `opening/challenge` must be for it to be accepted; of one
    about hidden records `membership/challenge` too.

    Reads the key's digest, circuit and rows, the public values, and what `about` says of records:
    what they are called, and their rows; and the rows of outputs. hidden: the data that records are
    hidden among. Nothing else.
    """
    challenge = secrets.randbelow(ORDER)
    statement = Proof(key.digest, context, list(public), b"")
    if about is not None:
        names = ("numbers", "digests", "rows", "hidden", "outputs")
        statement = replace(statement, **{name: getattr(about, name) for name in names})
    run = Simulator(key, statement, challenge)
    run.hidden = hidden
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
        drawn = dict.fromkeys((CHALLENGE, MEMBERSHIP), (challenge,))
        super().__init__(key, statement, drawn)
        self.made: list[bytes] = []

    def receive(self, label: str, count: int) -> list[Combination]:
        """Sends random points, but for those that are made to fit responses."""
        if label == "membership/points":
            return self.send_membership(label)
        sent = [ristretto.encode(_random()) for _ in range(count)]
        return self.send(label, sent)

    def send_membership(self, label: str) -> list[Combination]:
        """Section 12, with A, D and G_0 that fit the challenge and the responses."""
        assert self.hidden is not None
        (x,), (gamma,) = self.scalars[MEMBERSHIP], self.challenges[-1][1]
        d, records = self.hidden.digits, [self.add_points(each) for each in self.hidden.records]
        combined = [combine(*_powers(gamma, record)) for record in records]
        generators = self.take_points(ristretto.generators("G", 8 * d))
        points, scalars = [], []
        (fresh,) = (rows for segment, rows in self.rows if segment.name == "record")
        for slot in self.hidden.slots(fresh):
            z = [secrets.randbelow(ORDER) for _ in range(7 * d + 3)]
            f = [[x - sum(z[7 * k : 7 * k + 7]), *z[7 * k : 7 * k + 7]] for k in range(d)]
            flat = [f_kj for f_k in f for f_kj in f_k]
            B, C, *G = self.take_points([_random() for _ in range(1 + d)])
            pairs = list(zip(flat, generators, strict=True))
            A = combine(*pairs, (z[-3], {H: 1}), (-x, B))
            D = combine(*((f_kj * (x - f_kj), g) for f_kj, g in pairs), (z[-2], {H: 1}), (-x, C))
            last = combine((pow(x, d, ORDER), combine(*_powers(gamma, slot))), (-z[-1], {H: 1}))
            for i in range(8**d):
                p = math.prod(f_k[i >> 3 * k & 7] for k, f_k in enumerate(f))
                last = combine((1, last), (-p, combined[min(i, len(records) - 1)]))
            last = combine((1, last), *((-pow(x, k + 1, ORDER), G_k) for k, G_k in enumerate(G)))
            points += [self.point(each) for each in (A, B, C, D, last, *G)]
            scalars += z
        sent = self.send(label, points)
        encoded = b"".join(z.to_bytes(32, "little") for z in scalars)
        self.made.append(encoded)
        self.reader = Reader(encoded, "the responses")
        return sent

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


def _random() -> ristretto.Point:
    return ristretto.derive(secrets.token_bytes(64))


def _powers(base: int, parts: Sequence[Combination]) -> list[tuple[int, Combination]]:
    """Each part with a power of the base, from 1 on."""
    return [(pow(base, power, ORDER), part) for power, part in enumerate(parts)]
