"""Layers of sequences for the trainer of nn.py: GRU, embedding, attention, normalization, GELU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf  # type: ignore[import-untyped]

from models.data import Floats
from models.nn import Linear


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    result: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))
    return result


class Gru:
    """The last state of a GRU that begins at 0: W (3 hidden, inputs), R (3 hidden, hidden), biases.

    z, r = sigmoid of their thirds of x W^T + b + h R^T + c; n = tanh(its third of x W^T + b + r
    times its third of h R^T + c); h' = (1 - z) n + z h: ONNX's GRU with linear_before_reset.
    """

    def __init__(self, rng: np.random.Generator, inputs: int, hidden: int) -> None:
        end = 1 / math.sqrt(hidden)
        shapes = ((3 * hidden, inputs), (3 * hidden, hidden), (3 * hidden,), (3 * hidden,))
        self.parameters = [rng.uniform(-end, end, s).astype(np.float32) for s in shapes]
        self.gradients: list[Floats] = []
        self.hidden = hidden

    def forward(self, x: Floats) -> Floats:
        """Output (samples, hidden) for x (samples, steps, inputs)."""
        w, r, b, c = self.parameters
        self._x, self._steps = x, []
        h = np.zeros((len(x), self.hidden), np.float32)
        for given in np.moveaxis(x @ w.T + b, 1, 0):
            a, g = np.split(given, 3, axis=1), np.split(h @ r.T + c, 3, axis=1)
            update, reset = sigmoid(a[0] + g[0]), sigmoid(a[1] + g[1])
            new = np.tanh(a[2] + reset * g[2])
            self._steps.append((h, update, reset, new, g[2]))
            h = new + update * (h - new)
        return h

    def backward(self, grad: Floats) -> Floats:
        """Gradients of the parameters, stored, and of the input, returned."""
        w, r, _, _ = self.parameters
        one, before, after = np.float32(1), [], []
        for h, update, reset, new, kept in reversed(self._steps):
            d_update = grad * (h - new) * update * (one - update)
            d_new = grad * (one - update) * (one - new * new)
            d_reset = d_new * kept * reset * (one - reset)
            before.append(np.concatenate([d_update, d_reset, d_new], axis=1))
            after.append(np.concatenate([d_update, d_reset, d_new * reset], axis=1))
            grad = grad * update + after[-1] @ r
        given, carried = np.stack(before[::-1], axis=1), np.stack(after[::-1], axis=1)
        states = np.stack([step[0] for step in self._steps], axis=1)
        self.gradients = [
            np.einsum("nto,nti->oi", given, self._x, optimize=True),
            np.einsum("nto,nti->oi", carried, states, optimize=True),
            given.sum(axis=(0, 1)),
            carried.sum(axis=(0, 1)),
        ]
        result: Floats = given @ w
        return result


class Embedding:
    """A row of a table for each token, plus a row for its position."""

    def __init__(self, rng: np.random.Generator, vocabulary: int, tokens: int, width: int) -> None:
        shapes = ((vocabulary, width), (tokens, width))
        self.parameters = [rng.standard_normal(s, np.float32) * np.float32(0.5) for s in shapes]
        self.gradients: list[Floats] = []

    def forward(self, x: npt.NDArray[Any]) -> Floats:
        """Output (samples, tokens, width) for indices x (samples, tokens)."""
        self._x = x
        table, positions = self.parameters
        result: Floats = table[x] + positions
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradients of the parameters, stored; returns the gradient as it is: x has none."""
        table = np.zeros_like(self.parameters[0])
        np.add.at(table, self._x, grad)
        self.gradients = [table, grad.sum(axis=0)]
        return grad


class LayerNorm:
    """Entries of the last axis, brought to mean 0 and deviation 1, times a scale plus a bias."""

    def __init__(self, width: int) -> None:
        self.parameters = [np.ones(width, np.float32), np.zeros(width, np.float32)]
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Output of x's shape (..., width)."""
        scale, bias = self.parameters
        centered = x - x.mean(axis=-1, keepdims=True)
        variance = (centered * centered).mean(axis=-1, keepdims=True)
        self._inverse = 1 / np.sqrt(variance + np.float32(1e-5))
        self._normal = centered * self._inverse
        result: Floats = self._normal * scale + bias
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradients of the parameters, stored, and of the input, returned."""
        axes = tuple(range(grad.ndim - 1))
        self.gradients = [(grad * self._normal).sum(axis=axes), grad.sum(axis=axes)]
        grad = grad * self.parameters[0]
        along = self._normal * (grad * self._normal).mean(axis=-1, keepdims=True)
        result: Floats = (grad - grad.mean(axis=-1, keepdims=True) - along) * self._inverse
        return result


class Attention:
    """Self-attention of several heads, with dense layers for queries, keys, values and output."""

    def __init__(self, rng: np.random.Generator, width: int, heads: int) -> None:
        self.dense = [Linear(rng, width, width) for _ in range(4)]
        self.parameters = [p for layer in self.dense for p in layer.parameters]
        self.heads = heads
        self.scale = np.float32(1 / math.sqrt(width // heads))

    @property
    def gradients(self) -> list[Floats]:
        """Those of the dense layers."""
        return [g for layer in self.dense for g in layer.gradients]

    def forward(self, x: Floats) -> Floats:
        """Output of x's shape (samples, tokens, width)."""
        q, k, v = (self._split(layer.forward(x)) for layer in self.dense[:3])
        scores = np.exp(self.scale * (q @ k.transpose(0, 1, 3, 2)))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        self._saved = q, k, v, shares
        return self.dense[3].forward(self._joined(shares @ v))

    def backward(self, grad: Floats) -> Floats:
        """Gradients of the parameters, stored, and of the input, returned."""
        q, k, v, shares = self._saved
        grad = self._split(self.dense[3].backward(grad))
        d_shares = grad @ v.transpose(0, 1, 3, 2)
        mean = (d_shares * shares).sum(axis=-1, keepdims=True)
        d_scores = self.scale * shares * (d_shares - mean)
        parts = (
            d_scores @ k,
            d_scores.transpose(0, 1, 3, 2) @ q,
            shares.transpose(0, 1, 3, 2) @ grad,
        )
        pairs = zip(self.dense[:3], parts, strict=True)
        sums: Floats = np.sum([layer.backward(self._joined(part)) for layer, part in pairs], axis=0)
        return sums

    def _split(self, x: Floats) -> Floats:
        """(samples, tokens, width) as (samples, heads, tokens, width of a head)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(0, 2, 1, 3)

    def _joined(self, x: Floats) -> Floats:
        """The reverse of _split."""
        return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


class Gelu:
    """x times the normal distribution's share below x."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Any shape."""
        self._x = x
        self._below: Floats = np.float32(0.5) * (1 + erf(x / np.float32(math.sqrt(2))))
        result: Floats = x * self._below
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        x = self._x
        density = np.exp(np.float32(-0.5) * x * x) / np.float32(math.sqrt(2 * math.pi))
        result: Floats = grad * (self._below + x * density)
        return result


class MeanOfTokens:
    """The mean over the tokens."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Output (samples, width) for x (samples, tokens, width)."""
        self._shape = x.shape
        result: Floats = x.mean(axis=1)
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        return np.broadcast_to(grad[:, None] / np.float32(self._shape[1]), self._shape)
