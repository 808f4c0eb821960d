"""One compiled model and one proof of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import zkinfer

MODELS = Path(__file__).resolve().parents[2] / "models"


@dataclass(frozen=True)
class Case:
    """Keys of a model, a proof of it without context, and the model's calibration data."""

    proving_key: zkinfer.ProvingKey
    verifying_key: zkinfer.VerifyingKey
    proof: zkinfer.Proof
    samples: np.ndarray
