"""Quantized operators become integers, and what cannot is refused in a sentence."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

import zkinfer
from tests.conformance.tiny import Array, make, node
from tests.properties.drawing import session
from zkinfer.errors import ZkinferError
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.graph import Graph, Integer
from zkinfer.onnx_import import load

GRID: Mapping[str, Array] = {
    "s": np.array(0.1, np.float32),
    "z": np.array(3, np.uint8),
    "w": np.arange(-6, 6, dtype=np.int8).reshape(4, 3),
    "ws": np.array(0.02, np.float32),
    "wz": np.array(0, np.int8),
    "t": np.array(0.3, np.float32),
    "u": np.array(7, np.uint8),
}
MATMUL = ["x", "s", "z", "w", "ws", "wz", "t", "u"]


def graph(nodes: list[Any], shape: tuple[int, ...] = (1, 4), **constants: Array) -> Graph:
    """A model's graph; x are unsigned bytes."""
    types = {"x": TensorProto.UINT8, "y": TensorProto.UINT8}
    model = make(nodes, {"x": shape}, constants={**GRID, **constants}, types=types, opset=21)
    return load(model)


def refused(nodes: list[Any], shape: tuple[int, ...] = (1, 4), **constants: Array) -> str:
    """Why a model is refused, in one line."""
    with pytest.raises(ZkinferError) as caught:
        graph(nodes, shape, **constants)
    text = str(caught.value)
    assert "Traceback" not in text
    return text


def joined(op: str = "MatMul", **attrs: Any) -> list[Any]:
    """The product between both nodes."""
    return [
        node("DequantizeLinear", ["x", "s", "z"], ["a"]),
        node("DequantizeLinear", ["w", "ws", "wz"], ["b"]),
        node(op, ["a", "b"], ["c"], **attrs),
        node("QuantizeLinear", ["c", "t", "u"]),
    ]


@pytest.mark.parametrize("nodes", [[node("QLinearMatMul", MATMUL)], joined(), joined("Gemm")])
def test_integers_stay_integers(nodes: list[Any]) -> None:
    made = graph(nodes)
    assert [node.op for node in made.nodes] == ["matmul", "quantize_linear"]
    product, rounding = made.nodes
    assert np.array_equal(made.constants[product.inputs[1]], GRID["w"])
    assert np.array_equal(made.constants[product.inputs[2]], -3 * GRID["w"].sum(axis=0))
    assert made.tensors[product.inputs[1]].kind == Integer(-128, 127)
    scale = np.float32(0.1) * np.float32(0.02) / np.float32(0.3)
    assert rounding.attrs["scales"] == (float(scale),)
    assert rounding.attrs["zeros"] == (7,)
    assert made.tensors["y"].kind == Integer(0, 255)


@pytest.mark.parametrize(
    ("op", "attrs", "axis", "whole"),
    [
        ("MatMul", {}, 1, True),
        ("MatMul", {}, 0, False),
        ("Gemm", {}, -1, True),
        ("Gemm", {}, 0, False),
        ("Gemm", {"transB": 1}, 0, True),
        ("Gemm", {"transB": 1}, 1, False),
    ],
)
def test_scales_by_output_alone_are_joined(
    op: str, attrs: dict[str, int], axis: int, whole: bool
) -> None:
    square = np.arange(16, dtype=np.int8).reshape(4, 4)
    scales, zeros = np.array([0.1, 0.2, 0.3, 0.4], np.float32), np.zeros(4, np.int8)
    nodes = joined(op, **attrs)
    nodes[1] = node("DequantizeLinear", ["w", "ws", "wz"], ["b"], axis=axis)
    made = graph(nodes, w=square, ws=scales, wz=zeros)
    product = next(node for node in made.nodes if node.op == "matmul")
    integers = [made.constants[product.inputs[1]] % 1 == 0]
    assert bool(np.all(integers)) == whole
    if not whole:
        real = square * scales.reshape((-1, 1) if axis == 0 else (1, -1))
        real = real.T if attrs else real
        assert np.allclose(made.constants[product.inputs[1]], real)


def test_a_relu_is_a_bound() -> None:
    nodes = joined()
    nodes[3:] = [node("Relu", ["c"], ["d"]), node("QuantizeLinear", ["d", "t", "u"])]
    made = graph(nodes)
    assert [node.op for node in made.nodes] == ["matmul", "quantize_linear"]
    assert (made.nodes[1].attrs["low"], made.nodes[1].attrs["high"]) == (7, 255)


def test_what_is_undone_is_nothing() -> None:
    nodes = [
        node("DequantizeLinear", ["x", "s", "z"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("QuantizeLinear", ["b", "s", "z"]),
    ]
    made = graph(nodes)
    assert [(node.op, node.attrs["low"]) for node in made.nodes] == [("clip", 3.0)]


def test_scales_may_be_made_of_dequantized_constants() -> None:
    nodes = [
        node("DequantizeLinear", ["h", "k"], ["i"]),
        node("Mul", ["s", "i"], ["j"]),
        node("DequantizeLinear", ["x", "j", "z"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("QuantizeLinear", ["b", "j", "z"]),
    ]
    made = graph(nodes, h=np.array(127, np.int8), k=np.array(0.015748031, np.float32))
    assert [(node.op, node.attrs["low"]) for node in made.nodes] == [("clip", 3.0)]


def agreed(nodes: list[Any], **constants: Array) -> tuple[Array, list[str]]:
    """What onnxruntime makes of all bytes, as the network in integers does, and its operators."""
    types = {"x": TensorProto.UINT8, "y": TensorProto.UINT8}
    model = make(nodes, {"x": (1, 256)}, constants=constants, types=types, opset=21)
    x = np.arange(256, dtype=np.uint8)[None]
    (expected,) = session(model, optimized=False).run(None, {"x": x})
    key = zkinfer.compile(model.SerializeToString(), calibration={"x": x}).proving_key
    arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {"x": x}))
    assert np.array_equal(arrays["y"], expected)
    return expected[0], [node.op for node in key.graph.nodes]


def test_what_stands_for_floats_is_rounded_as_those_are() -> None:
    """Of 122 x 2^-7 float32 has just 63.5 times this scale, of 122 it has less."""
    nodes = [node("DequantizeLinear", ["x", "s"], ["a"]), node("QuantizeLinear", ["a", "t"])]
    scale = np.array(0.015009843, np.float32)
    expected, _ = agreed(nodes, s=np.array(2.0**-7, np.float32), t=scale)
    assert expected[122] == 64


def test_scales_that_no_line_follows_have_a_table() -> None:
    """Halves, which float32 rounds up or down as it may, before and after the quotient."""
    nodes = [node("DequantizeLinear", ["x", "s"], ["a"]), node("QuantizeLinear", ["a", "t", "u"])]
    scale = np.float32(0.07281633466482162)
    constants = {"s": np.array(scale), "t": np.array(2 * scale), "u": np.array(7, np.uint8)}
    _, operators = agreed(nodes, **constants)
    assert operators == ["interpolate"]


def test_another_reader_keeps_the_floats() -> None:
    nodes = [*joined(), node("Cast", ["c"], ["e"], to=TensorProto.UINT8)]
    nodes[3:] = [node("QuantizeLinear", ["c", "t", "u"], ["q"]), node("DequantizeLinear",
        ["q", "t", "u"], ["d"]), node("Add", ["c", "d"], ["f"]),
        node("QuantizeLinear", ["f", "t", "u"])]  # fmt: skip
    made = graph(nodes)
    assert "matmul" in [node.op for node in made.nodes]
    assert [node.op for node in made.nodes].count("quantize_linear") == 2


def test_weights_behind_a_cast_are_integers() -> None:
    nodes = [
        node("MatMulInteger", ["x", "w", "z", "wz"], ["a"]),
        node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        node("Mul", ["b", "ws"], ["c"]),
        node("QuantizeLinear", ["c", "t", "u"]),
    ]
    made = graph(nodes)
    assert [node.op for node in made.nodes][-3:] == ["matmul", "mul", "quantize_linear"]
    product = made.nodes[-3]
    assert np.array_equal(made.constants[product.inputs[1]], GRID["w"])


@pytest.mark.parametrize(
    ("nodes", "constants", "reason"),
    [
        (
            [node("QLinearMatMul", MATMUL)],
            {"s": np.array(-0.1, np.float32)},
            "expected scales above zero, got -0.1",
        ),
        (
            [node("QLinearMatMul", MATMUL)],
            {"ws": np.ones(2, np.float32)},
            r"expected one scale, or one for each index of axis 1 of the shape \(4, 3\)",
        ),
        (
            [node("QLinearMatMul", MATMUL)],
            {"z": np.zeros(2, np.uint8)},
            "expected as many zero points as scales, got 2",
        ),
        (
            [
                node("DequantizeLinear", ["x", "s", "z"], ["a"], block_size=2),
                node("QuantizeLinear", ["a", "t", "u"]),
            ],
            {"s": np.ones((1, 2), np.float32), "z": np.ones((1, 2), np.uint8)},
            "expected blocks in constants alone, got those of a computed tensor",
        ),
    ],
)
def test_refusals(nodes: list[Any], constants: Mapping[str, Array], reason: str) -> None:
    text = refused(nodes, **constants)
    assert re.search(reason, text), text
    assert "node " in text
