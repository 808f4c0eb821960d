"""protocol.md, section 3: the argument, on the verifier's side.

The closing proof's equations are linear combinations of points, and one multi-scalar multiplication
at the end decides.
"""

import itertools
import struct
from collections.abc import Sequence

from zkinfer.reference import matrix, membership, ristretto
from zkinfer.reference.circuit import BITS, COMMITTED, SENT, SKETCH, Circuit, Segment
from zkinfer.reference.conversation import Combination, Conversation, combine
from zkinfer.reference.errors import demand
from zkinfer.reference.field import ORDER, eq_table
from zkinfer.reference.matrix import Point
from zkinfer.reference.reader import Reader

U, H, G = 0, 1, 2  # positions in the list of points; G_j is at G + j

Rows = Sequence[Sequence[bytes]]  # the encoded rows of each committed segment
Public = Sequence[Sequence[int]]  # the values of the public tensors but tensor 0


class Argument(Conversation):
    """One run of the verifier."""

    kind = b"proof"
    hidden: membership.Hidden | None = None

    def __init__(
        self,
        circuit: Circuit,
        committed: Rows,
        digest: bytes,
        context: bytes,
        public: Public,
        data: bytes = b"",
    ) -> None:
        letters = (("U", 1), ("H", 1), ("G", 1 << circuit.columns_log2))
        super().__init__([g for letter, n in letters for g in ristretto.generators(letter, n)])
        self.data = data
        self.circuit, self.committed, self.public = circuit, committed, public
        self.digest, self.context = digest, context
        self.scalar_commitments: list[Combination] = []  # in the order sent
        self.rows: list[tuple[Segment, list[Combination]]] = []
        (self.bits,) = circuit.bound(BITS)

    def run(self, body: bytes) -> None:
        """The seven steps. Raises FormatError unless the body proves the statement."""
        self.reader = Reader(body, "the proof's body")
        self.absorb_statement()
        thetas = self.commitments()
        T, rx = self.zero_check("outer", "tau", self.circuit.mu)
        vA, vB, vAvB = self.receive_scalars("outer/values", 3)
        vC = combine((1, vAvB), (-1, T))
        T, s = self.zero_check("boolean", "sigma", self.bits.log2)
        (vb,) = self.receive_scalars("boolean/value", 1)
        vb2 = combine((1, T), (1, vb))
        rho, omega = self.draw_one("inner/rho"), self.draw_one("inner/omega")
        claim, ry = self.inner(combine((1, vA), (rho, vB), (rho * rho, vC), (omega, vb)))
        m = matrix.evaluate(self.circuit, thetas, rho, rx, ry) + omega * self.bits_share(s, ry)
        D = combine((1, claim), (-m * self.public_share(ry), {U: 1}))
        self.closing((vA, vB, vAvB, vb, vb2), D, m, ry)

    def absorb_statement(self) -> None:
        """Step 1."""
        values = [value for tensor in self.public for value in tensor]
        self.absorb("protocol", b"zkinfer/v2/transparent/" + self.kind)
        self.absorb("circuit", self.circuit.digest)
        self.absorb("key", self.digest)
        self.absorb("context", self.context)
        self.absorb("public", struct.pack(f"<{len(values)}q", *values))
        if self.data:
            self.absorb("data", self.data)

    def commitments(self) -> list[Point]:
        """Step 2. Returns the points of the challenge vectors."""
        for segment, rows in zip(self.circuit.bound(COMMITTED), self.committed, strict=True):
            self.absorb(f"rows/{segment.name}", b"".join(rows))
            self.rows.append((segment, self.add_points(rows)))
        if self.hidden is not None:
            (fresh,) = (rows for segment, rows in self.rows if segment.name == "record")
            membership.check(self, self.hidden, fresh)
        self.receive_rows(SENT, BITS)
        thetas = [self.draw("circuit/challenge", n) for n in self.circuit.challenges]
        self.receive_rows(SKETCH)
        return thetas

    def receive_rows(self, *bindings: int) -> None:
        """Reads and absorbs the rows of the segments of these bindings."""
        for segment in self.circuit.bound(*bindings):
            self.rows.append((segment, self.receive(f"rows/{segment.name}", segment.rows)))

    def zero_check(self, name: str, start: str, rounds: int) -> tuple[Combination, Point]:
        """Steps 3 and 4: returns the last claim and the point."""
        T: Combination = {}
        point: Point = ()
        for tau in self.draw(f"{name}/{start}", rounds):
            demand(tau != 0, "the point of a zero-check has a coordinate 0")
            a, c = [{}, *self.receive_scalars(f"{name}/round", 2 if point else 1)][-2:]
            r = self.draw_one(f"{name}/point")
            inverse = pow(tau, -1, ORDER)
            b = combine((inverse, T), (-inverse, a), (-1, c))
            T = combine((1, a), (r, b), (r * r, c))
            point += (r,)
        return T, point

    def inner(self, claim: Combination) -> tuple[Combination, Point]:
        """Step 5: returns the last claim and the point."""
        point: Point = ()
        for _ in range(self.circuit.nu):
            g0, c = self.receive_scalars("inner/round", 2)
            r = self.draw_one("inner/point")
            claim = combine((r, claim), (1 - 2 * r, g0), (r * r - r, c))
            point += (r,)
        return claim, point

    def bits_share(self, s: Point, ry: Point) -> int:
        """Step 6: the extension of `[y in bits] eq(s, low beta bits of y)` at ry."""
        (share,) = eq_table(ry[len(s) :], self.bits.start >> len(s), 1)
        for a, b in zip(s, ry, strict=False):
            share = share * (a * b + (1 - a) * (1 - b)) % ORDER
        return share

    def public_share(self, ry: Point) -> int:
        """Step 6: the share z_pub of the public segment in z~(ry)."""
        total = 0
        for tensor, values in zip(self.circuit.public, [[1], *self.public], strict=True):
            tables = matrix.axis_tables(ry, tensor.extents, tensor.start)
            for value, factors in zip(values, itertools.product(*tables), strict=True):
                for factor in factors:
                    value = value * factor % ORDER
                total += value
        return total % ORDER

    def closing(self, values: tuple[Combination, ...], D: Combination, m: int, ry: Point) -> None:
        """Step 7. m is M~(ry)."""
        vA, vB, vAvB, vb, vb2 = values
        low = self.circuit.columns_log2
        R: Combination = {}
        for segment, rows in self.rows:
            start = segment.start >> low
            R |= combine(*zip(eq_table(ry[low:], start, len(rows)), rows, strict=False))
        e = eq_table(ry[:low], 0, 1 << low)
        gamma = self.draw_one("opening/gamma")
        Q: Combination = {}
        for commitment in reversed(self.scalar_commitments):
            Q = combine((gamma, Q), (1, commitment))
        announcements = self.receive("opening/announcements", 7)
        challenge = self.draw_one("opening/challenge")
        responses = self.reader.scalars(len(e) + 10)
        self.reader.end()
        self.absorb("opening/responses", b"".join(z.to_bytes(32, "little") for z in responses))
        zA, zb, *w = responses[:-8]
        q, *blindings = responses[-8:]
        w_e = sum(x * y for x, y in zip(w, e, strict=True))
        lefts = (vA, vAvB, vb, vb2, R, D, Q)
        rights: list[Combination] = [{U: zA}, combine((zA, vB)), {U: zb}, combine((zb, vb))]
        rights += [{G + j: w_j for j, w_j in enumerate(w)}, {U: m * w_e}, {U: q}]
        fold = self.draw("opening/fold", 7)
        parts: list[tuple[int, Combination]] = []
        equations = zip(fold, announcements, lefts, rights, blindings, strict=True)
        for f, sent, left, right, z in equations:
            parts += [(f, sent), (f * challenge, left), (-f, right), (-f * z, {H: 1})]
        demand(self.vanishes(parts), "the closing equations do not hold")

    def receive_scalars(self, label: str, count: int) -> list[Combination]:
        """Reads and absorbs commitments to scalars."""
        self.scalar_commitments += self.receive(label, count)
        return self.scalar_commitments[-count:]
