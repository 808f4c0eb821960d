"""What is public does not contain what is hidden, and does not depend on it.

What the table of SECURITY.md calls hidden or committed is looked for in keys and proofs, as bytes
of integers and floats and as digits; public artifacts of different secrets are compared.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import networks
import numpy as np
import onnx
import pytest
from artifacts import prove, sections
from listening import certificate_parts
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper

import zkinfer
from zkinfer import container
from zkinfer.certificate import Seeds
from zkinfer.fixed import quantize_input
from zkinfer.keys import make_keys
from zkinfer.lower import weight_arrays

CASES = networks.cases()
MODELS = Path(__file__).resolve().parents[2] / "models"
INTEGERS = ("<i1", "<i2", "<i4", "<i8")
FLOATS = ("<f4", "<f8")


@dataclass(frozen=True)
class Secret:
    """Integers of the fixed-point network and the floats that they stand for."""

    integers: list[np.ndarray]
    floats: list[np.ndarray]

    def needles(self) -> Iterator[tuple[str, bytes]]:
        """Every telling run of 8 bytes and more, with each type that holds it.

        Of integers 4 at least, three of them different and not zero: a circuit has small integers
        of its own. Of floats as many as make 8 bytes, none of them zero.
        """
        for kind in INTEGERS:
            count = max(4, 8 // np.dtype(kind).itemsize)
            for values in windows(self.integers, count):
                if telling(values) and np.array_equal(values.astype(kind), values):
                    yield kind, values.astype(kind).tobytes()
        for kind in FLOATS:
            for values in windows(self.floats, 8 // np.dtype(kind).itemsize):
                if values.all():
                    yield kind, values.astype(kind).tobytes()
        for values in windows(self.integers, 4):
            if telling(values):
                yield "digits", ",".join(map(str, values.tolist())).encode()

    def found_in(self, data: bytes) -> set[str]:
        """The types in which some run of the secret is in the data."""
        runs: dict[int, set[bytes]] = {}
        found = set()
        for kind, needle in self.needles():
            size = len(needle)
            if size not in runs:
                runs[size] = {data[at : at + size] for at in range(len(data) - size + 1)}
            if needle in runs[size]:
                found.add(kind)
        return found


def windows(arrays: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """All runs of so many numbers, by rows and by columns."""
    for array in arrays:
        for flat in (array.reshape(-1), array.T.reshape(-1)):
            if flat.size >= count:
                yield from sliding_window_view(flat, count)


def telling(values: np.ndarray) -> bool:
    return len(set(values.tolist()) - {0}) >= 3


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    with np.load(MODELS / "digits_mlp_calibration.npz", allow_pickle=False) as file:
        (name,) = file.files
        return file[name]


def compiled(samples: np.ndarray, **modes: str) -> zkinfer.ProvingKey:
    return zkinfer.compile(MODELS / "digits_mlp.onnx", calibration=samples, **modes).proving_key


def weights_of(key: zkinfer.ProvingKey) -> Secret:
    model = onnx.load(MODELS / "digits_mlp.onnx")
    floats = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    integers = [*key.weights.values(), *weight_arrays(key.graph, key.weights)]
    return Secret(integers, [array for array in floats if array.size > 8])


def input_of(key: zkinfer.ProvingKey, x: np.ndarray) -> Secret:
    (name,) = key.graph.inputs
    (quantized,) = quantize_input(key.graph, {name: x}).values()
    return Secret([quantized], [x])


@pytest.mark.parametrize("output", ["public", "label"])
def test_hidden_bytes_are_nowhere(samples: np.ndarray, output: str) -> None:
    key = compiled(samples, output=output)
    proof = zkinfer.prove(key, samples[3:4]).to_bytes()
    public = key.verifying_key.to_bytes() + proof
    assert weights_of(key).found_in(public) == set()
    assert input_of(key, samples[3:4]).found_in(public) == set()


def test_shown_bytes_are_found(samples: np.ndarray) -> None:
    """The search would find secrets where they are."""
    key = compiled(samples, input="public")
    assert weights_of(key).found_in(key.to_bytes()) & {"<i1", "<i2", "<i4"}
    proof = zkinfer.prove(key, samples[3:4]).to_bytes()
    assert "<i8" in input_of(key, samples[3:4]).found_in(proof)
    key = compiled(samples, weights="public")
    assert weights_of(key).found_in(key.verifying_key.to_bytes()) & {"<i1", "<i2", "<i4"}
    for secret in (weights_of(key), input_of(key, samples[3:4])):
        for kind in FLOATS:
            packed = b"x".join(array.astype(kind).tobytes() for array in secret.floats)
            assert kind in secret.found_in(packed)
        digits = str(secret.integers[0].reshape(-1).tolist()).replace(" ", "")
        assert secret.found_in(digits.encode()) == {"digits"}


@pytest.mark.parametrize("name", ["perceptron", "convolutional network", "prelu"])
def test_keys_of_two_models_differ_in_commitments_only(name: str) -> None:
    """Of one architecture and one set of ranges: all zeros, and random weights."""
    case = CASES[name]
    weights, inputs = case.random(5)
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    keys = [make_keys(case.graph, each) for each in (weights, zeros)]
    one, other = (sections(container.VERIFYING_KEY, key.verifying_key.to_bytes()) for key in keys)
    different = {name for name in one if one[name] != other[name]}
    assert different == {"weight commitments", "certificate"}
    assert {name: len(part) for name, part in one.items()} == {
        name: len(part) for name, part in other.items()
    }
    # A certificate's circuit is the same for both but for its signs, which are hashes of rows.
    circuits = []
    for part in (one, other):
        circuit, projections, _ = certificate_parts(part["certificate"])
        *stated, _ = part.values()
        digest = hashlib.sha3_256(container.prefix(container.VERIFYING_KEY, stated)).digest()
        for seed in astuple(Seeds.of(digest, projections)):
            assert seed in circuit
            circuit = circuit.replace(seed, bytes(32))
        circuits.append(circuit)
    assert circuits[0] == circuits[1]
    proofs = [prove(key, inputs) for key in keys]
    assert len(proofs[0].to_bytes()) == len(proofs[1].to_bytes())


def test_proofs_of_two_inputs_differ_in_the_body_only() -> None:
    """Where the public output is the same."""
    case = CASES["label"]
    key = make_keys(case.graph, {})
    parts = []
    for scores in ([1, 2, 7, 3, 4], [-8, -8, 0, -8, -8]):
        proof = prove(key, {"x0": np.array([scores], dtype=np.int64)})
        parts.append(sections(container.PROOF, proof.to_bytes()))
    one, other = parts
    assert {name for name in one if one[name] != other[name]} == {"body"}
    assert len(one["body"]) == len(other["body"])
