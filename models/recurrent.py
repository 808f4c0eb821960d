"""Recurrent networks with random weights, for measuring speed: LSTM, GRU, a two-layer encoder.

Weights are uniform within 1 / sqrt(hidden), as PyTorch draws them, and sequences are laid out as it
exports them: steps first.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from onnx import TensorProto

from models.data import Floats
from models.export import GraphWriter

GATES = {"LSTM": 4, "GRU": 3}


def classifier(
    path: Path,
    *,
    op: str,
    hidden: int = 32,
    steps: int = 20,
    features: int = 16,
    classes: int = 10,
) -> None:
    """Writes an LSTM or a GRU whose last state is classified: "sequence" (batch, steps, features)
    to "logits" (batch, classes). op: the ONNX operator.
    """
    net = _Recurrent(path.stem, "sequence", (steps, features))
    x = net.writer.node("Transpose", "steps", "sequence", perm=(1, 0, 2))
    _, last = net.layer("rnn", op, x, features, hidden, "forward")
    last = net.writer.node("Squeeze", "last", last, net.axis("last.axis", 0))
    weight, bias = net.uniform(hidden, classes, hidden), net.uniform(hidden, classes)
    net.writer.save(path, net.writer.gemm("fc", last, weight, bias), "logits", (classes,))


def encoder(
    path: Path,
    *,
    vocabulary: int = 15_000,
    width: int = 256,
    hidden: int = 384,
    layers: int = 2,
    steps: int = 32,
) -> None:
    """Writes an embedding and bidirectional GRUs on it: "input_ids" int64 (batch, steps) to
    "output" (batch, steps, 2 * hidden).

    With the defaults 8 million weights.
    """
    net = _Recurrent(path.stem, "input_ids", (steps,), TensorProto.INT64)
    writer = net.writer
    words = writer.constant("embedding.weight", net.normal(vocabulary, width))
    x = writer.node("Gather", "embedding", words, "input_ids")
    x = writer.node("Transpose", "steps", x, perm=(1, 0, 2))
    inputs = width
    for number in range(layers):
        name = f"gru.{number}"
        y, _ = net.layer(name, "GRU", x, inputs, hidden, "bidirectional")
        y = writer.node("Transpose", f"{name}.transpose", y, perm=(0, 2, 1, 3))
        joined = writer.constant(f"{name}.joined", np.array([0, 0, -1], np.int64))
        x = writer.node("Reshape", f"{name}.reshape", y, joined)
        inputs = 2 * hidden
    x = writer.node("Transpose", "batch", x, perm=(1, 0, 2))
    writer.save(path, x, "output", (steps, inputs))


class _Recurrent:
    """Parts of the networks, and the writer that they are added to."""

    def __init__(
        self, title: str, name: str, shape: tuple[int, ...], kind: int = TensorProto.FLOAT
    ) -> None:
        self.rng = np.random.default_rng(20)
        self.writer = GraphWriter(title, name, shape, kind)

    def normal(self, *shape: int) -> Floats:
        """Random numbers of deviation 1."""
        return self.rng.normal(size=shape).astype(np.float32)

    def uniform(self, hidden: int, *shape: int) -> Floats:
        """Random numbers within 1 / sqrt(hidden)."""
        end = 1 / math.sqrt(hidden)
        return self.rng.uniform(-end, end, shape).astype(np.float32)

    def axis(self, name: str, number: int) -> str:
        """The constant that names one axis."""
        return self.writer.constant(name, np.array([number], np.int64))

    def layer(
        self, name: str, op: str, x: str, inputs: int, hidden: int, direction: str
    ) -> tuple[str, str]:
        """All states and the last one of x (steps, batch, inputs)."""
        ways = 2 if direction == "bidirectional" else 1
        rows = GATES[op] * hidden
        weights = {
            "W": self.uniform(hidden, ways, rows, inputs),
            "R": self.uniform(hidden, ways, rows, hidden),
            "B": self.uniform(hidden, ways, 2 * rows),
        }
        attrs = {"linear_before_reset": 1} if op == "GRU" else {}
        return self.writer.recurrent(name, op, x, weights, hidden, direction=direction, **attrs)
