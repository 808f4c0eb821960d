"""Small models of kinds that were once refused, or came out wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from signs import few_signs

import zkinfer
from tests.onnx_models import Array, model, node
from tests.properties.check_models import outcome
from tests.properties.draw_models import Drawn
from tests.properties.drawing import run, session

RNG = np.random.default_rng(7)
MODES = {"input": "hidden", "output": "public", "weights": "hidden"}


def normal(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def proved(
    made: onnx.ModelProto,
    samples: Mapping[str, Array],
    *,
    input_range: tuple[float, float] | None = None,
) -> None:
    """The model is proved and gives what onnxruntime gives. samples: of batch 1, stacked."""
    count = len(next(iter(samples.values())))
    each = [{name: array[i : i + 1] for name, array in samples.items()} for i in range(count)]
    names, loaded = [value.name for value in made.graph.output], session(made)
    case = Drawn(
        model=made,
        samples=each,
        expected=[dict(zip(names, run(loaded, sample), strict=True)) for sample in each],
        fresh=each[-1],
        shapes=None,
        input_range=input_range,
        modes=MODES,
        stacked=dict.fromkeys(samples, True),
    )
    with few_signs():
        result = outcome(case)
    assert result == "proved", result


@pytest.mark.parametrize("order", ["x k", "k x", "x k x", "k x k", "k k x"])
def test_constant_joined_to_an_activation(order: str) -> None:
    width = sum({"x": 6, "k": 4}[name] for name in order.split())
    nodes = [node("Concat", order, "c", axis=1), node("MatMul", "c w")]
    constants = {"k": normal(1, 4), "w": normal(width, 2)}
    proved(model(nodes, {"x": [1, 6]}, constants), {"x": normal(8, 6)})


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_constant_joined_along_any_axis(axis: int) -> None:
    shape = [1, 2, 3]
    shape[axis] = 2
    nodes = [node("Concat", "k x", "c", axis=axis), node("Mul", "c two")]
    constants = {"k": normal(*shape), "two": np.float32(2)}
    proved(model(nodes, {"x": [1, 2, 3]}, constants), {"x": normal(8, 2, 3)})


def test_whole_numbers_joined_to_fractions() -> None:
    nodes = [node("Concat", "x hot", "c", axis=1), node("Gemm", "c w b")]
    constants = {"w": normal(10, 3), "b": normal(3)}
    samples = {"x": normal(24, 6), "hot": np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 24)]}
    proved(model(nodes, {"x": [1, 6], "hot": [1, 4]}, constants), samples)


@pytest.mark.parametrize("bounds", [(0.0, 6.0), (-2.0, -0.5), (0.3, 0.7)])
def test_large_values_clipped_to_small_ones(bounds: tuple[float, float]) -> None:
    nodes = [node("Relu", "x", "r"), node("Clip", "r low high", "c"), node("Add", "c b")]
    low, high = (np.float32(bound) for bound in bounds)
    constants = {"low": low, "high": high, "b": normal(4)}
    proved(model(nodes, {"x": [1, 4]}, constants), {"x": 1000 * normal(8, 4)})


def names_of(suffix: str) -> dict[str, str]:
    """Names of a small network that zkinfer could itself make of others."""
    return {"x": "x", "w": f"h{suffix}", "h": "h", "b": "w/8", "r": f"y{suffix}", "y": "y"}


@pytest.mark.parametrize(
    "suffix", ["/raw", "/requantize", "/output", "/scores", "/label", "/8", "/12", "/unpooled"]
)
def test_names_that_zkinfer_makes(suffix: str) -> None:
    n = names_of(suffix)
    nodes = [
        node("MatMul", f"{n['x']} {n['w']}", n["h"], name="h"),
        node("Add", f"{n['h']} {n['b']}", n["r"], name="h/aligned/0"),
        node("Relu", n["r"], "s", name=f"h{suffix}"),
        node("Gemm", f"s {n['w']} {n['b']}", n["y"], name="y"),
    ]
    constants = {n["w"]: normal(4, 4), n["b"]: normal(4)}
    proved(model(nodes, {"x": [1, 4]}, constants), {"x": normal(8, 4)})


def test_one_constant_at_several_scales() -> None:
    """A name that a rescaled copy of one constant would get belongs to another constant."""
    nodes = [node("MatMul", "x w", "h"), node("Mul", "h b", "m"), node("Add", "m b", "s")]
    others = {f"b/{scale}": normal(1, 4) for scale in range(60)}
    last = "s"
    for i, name in enumerate(others):
        nodes.append(node("Add", f"{last} {name}", f"t{i}", name=f"add{i}"))
        last = f"t{i}"
    nodes.append(node("Gemm", f"{last} w b"))
    constants = {"w": normal(4, 4), "b": normal(4), **others}
    proved(model(nodes, {"x": [1, 4]}, constants), {"x": normal(8, 4)})


@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize(("kernel", "strides"), [([2], [2]), ([3], [3]), ([3], [2])])
def test_ceil_mode_on_an_axis_shorter_than_the_window(
    op: str, kernel: Sequence[int], strides: Sequence[int]
) -> None:
    nodes = [
        node("Conv", "x w", "c"),
        node(op, "c", kernel_shape=kernel, strides=strides, ceil_mode=1),
    ]
    length = 1 if kernel == [2] else 2
    made = model(nodes, {"x": [1, 2, length + 2]}, {"w": normal(2, 2, 3)})
    proved(made, {"x": normal(8, 2, length + 2)})


def integers(kind: int) -> onnx.ModelProto:
    nodes = [node("Cast", "x", "f", to=TensorProto.FLOAT), node("Gemm", "f w b")]
    return model(nodes, {"x": [1, 4]}, {"w": normal(4, 2), "b": normal(2)}, input_type=kind)


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        (TensorProto.INT64, (-1.0, 1.0)),
        (TensorProto.UINT8, (-1.0, 2.5)),
        (TensorProto.INT8, (0.0, 255.0)),
    ],
)
def test_range_of_integer_inputs(kind: int, ends: tuple[float, float]) -> None:
    ones = np.ones((1, 4), onnx.helper.tensor_dtype_to_np_dtype(kind))
    proved(integers(kind), {"x": ones}, input_range=ends)


@pytest.mark.parametrize(
    "options",
    [
        {"calibration": np.full((3, 4), 0.5)},
        {"calibration": np.full((3, 4), -1)},
        {"calibration": np.full((3, 4), 256)},
        {"input_range": (0.2, 0.8)},
        {"input_range": (-5, -1)},
    ],
)
def test_what_integer_inputs_cannot_hold(options: dict[str, Any]) -> None:
    with pytest.raises(zkinfer.UsageError, match="integers"):
        zkinfer.compile(integers(TensorProto.UINT8), **options)


@pytest.mark.parametrize("op", ["MaxPool", "Conv", "Scaler"])
def test_operators_on_constants_only_are_computed(op: str) -> None:
    attrs: dict[str, Any] = {}
    if op == "Scaler":
        attrs = {"domain": "ai.onnx.ml", "scale": [2.0], "offset": [0.5]}
    attrs |= {"kernel_shape": [1]} if op == "MaxPool" else {}
    first = node(op, "k w" if op == "Conv" else "k", "m", name="lonely", **attrs)
    constants = {"k": normal(1, 4, 3), "w": normal(4, 4, 1)}
    made = model(
        [first, node("Add", "x m")], {"x": [1, 4, 3]}, constants, domains={"ai.onnx.ml": 3}
    )
    proved(made, {"x": normal(8, 4, 3)})


def test_long_name_of_the_standard_domain() -> None:
    nodes = [
        node("Transpose", "w", "t", domain="ai.onnx"),
        node("MatMul", "x t", "h", domain="ai.onnx"),
        node("Relu", "h", domain="ai.onnx"),
    ]
    made = model(nodes, {"x": [1, 4]}, {"w": normal(3, 4)}, domains={"ai.onnx": 17})
    for opset in list(made.opset_import):
        if not opset.domain:
            made.opset_import.remove(opset)
    proved(made, {"x": normal(8, 4)})


def test_copies_along_many_axes() -> None:
    repeats = np.array([1, 2, 3, 2, 2, 2], np.int64)
    made = model([node("Tile", "x r")], {"x": [1, 2, 3, 1, 3, 2]}, {"r": repeats})
    proved(made, {"x": normal(8, 2, 3, 1, 3, 2)})


def test_whole_numbers_beside_fractions_of_another_size() -> None:
    """One column each; whole numbers keep the scale of their own."""
    made = model(
        [node("Cast", "n", "f", to=TensorProto.FLOAT), node("Mul", "f x")],
        {"n": [1, 1], "x": [1, 1]},
    )
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    n = np.arange(64, dtype=np.int8)[:, None] % 3 + 1
    proved(made, {"n": n, "x": 1e6 * normal(64, 1)})


def test_pyramids() -> None:
    """What is enlarged by 2, 4 and 8 is joined, and a window slides over it."""
    nodes = [node("MaxPool", "x", "p2", name="a", kernel_shape=[2, 2], strides=[2, 2])]
    nodes += [node("MaxPool", "p2", "p4", name="b", kernel_shape=[2, 2], strides=[2, 2])]
    nodes += [node("MaxPool", "p4", "p8", name="c", kernel_shape=[2, 2], strides=[2, 2])]
    for scale in (2, 4, 8):
        attrs = {"mode": "nearest", "nearest_mode": "floor"}
        attrs["coordinate_transformation_mode"] = "asymmetric"
        name = f"u{scale}"
        nodes.append(node("Resize", f"p{scale} - s{scale}", name, name=name, **attrs))
    nodes += [node("Concat", "u8 u4 u2 x", "j", axis=1), node("Conv", "j w", pads=[1, 1, 1, 1])]
    constants = {f"s{n}": np.array([1, 1, n, n], np.float32) for n in (2, 4, 8)}
    constants["w"] = normal(3, 8, 3, 3)
    proved(model(nodes, {"x": [1, 2, 16, 24]}, constants), {"x": normal(8, 2, 16, 24)})


def test_a_label_of_scores_that_are_shown_as_they_are() -> None:
    """The scores are an input in another shape, and the other output is their softmax."""
    made = model(
        [node("Reshape", "x s", "a"), node("Softmax", "a", "b", axis=0)],
        {"x": [1, 10]},
        {"s": np.array([10], np.int64)},
        outputs=("a", "b"),
    )
    samples = normal(16, 10)
    keys = zkinfer.compile(made, calibration=samples, output="label")
    proof = zkinfer.prove(keys.proving_key, samples[:1])
    (label,) = zkinfer.verify(keys.verifying_key, proof).outputs.values()
    assert label.reshape(()) == samples[0].argmax()


def test_functions_spelt_out_one_after_the_other() -> None:
    """What lies between may belong to the one or to the other."""
    nodes = [
        node("Sigmoid", "x", "s"),
        node("Mul", "x s", "silu", name="silu"),
        node("Mul", "silu one", "between", name="between"),
        node("Exp", "between", "e"),
        node("Add", "e one", "more"),
        node("Log", "more", "l"),
        node("Tanh", "l", "t"),
        node("Mul", "between t"),
    ]
    proved(model(nodes, {"x": [1, 4]}, {"one": np.float32(1)}), {"x": normal(24, 4)})


@pytest.mark.parametrize("exponent", [0.7, 1.5, 2.2, 1.99988, 5.0, -0.4, -1.5])
def test_powers(exponent: float) -> None:
    nodes = [node("Abs", "x", "a"), node("Add", "a quarter", "p"), node("Pow", "p e")]
    constants = {"quarter": np.float32(0.25), "e": np.float32(exponent)}
    proved(model(nodes, {"x": [1, 4]}, constants), {"x": normal(24, 4)})


def test_flags_keep_their_own_range() -> None:
    """Whatever range is declared for the inputs: e^255 does not come up."""
    nodes = [
        node("Cast", "x", "f", to=TensorProto.FLOAT),
        node("Exp", "f", "e"),
        node("Mul", "e k"),
    ]
    made = model(nodes, {"x": [1, 4]}, {"k": normal(4)}, input_type=TensorProto.BOOL)
    proved(made, {"x": RNG.random((8, 4)) < 0.5}, input_range=(0.0, 255.0))


@pytest.mark.parametrize("first", ["m", "x"])
def test_exponentials_of_what_is_zero_on_the_data(first: str) -> None:
    """A difference of equal numbers has wide bounds, on which e^x is beyond all numbers."""
    nodes = [
        node("ReduceMax", "x", "m", axes=[1], keepdims=1),
        node("Sub", f"x {first}", "s"),
        node("Exp", "s", "e"),
        node("Add", "e x"),
    ]
    proved(model(nodes, {"x": [1, 1]}), {"x": 100 * normal(16, 1)})


def test_a_label_of_several_places() -> None:
    """In another shape they are scores."""
    nodes = [node("ArgMax", "x", "i", axis=1, keepdims=0), node("Cast", "i", "f", to=1)]
    made = model([*nodes, node("Reshape", "f row")], {"x": [1, 4, 3]}, {"row": np.array([3])})
    samples = normal(16, 4, 3)
    keys = zkinfer.compile(made, calibration=samples, output="label")
    proof = zkinfer.prove(keys.proving_key, samples[:1])
    (label,) = zkinfer.verify(keys.verifying_key, proof).outputs.values()
    assert label.reshape(()) == samples[0].argmax(axis=0).argmax()
