"""protocol.md, section 3: the argument, on the verifier's side.

A commitment is known here only as a linear combination of points: those of the proof, the rows of
the weights, and the generators. The closing proof's equations are linear combinations too, and one
multi-scalar multiplication at the end decides.
"""

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from zkinfer.reference import matrix, ristretto
from zkinfer.reference.circuit import BITS, INPUT, SEGMENTS, SKETCH, TRACE, WEIGHTS, Circuit
from zkinfer.reference.errors import FormatError, VerificationError, check
from zkinfer.reference.field import ORDER, eq_table
from zkinfer.reference.reader import Reader
from zkinfer.reference.transcript import Transcript

U, H, G = 0, 1, 2  # positions in the list of points; G_j is at G + j

Combination = dict[int, int]  # the position of a point -> its coefficient


@dataclass
class Statement:
    """What a body is verified against; public has the values of the public tensors but tensor 0."""

    circuit: Circuit
    circuit_digest: bytes
    key_digest: bytes
    context: bytes
    weights: Sequence[bytes]
    public: Sequence[Sequence[int]]


def combine(*parts: tuple[int, Combination]) -> Combination:
    """The sum of combinations times coefficients."""
    total: Combination = {}
    for coefficient, part in parts:
        for position, value in part.items():
            total[position] = (total.get(position, 0) + coefficient * value) % ORDER
    return total


def verify(statement: Statement, body: bytes) -> None:
    """Returns if the body proves the statement, else raises VerificationError."""
    try:
        _Run(statement, body).run()
    except FormatError as error:
        raise VerificationError(str(error)) from error


class _Run:
    """One run of the verifier: the body, the transcript and the points met so far."""

    def __init__(self, statement: Statement, body: bytes) -> None:
        self.statement = statement
        self.circuit = statement.circuit
        self.reader = Reader(body, "the proof's body")
        self.transcript = Transcript()
        letters = (("U", 1), ("H", 1), ("G", 1 << self.circuit.columns_log2))
        self.points = [g for letter, n in letters for g in ristretto.generators(letter, n)]
        self.scalar_commitments: list[Combination] = []  # in the order sent
        self.rows: dict[int, list[Combination]] = {}  # by segment

    def run(self) -> None:
        """All seven steps."""
        self.absorb_statement()
        thetas = self.commitments()
        T, rx = self.zero_check("outer", "tau", self.circuit.mu)
        vA, vB, vAvB = self.receive_scalars("outer/values", 3)
        vC = combine((1, vAvB), (-1, T))
        T, s = self.zero_check("boolean", "sigma", self.circuit.beta)
        (vb,) = self.receive_scalars("boolean/value", 1)
        vb2 = combine((1, T), (1, vb))
        rho, omega = self.transcript.draw_one("inner/rho"), self.transcript.draw_one("inner/omega")
        claim = combine((1, vA), (rho, vB), (rho * rho, vC), (omega, vb))
        claim, ry = self.inner(claim)
        m = matrix.evaluate(self.circuit, thetas, rho, rx, ry) + omega * self.bits_share(s, ry)
        D = combine((1, claim), (-m * self.public_share(ry), {U: 1}))
        self.closing((vA, vB, vAvB, vb, vb2), D, m, ry)

    def absorb_statement(self) -> None:
        """Step 1."""
        absorb = self.transcript.absorb
        absorb("protocol", b"zkinfer/v1/transparent/proof")
        absorb("circuit", self.statement.circuit_digest)
        absorb("key", self.statement.key_digest)
        absorb("context", self.statement.context)
        values = [value for tensor in self.statement.public for value in tensor]
        absorb("public", struct.pack(f"<{len(values)}q", *values))

    def commitments(self) -> list[list[int]]:
        """Step 2. Returns the points of the challenge vectors."""
        self.rows[WEIGHTS] = self.add_points(self.statement.weights)
        for segment in (INPUT, BITS, TRACE):
            self.receive_rows(segment)
        thetas = [self.transcript.draw("circuit/challenge", n) for n in self.circuit.challenges]
        self.receive_rows(SKETCH)
        return thetas

    def zero_check(self, name: str, start: str, rounds: int) -> tuple[Combination, list[int]]:
        """Steps 3 and 4: returns the last claim and the point."""
        tau = self.transcript.draw(f"{name}/{start}", rounds)
        check(all(tau), "the point of a zero-check has a coordinate 0")
        T: Combination = {}
        point = []
        for i, tau_i in enumerate(tau):
            sent = self.receive_scalars(f"{name}/round", 1 if i == 0 else 2)
            a, c = ({}, sent[0]) if i == 0 else (sent[0], sent[1])
            r = self.transcript.draw_one(f"{name}/point")
            inverse = pow(tau_i, -1, ORDER)
            b = combine((inverse, T), (-inverse, a), (-1, c))
            T = combine((1, a), (r, b), (r * r, c))
            point.append(r)
        return T, point

    def inner(self, claim: Combination) -> tuple[Combination, list[int]]:
        """Step 5: returns the last claim and the point."""
        point = []
        for _ in range(self.circuit.nu):
            g0, c = self.receive_scalars("inner/round", 2)
            r = self.transcript.draw_one("inner/point")
            claim = combine((r, claim), (1 - 2 * r, g0), (r * r - r, c))
            point.append(r)
        return claim, point

    def bits_share(self, s: Sequence[int], ry: Sequence[int]) -> int:
        """Step 6: the extension of `[y in bits] eq(s, low beta bits of y)` at ry."""
        beta = self.circuit.beta
        (share,) = eq_table(ry[beta:], self.circuit.segments[BITS].start >> beta, 1)
        for a, b in zip(s, ry[:beta], strict=True):
            share = share * (a * b + (1 - a) * (1 - b)) % ORDER
        return share

    def public_share(self, ry: Sequence[int]) -> int:
        """Step 6: the share z_pub of the public segment in z~(ry)."""
        tables, total = matrix.Tables(ry), 0
        tensors = [self.circuit.tensors[0], *self.circuit.public]
        for tensor, values in zip(tensors, [[1], *self.statement.public], strict=True):
            addresses = itertools.product(*tables.of_grid(tensor.extents, tensor.start))
            for value, factors in zip(values, addresses, strict=True):
                for factor in factors:
                    value = value * factor % ORDER
                total += value
        return total % ORDER

    def closing(
        self, values: tuple[Combination, ...], D: Combination, m: int, ry: Sequence[int]
    ) -> None:
        """Step 7. values are those of equations 1 to 4 and [vB]; m is M~(ry)."""
        vA, vB, vAvB, vb, vb2 = values
        low = self.circuit.columns_log2
        R = self.row_sum(ry[low:])
        e = eq_table(ry[:low], 0, 1 << low)
        gamma = self.transcript.draw_one("opening/gamma")
        Q: Combination = {}
        for commitment in reversed(self.scalar_commitments):
            Q = combine((gamma, Q), (1, commitment))
        announcements = self.receive("opening/announcements", 7)
        challenge = self.transcript.draw_one("opening/challenge")
        responses = self.reader.scalars(len(e) + 10)
        self.reader.end()
        data = b"".join(response.to_bytes(32, "little") for response in responses)
        self.transcript.absorb("opening/responses", data)
        zA, zb, *w = responses[:-8]
        q, *blindings = responses[-8:]
        w_e = sum(x * y for x, y in zip(w, e, strict=True)) % ORDER
        equations: list[tuple[Combination, Combination]] = [
            (vA, {U: zA}),
            (vAvB, combine((zA, vB))),
            (vb, {U: zb}),
            (vb2, combine((zb, vb))),
            (R, {G + j: w_j for j, w_j in enumerate(w)}),
            (D, {U: m * w_e}),
            (Q, {U: q}),
        ]
        total: Combination = {}
        weights = self.transcript.draw("opening/fold", 7)
        for weight, announcement, (left, right), blinding in zip(
            weights, announcements, equations, blindings, strict=True
        ):
            sides = combine((1, announcement), (challenge, left), (-1, right), (-blinding, {H: 1}))
            total = combine((1, total), (weight, sides))
        result = ristretto.multiply(list(total.values()), [self.points[i] for i in total])
        check(ristretto.equal(result, ristretto.IDENTITY), "the closing equations do not hold")

    def row_sum(self, point: Sequence[int]) -> Combination:
        """R: all committed rows times eq of the point and their index."""
        R: Combination = {}
        for segment, rows in self.rows.items():
            start = self.circuit.segments[segment].start >> self.circuit.columns_log2
            for coefficient, row in zip(eq_table(point, start, len(rows)), rows, strict=False):
                R = R | combine((coefficient, row))
        return R

    def receive_rows(self, segment: int) -> None:
        """Reads and absorbs the rows of a segment."""
        count = self.circuit.row_count(segment)
        self.rows[segment] = self.receive(f"rows/{SEGMENTS[segment]}", count)

    def receive_scalars(self, label: str, count: int) -> list[Combination]:
        """Reads and absorbs commitments to scalars."""
        commitments = self.receive(label, count)
        self.scalar_commitments += commitments
        return commitments

    def receive(self, label: str, count: int) -> list[Combination]:
        """Reads and absorbs points."""
        data = self.reader.take(32 * count)
        self.transcript.absorb(label, data)
        return self.add_points([data[at : at + 32] for at in range(0, len(data), 32)])

    def add_points(self, encoded: Sequence[bytes]) -> list[Combination]:
        """Takes points into the list."""
        first = len(self.points)
        self.points += [ristretto.decode(data) for data in encoded]
        return [{position: 1} for position in range(first, len(self.points))]
