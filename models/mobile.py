"""A MobileNetV3-like network with random weights, and its smallest part, for measuring speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.data import Floats
from models.export import GraphWriter
from models.nn import he_normal

STEM = 16

BLOCKS = (
    (16, 16, 3, 2, True, False), (72, 24, 3, 2, False, False), (88, 24, 3, 1, False, False),
    (96, 40, 5, 2, True, True), (240, 40, 5, 1, True, True), (240, 40, 5, 1, True, True),
    (120, 48, 5, 1, True, True), (144, 48, 5, 1, True, True), (288, 96, 5, 2, True, True),
    (576, 96, 5, 1, True, True), (576, 96, 5, 1, True, True),
)  # fmt: skip
"""Of MobileNetV3-Small: expanded and output channels, kernel, stride, whether the block squeezes
and excites, whether its activations are HardSwish and not Relu.
"""

LAST, HIDDEN = 576, 1024


def mobilenet_v3(path: Path, *, height: int = 48, width: int = 192, classes: int = 10) -> None:
    """Writes MobileNetV3-Small for input "image" (batch, 3, height, width), output "logits"
    (batch, classes); 1.5 million weights, normalizations folded into the convolutions.
    """
    net = _Mobile("mobilenet_v3", height, width)
    x = net.swish("features.0.act", net.conv("features.0", "image", 3, STEM, 3, 2))
    channels = STEM
    for number, block in enumerate(BLOCKS, start=1):
        x = net.block(f"features.{number}", x, channels, *block)
        channels = block[1]
    x = net.swish("features.12.act", net.conv("features.12", x, channels, LAST, 1, 1))
    writer = net.writer
    x = writer.flatten("flatten", writer.global_average_pool("avgpool", x))
    x = net.swish("classifier.1", writer.gemm("classifier.0", x, *net.dense(LAST, HIDDEN)))
    x = writer.gemm("classifier.3", x, *net.dense(HIDDEN, classes))
    writer.save(path, x, "logits", (classes,))


def mobile_block(
    path: Path, *, side: int = 32, channels: int = 16, wide: int = 32, classes: int = 10
) -> None:
    """Writes a stem, one separable convolution with HardSwish, a pool and a classifier: "image"
    (batch, 3, side, side) to "logits" (batch, classes).
    """
    net = _Mobile("mobile_block", side, side)
    x = net.conv("stem", "image", 3, channels, 3, 2)
    x = net.conv("depthwise", x, channels, channels, 3, 1, channels)
    x = net.swish("act", net.conv("pointwise", x, channels, wide, 1, 1))
    x = net.writer.flatten("flatten", net.writer.global_average_pool("avgpool", x))
    net.writer.save(path, net.writer.gemm("fc", x, *net.dense(wide, classes)), "logits", (classes,))


class _Mobile:
    """Parts of the network, and the writer that they are added to."""

    def __init__(self, title: str, height: int, width: int) -> None:
        self.rng = np.random.default_rng(3)
        self.writer = GraphWriter(title, "image", (3, height, width))

    def bias(self, count: int) -> Floats:
        return self.rng.normal(0, 0.2, count).astype(np.float32)

    def dense(self, inputs: int, outputs: int) -> tuple[Floats, Floats]:
        """A matrix and a bias."""
        return he_normal(self.rng, (outputs, inputs)), self.bias(outputs)

    def conv(
        self,
        name: str,
        x: str,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        groups: int = 1,
    ) -> str:
        """A convolution that halves the sides where it has a stride of 2."""
        weight = he_normal(self.rng, (outputs, inputs // groups, kernel, kernel))
        return self.writer.conv(
            name, x, weight, self.bias(outputs), stride, kernel // 2, groups=groups
        )

    def swish(self, name: str, x: str) -> str:
        return self.writer.node("HardSwish", name, x)

    def block(
        self,
        name: str,
        x: str,
        inputs: int,
        expanded: int,
        outputs: int,
        kernel: int,
        stride: int,
        squeezes: bool,
        swishes: bool,
    ) -> str:
        """An inverted residual: expansion, a convolution by channel, attention, projection."""
        activation = "HardSwish" if swishes else "Relu"
        y = x
        if expanded != inputs:
            y = self.conv(f"{name}.expand", y, inputs, expanded, 1, 1)
            y = self.writer.node(activation, f"{name}.expand.act", y)
        y = self.conv(f"{name}.depthwise", y, expanded, expanded, kernel, stride, expanded)
        y = self.writer.node(activation, f"{name}.depthwise.act", y)
        if squeezes:
            y = self.excited(f"{name}.se", y, expanded)
        y = self.conv(f"{name}.project", y, expanded, outputs, 1, 1)
        return self.writer.add(f"{name}.add", y, x) if stride == 1 and inputs == outputs else y

    def excited(self, name: str, x: str, channels: int) -> str:
        """Channels times what their means say (squeeze and excitation)."""
        squeezed = max(8, (channels // 4 + 4) // 8 * 8)
        y = self.writer.global_average_pool(f"{name}.avgpool", x)
        y = self.writer.relu(f"{name}.relu", self.conv(f"{name}.fc1", y, channels, squeezed, 1, 1))
        y = self.conv(f"{name}.fc2", y, squeezed, channels, 1, 1)
        y = self.writer.node("HardSigmoid", f"{name}.sigmoid", y, alpha=1 / 6, beta=0.5)
        return self.writer.node("Mul", f"{name}.mul", y, x)
