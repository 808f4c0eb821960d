"""The case that the tests of this folder share."""

import numpy as np
import pytest

import zkinfer
from tests.robustness.case import MODELS, Case


@pytest.fixture(scope="session")
def case() -> Case:
    with np.load(MODELS / "breast_cancer_calibration.npz", allow_pickle=False) as file:
        samples = file["features"]
    compiled = zkinfer.compile(MODELS / "breast_cancer.onnx", calibration=samples)
    proof = zkinfer.prove(compiled.proving_key, samples[:1])
    return Case(compiled.proving_key, compiled.verifying_key, proof, samples)
