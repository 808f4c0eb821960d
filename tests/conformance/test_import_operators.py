"""Products, normalizations and entrywise operators, at several opsets, against onnxruntime."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import pytest

from tests.conformance.tiny import (
    EVERY,
    IMAGE,
    LINE,
    MATRIX,
    Case,
    check,
    moved,
    node,
    one,
    scalar,
    weights,
)

W = {"w": weights(6, 4, 3, 3)}
BN = {
    "scale": weights(4, seed=3),
    "shift": weights(4, seed=4),
    "mean": weights(4, seed=5),
    "var": abs(weights(4, seed=6)) + np.float32(0.5),
}
WB = {**W, "b": weights(6, seed=2)}


def linear() -> Iterator[Case]:
    yield Case("conv", one("Conv", "x w b"), IMAGE, "conv", WB, EVERY)
    yield Case(
        "conv strides", one("Conv", "x w", strides=[2, 1], pads=[1, 0, 2, 1]), IMAGE, "conv", W
    )
    yield Case("conv dilations", one("Conv", "x w", dilations=[2, 1]), IMAGE, "conv", W)
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield Case(
            f"conv {mode}",
            one("Conv", "x w", auto_pad=mode, strides=[2, 2]),
            IMAGE,
            "conv",
            {"w": weights(6, 4, 2, 3)},
        )
    yield Case(
        "conv groups", one("Conv", "x w", group=2), IMAGE, "conv", {"w": weights(6, 2, 3, 3)}
    )
    yield Case(
        "conv depthwise", one("Conv", "x w", group=4), IMAGE, "conv", {"w": weights(8, 1, 3, 2)}
    )
    yield Case(
        "conv 1-D",
        one("Conv", "x w b", pads=[2, 1], dilations=[2], strides=[2]),
        LINE,
        "conv",
        {"w": weights(5, 4, 3), "b": weights(5)},
    )
    b, c = weights(4, 5), weights(5, seed=2)
    yield Case("gemm", one("Gemm", "x b c"), MATRIX, "matmul", {"b": b, "c": c}, EVERY)
    yield Case(
        "gemm scaled",
        one("Gemm", "x b c", alpha=0.5, beta=-2.0, transB=1),
        MATRIX,
        "matmul",
        {"b": weights(5, 4), "c": weights(3, 1, seed=2)},
    )
    yield Case(
        "gemm transA",
        one("Gemm", "x b", transA=1),
        {"x": (4, 3)},
        "transpose matmul",
        {"b": b},
        (11, 17),
    )
    yield Case(
        "gemm a constant",
        one("Gemm", "a x c", transA=1, alpha=3.0),
        MATRIX,
        "matmul",
        {"a": weights(3, 2), "c": weights(1, 4)},
    )
    yield Case(
        "gemm computed",
        one("Gemm", "x z u", alpha=0.5, beta=3.0),
        {"x": (3, 4), "z": (4, 5), "u": (5,)},
        "matmul mul mul add",
    )
    yield Case(
        "gemm computed c", one("Gemm", "x b u"), {"x": (3, 4), "u": (3, 5)}, "matmul add", {"b": b}
    )
    yield Case("matmul", one("MatMul", "x b"), {"x": (2, 3, 4)}, "matmul", {"b": b}, EVERY)
    yield Case(
        "matmul left", one("MatMul", "a x"), {"x": (2, 3, 4)}, "matmul", {"a": weights(5, 3)}
    )
    yield Case("matmul vectors", one("MatMul", "x b"), {"x": (4,)}, "matmul", {"b": weights(4)})
    yield Case("matmul computed", one("MatMul", "x z"), {"x": (2, 3, 4), "z": (2, 4, 3)}, "matmul")
    yield Case(
        "scaler",
        lambda _: [
            node(
                "Scaler",
                ["x"],
                domain="ai.onnx.ml",
                offset=[1.0, 2.0, 3.0, 4.0],
                scale=[0.5, 2.0, 1.0, -1.0],
            )
        ],
        MATRIX,
        "sub mul",
        outputs={"y": (3, 4)},
        domains={"ai.onnx.ml": 1},
    )
    yield Case(
        "scaler one number",
        lambda _: [node("Scaler", ["x"], domain="ai.onnx.ml", offset=[1.5], scale=[0.5])],
        MATRIX,
        "sub mul",
        outputs={"y": (3, 4)},
        domains={"ai.onnx.ml": 3},
    )


def normalizations() -> Iterator[Case]:
    names = "scale shift mean var"

    def after(op: str, *operands: str, **attrs: Any) -> Callable[[int], Sequence[onnx.NodeProto]]:
        return lambda _: [
            node(op, operands, ["h"], **attrs),
            node("BatchNormalization", ["h", *names.split()], epsilon=1e-3),
        ]

    w = {"w": weights(4, 4, 3, 3), "b": weights(4, seed=2), "m": weights(3, 4), **BN}
    yield Case("norm alone", one("BatchNormalization", f"x {names}"), IMAGE, "mul add", BN, EVERY)
    yield Case("norm matrix", one("BatchNormalization", f"x {names}"), MATRIX, "mul add", BN)
    yield Case("norm after conv", after("Conv", "x", "w"), IMAGE, "conv", w, (7, 9, 14, 15))
    yield Case("norm after biased conv", after("Conv", "x", "w", "b"), IMAGE, "conv", w)
    yield Case("norm after gemm", after("Gemm", "x", "m", "b"), {"x": (2, 3)}, "matmul", w)
    yield Case("norm after matmul", after("MatMul", "x", "m"), {"x": (2, 3)}, "matmul", w)
    yield Case("norm after relu", after("Relu", "x"), IMAGE, "relu mul add", BN)
    yield Case(
        "norm of a shared conv",
        lambda _: [
            node("Conv", ["x", "w"], ["h"]),
            node("BatchNormalization", ["h", *names.split()], ["n"]),
            node("Add", ["h", "n"]),
        ],
        IMAGE,
        "conv mul add add",
        w,
    )
    yield Case(
        "norm of an output",
        lambda _: [
            node("Conv", ["x", "w"], ["h"]),
            node("BatchNormalization", ["h", *names.split()]),
        ],
        IMAGE,
        "conv mul add",
        w,
        outputs=("h", "y"),
    )


def pointwise() -> Iterator[Case]:
    two = {"x": (2, 3, 4), "z": (3, 1)}
    c = {"c": weights(3, 1) + np.float32(3)}
    for op, made in (("Add", "add"), ("Sub", "sub"), ("Mul", "mul")):
        yield Case(op, one(op, "x z"), two, made, opsets=EVERY)
        yield Case(f"{op} constant", one(op, "x c"), {"x": (2, 3, 4)}, made, c)
        yield Case(f"{op} from constant", one(op, "c x"), {"x": (2, 3, 4)}, made, c)
    yield Case("div", one("Div", "x c"), {"x": (2, 3, 4)}, "mul", c)
    yield Case("neg", one("Neg", "x"), MATRIX, "neg")
    yield Case("relu", one("Relu", "x"), MATRIX, "relu", opsets=EVERY)
    yield Case("leaky relu", one("LeakyRelu", "x"), MATRIX, "leaky_relu", opsets=(7, 16))
    yield Case("leaky relu alpha", one("LeakyRelu", "x", alpha=0.3), MATRIX, "leaky_relu")
    for shape in ((4, 1, 1), (1,), (6,)):
        yield Case(
            f"prelu {shape}",
            one("PRelu", "x s"),
            IMAGE,
            "prelu",
            {"s": weights(*shape)},
            (7, 9, 16),
        )
    yield Case(
        "clip",
        moved("Clip", 11, ("min", "max"), min=-0.5, max=0.75),
        MATRIX,
        "clip",
        {"min": scalar(-0.5), "max": scalar(0.75)},
        EVERY,
    )
    yield Case(
        "clip low",
        lambda o: [node("Clip", ["x", "min"]) if o >= 11 else node("Clip", ["x"], min=0.1)],
        MATRIX,
        "clip",
        {"min": scalar(0.1)},
    )
    yield Case(
        "clip high",
        lambda o: [node("Clip", ["x", "", "max"]) if o >= 11 else node("Clip", ["x"], max=0.1)],
        MATRIX,
        "clip",
        {"max": scalar(0.1)},
    )
    yield Case("softmax", one("Softmax", "x", axis=-1), MATRIX, "softmax", opsets=(11, 13, 21))
    yield Case(
        "softmax axis", one("Softmax", "x", axis=1), {"x": (2, 3, 4)}, "softmax", opsets=(13, 17)
    )
    yield Case("softmax old default", one("Softmax", "x"), MATRIX, "softmax", opsets=(7, 11))
    yield Case(
        "softmax old trailing",
        one("Softmax", "x", axis=1),
        {"x": (2, 3, 1, 1)},
        "softmax",
        opsets=(7, 11),
    )


CASES = [
    case
    for group in (
        linear,
        normalizations,
        pointwise,
    )
    for case in group()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operator(case: Case) -> None:
    check(case)
