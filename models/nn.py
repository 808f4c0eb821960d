"""A small float32 trainer in numpy: dense and convolutional layers, Adam, cross-entropy.

Layers of sequences are in nn_sequences.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from models.data import Floats, Labels


class Layer(Protocol):
    """A layer keeps what its backward pass needs from the last forward pass."""

    parameters: list[Floats]

    @property
    def gradients(self) -> list[Floats]:
        """Those of the last backward pass, in the order of the parameters."""
        ...

    def forward(self, x: Floats) -> Floats:
        """The layer's output for a batch."""
        ...

    def backward(self, grad: Floats) -> Floats:
        """Stores the parameters' gradients and returns the gradient of the input."""
        ...


def columns(x: Floats, kernel: int, stride: int, pad: int) -> Floats:
    """Patches of x (N, C, H, W) as rows: shape (N, H', W', C * kernel * kernel)."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
    patches = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    return patches.reshape(*patches.shape[:3], -1)


def convolve(x: Floats, weight: Floats, stride: int, pad: int) -> Floats:
    """Convolution of x (N, C, H, W) with weight (M, C, k, k): shape (N, M, H', W')."""
    patches = columns(x, weight.shape[2], stride, pad)
    result: Floats = patches @ weight.reshape(weight.shape[0], -1).T
    return np.ascontiguousarray(result.transpose(0, 3, 1, 2))


def he_normal(rng: np.random.Generator, shape: Sequence[int]) -> Floats:
    """He initialization of a weight (outputs, inputs...): normal with variance 2 / fan-in."""
    fan_in = int(np.prod(shape[1:]))
    sample: Floats = rng.standard_normal(tuple(shape), dtype=np.float32)
    return sample * np.float32(np.sqrt(2 / fan_in))


class Linear:
    """y = x W^T + b, with W (outputs, inputs) as in PyTorch and in ONNX Gemm with transB."""

    def __init__(self, rng: np.random.Generator, inputs: int, outputs: int) -> None:
        self.parameters = [he_normal(rng, (outputs, inputs)), np.zeros(outputs, np.float32)]
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Output (..., outputs) for x (..., inputs)."""
        self._x = x
        weight, bias = self.parameters
        result: Floats = x @ weight.T + bias
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradients of the parameters, stored, and of the input, returned."""
        rows = grad.reshape(-1, grad.shape[-1])
        self.gradients = [rows.T @ self._x.reshape(len(rows), -1), rows.sum(axis=0)]
        result: Floats = grad @ self.parameters[0]
        return result


class Conv:
    """Convolution: W (outputs, inputs / groups, kernel, kernel), zero padding on all sides."""

    def __init__(
        self,
        rng: np.random.Generator,
        inputs: int,
        outputs: int,
        kernel: int,
        pad: int,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        weight = he_normal(rng, (outputs, inputs // groups, kernel, kernel))
        self.parameters = [weight, np.zeros(outputs, np.float32)]
        self.gradients: list[Floats] = []
        self.pad, self.stride, self.groups = pad, stride, groups

    def forward(self, x: Floats) -> Floats:
        """Output (N, outputs, H', W') for x (N, inputs, H, W)."""
        weight, bias = self.parameters
        self._shape = x.shape
        patches = columns(x, weight.shape[2], self.stride, self.pad)
        self._rows = self._grouped(patches.reshape(-1, patches.shape[-1]))
        images = self._rows.reshape(self.groups, *patches.shape[:3], -1)
        products = images @ self._matrices().transpose(0, 2, 1)[:, None, None]
        rows = products.reshape(self.groups, self._rows.shape[1], -1)
        result: Floats = self._joined(rows) + bias
        return result.reshape(*patches.shape[:3], -1).transpose(0, 3, 1, 2)

    def backward(self, grad: Floats) -> Floats:
        """Gradients of the parameters, stored, and of the input, returned."""
        weight = self.parameters[0]
        kernel = weight.shape[2]
        rows = np.ascontiguousarray(grad.transpose(0, 2, 3, 1)).reshape(-1, len(weight))
        split = self._grouped(rows)
        products = split.transpose(0, 2, 1) @ self._rows
        self.gradients = [products.reshape(weight.shape), rows.sum(axis=0)]
        count, inputs, height, width = self._shape
        down, right = grad.shape[2:]
        spread = self._joined(split @ self._matrices()).reshape(
            count, down, right, inputs, kernel, kernel
        )
        spread = spread.transpose(4, 5, 0, 3, 1, 2)
        pad, stride = self.pad, self.stride
        padded = np.zeros((count, inputs, height + 2 * pad, width + 2 * pad), np.float32)
        for i in range(kernel):
            for j in range(kernel):
                padded[:, :, i::stride, j::stride][:, :, :down, :right] += spread[i, j]
        return padded[:, :, pad : pad + height, pad : pad + width]

    def _matrices(self) -> Floats:
        """The weight as one matrix a group."""
        weight = self.parameters[0]
        return weight.reshape(self.groups, len(weight) // self.groups, -1)

    def _grouped(self, rows: Floats) -> Floats:
        """Rows (count, entries) as (groups, count, entries of the group)."""
        return np.ascontiguousarray(rows.reshape(len(rows), self.groups, -1).transpose(1, 0, 2))

    def _joined(self, rows: Floats) -> Floats:
        """The reverse of _grouped."""
        return rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)


class Relu:
    """max(x, 0)."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """The positive part, any shape."""
        self._positive = x > 0
        return np.maximum(x, np.float32(0))

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        result: Floats = grad * self._positive
        return result


class MaxPool:
    """Maximum over 2x2 windows with stride 2; height and width are even."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Output (N, C, H / 2, W / 2) for x (N, C, H, W)."""
        count, channels, height, width = x.shape
        self._windows = x.reshape(count, channels, height // 2, 2, width // 2, 2)
        self._maximum: Floats = self._windows.max(axis=(3, 5), keepdims=True)
        result: Floats = self._maximum[:, :, :, 0, :, 0]
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        count, channels, height, width = grad.shape
        chosen = self._windows == self._maximum
        result: Floats = chosen * grad[:, :, :, None, :, None]
        return result.reshape(count, channels, 2 * height, 2 * width)


class HardSigmoid:
    """min(max(x / 6 + 1 / 2, 0), 1)."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Any shape."""
        self._inside = np.abs(x) < 3
        result: Floats = np.clip(x / np.float32(6) + np.float32(0.5), np.float32(0), np.float32(1))
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        result: Floats = grad * self._inside / np.float32(6)
        return result


class HardSwish:
    """x times its HardSigmoid."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []
        self._gate = HardSigmoid()

    def forward(self, x: Floats) -> Floats:
        """Any shape."""
        self._x, self._gates = x, self._gate.forward(x)
        result: Floats = x * self._gates
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        result: Floats = grad * self._gates + self._gate.backward(grad * self._x)
        return result


class GlobalAveragePool:
    """The mean of each channel."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Output (N, C) for x (N, C, H, W)."""
        self._shape = x.shape
        result: Floats = x.mean(axis=(2, 3))
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        share = grad / np.float32(self._shape[2] * self._shape[3])
        return np.broadcast_to(share[:, :, None, None], self._shape)


class Chain:
    """Layers one after the other."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.parameters = [p for layer in layers for p in layer.parameters]

    @property
    def gradients(self) -> list[Floats]:
        """Those of the layers, in the order of their parameters."""
        return [g for layer in self.layers for g in layer.gradients]

    def forward(self, x: Floats) -> Floats:
        """The last layer's output."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


class Residual(Chain):
    """x plus what the layers make of it."""

    def forward(self, x: Floats) -> Floats:
        """Output of x's shape."""
        return x + super().forward(x)

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        return grad + super().backward(grad)


class SqueezeExcite(Chain):
    """Channels of x (N, C, H, W) times a gate in [0, 1] made of their means by two dense layers."""

    def __init__(self, rng: np.random.Generator, channels: int, squeezed: int) -> None:
        self.squeeze, self.excite = Linear(rng, channels, squeezed), Linear(rng, squeezed, channels)
        super().__init__(GlobalAveragePool(), self.squeeze, Relu(), self.excite, HardSigmoid())

    def forward(self, x: Floats) -> Floats:
        """Output of x's shape."""
        self._x, self._gates = x, super().forward(x)[:, :, None, None]
        result: Floats = x * self._gates
        return result

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        return grad * self._gates + super().backward((grad * self._x).sum(axis=(2, 3)))


class Flatten:
    """All axes but the first become one."""

    def __init__(self) -> None:
        self.parameters: list[Floats] = []
        self.gradients: list[Floats] = []

    def forward(self, x: Floats) -> Floats:
        """Output (N, the rest)."""
        self._shape = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, grad: Floats) -> Floats:
        """Gradient of the input."""
        return grad.reshape(self._shape)


def even_out(layer: Layer, x: Floats) -> Floats:
    """Scales the weights of all products to outputs of deviation 1 on samples x.

    It keeps the signal of deep networks without normalization alive. Returns the layer's output.
    """
    inner = x
    for part in layer.layers if isinstance(layer, Chain) else ():
        inner = even_out(part, inner)
    if isinstance(layer, Conv | Linear):
        layer.parameters[0] /= layer.forward(x).std()
    return layer.forward(x)


def train(
    layers: Sequence[Layer],
    x: Floats,
    y: Labels,
    rng: np.random.Generator,
    *,
    epochs: int,
    batch: int,
    rate: float,
    decay: float,
    augment: Callable[[Floats, np.random.Generator], Floats] | None = None,
) -> None:
    """Trains the layers in place: Adam with decoupled weight decay, cosine-shaped learning rate.

    x (samples, ...), y (samples,) int64 class numbers. `augment` maps each batch of samples
    to a distorted batch of the same shape.
    """
    network = Chain(*layers)
    parameters = network.parameters
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    steps = epochs * (len(x) // batch)
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start : start + batch]
            samples = x[chosen] if augment is None else augment(x[chosen], rng)
            _backpropagate(network, samples, y[chosen])
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            step += 1
            for p, g, m, v in zip(parameters, network.gradients, first, second, strict=True):
                m += np.float32(0.1) * (g - m)
                v += np.float32(0.001) * (g * g - v)
                size = np.float32(now * np.sqrt(1 - 0.999**step) / (1 - 0.9**step))
                p -= size * m / (np.sqrt(v) + np.float32(1e-8))
                if p.ndim > 1:
                    p -= np.float32(now * decay) * p


def _backpropagate(network: Layer, x: Floats, y: Labels) -> None:
    """Sets the network's gradients of the mean cross-entropy of one batch."""
    x = network.forward(x)
    shifted = np.exp(x - x.max(axis=1, keepdims=True))
    grad: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    grad[np.arange(len(y)), y] -= np.float32(1)
    grad /= np.float32(len(y))
    network.backward(grad)


def shift_images(x: Floats, rng: np.random.Generator, reach: int = 2) -> Floats:
    """Moves every image of x (N, C, H, W) by up to `reach` pixels each way, filling with zeros."""
    count, _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    down, right = rng.integers(0, 2 * reach + 1, (2, count))
    samples = np.arange(count)[:, None, None]
    rows = (down[:, None] + np.arange(height))[:, :, None]
    cols = (right[:, None] + np.arange(width))[:, None, :]
    return padded[samples, :, rows, cols].transpose(0, 3, 1, 2)
