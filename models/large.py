"""Large networks with random weights, for measuring speed: VGG-16, ResNet-18, a wide MLP.

Weights are He-normal. A batch of random images is pushed through each network while it is built:
the running mean and variance of ResNet-18's BatchNormalization are measured on it, and each layer
of VGG-16 is centered by its bias and scaled to deviation 1. Activations therefore keep the scale
that they have in a trained network, and outputs differ from image to image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.data import Floats, random_images
from models.export import GraphWriter
from models.nn import MaxPool, convolve, he_normal

PROBE_IMAGES = 8
"""Number of images on which activation statistics are measured."""

VGG16_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of the convolutions between the max pools (configuration D of VGG)."""

RESNET18_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Channels and first stride of the stages, two basic blocks each."""


def vgg16(path: Path) -> None:
    """Writes VGG-16 for input "image" (batch, 3, 32, 32), output "logits" (batch, 10).

    13 convolutions and three dense layers 512-512-512-10, 15.2 million weights.
    """
    rng = np.random.default_rng(16)
    writer = GraphWriter("vgg16", "image", (3, 32, 32))
    name, probe = "image", random_images(PROBE_IMAGES, seed=16)
    number = 0
    for stage, widths in enumerate(VGG16_STAGES, start=1):
        for channels in widths:
            number += 1
            weight = he_normal(rng, (channels, probe.shape[1], 3, 3))
            probe = convolve(probe, weight, 1, 1)
            factor, bias = _normalization(rng, probe)
            weight = weight * factor
            probe = np.maximum(probe * factor + bias[:, None, None], np.float32(0))
            name = writer.conv(f"conv{number}", name, weight, bias, 1, 1)
            name = writer.relu(f"relu{number}", name)
        probe = MaxPool().forward(probe)
        name = writer.max_pool(f"pool{stage}", name)
    name = writer.flatten("flatten", name)
    probe = probe.reshape(PROBE_IMAGES, -1)
    for layer, width in enumerate((512, 512, 10), start=1):
        weight = he_normal(rng, (width, probe.shape[1]))
        probe = probe @ weight.T
        factor, bias = _normalization(rng, probe)
        weight = weight * factor
        probe = probe * factor + bias
        name = writer.gemm(f"fc{layer}", name, weight, bias)
        if layer < 3:
            probe = np.maximum(probe, np.float32(0))
            name = writer.relu(f"fc_relu{layer}", name)
    writer.save(path, name, "logits", (10,))


def resnet18(path: Path) -> None:
    """Writes ResNet-18 for input "image" (batch, 3, 32, 32), output "logits" (batch, 10).

    The form for small images: a 3x3 stem without max pool, four stages of two basic blocks with
    BatchNormalization after every convolution, GlobalAveragePool, Gemm; 11.2 million weights.
    """
    _residual(path, "resnet18", 32, 10)


def resnet18_224(path: Path) -> None:
    """Writes ResNet-18 for input "image" (batch, 3, 224, 224), output "logits" (batch, 1000).

    The form for large images: a 7x7 stem of stride 2 and a max pool of stride 2 before the stages;
    11.7 million weights, 1.8 billion multiplications.
    """
    _residual(path, "resnet18_224", 224, 1000)


def mlp_1024_4096_1000(path: Path) -> None:
    """Writes an MLP for input "x" (batch, 1024), output "logits" (batch, 1000): 8.3 M weights."""
    rng = np.random.default_rng(10)
    writer = GraphWriter("mlp_1024_4096_1000", "x", (1024,))
    weight, bias = he_normal(rng, (4096, 1024)), rng.normal(0, 0.2, 4096).astype(np.float32)
    name = writer.relu("relu", writer.gemm("fc1", "x", weight, bias))
    weight, bias = he_normal(rng, (1000, 4096)), rng.normal(0, 0.2, 1000).astype(np.float32)
    writer.save(path, writer.gemm("fc2", name, weight, bias), "logits", (1000,))


def _residual(path: Path, title: str, side: int, classes: int) -> None:
    rng = np.random.default_rng(18)
    builder = _ResidualBuilder(rng, GraphWriter(title, "image", (3, side, side)))
    writer = builder.writer
    state = ("image", random_images(PROBE_IMAGES, seed=18, height=side, width=side))
    kernel, stride = (3, 1) if side < 64 else (7, 2)
    state = builder.conv_norm("conv1", "bn1", state, 64, kernel, stride)
    state = builder.relu("relu", state)
    if stride == 2:
        state = builder.max_pool("pool1", state)
    for stage, (channels, stride) in enumerate(RESNET18_STAGES, start=1):
        state = builder.block(f"layer{stage}.0", state, channels, stride)
        state = builder.block(f"layer{stage}.1", state, channels, 1)
    name, probe = state
    name = writer.global_average_pool("avgpool", name)
    name = writer.flatten("flatten", name)
    weight = he_normal(rng, (classes, probe.shape[1]))
    factor, bias = _normalization(rng, probe.mean(axis=(2, 3)) @ weight.T)
    name = writer.gemm("fc", name, weight * factor, bias)
    writer.save(path, name, "logits", (classes,))


class _ResidualBuilder:
    """Adds the parts of a residual network to a writer, following the probe images through them."""

    def __init__(self, rng: np.random.Generator, writer: GraphWriter) -> None:
        self.rng = rng
        self.writer = writer

    def conv_norm(
        self,
        conv: str,
        norm: str,
        state: tuple[str, Floats],
        channels: int,
        kernel: int,
        stride: int,
    ) -> tuple[str, Floats]:
        """Convolution without bias, then BatchNormalization with the measured statistics."""
        name, probe = state
        pad = kernel // 2
        weight = he_normal(self.rng, (channels, probe.shape[1], kernel, kernel))
        name = self.writer.conv(conv, name, weight, None, stride, pad)
        probe = convolve(probe, weight, stride, pad)
        mean = probe.mean(axis=(0, 2, 3))
        variance = probe.var(axis=(0, 2, 3))
        scale = self.rng.uniform(0.5, 1.5, channels).astype(np.float32)
        bias = self.rng.normal(0, 0.2, channels).astype(np.float32)
        name = self.writer.batch_norm(norm, name, scale, bias, mean, variance)
        factor = scale / np.sqrt(variance + np.float32(1e-5))
        offset = bias - mean * factor
        return name, probe * factor[:, None, None] + offset[:, None, None]

    def relu(self, relu: str, state: tuple[str, Floats]) -> tuple[str, Floats]:
        """max(x, 0)."""
        name, probe = state
        return self.writer.relu(relu, name), np.maximum(probe, np.float32(0))

    def max_pool(self, pool: str, state: tuple[str, Floats]) -> tuple[str, Floats]:
        """The largest of two by two entries."""
        name, probe = state
        return self.writer.max_pool(pool, name), MaxPool().forward(probe)

    def block(
        self, path: str, state: tuple[str, Floats], channels: int, stride: int
    ) -> tuple[str, Floats]:
        """Basic block; the shortcut is a 1x1 convolution where the shape changes."""
        shortcut = state
        if stride != 1 or state[1].shape[1] != channels:
            names = (f"{path}.downsample.0", f"{path}.downsample.1")
            shortcut = self.conv_norm(*names, state, channels, 1, stride)
        state = self.conv_norm(f"{path}.conv1", f"{path}.bn1", state, channels, 3, stride)
        state = self.relu(f"{path}.relu1", state)
        state = self.conv_norm(f"{path}.conv2", f"{path}.bn2", state, channels, 3, 1)
        name = self.writer.add(f"{path}.add", state[0], shortcut[0])
        return self.relu(f"{path}.relu2", (name, state[1] + shortcut[1]))


def _normalization(rng: np.random.Generator, x: Floats) -> tuple[np.float32, Floats]:
    """A factor and a bias (channels,) for x (N, channels, ...).

    They bring the whole tensor to deviation 1 and each channel's mean to a random value near 0.
    """
    axes = (0, *range(2, x.ndim))
    mean: Floats = x.mean(axis=axes, keepdims=True)
    factor = np.float32(1 / np.sqrt(np.mean((x - mean) ** 2)))
    target = rng.normal(0, 0.2, (x.shape[1],)).astype(np.float32)
    bias: Floats = target - mean.reshape(-1) * factor
    return factor, bias
