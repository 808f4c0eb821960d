"""Models of old exporters: opsets before 7 are converted, nodes out of order sorted."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.conformance.tiny import compare, make, node, samples, weights
from tests.float_oracle import evaluate
from tests.onnx_models import Array, model, run
from tests.onnx_models import node as made
from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import import load, upgraded

W = {"w": weights(4, 5)}
X = {"x": (1, 4)}
EXPORTS = Path(onnx.__file__).parent / "backend" / "test" / "data"
OLD_EXPORTS = 100
"""At least so many of the models that the onnx package ships have an opset before 7."""
SUPPORTED = 80
"""At least so many of these are supported."""


def test_old_exports_compute_what_they_are_recorded_to() -> None:
    found = supported = 0
    for path in sorted(EXPORTS.glob("pytorch-*/*/model.onnx")):
        export = onnx.load(path)
        if export.opset_import[0].version >= 7:
            continue
        found += 1
        try:
            graph = load(export)
        except UnsupportedModelError:
            continue
        supported += 1
        data = path.parent / "test_data_set_0"
        inputs = {name: recorded(data, "input", i) for i, name in enumerate(graph.inputs)}
        values, by_runtime = evaluate(graph, inputs), run(upgraded(export), inputs)
        for place, name in enumerate(graph.outputs):
            expected = recorded(data, "output", place)
            for got in (values[name], by_runtime[name]):
                assert got.shape == expected.shape, path
                np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4, err_msg=str(path))
    assert found >= OLD_EXPORTS
    assert supported >= SUPPORTED


def recorded(data: Path, kind: str, place: int) -> np.ndarray:
    """An input or output of a model in the onnx package."""
    return numpy_helper.to_array(onnx.load_tensor(data / f"{kind}_{place}.pb"))


def old(
    opset: int, nodes: list[onnx.NodeProto], shape: tuple[int | str, ...], **arrays: Array
) -> Any:
    """A model of an old opset, and what zkinfer and onnxruntime make of it on random data."""
    made = model(nodes, {"x": shape}, arrays, opset=opset)
    graph = load(made)
    x = samples({"x": graph.shape("x")})
    got, expected = evaluate(graph, x)["y"], run(upgraded(made), x)["y"]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    return x["x"], got


@pytest.mark.parametrize("opset", [1, 6])
@pytest.mark.parametrize("axis", [1, 2, -1, None])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_operands_laid_over_axes(op: str, axis: int | None, opset: int) -> None:
    attrs = {"broadcast": 1} | ({} if axis is None else {"axis": axis})
    extents = {1: (3,), 2: (4, 5), -1: (5,), None: (4, 5)}[axis]
    c = weights(*extents) + np.float32(4)
    x, y = old(opset, [made(op, "x c", **attrs)], ("N", 3, 4, 5), c=c)
    if axis == 1:
        c = c.reshape(3, 1, 1)
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[op]
    np.testing.assert_allclose(y, function(x, c), rtol=1e-5)


def test_computed_operand_laid_over_axes() -> None:
    nodes = [made("ReduceMean", "x", "m", axes=[0, 2], keepdims=0),
             made("Sub", "x m", broadcast=1, axis=1)]  # fmt: skip
    x, y = old(6, nodes, (2, 3, 4))
    np.testing.assert_allclose(y, x - x.mean((0, 2)).reshape(3, 1), atol=1e-5)


def test_slopes_by_channel() -> None:
    slope = weights(3)
    x, y = old(6, [made("PRelu", "x s")], (2, 3, 4), s=slope)
    np.testing.assert_allclose(y, np.where(x < 0, x * slope[:, None], x), rtol=1e-5)


def test_first_forms() -> None:
    """Reshape, Cast, Concat and Pad as opset 1 has them."""
    nodes = [
        made("Relu", "x", "a", consumed_inputs=[0]),
        made("Reshape", "a", "b", shape=[2, 0, -1]),
        made("Cast", "b", "c", to="DOUBLE"),
        made("Cast", "c", "d", to="FLOAT", name="back"),
        made("Concat", "d d", "e"),
        made("Pad", "e", paddings=[0, 1, 0, 0, 0, 1], value=2.0),
    ]
    x, y = old(1, nodes, (4, 3, 2))
    halves = np.maximum(x, 0).reshape(2, 3, 4)
    expected = np.pad(np.concatenate([halves, halves], 1), [(0, 0), (1, 0), (0, 1)],
                      constant_values=2)  # fmt: skip
    np.testing.assert_allclose(y, expected)


@pytest.mark.parametrize("is_test", [0, 1])
def test_inference_form(is_test: int) -> None:
    c = np.ones(3, np.float32)
    nodes = [made("BatchNormalization", "x c c c c", "b", is_test=is_test),
             made("Dropout", "b", is_test=1)]  # fmt: skip
    if is_test:
        x, y = old(6, nodes, (2, 3, 4), c=c)
        np.testing.assert_allclose(y, (x - 1) / np.sqrt(1 + 1e-5) + 1, atol=1e-5)
    else:
        with pytest.raises(UnsupportedModelError, match="got is_test = 0"):
            old(6, nodes, (2, 3, 4), c=c)


@pytest.mark.parametrize(
    "node",
    [made("Split", "x c", "y z", axis=0), made("Tile", "x c c", "y"), made("Add", "x q", "y")],
)
def test_old_forms_that_are_refused(node: onnx.NodeProto) -> None:
    with pytest.raises(UnsupportedModelError, match=r"the_|not valid"):
        load(model([node], {"x": (2, 3)}, {"c": np.ones(1, np.float32)}, opset=1))


def test_models_of_today_are_left_as_they_are() -> None:
    today = make([node("MatMul", ["x", "w"])], X, constants=W)
    assert upgraded(today) is today


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
