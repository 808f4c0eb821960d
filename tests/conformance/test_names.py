"""Labels that are texts are numbers in a proof, and what a LabelEncoder makes of them is ONNX's."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import zkinfer
from tests.properties.drawing import finished, run, session

ML = "ai.onnx.ml"
LINEAR = {"coefficients": [-1.0, 0.5, 1.0], "intercepts": [0.2, 0.1, -0.3]}
"""Of one column and three classes."""

TEXTS, INT, FLOAT = TensorProto.STRING, TensorProto.INT64, TensorProto.FLOAT
COLUMN = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]


def classified(labels: dict[str, Any], *encoders: dict[str, Any], kind: int) -> onnx.ModelProto:
    """x to the label of a linear classifier, through encoders."""
    nodes = [
        helper.make_node(
            "LinearClassifier", ["x"], ["label0", "score"], domain=ML, **LINEAR, **labels
        )
    ]
    for number, attrs in enumerate(encoders):
        names = [f"label{number}"], [f"label{number + 1}"]
        nodes.append(helper.make_node("LabelEncoder", *names, domain=ML, **attrs))
    inputs = [helper.make_tensor_value_info("x", FLOAT, ["N", 1])]
    outputs = [helper.make_tensor_value_info(f"label{len(encoders)}", kind, ["N"])]
    return finished(helper.make_graph(nodes, "names", inputs, outputs), 17)


NAMED = {"classlabels_strings": ["low", "middle", "high"]}
NUMBERED = {"classlabels_ints": [3, 5, 9]}
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], int]] = {
    "texts to numbers": (
        NAMED,
        [{"keys_strings": ["high", "none", "low"], "values_int64s": [7, 8, 9], "default_int64": 4}],
        INT,
    ),
    "texts to floats": (
        NAMED,
        [{"keys_strings": ["high", "low"], "values_floats": [0.5, -2.0], "default_float": 1.25}],
        FLOAT,
    ),
    "numbers to texts": (
        NUMBERED,
        [{"keys_int64s": [3, 9], "values_strings": ["a", "b"], "default_string": "c"}],
        TEXTS,
    ),
    "a default that is a value": (
        NUMBERED,
        [{"keys_int64s": [3, 9], "values_strings": ["a", "b"], "default_string": "a"}],
        TEXTS,
    ),
    "texts to texts to numbers": (
        NAMED,
        [
            {"keys_strings": ["low", "high"], "values_strings": ["cheap", "dear"]},
            {"keys_strings": ["dear", "cheap", "_Unused"], "values_int64s": [1, 2, 3]},
        ],
        INT,
    ),
    "texts to texts": (
        NAMED,
        [{"keys_strings": ["low", "middle", "high"], "values_strings": ["a", "b", "a"]}],
        TEXTS,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_labels_are_those_of_onnxruntime(name: str) -> None:
    labels, encoders, kind = CASES[name]
    model = classified(labels, *encoders, kind=kind)
    compiled = zkinfer.compile(model, calibration=COLUMN)
    output = f"label{len(encoders)}"
    seen = set()
    for x in COLUMN[::2, None]:
        (expected,) = run(session(model), {"x": x})
        proof = zkinfer.prove(compiled.proving_key, x)
        verified = zkinfer.verify(compiled.verifying_key, proof)
        found = (verified.classes if kind == TEXTS else verified.outputs)[output]
        assert found.tolist() == expected.tolist()
        seen.update(expected.tolist())
    assert len(seen) > 1


def test_tensors_of_texts() -> None:
    """Opset 4 may hold keys, values and the default in tensors."""
    attrs = {
        "keys_tensor": numpy_helper.from_array(np.array(["low", "high"], object), "keys"),
        "values_tensor": numpy_helper.from_array(np.array(["a", "b"], object), "values"),
        "default_tensor": numpy_helper.from_array(np.array(["c"], object), "default"),
    }
    model = classified(NAMED, attrs, kind=TEXTS)
    next(entry for entry in model.opset_import if entry.domain == ML).version = 4
    compiled = zkinfer.compile(model, calibration=COLUMN)
    for x in COLUMN[::4, None]:
        (expected,) = run(session(model), {"x": x})
        verified = zkinfer.verify(compiled.verifying_key, zkinfer.prove(compiled.proving_key, x))
        assert verified.classes["label1"].tolist() == expected.tolist()


def test_inputs_that_are_texts_are_refused() -> None:
    attrs = {"keys_strings": ["a", "b"], "values_floats": [0.5, -2.0]}
    node = helper.make_node("LabelEncoder", ["x"], ["y"], domain=ML, **attrs)
    inputs = [helper.make_tensor_value_info("x", TEXTS, ["N", 1])]
    outputs = [helper.make_tensor_value_info("y", FLOAT, ["N", 1])]
    model = finished(helper.make_graph([node], "texts", inputs, outputs), 17)
    with pytest.raises(zkinfer.UnsupportedModelError) as found:
        zkinfer.compile(model, input_range=(-1.0, 1.0))
    assert "input x: expected floats, integers or booleans, got texts; make numbers" in str(
        found.value
    )
