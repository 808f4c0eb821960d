"""The trainer of models/: gradients of layers are those of finite differences."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import nn, nn_sequences

Rng = np.random.Generator

LAYERS: dict[str, tuple[Callable[[Rng], nn.Layer], tuple[int, ...]]] = {
    "linear": (lambda rng: nn.Linear(rng, 4, 5), (2, 3, 4)),
    "conv": (lambda rng: nn.Conv(rng, 4, 6, 3, 1), (2, 4, 5, 6)),
    "strided": (lambda rng: nn.Conv(rng, 4, 6, 3, 1, stride=2, groups=2), (2, 4, 7, 8)),
    "depthwise": (lambda rng: nn.Conv(rng, 4, 4, 5, 2, stride=2, groups=4), (2, 4, 8, 7)),
    "relu": (lambda _: nn.Relu(), (3, 8)),
    "max pool": (lambda _: nn.MaxPool(), (2, 3, 4, 6)),
    "flatten": (lambda _: nn.Flatten(), (2, 3, 4)),
    "hard sigmoid": (lambda _: nn.HardSigmoid(), (3, 8)),
    "hard swish": (lambda _: nn.HardSwish(), (3, 8)),
    "global average pool": (lambda _: nn.GlobalAveragePool(), (2, 3, 4, 5)),
    "squeeze and excite": (lambda rng: nn.SqueezeExcite(rng, 4, 3), (2, 4, 5, 5)),
    "residual": (lambda rng: nn.Residual(nn.Linear(rng, 4, 4), nn.Relu()), (3, 4)),
    "gru": (lambda rng: nn_sequences.Gru(rng, 4, 5), (3, 6, 4)),
    "layer norm": (lambda _: nn_sequences.LayerNorm(6), (2, 3, 6)),
    "attention": (lambda rng: nn_sequences.Attention(rng, 6, 2), (2, 5, 6)),
    "gelu": (lambda _: nn_sequences.Gelu(), (2, 3, 6)),
    "mean of tokens": (lambda _: nn_sequences.MeanOfTokens(), (2, 3, 6)),
}
"""Makes a layer, and a shape of inputs for it."""

STEP = np.float32(1e-3)
TOLERANCE = 0.02
"""Of a slope, relative to the length of the gradient."""


def assert_slope(layer: nn.Layer, x: np.ndarray, moved: Sequence[np.ndarray], rng: Rng) -> None:
    """Moves arrays in a random direction; `moved` are the parameters and maybe the input.

    A step over an edge of the layer says nothing.
    """
    outward = rng.normal(size=layer.forward(x).shape).astype(np.float32)
    given_back = layer.backward(outward)
    gradients = [*layer.gradients, given_back][: len(moved)]
    ways = [rng.normal(size=array.shape).astype(np.float32) for array in moved]

    def value(step: np.float32) -> float:
        for array, way in zip(moved, ways, strict=True):
            array += step * way
        return float((layer.forward(x).astype(np.float64) * outward).sum())

    behind, here, ahead = value(-STEP), value(STEP), value(STEP)
    slope, bend = (ahead - behind) / (2 * float(STEP)), (ahead - 2 * here + behind) / float(STEP)
    expected = sum(float((g * way).sum()) for g, way in zip(gradients, ways, strict=True))
    size = np.sqrt(sum(float((g * g).sum()) for g in gradients))
    assume(abs(bend) <= TOLERANCE * size)
    assert abs(slope - expected) <= TOLERANCE * size


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_gradients_are_slopes(name: str, seed: int) -> None:
    make, shape = LAYERS[name]
    rng = np.random.default_rng(seed)
    layer, x = make(rng), rng.normal(size=shape).astype(np.float32)
    assert_slope(layer, x, [*layer.parameters, x], rng)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_gradients_of_an_embedding_are_slopes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = nn_sequences.Embedding(rng, 7, 4, 6)
    assert_slope(layer, rng.integers(0, 7, (3, 4)), layer.parameters, rng)
