"""The committed float models in integers of 8 bits, by onnxruntime's own static quantizer.

Activations are unsigned, weights symmetric; the ranges are those of the calibration data.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from models import data


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """Samples one by one, as the quantizer reads them."""

    def __init__(self, name: str, samples: data.Floats) -> None:
        self._left = iter({name: sample[None]} for sample in samples)

    def get_next(self) -> dict[str, data.Floats] | None:
        """The next sample."""
        return next(self._left, None)


def quantize(source: Path, path: Path, samples: data.Floats, *, operators: bool) -> None:
    """Writes a float model in integers.

    samples: [samples, ...]. operators: whether its operators are those on integers, and not floats
    between QuantizeLinear and DequantizeLinear.
    """
    name = onnx.load(source).graph.input[0].name
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(path),
            _Samples(name, np.asarray(samples, np.float32)),
            quant_format=QuantFormat.QOperator if operators else QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
        )
