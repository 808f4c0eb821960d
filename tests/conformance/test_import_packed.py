"""Operators that onnxruntime writes for several, and weights of a few bits: what drawn nodes do not
show, and what is refused.
"""

import re
from typing import Any

import numpy as np
import onnx
import pytest

from tests.conformance.agreement import agrees
from tests.conformance.tiny import Array, make, node
from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import import load

RNG = np.random.default_rng(3)
BLOCK, DEPTH, COUNT = 16, 40, 3
PACKED: dict[str, Array] = {
    "b": RNG.integers(0, 256, (COUNT, 3, 8)).astype(np.uint8),
    "s": RNG.uniform(0.01, 0.1, (COUNT, 3)).astype(np.float32),
    "z": RNG.integers(0, 256, (COUNT, 2)).astype(np.uint8),
    "f": RNG.uniform(2, 9, (COUNT, 3)).astype(np.float32),
    "g": RNG.permutation(np.arange(DEPTH, dtype=np.int32) // BLOCK).astype(np.int32),
    "bias": RNG.normal(size=COUNT).astype(np.float32),
}


def product(inputs: list[str], **attrs: Any) -> onnx.ModelProto:
    """A MatMulNBits of 4 bits, unless attributes say otherwise."""
    given = {"bits": 4, "block_size": BLOCK, "K": DEPTH, "N": COUNT, **attrs}
    nodes = [node("MatMulNBits", inputs, domain="com.microsoft", **given)]
    constants = {name: PACKED[name] for name in inputs[1:] if name}
    shapes = {"y": (2, COUNT)}
    domains = {"com.microsoft": 1}
    return make(nodes, {"x": (2, DEPTH)}, outputs=shapes, constants=constants, domains=domains)


@pytest.mark.parametrize(
    "inputs",
    [["x", "b", "s"], ["x", "b", "s", "z"], ["x", "b", "s", "f"], ["x", "b", "s", "", "g"],
     ["x", "b", "s", "z", "", "bias"]],
)  # fmt: skip
def test_weights_of_four_bits(inputs: list[str]) -> None:
    agrees(product(inputs))


@pytest.mark.parametrize(
    ("attrs", "reason"),
    [
        ({"bits": 3}, "expected weights of 2, 4 or 8 bits, got 3"),
        ({"block_size": 24}, "expected blocks of 16, 32, ... weights of N x K, got 24"),
        ({"N": 4}, "expected 4 x 24 bytes as input 1, got 72 uint8"),
        ({"K": 1 << 40}, "expected 3 x 549755813888 bytes as input 1, got 72 uint8"),
        ({"weight_prepacked": 1}, "got prepacked ones"),
    ],
)
def test_other_weights_are_refused(attrs: dict[str, int], reason: str) -> None:
    with pytest.raises(UnsupportedModelError, match=re.escape(reason)):
        load(product(["x", "b", "s"], **attrs))


@pytest.mark.parametrize(
    ("attrs", "reason"),
    [
        ({"activation": "Softplus"}, "expected an activation among Relu, Tanh"),
        ({"activation": "Clip"}, "expected 2 numbers for Clip, got 0"),
        ({"activation": "LeakyRelu", "activation_params": [0.1, 0.2]}, "expected 1 numbers"),
    ],
)
def test_other_activations_are_refused(attrs: dict[str, Any], reason: str) -> None:
    nodes = [node("FusedConv", ["x", "w"], domain="com.microsoft", **attrs)]
    constants = {"w": np.ones((1, 1, 2, 2), np.float32)}
    made = make(nodes, {"x": (1, 1, 4, 4)}, outputs={"y": (1, 1, 3, 3)}, constants=constants,
                domains={"com.microsoft": 1})  # fmt: skip
    with pytest.raises(UnsupportedModelError, match=reason):
        load(made)
