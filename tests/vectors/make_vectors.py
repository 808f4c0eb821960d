"""Makes the test vectors: `python -m tests.vectors.make_vectors`, in the project's root.

One vector for every operator, for the modes, and for a small trained model. README.md says what is
in them. Keys and proofs are randomized, so every run makes other bytes.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import zkinfer
from tests import artifacts, listening, networks
from zkinfer import reference
from zkinfer.keys import ProvingKey, make_keys
from zkinfer.ops import OPS
from zkinfer.reference.circuit import SEGMENTS, Circuit

FOLDER = Path(__file__).parent
MODELS = FOLDER.parents[1] / "models"
SEED = 1


def vectors() -> Iterator[tuple[str, ProvingKey, zkinfer.Proof]]:
    """Names, keys and proofs."""
    cases = networks.cases()
    for op in sorted(OPS):
        yield (op, *_proved(cases[op], b""))
    perceptron = cases["perceptron"]
    yield ("public_input", *_proved(perceptron, b"claim 17"))
    shown = replace(perceptron.graph, weights_mode="public")
    yield ("public_weights", *_proved(networks.Case("public weights", shown), bytes(range(256))))
    yield ("convolutional_network", *_proved(cases["convolutional network"], "é".encode()))
    with np.load(MODELS / "breast_cancer_calibration.npz", allow_pickle=False) as file:
        (samples,) = (file[name] for name in file.files)
    key = zkinfer.compile(MODELS / "breast_cancer.onnx", calibration=samples).proving_key
    yield "breast_cancer", key, zkinfer.prove(key, samples[:1], context=b"a patient")


def _proved(case: networks.Case, context: bytes) -> tuple[ProvingKey, zkinfer.Proof]:
    weights, inputs = case.random(SEED)
    key = make_keys(case.graph, weights)
    return key, artifacts.prove(key, inputs, context)


def describe(key: bytes, proof: bytes) -> dict[str, Any]:
    """What a verifier computes on the way, as the reference verifier does."""
    read_key, read_proof = reference.read_key(key), reference.read_proof(proof)
    made = {"proof": _argument(listening.Listening(read_key, read_proof))}
    if read_key.certificate:
        made["certificate"] = _argument(listening.certificate(read_key))
    statement = reference.verify(read_key, read_proof, read_proof.context)
    statement["context"] = read_proof.context.hex()
    statement["key_digest"] = read_key.digest.hex()
    return {"statement": statement, **made}


def _argument(run: listening.Listening) -> dict[str, Any]:
    run.run()
    return {
        "circuit": _layout(run.circuit),
        "challenges": [[label, [_hex(s) for s in scalars]] for label, scalars in run.challenges],
        "matrix": _hex(run.matrix),
        "public_share": _hex(run.share),
    }


def _layout(circuit: Circuit) -> dict[str, Any]:
    segments = {
        name: {"used": segment.used, "rows": segment.rows, "start": segment.start}
        for name, segment in zip(SEGMENTS, circuit.segments, strict=True)
    }
    sizes = {"columns_log2": circuit.columns_log2, "mu": circuit.mu, "nu": circuit.nu}
    return {**sizes, "digest": circuit.digest.hex(), "segments": segments}


def _hex(scalar: int) -> str:
    return scalar.to_bytes(32, "little").hex()


def main() -> None:
    """Replaces every vector of the folder."""
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, proving_key, proof in vectors():
        key, data = proving_key.verifying_key.to_bytes(), proof.to_bytes()
        vector = {"key": key.hex(), "proof": data.hex(), **describe(key, data)}
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(vector, indent=1) + "\n", encoding="ascii")
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
