"""Normalizations, whole and spelt out, agree with onnxruntime."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest

from tests.conformance.agreement import agrees, ints, normal, one
from tests.onnx_models import model, node
from zkinfer import UnsupportedModelError
from zkinfer.onnx_import import load

EPSILON = {"e": np.float32(1e-5), "two": np.float32(2)}


def ops(nodes: Sequence[onnx.NodeProto], **constants: Any) -> str:
    """The operators that are read of a model of x (2, 3, 4)."""
    graph = agrees(model(nodes, {"x": (2, 3, 4)}, {**EPSILON, **constants}))
    return " ".join(made.op for made in graph.nodes if made.op in ("deviation", "normalize"))


CENTERED = [
    node("ReduceMean", "x", "m", axes=[-1], name="first"),
    node("Sub", "x m", "d"),
    node("Pow", "d two", "q"),
    node("ReduceMean", "q", "v", axes=[-1]),
    node("Add", "v e", "w"),
    node("Sqrt", "w", "s"),
]


def test_layers() -> None:
    for axis in (-1, 1, 2, -3):
        width = (2, 3, 4)[axis:]
        constants = {"s": normal(*width), "b": normal(*width)}
        one("LayerNormalization", (2, 3, 4), constants, axis=axis, epsilon=1e-3)
    one("LayerNormalization", (2, 3, 4), {"s": normal(4)})
    made = node("LayerNormalization", "x s b", "y m i", axis=1)
    constants = {"s": normal(3, 4), "b": normal(3, 4)}
    agrees(model([made], {"x": (2, 3, 4)}, constants, ["y", "m", "i"]))
    one("RMSNormalization", (2, 3, 4), {"s": normal(4)}, 23)


def test_channels() -> None:
    constants = {"s": normal(4), "b": normal(4)}
    one("InstanceNormalization", (2, 4, 5), constants)
    one("InstanceNormalization", (1, 4, 3, 2), constants, epsilon=1e-2)
    for groups in (1, 2, 4):
        one("GroupNormalization", (2, 4, 3, 2), constants, 21, num_groups=groups)


def test_whole_tensors() -> None:
    one("MeanVarianceNormalization", (3, 2, 4, 5))
    one("MeanVarianceNormalization", (3, 2, 4, 5), axes=[1, -1])
    for p in (1, 2):
        one("LpNormalization", (3, 4), p=p, axis=0)


def test_skips() -> None:
    domain = {"domain": "com.microsoft"}
    constants = {"s": normal(4), "b": normal(4), "c": normal(4)}
    for inputs, outputs in (("x x s b c", "y"), ("x x s b", "y"), ("x x s b c", "y - - t")):
        made = node("SkipLayerNormalization", inputs, outputs, epsilon=1e-4, **domain)
        names = [name for name in ("y", "t") if name in outputs.split()]
        agrees(model([made], {"x": (2, 3, 4)}, constants, names, domains={"com.microsoft": 1}))
    made = node("SkipSimplifiedLayerNormalization", "x x s c", **domain)
    agrees(model([made], {"x": (2, 3, 4)}, constants, domains={"com.microsoft": 1}))


def test_chains_are_recognized() -> None:
    assert ops([*CENTERED, node("Div", "d s")]) == "deviation normalize"
    twice = [*CENTERED, node("Sub", "x m", "f", name="again"), node("Div", "f s")]
    assert ops(twice) == "deviation normalize"
    inverse = [*CENTERED, node("Reciprocal", "s", "i"), node("Mul", "i d")]
    assert ops(inverse) == "deviation normalize"
    square = [node("Mul", "x x", "q"), *CENTERED[3:], node("Div", "x s")]
    assert ops(square) == "deviation normalize"


def test_variances_as_differences_of_means_are_recognized() -> None:
    """As JAX and TensorFlow write them: sums times a share, floors, axes that come back."""
    moments = [
        node("ReduceSum", "x axes", "total", name="total", keepdims=0),
        node("Mul", "total share", "flat", name="flat"),
        node("Reshape", "flat kept", "m", name="m"),
        node("Mul", "x x", "q", name="q"),
        node("ReduceMean", "q", "p", name="p", axes=[-1], keepdims=0),
        node("Mul", "flat flat", "f", name="f"),
        node("Sub", "p f", "v", name="v"),
        node("Max", "zero v", "w", name="w"),
        node("Reshape", "w kept", "k", name="k"),
        node("Add", "k e", "l", name="l"),
        node("Sqrt", "l", "s", name="s"),
        node("Reciprocal", "s", "r", name="r"),
        node("Mul", "r a", "i", name="i"),
    ]
    constants = {"axes": ints(2), "share": np.float32(0.25), "kept": ints(2, 3, 1), "a": normal(4)}
    constants |= {"zero": np.float32(0), "b": normal(4)}
    product = [node("Sub", "x m", "d", name="d"), node("Mul", "d i")]
    affine = [
        node("Mul", "x i", "n", name="n"),
        node("Mul", "m i", "o", name="o"),
        node("Sub", "b o", "t", name="t"),
    ]
    for end in (product, [*affine, node("Add", "n t")]):
        assert ops([*moments, *end], **constants) == "deviation normalize"
    other = constants | {"share": np.float32(0.5)}
    assert "normalize" not in ops([*moments, *product], **other)


def test_powers_over_their_sum_are_softmax() -> None:
    powers = [node("Exp", "u", "p", name="p"), node("ReduceSum", "p axes", "s", name="s")]
    less = [
        node("ReduceMax", "x", "m", name="m", axes=[1]),
        node("Sub", "x m", "u", name="u"),
        *powers,
    ]
    made = (
        ("softmax", [*less, node("Div", "p s")]),
        ("softmax", [*less, node("Reciprocal", "s", "r", name="r"), node("Mul", "r p")]),
        ("log_softmax", [*less, node("Log", "s", "l", name="l"), node("Sub", "u l")]),
        ("softmax", [node("Identity", "x", "u", name="u"), *powers, node("Div", "p s")]),
    )
    for expected, nodes in made:
        graph = agrees(model(nodes, {"x": (2, 3, 4)}, {"axes": ints(1)}))
        assert [made.op for made in graph.nodes] == [expected]


@pytest.mark.parametrize("opset", [18, 20])
def test_groups_that_share_a_scale(opset: int) -> None:
    for groups in (1, 2, 4):
        constants = {"s": normal(groups), "b": normal(groups)}
        one("GroupNormalization", (2, 4, 3, 2), constants, opset, num_groups=groups)
    constants = {"s": normal(2), "b": normal(2)}
    for attrs in ({}, {"num_groups": "two"}):
        with pytest.raises(UnsupportedModelError, match="has no number of groups"):
            load(model([node("GroupNormalization", "x s b", **attrs)], {"x": (1, 4, 3)},
                       constants, opset=opset))  # fmt: skip


def test_local_response() -> None:
    for size in (1, 3, 7):
        one("LRN", (2, 5, 3, 2), size=size, alpha=0.5)
    for beta in (0.25, 0.5, 1.0, 0.6):
        one("LRN", (2, 5, 3, 2), size=3, alpha=0.5, beta=beta, bias=2.0)


def test_norms_of_windows() -> None:
    for p in (1, 2):
        one("GlobalLpPool", (2, 3, 4, 5), p=p)
        one("LpPool", (2, 3, 6), kernel_shape=[3], p=p)
        one("LpPool", (2, 3, 6, 5), kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 2, 1], p=p)
        one("LpPool", (2, 3, 7), opset=18, kernel_shape=[2], strides=[2], ceil_mode=1, p=p)
        one("LpPool", (2, 3, 7), opset=18, kernel_shape=[2], dilations=[3], p=p)
    one("LpPool", (2, 3, 7), kernel_shape=[3], auto_pad="SAME_UPPER")


def test_other_chains_are_not() -> None:
    assert ops([*CENTERED, node("Div", "x s")]) == "deviation"
    assert ops([node("Mul", "x x", "q"), *CENTERED[3:], node("Div", "q s")]) == "deviation"
    other = [node("ReduceMean", "x", "m", axes=[-1], name="first"), node("Sub", "x m", "d")]
    other += [node("Pow", "d two", "q"), node("ReduceMean", "q", "v", axes=[1])]
    graph = agrees(model([*other, *CENTERED[4:], node("Div", "d s")], {"x": (2, 3, 4)}, EPSILON))
    assert not graph.nodes[-1].attrs["centered"]
    assert ops([*CENTERED[:3], node("Add", "q e", "w"), node("Sqrt", "w")]) == ""


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (node("LpNormalization", "x", p=3), "p to be 1 or 2"),
        (node("GroupNormalization", "x s s", num_groups=2), "groups that divide the channels"),
        (node("InstanceNormalization", "x x x"), "expected constant scales"),
        (node("LayerNormalization", "x s", axis=3), "expected an axis from -3 to 2"),
        (node("LpPool", "x", kernel_shape=[2], p=-1), "a positive p"),
        (node("GlobalLpPool", "x", p=0), "a positive p"),
        (node("LRN", "x", size=0), "a size of at least 1"),
        (node("LRN", "x", size=3, bias=0.0), "expected positive numbers"),
        (node("LRN", "x", size=3, beta=float("nan")), "expected positive numbers"),
    ],
)
def test_refusals(made: onnx.NodeProto, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        load(model([made], {"x": (2, 3, 4)}, {"s": normal(4), "k": ints(1)}, opset=21))
