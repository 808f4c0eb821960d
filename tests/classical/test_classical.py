"""Classical models as their exporters write them, whole way: scikit-learn, LightGBM, XGBoost."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from signs import few_signs
from sklearn.datasets import load_diabetes, load_iris

import zkinfer
from tests.properties.drawing import run, session
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.onnx_import import read, upgraded

MODELS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.onnx"))}
FEWEST = 25


def rows_of(name: str) -> npt.NDArray[Any]:
    load = load_iris if name.endswith("_classifier") else load_diabetes
    return load(return_X_y=True)[0].astype(np.float32)


def test_there_are_models() -> None:
    assert len(MODELS) >= FEWEST


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_is_proved(name: str) -> None:
    """On rows that neither the model nor compile has seen labels are those of onnxruntime, and
    numbers are near to its own; one row is proved.
    """
    model, x = upgraded(read(MODELS[name])), rows_of(name)
    with few_signs():
        compiled = zkinfer.compile(MODELS[name], calibration=x[::2][:200])
        unseen = x[1::2][:60]
        (source,) = (value.name for value in model.graph.input)
        names = [value.name for value in model.graph.output]
        key = compiled.proving_key
        proof = zkinfer.prove(key, unseen[:1], allow_saturation=True)
        verified = zkinfer.verify(compiled.verifying_key, proof)
    all_rows = run(session(model), {source: unseen})
    sizes = {
        output: max(float(np.abs(y).max()), 1) for output, y in zip(names, all_rows, strict=True)
    }
    for number, row in enumerate(unseen):
        expected = dict(zip(names, run(session(model), {source: row[None]}), strict=True))
        arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {source: row[None]}))
        for output, wanted in expected.items():
            got = key.graph.encoding(output).numbers(arrays[output]).reshape(wanted.shape)
            if wanted.dtype.kind == "i":
                np.testing.assert_array_equal(got, wanted)
            else:
                np.testing.assert_allclose(got, wanted, atol=1.5e-3 * sizes[output])
            if not number:
                np.testing.assert_array_equal(verified.outputs_fixed[output], arrays[output])


@pytest.mark.parametrize("name", [name for name in MODELS if name.endswith("_classifier")])
def test_its_label_alone_is_shown(name: str) -> None:
    """A label that the model has itself is the one that is proved, whatever else it puts out."""
    model, x = upgraded(read(MODELS[name])), rows_of(name)
    with few_signs():
        key = zkinfer.compile(MODELS[name], calibration=x[::2], output="label").proving_key
    (source,) = (value.name for value in model.graph.input)
    (output,) = key.graph.outputs
    assert output in {value.name for value in model.graph.output}
    for row in x[1::2]:
        ours = evaluate(key.graph, key.weights, quantize_input(key.graph, {source: row[None]}))
        label, *_ = run(session(model), {source: row[None]})
        assert [ours[output]] == label.ravel().tolist()
