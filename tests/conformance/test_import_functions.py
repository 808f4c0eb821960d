"""Functions of one number compute what onnxruntime or onnx computes."""

from typing import Any

import numpy as np
import pytest

from tests.conformance.agreement import agrees, normal, one
from tests.conformance.test_import_refusals import message
from tests.onnx_models import NEWEST, RUNTIME_NEWEST, model, node
from zkinfer.errors import UnsupportedModelError

PLAIN = ("Asinh", "Atan", "Cos", "Cosh", "Erf", "Exp", "Mish", "Sin", "Sinh", "Softplus")
OTHERS = ("Softsign", "Tanh", "HardSwish", "Gelu", "Swish", "Elu", "Selu", "Celu", "HardSigmoid")

ATTRIBUTES: dict[str, list[dict[str, Any]]] = {
    "Gelu": [{"approximate": "none"}, {"approximate": "tanh"}],
    "Swish": [{"alpha": 1.702}, {"alpha": 0.5}],
    "Elu": [{"alpha": 0.5}, {"alpha": 2.0}],
    "Selu": [{"alpha": 0.5}, {"gamma": 2.0}, {"alpha": 1.25, "gamma": 0.75}],
    "Celu": [{"alpha": 0.5}, {"alpha": 3.0}],
    "HardSigmoid": [{"alpha": 0.1}, {"beta": 0.25}],
    "Shrink": [{"lambd": 0.5, "bias": 0.5}, {"lambd": 2.0, "bias": 2.0}],
}


@pytest.mark.parametrize("op", [*PLAIN, *OTHERS])
def test_functions(op: str) -> None:
    newest = NEWEST if op == "Swish" else RUNTIME_NEWEST
    for attrs in ({}, *ATTRIBUTES.get(op, [])):
        one(op, (2, 3), opset=newest, **attrs)


@pytest.mark.parametrize("attrs", ATTRIBUTES["Shrink"])
def test_shrink(attrs: dict[str, float]) -> None:
    one("Shrink", (2, 3), opset=RUNTIME_NEWEST, **attrs)


def test_functions_with_jumps() -> None:
    for bias in (0.0, -0.5, 2.0):
        one("Shrink", (2, 3), opset=RUNTIME_NEWEST, lambd=0.5, bias=bias)
    for alpha in (1.0, 0.0, -0.5):
        one("ThresholdedRelu", (2, 3), opset=RUNTIME_NEWEST, alpha=alpha)
    text = message(model([node("Shrink", "x", lambd=-1.0)], {"x": (3,)}), UnsupportedModelError)
    assert "expected a lambd of at least 0" in text


@pytest.mark.parametrize("op", ["Acos", "Asin", "Atanh"])
def test_functions_of_small_numbers(op: str) -> None:
    agrees(model([node("Sin", "x", "s"), node("Mul", "s c", "t"), node(op, "t")], {"x": (2, 3)},
                 {"c": np.float32(0.9)}))  # fmt: skip


@pytest.mark.parametrize("op", ["Acosh", "Log"])
def test_functions_of_large_numbers(op: str) -> None:
    agrees(model([node("Abs", "x", "s"), node("Add", "s c", "t"), node(op, "t")], {"x": (2, 3)},
                 {"c": np.float32(1.5)}))  # fmt: skip


@pytest.mark.parametrize("op", ["Gelu", "QuickGelu", "FastGelu", "BiasGelu"])
def test_functions_of_onnxruntime(op: str) -> None:
    def made(inputs: str, **attrs: float) -> Any:
        nodes = [node(op, inputs, domain="com.microsoft", **attrs)]
        constants = {"b": normal(3)} if "b" in inputs else {}
        return model(nodes, {"x": (2, 3)}, constants, domains={"com.microsoft": 1})

    if op != "BiasGelu":
        agrees(made("x"))
    if op in ("FastGelu", "BiasGelu"):
        agrees(made("x b"))
    if op == "QuickGelu":
        agrees(made("x", alpha=0.5))
