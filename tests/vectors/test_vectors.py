"""The committed vectors: both verifiers accept them and find what they say on the way."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zkinfer
from tests.vectors.make_vectors import vector, vectors
from zkinfer.keys import VerifyingKey
from zkinfer.ops import OPS

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
RUST = FOLDER.parents[1] / "rust/zkinfer-verify/src/transcript.rs"


@cache
def load(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_verifier_finds_what_a_vector_says(name: str) -> None:
    """The statement, every challenge in order, and the values of step 6."""
    expected = load(name)
    files = ("key", "proof", "data", "labels")
    found = vector(*(bytes.fromhex(expected.get(name, "")) for name in files))
    assert json.loads(json.dumps(found)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_package_accepts_a_vector(name: str) -> None:
    expected = load(name)
    statement = expected["statement"]
    key = VerifyingKey.from_bytes(bytes.fromhex(expected["key"]))
    proof = zkinfer.Proof.from_bytes(bytes.fromhex(expected["proof"]))
    given = {
        name: zkinfer.DataCommitment.from_bytes(bytes.fromhex(expected[name]))
        for name in ("data", "labels")
        if name in expected
    }
    verified = zkinfer.verify(key, proof, context=bytes.fromhex(statement["context"]), **given)
    assert verified.right == statement.get("right")
    if verified.summary is not None:
        assert verified.summary.document().items() <= statement.items()
    assert (verified.summary is None) == ("summary" not in statement)
    if verified.records is not None:
        assert statement.get("records", []) == list(verified.records.numbers)
        assert statement.get("hidden_records", 0) == verified.records.hidden
        assert statement["data_digest"] == verified.records.data_digest
    digest = None if verified.commitment is None else verified.commitment.digest
    assert digest == statement.get("outputs_digest")
    for member in ("model_commitment", "circuit_digest", "key_digest"):
        assert getattr(verified, member) == statement[member]
    for member in ("outputs", "outputs_fixed", "inputs", "inputs_fixed"):
        arrays = getattr(verified, member)
        assert (arrays is None) == (member not in statement)
        for tensor, array in (arrays or {}).items():
            np.testing.assert_array_equal(array, np.array(statement[member][tensor]))


def test_the_vectors_are_those_of_the_generator() -> None:
    about_data = {"committed_input", "hidden_records", "accuracy", "summary", "error"}
    assert {name for name, _, _ in vectors()} | about_data == set(NAMES)
    assert "data" in load("committed_input")
    assert "labels" in load("accuracy")
    assert "labels" in load("error")
    assert "outputs_digest" in load("committed_output")["statement"]
    assert set(OPS) < set(NAMES)
    assert sum((FOLDER / f"{name}.json").stat().st_size for name in NAMES) < 80_000 * len(NAMES)


def test_every_draw_is_in_some_vector() -> None:
    drawn = {
        label
        for name in NAMES
        for part in ("argument", "certificate")
        for label, _ in load(name).get(part, {"challenges": ()})["challenges"]
    }
    known = set(re.findall(r'pub const \w+: &str = "(.*)";', RUST.read_text()))
    absorbed = {"protocol", "circuit", "key", "context", "public", "data", "rows/"}
    absorbed |= {f"{name}/round" for name in ("outer", "boolean", "inner")}
    absorbed |= {"membership/points", "membership/responses"}
    absorbed |= {"outer/values", "boolean/value", "opening/announcements", "opening/responses"}
    assert drawn == known - absorbed
