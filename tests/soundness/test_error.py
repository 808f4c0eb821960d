"""The soundness error that `zkinfer inspect` shows, against the reference verifier's own counts."""

import dataclasses
import math
import re
from fractions import Fraction
from pathlib import Path

import listening
import networks
import numpy as np
import pytest
from artifacts import prove

import zkinfer
from tests.soundness.test_certificate import draw, many_weights
from zkinfer import certificate, describe, reference
from zkinfer.certificate import certificate_circuit
from zkinfer.circuit.layout import Segment
from zkinfer.circuit.term import Projection
from zkinfer.keys import make_keys
from zkinfer.lower import lower
from zkinfer.reference.argument import Argument
from zkinfer.reference.circuit import BITS, Circuit
from zkinfer.soundness import soundness

ORDER = 2**252 + 27742317777372353535851937790883648493
PAGE = r"at most 2\^-(\d+) for a key with hidden weights, and 2\^-(\d+) for a proof of LeNet-5"
"""The sentence of SECURITY.md."""
CASES = networks.cases()
ROOT = Path(__file__).resolve().parents[2]


def counted(circuit: Circuit, run: Argument, looked_up: int = 0) -> dict[str, int]:
    """The terms of a proof, or of a certificate, as the reference verifier meets them.

    looked_up: the tuples, and the rows of tables.
    """
    return {
        "outer_zero_check": 3 * circuit.mu,
        "booleanity": 3 * circuit.bound(BITS)[0].log2,
        "inner_sum_check": 2 * circuit.nu,
        "rows": circuit.nu - circuit.columns_log2,
        "challenge_coordinates": sum(circuit.challenges),
        "look_ups": looked_up * sum(circuit.challenges),
        "scalar_commitments": len(run.scalar_commitments),
        "constant": 10,
    }


@pytest.mark.parametrize(
    ("name", "looked_up"),
    [
        ("perceptron", 0),
        ("convolutional network", 0),
        ("add of public inputs", 0),
        ("two look-ups in one table", 4 + 3 + 4),
    ],
)
def test_terms_are_those_of_a_run(name: str, looked_up: int) -> None:
    case = CASES[name]
    weights, inputs = case.random(1)
    key = make_keys(case.graph, weights)
    proof = prove(key, inputs)
    read = reference.formats.parse_key(key.verifying_key.to_bytes())
    run: Argument = listening.Listening(read, reference.read_proof(proof.to_bytes()))
    run.run()
    found = soundness(case.graph)
    assert found["proof"]["terms_over_l"] == counted(read.circuit, run, looked_up)
    if read.certificate:
        run = listening.certificate(read)
        run.run()
        assert found["certificate"]["terms_over_l"] == counted(run.circuit, run)


def test_certificates_are_counted() -> None:
    graph = many_weights()
    found = soundness(graph)
    proof, made = found["proof"], found["certificate"]
    for part in (proof, made):
        exact = math.log2(ORDER / sum(part["terms_over_l"].values()))
        assert exact - 0.11 < part["bits"] <= exact
        assert part["bits"] > 230
    # Three matrices of K rows, each of which misses a large weight with 2^-K; and 2^-230 besides.
    error = 3 * Fraction(1, 2**certificate.K) + Fraction(sum(made["terms_over_l"].values()), ORDER)
    assert 2**-159 < error < 2**-158
    assert found["bits"] == made["projections"] == 158
    public = soundness(dataclasses.replace(graph, weights_mode="public"))
    assert "certificate" not in public
    assert public["bits"] == public["proof"]["bits"] > 230


def test_the_bound_of_weights_is_that_of_what_is_projected() -> None:
    """A combination has K^2 entries of the projections, each of which has all weights."""
    graph = many_weights()
    most = certificate.K**2 * (24 * 16 * 8 + 16 * 512)
    below = soundness(graph)["certificate"]["weights_below"]
    assert most <= 2 ** (below - 4) < 2 * most
    circuit = certificate_circuit(graph, lower(graph), certificate.Seeds(b"", b"", b""))
    widths = [t.extents[-1] for t in circuit.tensors if t.segment == Segment.BITS]
    assert sum(widths) == below - 3
    sides = [side for block in circuit.blocks for side in (block.a, block.b, block.c)]
    weights = [axis.weight for side in sides for term in side for axis in term.rows + term.sums]
    counts = [weight.count for weight in weights if isinstance(weight, Projection)]
    assert counts == [certificate.K] * 3


def test_inspect_shows_it_for_both_keys(tmp_path: Path) -> None:
    graph = many_weights()
    key = make_keys(graph, draw(graph))
    key.save(tmp_path / "proving.key")
    key.verifying_key.save(tmp_path / "verifying.key")
    for name in ("proving.key", "verifying.key"):
        shown = describe.describe_file(tmp_path / name)["soundness"]
        assert shown == soundness(graph)
        assert "discrete logarithm in ristretto255 (about 126 bits)" in shown["computational"]


def test_every_case_has_its_bits() -> None:
    """Proofs more than 230; a key with hidden weights what its projections leave."""
    for case in CASES.values():
        found = soundness(case.graph)
        assert found["proof"]["bits"] > 230
        assert found["bits"] == (158 if case.graph.weights else found["proof"]["bits"])


def test_the_figure_of_the_security_page() -> None:
    with np.load(ROOT / "models/lenet5_calibration.npz") as samples:
        key = zkinfer.compile(ROOT / "models/lenet5.onnx", calibration=dict(samples)).verifying_key
    found = soundness(key.graph)
    text = " ".join((ROOT / "SECURITY.md").read_text().split())
    (figures,) = re.findall(PAGE, text)
    assert figures == tuple(str(math.floor(part["bits"])) for part in (found, found["proof"]))
