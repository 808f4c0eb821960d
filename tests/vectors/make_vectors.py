"""Makes the test vectors: `python -m tests.vectors.make_vectors`, in the project's root.

One vector for every operator, for the modes, and for the small trained models. README.md says what
is in them. Keys and proofs are randomized, so every run makes other bytes.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import zkinfer
from tests import artifacts, hidden_records, networks
from tests.listening import Noting
from tests.soundness.labelled import labelled
from tests.soundness.summed import summed
from zkinfer import reference
from zkinfer.data import DataOpening
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.ops import OPS
from zkinfer.reference.circuit import Circuit

FOLDER = Path(__file__).parent
MODELS = FOLDER.parents[1] / "models"
SEED = 1


def vectors() -> Iterator[tuple[str, ProvingKey, zkinfer.Proof]]:
    """Names, keys and proofs of all but those about committed data."""
    cases = networks.cases()
    for op in sorted(OPS):
        yield (op, *_proved(cases[op], b""))
    perceptron = cases["perceptron"]
    yield ("public_input", *_proved(perceptron, b"claim 17"))
    yield ("quantized_input", *_proved(cases["public quantized input"], b"in steps"))
    shown = replace(perceptron.graph, weights_mode="public")
    yield ("public_weights", *_proved(networks.Case("public weights", shown), bytes(range(256))))
    batch = replace(perceptron.graph, batch=3)
    inputs = [perceptron.random(SEED + number)[1]["x0"] for number in range(3)]
    key = make_keys(batch, perceptron.random(SEED)[0])
    yield "batch", key, artifacts.prove(key, {"x0": np.stack(inputs)}, b"three")
    modes = {"input_mode": "hidden", "output_mode": "committed", "batch": 2}
    key = make_keys(replace(perceptron.graph, **modes), perceptron.random(SEED)[0])
    proof, _ = artifacts.prove_outputs(key, {"x0": np.stack(inputs[:2])}, b"handed on")
    yield "committed_output", key, proof
    yield ("convolutional_network", *_proved(cases["convolutional network"], "é".encode()))
    for model, output in (("breast_cancer", "public"), ("digits_mlp", "label")):
        with np.load(MODELS / f"{model}_calibration.npz", allow_pickle=False) as file:
            (samples,) = (file[name] for name in file.files)
        path = MODELS / f"{model}.onnx"
        key = zkinfer.compile(path, calibration=samples, output=output).proving_key
        yield model, key, zkinfer.prove(key, samples[:1], context=model.encode())


def about_data() -> Iterator[tuple[str, ProvingKey, zkinfer.Proof, tuple[DataOpening, ...]]]:
    """Names, keys, proofs and the data that they are about, with labels where there are some."""
    case = networks.cases()["perceptron"]
    key = make_keys(replace(case.graph, input_mode="committed"), case.random(SEED)[0])
    data = artifacts.committed(key.graph, [case.random(seed)[1] for seed in range(3)])
    yield "committed_input", key, artifacts.prove_record(key, data, 2, b"record 2"), (data,)
    key = make_keys(hidden_records.network(batch=2), {})
    data = hidden_records.records(key.graph, 10)
    proof = zkinfer.prove(key, data=data, record=[9, 4], context=b"two hidden records")
    yield "hidden_records", key, proof, (data,)
    known = labelled(b"the last part")
    yield "accuracy", known.key, known.parts[-1], (known.data, known.labels)
    spread = summed(b"the last part")
    yield "summary", spread.key, spread.parts[-1], (spread.data,)
    errors = summed(b"the last part", "finer")
    yield "error", errors.key, errors.parts[-1], (errors.data, errors.labels)


def _proved(case: networks.Case, context: bytes) -> tuple[ProvingKey, zkinfer.Proof]:
    weights, inputs = case.random(SEED)
    key = make_keys(case.graph, weights)
    return key, artifacts.prove(key, inputs, context)


def vector(key: bytes, proof: bytes, data: bytes = b"", labels: bytes = b"") -> dict[str, Any]:
    """Key and proof, and what a verifier finds on the way, as the reference verifier does.

    data: the data commitment, of a proof about records. labels: that to labels or targets.
    """
    runs: list[Noting] = []

    def noted(*arguments: Any) -> Noting:
        runs.append(Noting(*arguments))
        return runs[-1]

    with mock.patch.object(import_module("zkinfer.reference.verify"), "Argument", noted):
        read_key, read_proof = reference.read_key(key), reference.read_proof(proof)
        known = [reference.read_data(each) if each else None for each in (data, labels)]
        statement = reference.verify(read_key, read_proof, read_proof.context, *known)
    statement["context"] = read_proof.context.hex()
    statement["key_digest"] = read_key.digest.hex()
    made = {"key": key.hex(), "proof": proof.hex(), "statement": statement}
    for name, given in (("data", data), ("labels", labels)):
        if given:
            made[name] = given.hex()
    *certificate, argument = map(_argument, runs)
    made["argument"] = argument
    if certificate:
        (made["certificate"],) = certificate
    return made


def _argument(run: Noting) -> dict[str, Any]:
    return {
        "circuit": _layout(run.circuit),
        "challenges": [[label, [_hex(s) for s in scalars]] for label, scalars in run.challenges],
        "matrix": _hex(run.matrix),
        "public_share": _hex(run.share),
    }


def _layout(circuit: Circuit) -> dict[str, Any]:
    segments = {
        segment.name: {"used": segment.used, "rows": segment.rows, "start": segment.start}
        for segment in circuit.segments
    }
    sizes = {"columns_log2": circuit.columns_log2, "mu": circuit.mu, "nu": circuit.nu}
    return {**sizes, "digest": circuit.digest.hex(), "segments": segments}


def _hex(scalar: int) -> str:
    return scalar.to_bytes(32, "little").hex()


def main() -> None:
    """Replaces every vector of the folder."""
    made = {
        name: vector(key.verifying_key.to_bytes(), proof.to_bytes())
        for name, key, proof in vectors()
    }
    for name, key, proof, data in about_data():
        public = [each.commitment.to_bytes() for each in data]
        made[name] = vector(key.verifying_key.to_bytes(), proof.to_bytes(), *public)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, members in made.items():
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(members, indent=1) + "\n", encoding="ascii")
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
