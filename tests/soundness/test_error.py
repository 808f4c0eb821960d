"""The soundness error that `zkinfer inspect` shows, against the reference verifier's own counts."""

import dataclasses
import math
from pathlib import Path

import networks
import numpy as np
import pytest
from artifacts import prove

import zkinfer
from tests.soundness.test_certificate import draw, many_weights
from zkinfer import describe, reference
from zkinfer.keys import make_keys
from zkinfer.reference.argument import Argument
from zkinfer.reference.circuit import BITS
from zkinfer.soundness import soundness

ORDER = 2**252 + 27742317777372353535851937790883648493
CASES = networks.cases()
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["perceptron", "convolutional network", "add of public inputs"])
def test_terms_are_those_of_a_run(name: str) -> None:
    case = CASES[name]
    weights, inputs = case.random(1)
    key = make_keys(case.graph, weights)
    proof = prove(key, inputs)
    read = reference.read_key(key.verifying_key.to_bytes())
    public = [values.ravel().tolist() for values in proof.public_values]
    run = Argument(read, b"", public, proof.body)
    run.run()
    circuit = read.circuit
    terms = soundness(case.graph)["proof"]["terms_over_l"]
    assert terms == {
        "outer_zero_check": 3 * circuit.mu,
        "booleanity": 3 * circuit.segments[BITS].log2,
        "inner_sum_check": 2 * circuit.nu,
        "rows": circuit.nu - circuit.columns_log2,
        "challenge_coordinates": sum(circuit.challenges),
        "scalar_commitments": len(run.scalar_commitments),
        "constant": 10,
    }


def test_certificates_are_counted() -> None:
    graph = many_weights()
    found = soundness(graph)
    proof, certificate = found["proof"], found["certificate"]
    # 24 x 16 weights of 4 bits and their table by lookups, 16 of 10 bits by bits.
    assert certificate["terms_over_l"]["lookups"] == 24 * 16 + 16
    total = sum(proof["terms_over_l"].values()) + sum(certificate["terms_over_l"].values())
    assert found["bits"] == pytest.approx(math.log2(ORDER / total), abs=0.11)
    assert found["bits"] <= math.log2(ORDER / total)
    assert found["bits"] < certificate["bits"] < proof["bits"]
    public = soundness(dataclasses.replace(graph, weights_mode="public"))
    assert "certificate" not in public
    assert public["bits"] == public["proof"]["bits"]


def test_inspect_shows_it_for_both_keys(tmp_path: Path) -> None:
    graph = many_weights()
    key = make_keys(graph, draw(graph))
    key.save(tmp_path / "proving.key")
    key.verifying_key.save(tmp_path / "verifying.key")
    for name in ("proving.key", "verifying.key"):
        shown = describe.describe_file(tmp_path / name)["soundness"]
        assert shown == soundness(graph)
        assert "discrete logarithm in ristretto255 (about 126 bits)" in shown["computational"]


def test_every_case_has_more_than_230_bits() -> None:
    for case in CASES.values():
        assert soundness(case.graph)["bits"] > 230


def test_the_figure_of_the_security_page() -> None:
    with np.load(ROOT / "models/lenet5_calibration.npz") as samples:
        key = zkinfer.compile(ROOT / "models/lenet5.onnx", calibration=dict(samples)).verifying_key
    found = soundness(key.graph)
    text = " ".join((ROOT / "SECURITY.md").read_text().split())
    whole, proof = (math.floor(part["bits"]) for part in (found, found["proof"]))
    assert f"at most 2^-{whole} for LeNet-5 (2^-{proof} for a proof" in text
    lookups = found["certificate"]["terms_over_l"]["lookups"]
    assert f"certificate's {lookups:,} lookups" in text
