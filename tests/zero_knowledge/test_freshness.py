"""Randomness is never used twice: proofs of one statement have nothing but it in common."""

import itertools
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import networks
import numpy as np
import pytest
from artifacts import prove, sections
from listening import certificate_parts

import zkinfer
from zkinfer import container
from zkinfer.certified_keys import certify
from zkinfer.keys import make_keys
from zkinfer.lower import lower

CASES = networks.cases()
ROOT = Path(__file__).resolve().parents[2]

FORK = """
import os, sys
import numpy as np
import zkinfer

key = zkinfer.ProvingKey.load(sys.argv[1])
x = np.load(sys.argv[2])
if sys.argv[4] == "late":
    zkinfer.prove(key, x)
child = os.fork()
zkinfer.prove(key, x).save(sys.argv[3] + (".parent" if child else ".child"))
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def runs(data: bytes, size: int = 8) -> set[bytes]:
    """All byte strings of a length that data contains."""
    return {data[at : at + size] for at in range(len(data) - size + 1)}


def elements(body: bytes) -> list[bytes]:
    return [body[at : at + 32] for at in range(0, len(body), 32)]


def assert_unrelated(bodies: list[bytes]) -> None:
    """No element occurs twice, in one proof or in two, and no 8 bytes occur in two."""
    assert len({len(body) for body in bodies}) == 1
    everything = [element for body in bodies for element in elements(body)]
    assert len(set(everything)) == len(everything)
    for one, other in itertools.combinations(bodies, 2):
        assert not runs(one) & runs(other)


@pytest.mark.parametrize("weights_mode", ["hidden", "public"])
@pytest.mark.parametrize("name", ["matmul then requantize", "perceptron", "neg"])
def test_two_proofs_share_nothing_but_the_statement(name: str, weights_mode: str) -> None:
    case = CASES[name]
    weights, inputs = case.random(4)
    key = make_keys(replace(case.graph, weights_mode=weights_mode), weights)
    proofs = [prove(key, inputs, b"context") for _ in range(3)]
    parts = [sections(container.PROOF, proof.to_bytes()) for proof in proofs]
    for other in parts[1:]:
        assert {name for name in other if other[name] != parts[0][name]} == {"body"}
    # Nor do they repeat what the key has.
    rows = sections(container.VERIFYING_KEY, key.verifying_key.to_bytes())["weight commitments"]
    assert_unrelated([part["body"] for part in parts])
    assert not any(runs(rows) & runs(part["body"]) for part in parts)


def test_two_keys_of_the_same_weights_share_no_commitment() -> None:
    case = CASES["perceptron"]
    weights, _ = case.random(4)
    keys = [make_keys(case.graph, weights) for _ in range(2)]
    parts = [sections(container.VERIFYING_KEY, key.verifying_key.to_bytes()) for key in keys]
    assert_unrelated([part["weight commitments"] for part in parts])
    assert_unrelated([key.blinds for key in keys])
    certified = [b"".join(certificate_parts(part["certificate"])[1:]) for part in parts]
    assert_unrelated(certified)
    for part, hidden in zip(parts, certified, strict=True):
        assert not runs(part["weight commitments"]) & runs(hidden)
    assert parts[0]["graph"] == parts[1]["graph"]
    assert parts[0]["circuit"] == parts[1]["circuit"]


def test_two_certificates_of_one_key_share_no_commitment() -> None:
    """Though the projections that they commit to are the same."""
    case = CASES["perceptron"]
    weights, _ = case.random(4)
    key = make_keys(case.graph, weights)
    stated, opened = key.verifying_key, (key.verifying_key.rows, key.blinds)
    made = [
        certify(case.graph, lower(case.graph), weights, opened, stated.key_digest) for _ in range(2)
    ]
    parts = [certificate_parts(data) for data in (stated.certificate, *made)]
    assert_unrelated([rows + body for _, rows, body in parts])


def test_copied_keys_and_forked_processes_repeat_nothing(tmp_path: Path) -> None:
    """Two processes with copies of one key; one forks before its first proof, one after."""
    case = CASES["matmul"]
    weights, inputs = case.random(4)
    np.save(tmp_path / "x.npy", inputs["x0"])
    key = make_keys(case.graph, weights)
    key.save(tmp_path / "proving.key")
    shutil.copy(tmp_path / "proving.key", tmp_path / "copy.key")
    names = ("proving.key", "copy.key")
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                FORK,
                *(tmp_path / file for file in (name, "x.npy", name)),
                when,
            ],
            cwd=ROOT,
        )
        for name, when in zip(names, ("early", "late"), strict=True)
    ]
    assert [process.wait(timeout=600) for process in processes] == [0, 0]
    proofs = [zkinfer.Proof.load(path) for path in sorted(tmp_path.glob("*.key.*"))]
    assert len(proofs) == 4
    for proof in proofs:
        zkinfer.verify(key.verifying_key, proof)
    assert_unrelated([proof.body for proof in proofs])
