"""Every supported operator computes, over its opsets, what onnxruntime or onnx computes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.agreement import OPSETS, agrees, ints, normal, one
from tests.float_oracle import evaluate
from tests.onnx_models import FLOAT, NEWEST, RUNTIME_NEWEST, model, node
from zkinfer import onnx_import
from zkinfer.errors import UnsupportedModelError, UsageError
from zkinfer.onnx_import.table import CONVERTERS, FOLDED


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
    assert graph.shape("y") == (1, 14)
    assert agrees(made, {"x": (5, 3, 4)}).shape("y") == (5, 14)


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
    """By an example here, or drawn (test_import_drawn)."""
    tests = Path(__file__).parents[1]
    files = [*tests.glob("conformance/test_import*.py"), *tests.glob("properties/draw_*.py")]
    assert any(f'"{name}"' in file.read_text() for file in files)


HUGE = {
    "Tile": {"w": np.ones(1, np.float32), "r": ints(2**45)},
    "Expand": {"w": np.ones(1, np.float32), "r": ints(2**45)},
    "ConstantOfShape": {"r": ints(2**45)},
    "Range": {"a": np.float32(0), "b": np.float32(1e15), "c": np.float32(1)},
    "Pad": {"w": np.ones(1, np.float32), "r": ints(0, 2**45)},
}


@pytest.mark.parametrize("op", HUGE)
def test_small_constants_that_fold_to_huge_ones(op: str) -> None:
    nodes = [node(op, " ".join(HUGE[op]), "huge"), node("Add", "x huge")]
    with pytest.raises(UnsupportedModelError, match=rf"the_{op.lower()} .*at most \d+ more"):
        onnx_import.load(model(nodes, {"x": (1,)}, HUGE[op]))


def test_names_with_control_characters_stay_on_one_line() -> None:
    with pytest.raises(UnsupportedModelError, match=r"node a\?b\?c$") as caught:
        onnx_import.load(model([node("Mystery", "x", name="a\nb\x1bc")], {"x": (1,)}))
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert str(caught.value).count("\n") == 1


def test_softmax_of_a_scalar() -> None:
    with pytest.raises(UnsupportedModelError, match="got a scalar"):
        onnx_import.load(model([node("Softmax", "x", axis=0)], {"x": ()}, opset=11))


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_auto_pad_with_dilations(op: str) -> None:
    attrs = {"kernel_shape": [2], "dilations": [2], "auto_pad": "SAME_UPPER"}
    with pytest.raises(UnsupportedModelError, match="dilations of 1"):
        onnx_import.load(model([node(op, "x", **attrs)], {"x": (1, 1, 5)}, opset=19))


@pytest.mark.parametrize("shape", [4, "14", (1.0, 4), (True, 4), None])
def test_shape_that_is_no_tuple_of_ints(shape: Any) -> None:
    made = model([node("Relu", "x")], {"x": ("n", 4)})
    with pytest.raises(UsageError, match="tuple of ints"):
        onnx_import.load(made, {"x": shape})
