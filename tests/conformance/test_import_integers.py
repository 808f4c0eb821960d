"""Quotients and remainders of integers are those of onnxruntime, exactly, in fixed point too."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.float_oracle import evaluate
from tests.onnx_models import Array, model, node, run
from zkinfer import fixed
from zkinfer.errors import UnsupportedModelError
from zkinfer.float_oracle import FloatOracle
from zkinfer.onnx_import import load
from zkinfer.quantize import quantize

RNG = np.random.default_rng(11)
DIVISORS: tuple[Any, ...] = (1, -1, 2, 7, -7, 10, 4096, [3, -5, 1, -1, 64, 1000])
DTYPES = (np.int64, np.int32)
WIDTH = 6
SAMPLES = 20


def outputs(nodes: list[Any], given: dict[str, Array], constants: dict[str, Array]) -> None:
    """A model of these inputs, whose first axis is that of samples, computes what onnxruntime does.

    given: inputs, [SAMPLES, WIDTH].
    """
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), (1, WIDTH))
        for name, x in given.items()
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    last = node("Cast", "z", "y", to=TensorProto.FLOAT)
    graph = helper.make_graph([*nodes, last], "integers", infos, [output], arrays)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=10)
    samples = [{name: x[i : i + 1] for name, x in given.items()} for i in range(SAMPLES)]
    expected = [run(made, sample)["y"] for sample in samples]
    graph = load(made)
    quantized = quantize(
        graph,
        calibration={name: x.astype(float) for name, x in given.items()},
        input_range=None,
        max_error=1e-3,
        input_mode="hidden",
        output_mode="public",
        weights_mode="hidden",
        oracle=FloatOracle(made),
    )
    for sample, wanted in zip(samples, expected, strict=True):
        assert np.array_equal(evaluate(graph, sample)["y"], wanted)
        integers = fixed.quantize_input(quantized.graph, sample)
        got = fixed.evaluate(quantized.graph, quantized.weights, integers)["y"]
        assert np.array_equal(quantized.graph.encoding("y").numbers(got), wanted)


def whole(dtype: Any, low: int, high: int) -> Array:
    return RNG.integers(low, high, (SAMPLES, WIDTH)).astype(dtype)


def ways() -> list[Any]:
    """Nodes that make z of x and the divisor b."""
    mods = [node("Mod", "x b", "z", fmod=fmod) for fmod in range(2)]
    return [[node("Div", "x b", "z")], *([mod] for mod in mods)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("divisor", DIVISORS)
def test_constant_divisors(dtype: Any, divisor: Any) -> None:
    for nodes in ways():
        x = whole(dtype, -5000, 5000)
        outputs(nodes, {"x": x}, {"b": np.array(divisor, dtype)})


@pytest.mark.parametrize("ends", [(1, 40), (-40, 0), (-9, 10)])
def test_computed_divisors(ends: tuple[int, int]) -> None:
    for nodes in ways():
        x, b = whole(np.int64, -5000, 5000), whole(np.int64, *ends)
        b[b == 0] = 3
        outputs(nodes, {"x": x, "b": b}, {})
        outputs(nodes, {"b": b}, {"x": whole(np.int64, -99, 99)[:1]})


def test_large_numbers_are_not_rounded() -> None:
    """Products that no format holds lead to remainders."""
    product = [node("Mul", "x x", "p", name="p"), node("Add", "p one", "q", name="q")]
    constants = {"one": np.array(1), "b": np.array([2, 3, 5, 7, 11, 13])}
    for mod in (node("Mod", "q b", "z"), node("Mod", "q b", "z", fmod=1)):
        outputs([*product, mod], {"x": whole(np.int64, -(10**6), 10**6)}, constants)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_narrow_types(dtype: Any) -> None:
    for nodes in ways()[1:]:  # onnxruntime has no Div of these
        outputs(nodes, {"x": whole(dtype, 0, 100)}, {"b": np.array(7, dtype)})


def test_zero_is_no_divisor() -> None:
    made = model([node("Mod", "x b", "y")], {"x": (1, 2)}, {"b": np.array([3, 0])},
                 input_type=TensorProto.INT64, output_type=TensorProto.INT64)  # fmt: skip
    with pytest.raises(UnsupportedModelError, match="a divisor other than zero"):
        load(made)
