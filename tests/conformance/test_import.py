"""Every supported operator computes, over its opsets, what onnxruntime or onnx computes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.float_oracle import evaluate
from tests.onnx_models import FLOAT, NEWEST, RUNTIME_NEWEST, Array, Extents, model, node, run
from zkinfer import onnx_import
from zkinfer.graph import Graph
from zkinfer.onnx_import.table import CONVERTERS, FOLDED

RNG = np.random.default_rng(20240229)


def normal(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, dtype=np.int64)


def agrees(made: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Graph:
    """Loads the model and compares its graph with the oracle on random inputs."""
    graph = onnx_import.load(made, shapes)
    types = {value.name: value.type.tensor_type.elem_type for value in made.graph.input}
    inputs = {
        name: (4 * normal(*graph.shapes[name])).astype(helper.tensor_dtype_to_np_dtype(types[name]))
        for name in graph.inputs
    }
    expected, got = run(made, inputs), evaluate(graph, inputs)
    for name in graph.outputs:
        assert expected[name].shape == graph.shapes[name]
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-4)
    return graph


def one(
    op: str,
    shape: Extents,
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
    **attrs: Any,
) -> Graph:
    """A model of one node that reads x and the constants agrees with the oracle."""
    inputs = " ".join(["x", *(constants or {})])
    return agrees(model([node(op, inputs, **attrs)], {"x": shape}, constants, opset=opset))


OPSETS = (7, 8, 9, 10, 11, 12, 13, 14, 18, 19, 21, 22, NEWEST)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
def test_arithmetic(op: str, opset: int) -> None:
    one(op, (2, 3, 4), {"c": normal(3, 1)}, opset)
    agrees(model([node(op, "c x")], {"x": (3, 1)}, {"c": normal(2, 3, 4)}, opset=opset))
    agrees(model([node(op, "x z")], {"x": (1, 3, 4), "z": (2, 1, 4)}, opset=opset))
    agrees(model([node(op, "x x")], {"x": (1, 3)}, opset=opset))


@pytest.mark.parametrize("opset", [7, 13, 14, NEWEST])
def test_div_by_a_constant(opset: int) -> None:
    graph = one("Div", (2, 3), {"c": normal(3) + 9}, opset)
    assert [made.op for made in graph.nodes] == ["mul"]


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("op", ["Neg", "Relu", "Identity"])
def test_unary(op: str, opset: int) -> None:
    one(op, (2, 3), opset=opset)


@pytest.mark.parametrize("opset", [7, 16, NEWEST])
def test_leaky_relu(opset: int) -> None:
    one("LeakyRelu", (2, 3), opset=opset)
    one("LeakyRelu", (2, 3), opset=opset, alpha=0.3)


@pytest.mark.parametrize("opset", [7, 9, 16, NEWEST])
@pytest.mark.parametrize("slope", [(1,), (3, 1, 1), (4,), (2, 3, 4, 4), ()])
def test_prelu(opset: int, slope: tuple[int, ...]) -> None:
    one("PRelu", (2, 3, 4, 4), {"s": normal(*slope)}, opset)


@pytest.mark.parametrize("opset", [7, 10])
def test_clip_attributes(opset: int) -> None:
    one("Clip", (2, 5), opset=opset, min=-1.0, max=2.0)
    one("Clip", (2, 5), opset=opset, max=2.0)
    assert one("Clip", (2, 5), opset=opset).nodes[0].op == "reshape"


@pytest.mark.parametrize("opset", [11, 12, 13, NEWEST])
def test_clip_inputs(opset: int) -> None:
    bounds = {"low": np.float32(-1), "high": np.float32(2)}
    one("Clip", (2, 5), bounds, opset)
    graph = agrees(model([node("Clip", "x - high")], {"x": (2, 5)}, bounds, opset=opset))
    assert graph.nodes[0].attrs == {"low": -np.inf, "high": 2.0}
    one("Clip", (2, 5), {"low": np.float32(3), "high": np.float32(2)}, opset)


@pytest.mark.parametrize("opset", OPSETS)
def test_matmul(opset: int) -> None:
    one("MatMul", (2, 4), {"w": normal(4, 3)}, opset)
    one("MatMul", (2, 5, 4), {"w": normal(2, 4, 3)}, opset)
    one("MatMul", (5, 4), {"w": normal(4)}, opset)
    agrees(model([node("MatMul", "a x")], {"x": (4, 2)}, {"a": normal(3, 4)}, opset=opset))
    agrees(model([node("MatMul", "x z")], {"x": (2, 3, 4), "z": (2, 4, 5)}, opset=opset))


@pytest.mark.parametrize("opset", [7, 9, 11, 13, NEWEST])
@pytest.mark.parametrize("attrs", [{}, {"alpha": 0.5, "beta": 2.0}, {"beta": 0.0}])
@pytest.mark.parametrize(("trans_a", "trans_b"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_gemm(opset: int, attrs: dict[str, float], trans_a: int, trans_b: int) -> None:
    attrs = {**attrs, "transA": trans_a, "transB": trans_b}  # type: ignore[dict-item]
    a_shape = (4, 2) if trans_a else (2, 4)
    b_shape = (3, 4) if trans_b else (4, 3)
    for c in (normal(3), normal(1, 3), normal(2, 1), normal(1)):
        one("Gemm", a_shape, {"b": normal(*b_shape), "c": c}, opset, **attrs)
    nodes = [node("Gemm", "a x c", **attrs)]
    constants = {"a": normal(*a_shape), "c": normal(3)}
    agrees(model(nodes, {"x": b_shape}, constants, opset=opset))
    nodes = [node("Gemm", "x z c", **attrs)]
    agrees(model(nodes, {"x": a_shape, "z": b_shape}, {"c": normal(3)}, opset=opset))
    agrees(model(nodes, {"x": a_shape, "z": b_shape, "c": (2, 3)}, opset=opset))
    if opset >= 11:
        agrees(model([node("Gemm", "x z", **attrs)], {"x": a_shape, "z": b_shape}, opset=opset))


@pytest.mark.parametrize("opset", [7, 11, 22, NEWEST])
@pytest.mark.parametrize(
    ("x", "w", "attrs"),
    [
        ((1, 2, 7), (3, 2, 3), {}),
        ((2, 2, 7), (3, 2, 3), {"strides": [2], "pads": [2, 1], "dilations": [2]}),
        ((1, 2, 6, 5), (4, 2, 3, 2), {"strides": [2, 1], "pads": [1, 0, 2, 1]}),
        ((1, 4, 6, 6), (6, 2, 3, 3), {"group": 2, "kernel_shape": [3, 3]}),
        ((1, 3, 6, 6), (6, 1, 3, 3), {"group": 3, "dilations": [1, 2]}),
        ((1, 2, 6, 7), (3, 2, 2, 4), {"auto_pad": "SAME_UPPER", "strides": [1, 2]}),
        ((1, 2, 6, 7), (3, 2, 2, 4), {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
        ((1, 2, 6, 7), (3, 2, 2, 4), {"auto_pad": "VALID"}),
    ],
)
def test_conv(
    opset: int, x: tuple[int, ...], w: tuple[int, ...], attrs: dict[str, list[int]]
) -> None:
    one("Conv", x, {"w": normal(*w)}, opset, **attrs)
    one("Conv", x, {"w": normal(*w), "b": normal(w[0])}, opset, **attrs)


@pytest.mark.parametrize("opset", [7, 9, 14, 15, NEWEST])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_batch_normalization(opset: int, shape: tuple[int, ...]) -> None:
    constants = {"s": normal(3), "b": normal(3), "m": normal(3), "v": normal(3) ** 2}
    graph = one("BatchNormalization", shape, constants, opset, epsilon=1e-3)
    assert [made.op for made in graph.nodes] == ["mul", "add"]


def test_batch_normalization_per_activation() -> None:
    shape = (3, 4, 5)
    constants = {"s": normal(*shape), "b": normal(*shape), "m": normal(*shape), "v": np.ones(shape)}
    arrays = {name: array.astype(np.float32) for name, array in constants.items()}
    made = model(
        [node("BatchNormalization", "x s b m v", spatial=0)], {"x": (2, *shape)}, arrays, opset=7
    )
    x = normal(2, *shape)
    y = evaluate(onnx_import.load(made), {"x": x})["y"]
    s, b, m = arrays["s"], arrays["b"], arrays["m"]
    np.testing.assert_allclose(y, (x - m) / np.sqrt(1 + 1e-5) * s + b, rtol=1e-5, atol=1e-5)


POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 2, 7), {"kernel_shape": [3]}),
    ((1, 2, 7), {"kernel_shape": [3], "strides": [2], "pads": [1, 0]}),
    ((2, 2, 6, 7), {"kernel_shape": [2, 3], "strides": [2, 2], "pads": [0, 1, 1, 1]}),
    ((1, 2, 6, 7), {"kernel_shape": [3, 2], "strides": [2, 3], "auto_pad": "SAME_UPPER"}),
    ((1, 2, 6, 7), {"kernel_shape": [3, 2], "strides": [2, 1], "auto_pad": "SAME_LOWER"}),
    ((1, 2, 6, 7), {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "VALID"}),
]
CEIL_POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 2, 7), {"kernel_shape": [2], "strides": [2]}),
    ((1, 2, 5), {"kernel_shape": [2], "strides": [3], "pads": [1, 1]}),
    ((1, 2, 6, 8), {"kernel_shape": [3, 3], "strides": [2, 3], "pads": [1, 1, 0, 1]}),
    ((1, 2, 6, 7), {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "VALID"}),
    ((1, 2, 4), {"kernel_shape": [1], "strides": [3]}),
]


@pytest.mark.parametrize("opset", [7, 8, 10, 11, 12, 22])
@pytest.mark.parametrize(("shape", "attrs"), POOLS)
def test_max_pool(opset: int, shape: tuple[int, ...], attrs: dict[str, Any]) -> None:
    one("MaxPool", shape, opset=opset, **attrs)


@pytest.mark.parametrize("opset", [7, 10, 11, 19, 22])
@pytest.mark.parametrize(("shape", "attrs"), POOLS)
@pytest.mark.parametrize("counted", [0, 1])
def test_average_pool(
    opset: int, shape: tuple[int, ...], attrs: dict[str, Any], counted: int
) -> None:
    one("AveragePool", shape, opset=opset, count_include_pad=counted, **attrs)


@pytest.mark.parametrize("opset", [10, 12, 22])
@pytest.mark.parametrize(("shape", "attrs"), CEIL_POOLS)
def test_ceil_mode(opset: int, shape: tuple[int, ...], attrs: dict[str, Any]) -> None:
    one("MaxPool", shape, opset=opset, ceil_mode=1, **attrs)
    for counted in (0, 1):
        one("AveragePool", shape, opset=opset, ceil_mode=1, count_include_pad=counted, **attrs)


def test_pool_dilations() -> None:
    attrs = {"kernel_shape": [3, 2], "dilations": [2, 3], "strides": [1, 2], "pads": [1, 0, 2, 1]}
    one("MaxPool", (1, 2, 8, 9), opset=12, **attrs)
    for counted in (0, 1):
        one("AveragePool", (1, 2, 8, 9), opset=19, count_include_pad=counted, **attrs)


@pytest.mark.parametrize("opset", [7, 12, 22, NEWEST])
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3, 4, 5)])
def test_global_pools(opset: int, shape: tuple[int, ...]) -> None:
    assert one("GlobalAveragePool", shape, opset=opset).nodes[0].op == "reduce_mean"
    if opset <= RUNTIME_NEWEST or len(shape) == 4:  # onnx evaluates others over wrong axes
        assert one("GlobalMaxPool", shape, opset=opset).nodes[0].op == "max_pool"


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum"])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reduce(op: str, keepdims: int) -> None:
    since = {"ReduceMean": 18, "ReduceSum": 13}[op]
    for opset in (7, 11, 12, 13, 17, 18, NEWEST):
        for axes in ([1], [0, -1] if opset >= 11 else [0, 2], [2, 1]):
            if opset < since:
                one(op, (2, 3, 4), opset=opset, axes=axes, keepdims=keepdims)
            else:
                one(op, (2, 3, 4), {"axes": ints(*axes)}, opset, keepdims=keepdims)
        one(op, (2, 3, 4), opset=opset, keepdims=keepdims)
        if opset >= since:
            one(op, (2, 3), {"axes": ints()}, opset, noop_with_empty_axes=1)


@pytest.mark.parametrize("opset", [7, 9, 13, 14, 21, NEWEST])
def test_reshape(opset: int) -> None:
    for target in ((-1,), (0, -1), (3, 0, 4), (2, 1, -1, 4), (0, 0, 4)):
        x = (2, 3, 4) if target != (3, 0, 4) else (3, 2, 4)
        one("Reshape", x, {"shape": ints(*target)}, opset)
    if opset >= 14:
        one("Reshape", (2, 3), {"shape": ints(3, 2)}, opset, allowzero=1)


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 21, NEWEST])
def test_flatten(opset: int) -> None:
    for axis in (0, 1, 2, 3, *((-1,) if opset >= 11 else ())):
        one("Flatten", (2, 3, 4), opset=opset, axis=axis)
    one("Flatten", (2, 3, 4), opset=opset)


@pytest.mark.parametrize("opset", [7, 13, 21, NEWEST])
def test_transpose(opset: int) -> None:
    one("Transpose", (2, 3, 4), opset=opset)
    one("Transpose", (2, 3, 4), opset=opset, perm=[1, 2, 0])
    one("Transpose", (2, 3, 4), opset=opset, perm=[0, 1, 2])


@pytest.mark.parametrize("opset", [7, 11, 12, 13, 21, NEWEST])
def test_squeeze_and_unsqueeze(opset: int) -> None:
    for op, shape, axes in (
        ("Squeeze", (1, 3, 1, 2), [0]),
        ("Squeeze", (1, 3, 1, 2), [0, 2]),
        ("Unsqueeze", (3, 2), [0, 3]),
        ("Unsqueeze", (3, 2), [1]),
    ):
        if opset < 13:
            one(op, shape, opset=opset, axes=axes)
        else:
            one(op, shape, {"axes": ints(*axes)}, opset)
    one("Squeeze", (1, 3, 1, 2), opset=opset)


@pytest.mark.parametrize("opset", [7, 11, 13, NEWEST])
def test_concat(opset: int) -> None:
    c = {"c": normal(2, 1), "empty": normal(2, 0)}
    agrees(model([node("Concat", "x c z", axis=1)], {"x": (2, 3), "z": (2, 2)}, c, opset=opset))
    agrees(model([node("Concat", "x empty", axis=1)], {"x": (2, 3)}, c, opset=opset))
    agrees(model([node("Concat", "x x", axis=0)], {"x": (2, 3)}, opset=opset))


SLICES: list[tuple[list[int], list[int], list[int] | None, list[int] | None]] = [
    ([1], [3], [1], None),
    ([0, -3], [9999, -1], None, None),
    ([1, 0], [2**62, -1], [2, 1], [2, 3]),
    ([-1], [-(2**62)], [2], [-1]),
    ([9999, -2], [0, -9999], [1, -1], [-2, -1]),
    ([0], [5], [1], [1]),
]


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 13, NEWEST])
def test_slice(opset: int) -> None:
    for starts, ends, axes, steps in SLICES:
        if opset < 10:
            if steps is None:
                given = {} if axes is None else {"axes": axes}
                one("Slice", (3, 5, 6), opset=opset, starts=starts, ends=ends, **given)
            continue
        constants = {"starts": ints(*starts), "ends": ints(*ends)}
        if axes is not None:
            constants["axes"] = ints(*axes)
        if steps is not None:
            constants["steps"] = ints(*steps)
        one("Slice", (3, 5, 6), constants, opset)


@pytest.mark.parametrize("opset", [7, 11, 13, 18, NEWEST])
def test_split(opset: int) -> None:
    def check(sizes: list[int] | None, axis: int = 1, **attrs: int) -> None:
        constants = {"sizes": ints(*sizes)} if sizes is not None and opset >= 13 else {}
        given = {"split": sizes} if sizes is not None and opset < 13 else {}
        made = node("Split", " ".join(["x", *constants]), "y z", axis=axis, **given, **attrs)
        agrees(model([made], {"x": (2, 6)}, constants, ["y", "z"], opset))

    check([2, 4])
    check([1, 1], axis=0)
    if opset < 18:
        check(None)
    else:
        check(None, num_outputs=2)
        uneven = node("Split", "x", "y z w", axis=1, num_outputs=3)
        agrees(model([uneven], {"x": (2, 7)}, {}, ["y", "z", "w"], opset))


def test_split_in_which_not_all_parts_are_used() -> None:
    nodes = [node("Split", "x sizes", "a y b", axis=1)]
    made = model(nodes, {"x": (2, 6)}, {"sizes": ints(2, 4, 0)}, ["y"])
    assert [made.op for made in agrees(made).nodes] == ["slice"]


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 18, 21, NEWEST])
def test_pad(opset: int) -> None:
    for pads, value in (([0, 1, 2, 0], 0.0), ([1, 1, 1, 1], -2.5), ([0, -1, 1, 2], 1.5)):
        if opset > RUNTIME_NEWEST and min(pads) < 0:
            continue  # onnx evaluates no negative pads
        if opset < 11:
            one("Pad", (3, 4), opset=opset, pads=pads, value=value)
        else:
            one("Pad", (3, 4), {"pads": ints(*pads), "value": np.float32(value)}, opset)
    if opset >= 11:
        one("Pad", (3, 4), {"pads": ints(0, 0, 1, 2)}, opset, mode="constant")
        if opset <= RUNTIME_NEWEST:
            one("Pad", (3, 4), {"pads": ints(-1, 0, -1, -2)}, opset)
        one("Pad", (3, 4), {"pads": ints(0, 0, 0, 0)}, opset)
    if opset >= 18:
        axes = {"pads": ints(1, 2), "value": np.float32(3), "axes": ints(-1)}
        one("Pad", (3, 4), axes, opset)


@pytest.mark.parametrize("opset", [7, 10, 12, 13, 22, NEWEST])
def test_dropout(opset: int) -> None:
    nodes = [node("Dropout", "x", "d"), node("Relu", "d")]
    assert [made.op for made in agrees(model(nodes, {"x": (2, 3)}, opset=opset)).nodes] == ["relu"]
    if opset >= 12:
        constants = {"ratio": np.float32(0.5), "training": np.array(False)}
        nodes = [node("Dropout", "x ratio training", "d"), node("Relu", "d")]
        agrees(model(nodes, {"x": (2, 3)}, constants, opset=opset))


@pytest.mark.parametrize("opset", [7, 9, 13, 19, 21, NEWEST])
def test_cast_between_floats(opset: int) -> None:
    nodes = [
        node("Cast", "x", "d", to=TensorProto.DOUBLE),
        node("Neg", "d", "n"),
        node("Cast", "n", to=FLOAT, name="back"),
    ]
    assert [made.op for made in agrees(model(nodes, {"x": (2, 3)}, opset=opset)).nodes] == ["neg"]


@pytest.mark.parametrize("input_type", [TensorProto.INT64, TensorProto.UINT8, TensorProto.INT32])
def test_integer_input_that_is_cast(input_type: int) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0]),
        node("Cast", "t", "f", to=FLOAT),
        node("MatMul", "f w"),
    ]
    graph = onnx_import.load(
        model(nodes, {"x": (4, 2)}, {"w": normal(4, 3)}, input_type=input_type)
    )
    assert [made.op for made in graph.nodes] == ["transpose", "matmul"]


@pytest.mark.parametrize("opset", [7, 11, 13, NEWEST])
def test_softmax(opset: int) -> None:
    one("Softmax", (2, 5), opset=opset)
    one("Softmax", (2, 5, 1), opset=opset, axis=1)
    one("Softmax", (2, 1, 5), opset=opset, axis=-1 if opset >= 11 else 2)
    if opset >= 13:
        one("Softmax", (2, 3, 4), opset=opset, axis=1)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("input_type", [FLOAT, TensorProto.INT64])
def test_scaler(size: int, input_type: int) -> None:
    attrs = {"offset": normal(size).tolist(), "scale": normal(size).tolist()}
    made = model(
        [node("Scaler", "x", domain="ai.onnx.ml", **attrs)],
        {"x": (3, 4)},
        input_type=input_type,
        domains={"ai.onnx.ml": 1},
    )
    agrees(made)


@pytest.mark.parametrize("opset", [9, 13, 17, 21])
def test_shape_arithmetic_of_a_pytorch_export(opset: int) -> None:
    """x.view(x.size(0), -1) and torch.zeros(x.size(0), 2), as traced with a dynamic batch."""
    zero = numpy_helper.from_array(ints(0))
    axes, constants = ({"axes": [0]}, {}) if opset < 13 else ({}, {"axis": ints(0)})
    nodes = [
        node("Shape", "x", "shape"),
        node("Constant", "", "zero", value=numpy_helper.from_array(np.int64(0))),
        node("Gather", "shape zero", "batch", axis=0),
        node("Unsqueeze", " ".join(["batch", *constants]), "batches", **axes),
        node("Constant", "", "rest", value=numpy_helper.from_array(ints(-1))),
        node("Concat", "batches rest", "target", axis=0),
        node("Reshape", "x target", "flat"),
        node("Constant", "", "two", value=numpy_helper.from_array(ints(2))),
        node("Concat", "batches two", "size", axis=0, name="sizes"),
        node("ConstantOfShape", "size", "zeros", value=zero),
        node("Cast", "zeros", "floats", to=FLOAT),
        node("Concat", "flat floats", "y", axis=1, name="join"),
    ]
    made = model(nodes, {"x": ("batch", 3, 4)}, constants, opset=opset)
    graph = agrees(made)
    assert [made.op for made in graph.nodes] == ["reshape", "concat"]
    assert graph.shapes["y"] == (1, 14)
    assert agrees(made, {"x": (5, 3, 4)}).shapes["y"] == (5, 14)


def test_shape_with_start_and_end() -> None:
    for attrs, size in (({"start": -2}, 20), ({"start": 1, "end": -1}, 12), ({"end": 99}, 120)):
        nodes = [node("Shape", "x", "s", **attrs), node("Reshape", "z s")]
        agrees(model(nodes, {"x": (2, 3, 4, 5), "z": (size,)}, opset=15))


@pytest.mark.parametrize(
    "attrs",
    [
        {"value": numpy_helper.from_array(np.float32([1, 2, 3]))},
        {"value_floats": [1.0, 2.0, 3.0]},
        {"value_float": 4.0},
        {
            "sparse_value": helper.make_sparse_tensor(
                numpy_helper.from_array(np.float32([1, 2]), "v"),
                numpy_helper.from_array(ints(0, 2), "i"),
                [3],
            )
        },
    ],
)
def test_constant_in_any_form(attrs: dict[str, Any]) -> None:
    agrees(model([node("Constant", "", "c", **attrs), node("Add", "x c")], {"x": (2, 3)}))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_weights(dtype: type) -> None:
    to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [
        node("Cast", "x", "h", to=to),
        node("MatMul", "h w", "p"),
        node("Cast", "p", to=FLOAT, name="back"),
    ]
    made = model(nodes, {"x": (2, 3)}, {"w": np.arange(6).reshape(3, 2).astype(dtype)})
    graph = onnx_import.load(made)
    assert graph.constants["w"].dtype == np.float64
    np.testing.assert_array_equal(graph.constants["w"], np.arange(6).reshape(3, 2))


def test_integer_weights_that_are_dequantized() -> None:
    constants = {
        "q": np.array([[1, -2], [3, 4]], dtype=np.int8),
        "scale": np.float32(0.25),
        "zero": np.int8(1),
    }
    nodes = [node("DequantizeLinear", "q scale zero", "w"), node("MatMul", "x w")]
    graph = agrees(model(nodes, {"x": (2, 2)}, constants))
    np.testing.assert_array_equal(graph.constants["w"], [[0, -0.75], [0.5, 0.75]])


@pytest.mark.parametrize("name", sorted({op for _, op in CONVERTERS} | set(FOLDED)))
def test_every_operator_is_tested(name: str) -> None:
    assert f'"{name}"' in Path(__file__).read_text()


def sequence(nodes: Sequence[onnx.NodeProto], ops: str, constants: Mapping[str, Any]) -> Graph:
    """A model of x (2, 4) or (2, 4, 5, 5) agrees with the oracle and has these operators."""
    shape = (2, 4, 5, 5) if nodes[0].op_type == "Conv" else (2, 4)
    graph = agrees(model(nodes, {"x": shape}, constants))
    assert " ".join(made.op for made in graph.nodes) == ops
    return graph


BN = {"s": normal(3), "b": normal(3), "m": normal(3), "v": normal(3) ** 2}
W4 = {"w": normal(3, 4, 2, 2), "wb": normal(3)}
W2 = {"w": normal(4, 3), "wb": normal(3)}


def test_batch_normalization_is_folded() -> None:
    norm = node("BatchNormalization", "h s b m v")
    graph = sequence([node("Conv", "x w wb", "h"), norm], "conv", {**W4, **BN})
    assert graph.nodes[0].output == "y"
    sequence([node("Conv", "x w", "h"), norm], "conv", {**W4, **BN})
    sequence([node("Gemm", "x w wb", "h"), norm], "matmul", {**W2, **BN})
    sequence([node("MatMul", "x w", "h"), norm], "matmul", {**W2, **BN})


def test_batch_normalization_stays_where_others_read_its_input() -> None:
    nodes = [
        node("Conv", "x w wb", "h"),
        node("BatchNormalization", "h s b m v", "n"),
        node("Add", "h n"),
    ]
    sequence(nodes, "conv mul add add", {**W4, **BN})
    made = model(nodes[:2], {"x": (2, 4, 5, 5)}, {**W4, **BN}, ["n", "h"])
    assert [made.op for made in agrees(made).nodes] == ["conv", "mul", "add"]


def test_biases_and_factors_are_folded() -> None:
    c1, c3, c231 = normal(1), normal(3), normal(2, 3)
    sequence([node("MatMul", "x w", "h"), node("Add", "h c")], "matmul", {**W2, "c": c3})
    sequence([node("MatMul", "x w", "h"), node("Add", "c h")], "matmul", {**W2, "c": c231})
    sequence([node("MatMul", "x w", "h"), node("Sub", "h c")], "matmul", {**W2, "c": c3})
    sequence([node("MatMul", "x w", "h"), node("Sub", "c h")], "matmul", {**W2, "c": c3})
    sequence([node("MatMul", "x w", "h"), node("Div", "h c")], "matmul", {**W2, "c": c1})
    sequence([node("MatMul", "x w", "h"), node("Mul", "h c")], "matmul mul", {**W2, "c": c231})
    wide = normal(2, 2, 3)
    sequence([node("MatMul", "x w", "h"), node("Add", "h c")], "matmul add", {**W2, "c": wide})
    sequence([node("Conv", "x w", "h"), node("Add", "h c")], "conv", {**W4, "c": normal(3, 1, 1)})
    sequence([node("Conv", "x w wb", "h"), node("Mul", "h c")], "conv", {**W4, "c": c1})
    sequence([node("Conv", "x w", "h"), node("Mul", "h c")], "conv mul", {**W4, "c": normal(4)})


def test_factors_fold_into_a_weight_on_the_left_or_without_columns() -> None:
    for w, c, ops in (
        (normal(5, 2), normal(5, 1), "matmul"),
        (normal(5, 2), normal(4), "matmul mul"),
        (normal(3, 5, 2), normal(5, 1), "matmul"),
        (normal(2), normal(1), "matmul"),
        (normal(2), normal(4), "matmul mul"),
    ):
        sequence([node("MatMul", "w x", "h"), node("Mul", "h c")], ops, {"w": w, "c": c})
    for c, ops in ((normal(1), "matmul"), (normal(2), "matmul mul")):
        nodes = [node("MatMul", "x w", "h"), node("Mul", "h c")]
        sequence(nodes, ops, {"w": normal(4), "c": c})
    made = model(
        [node("MatMul", "w x", "h"), node("Mul", "h c")],
        {"x": (4,)},
        {"w": normal(2, 3, 4), "c": normal(2, 1)},
    )
    agrees(made)
