"""Models of old exporters: opsets before 7 are converted, nodes out of order sorted."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.conformance.tiny import compare, make, node, samples, weights
from tests.float_oracle import evaluate
from tests.onnx_models import run
from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import import load, upgraded

W = {"w": weights(4, 5)}
X = {"x": (1, 4)}
EXPORTS = Path(onnx.__file__).parent / "backend" / "test" / "data"
OLD_EXPORTS = 100
"""At least so many of the models that the onnx package ships have an opset before 7."""
SUPPORTED = 75
"""At least so many of these are supported."""


def test_old_exports_compute_what_they_are_recorded_to() -> None:
    old = supported = 0
    for path in sorted(EXPORTS.glob("pytorch-*/*/model.onnx")):
        model = onnx.load(path)
        if model.opset_import[0].version >= 7:
            continue
        old += 1
        try:
            graph = load(model)
        except UnsupportedModelError:
            continue
        supported += 1
        data = path.parent / "test_data_set_0"
        inputs = {name: recorded(data, "input", i) for i, name in enumerate(graph.inputs)}
        values, by_runtime = evaluate(graph, inputs), run(upgraded(model), inputs)
        for place, name in enumerate(graph.outputs):
            expected = recorded(data, "output", place)
            for got in (values[name], by_runtime[name]):
                assert got.shape == expected.shape, path
                np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4, err_msg=str(path))
    assert old >= OLD_EXPORTS
    assert supported >= SUPPORTED


def recorded(data: Path, kind: str, place: int) -> np.ndarray:
    """An input or output of a model in the onnx package."""
    return numpy_helper.to_array(onnx.load_tensor(data / f"{kind}_{place}.pb"))


def test_models_of_today_are_left_as_they_are() -> None:
    model = make([node("MatMul", ["x", "w"])], X, constants=W)
    assert upgraded(model) is model


def test_nodes_out_of_order() -> None:
    nodes = [
        node("Relu", ["h"]),
        node("Add", ["a", "b"], ["h"]),
        node("MatMul", ["x", "w"], ["a"]),
        node("Constant", [], ["b"], value=numpy_helper.from_array(weights(5))),
    ]
    model = make(nodes[::-1], X, constants=W)
    ordered = load(model)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    graph = compare(model, samples(X))
    assert [made.op for made in graph.nodes] == [made.op for made in ordered.nodes]
    expected = run(upgraded(model), samples(X))
    assert set(expected) == {"y"}


def test_nodes_in_a_circle() -> None:
    model = make([node("Relu", ["x"])], X)
    model.graph.node.append(node("Add", ["q", "x"], ["r"]))
    model.graph.node.append(node("Neg", ["r"], ["q"]))
    with pytest.raises(UnsupportedModelError, match="not valid ONNX"):
        load(model)
