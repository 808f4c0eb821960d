"""A malicious key maker against an honest prover: what a false proof would show, and who stops it.

The network gives the label of 128 scores near 2^56, whose keys 128 x - j reach 2^63: as int64 those
of some scores wrap around, depending on the hidden input, so that the honest witness does not
satisfy the gadget. A proof of it would not verify, but its receiver learns by how much equation
6 of the closing proof fails (docs/protocol.md, section 3, step 7): a known combination of the rows'
errors in the exponent, against which guesses of the hidden input can be tried one by one.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from artifacts import dishonest, prove
from networks import Net

import zkinfer
from zkinfer import FormatError, UsageError, VerificationError
from zkinfer.circuit import builder
from zkinfer.circuit.check import violations
from zkinfer.circuit.circuit import Circuit
from zkinfer.circuit.layout import place, strides
from zkinfer.fixed import FixedGraph
from zkinfer.keys import ProvingKey, VerifyingKey, make_keys
from zkinfer.lower import Witness, lower, solve
from zkinfer.reference import read_key, read_proof, ristretto
from zkinfer.reference.argument import Argument, H, Point, U
from zkinfer.reference.conversation import Combination, combine
from zkinfer.reference.field import ORDER, eq_table
from zkinfer.reference.formats import Proof as ReadProof

SECRET = np.array([[5], [2]])
BASE = 2**56  # 128 scores times this is 2^63


def network() -> FixedGraph:
    """Score 8 j + t is x_j + BASE + 1 - t: its key is 2^63 or more just if x_j >= t. The others'
    are not, and keep the label, which is no arg-max then, in its range.
    """
    net = Net()
    x = net.input(2, 1, low=0, high=7)
    thresholds = net.weight(1, 8, low=BASE - 8, high=BASE + 7)
    scores = net.node("add", x, thresholds, shift_a=0, shift_b=0)
    flat = net.node("reshape", scores, shape=(16,))
    padded = net.node("pad", flat, pads=(0, 112), value=BASE - 8)
    return net.graph(net.node("label", padded, kept=0), output="label")


WEIGHTS = {"w0": BASE + 1 - np.arange(8).reshape(1, 8)}


@pytest.fixture
def unbounded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Switches the bounds of gadgets' integers off; what it returns switches them on again."""
    monkeypatch.setattr(builder, "check_exact", lambda path, low, high: None)
    return monkeypatch.undo


def test_the_key_is_refused_when_it_is_read(unbounded: Callable[[], None]) -> None:
    key = make_keys(network(), WEIGHTS)
    data, public = key.to_bytes(), key.verifying_key.to_bytes()
    unbounded()
    reason = r"node label \(label\): .* could reach \d+, beyond 64 bits"
    with pytest.raises(FormatError, match=reason):
        ProvingKey.from_bytes(data)
    with pytest.raises(FormatError, match=reason):
        VerifyingKey.from_bytes(public)
    with pytest.raises(zkinfer.UnsupportedModelError, match=reason):
        make_keys(network(), WEIGHTS)


@pytest.mark.usefixtures("unbounded")
def test_the_prover_releases_no_false_proof() -> None:
    key = ProvingKey.from_bytes(make_keys(network(), WEIGHTS).to_bytes())
    with pytest.raises(
        UsageError, match="no proof is released: the witness does not satisfy label/"
    ):
        prove(key, {"x0": SECRET})
    with pytest.raises(
        UsageError, match="no proof is released: the witness does not satisfy label/"
    ):
        zkinfer.prove(key, SECRET)


@pytest.mark.usefixtures("unbounded")
def test_a_false_proof_would_show_the_input() -> None:
    """The danger is real: whoever made the key reads the input from an unchecked proof."""
    key = make_keys(network(), WEIGHTS)
    public = key.verifying_key
    proof = dishonest(public, key.weights, key.blinds, {"x0": SECRET})
    with pytest.raises(VerificationError):
        zkinfer.verify(public, proof)
    receiver = Receiver(public, proof)
    matching = [guess for guess in guesses() if receiver.fits(key.weights, {"x0": guess})]
    assert [guess.tolist() for guess in matching] == [SECRET.tolist()]


def guesses() -> list[np.ndarray]:
    """Every input of the domain."""
    return [np.array(index).reshape(2, 1) for index in np.ndindex(8, 8)]


class Receiver(Argument):
    """The verifier's own steps up to equation 6, whose two sides it compares."""

    def __init__(self, key: VerifyingKey, proof: zkinfer.Proof) -> None:
        read: ReadProof = read_proof(proof.to_bytes())
        values = [values for _, values in read.public]
        known = read_key(key.to_bytes())
        super().__init__(known.circuit, [known.rows], known.digest, read.context, values)
        self.graph, self.lowered = key.graph, lower(key.graph)
        self.drawn: dict[str, list[int]] = {}
        self.run(read.body)

    def draw(self, label: str, count: int) -> Point:
        scalars = super().draw(label, count)
        self.drawn.setdefault(label, []).extend(scalars)
        return scalars

    def closing(self, values: tuple[Combination, ...], D: Combination, m: int, ry: Point) -> None:
        """Keeps the point by which equation 6 fails."""
        e = eq_table(ry[: self.circuit.columns_log2], 0, 1 << self.circuit.columns_log2)
        self.draw_one("opening/gamma")
        announcement = self.receive("opening/announcements", 7)[5]
        challenge = self.draw_one("opening/challenge")
        responses = self.reader.scalars(len(e) + 10)
        w, blinding = responses[2:-8], responses[-2]
        w_e = sum(x * y for x, y in zip(w, e, strict=True))
        residue = combine(
            (1, announcement), (challenge, D), (-m * w_e, {U: 1}), (-blinding, {H: 1})
        )
        points = [self.points[position] for position in residue]
        self.residue = ristretto.multiply(list(residue.values()), points)

    def fits(self, weights: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray]) -> bool:
        """Whether this hidden input explains the point.

        A row's error reaches vC as eq(rx, row) times it, the claim of the inner sum-check times
        rho^2, equation 6 times every point of the inner rounds and the challenge.
        """
        (rho,), (challenge,) = self.drawn["inner/rho"], self.drawn["opening/challenge"]
        factor = challenge * rho * rho * math.prod(self.drawn["inner/point"])
        witness = solve(self.graph, weights, inputs)
        error = weighted_errors(self.lowered, witness, tuple(self.drawn["outer/point"]))
        expected = ristretto.multiply([factor * error % ORDER], [self.points[U]])
        return ristretto.encode(expected) == ristretto.encode(self.residue)


def weighted_errors(circuit: Circuit, witness: Witness, rx: Point) -> int:
    """sum_row eq(rx, row) (A B - C)(row)."""
    starts, end = place(block.extents for block in circuit.blocks)
    eq = eq_table(rx, 0, end)
    at = {
        block.path: (s, strides(block.extents))
        for block, s in zip(circuit.blocks, starts, strict=True)
    }
    total = 0
    for path, wrong in violations(circuit, witness.segments):
        start, steps = at[path]
        for index in np.ndindex(*wrong.shape):
            row = start + sum(i * step for i, step in zip(index, steps, strict=True))
            total += eq[row] * int(wrong[index])
    return total % ORDER
