"""Transformers with random weights, for measuring speed: a BERT-like encoder, a GPT-2-like block,
and their parts.

They are spelt as PyTorch exports them: products with transposed weights and biases that are added,
LayerNormalization nodes, GELU by Erf or Tanh, masks that are added to the scores. Weights are
normal with deviation 1 / sqrt(inputs), so that activations keep the scale that they have in a
trained network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from models.data import Floats
from models.export import GraphWriter

LOWEST = float(np.finfo(np.float32).min)
"""What masks add to scores."""


def encoder(
    path: Path,
    *,
    layers: int = 3,
    width: int = 384,
    heads: int = 12,
    tokens: int = 16,
    vocabulary: int = 30522,
    mask: bool = True,
) -> None:
    """Writes a BERT-like encoder: "input_ids", and "attention_mask" if there is a mask, int64
    (batch, tokens), to "last_hidden_state" (batch, tokens, width).

    With the defaults 17 million weights.
    """
    net = _Transformer("encoder", "input_ids", (tokens,), width, heads, TensorProto.INT64)
    bias = net.padding() if mask else None
    x = net.embedded("input_ids", net.normal(vocabulary, width), net.normal(1, tokens, width))
    for number in range(layers):
        x = net.encoder_layer(f"encoder.layer.{number}", x, bias)
    net.writer.save(path, x, "last_hidden_state", (tokens, width))


def encoder_block(path: Path, *, width: int = 32, heads: int = 2, tokens: int = 8) -> None:
    """Writes one layer of the encoder: "hidden_states" to "last_hidden_state", both (batch, tokens,
    width).
    """
    net = _Transformer("encoder_block", "hidden_states", (tokens, width), width, heads)
    x = net.encoder_layer("layer", "hidden_states")
    net.writer.save(path, x, "last_hidden_state", (tokens, width))


def norm_mlp(path: Path, *, width: int = 64, hidden: int = 128, classes: int = 10) -> None:
    """Writes LayerNormalization and an MLP with GELU: "x" (batch, width) to "logits" (batch,
    classes).
    """
    net = _Transformer("norm_mlp", "x", (width,), width)
    y = net.gelu("act", net.linear("fc1", net.norm("norm", "x"), hidden))
    net.writer.save(path, net.linear("fc2", y, classes), "logits", (classes,))


def gpt2(
    path: Path, *, blocks: int = 1, width: int = 768, heads: int = 12, tokens: int = 16
) -> None:
    """Writes blocks of GPT-2 with a causal mask: "hidden_states" to "output", both (batch, tokens,
    width); 7.1 million weights a block of 768.
    """
    net = _Transformer("gpt2", "hidden_states", (tokens, width), width, heads)
    bias = net.constant("h.bias", np.triu(np.full((1, 1, tokens, tokens), LOWEST, np.float32), 1))
    x = "hidden_states"
    for number in range(blocks):
        name = f"h.{number}"
        y = net.linear(f"{name}.attn.c_attn", net.norm(f"{name}.ln_1", x), 3 * width)
        q, k, v = net.split(f"{name}.attn.split", y)
        y = net.linear(f"{name}.attn.c_proj", net.attention(f"{name}.attn", q, k, v, bias), width)
        x = net.node("Add", f"{name}.add_1", y, x)
        y = net.linear(f"{name}.mlp.c_fc", net.norm(f"{name}.ln_2", x), 4 * width)
        y = net.linear(f"{name}.mlp.c_proj", net.gelu_tanh(f"{name}.mlp.act", y), width)
        x = net.node("Add", f"{name}.add_2", x, y)
    net.writer.save(path, x, "output", (tokens, width))


def text_classifier(
    path: Path,
    tables: Sequence[Floats],
    trained: Mapping[str, Sequence[Floats]],
    dense: Sequence[Floats],
    *,
    heads: int,
) -> None:
    """Writes one layer of the encoder with trained weights, and a dense layer on the mean of its
    tokens: "tokens" int64 (batch, tokens) to "logits" (batch, classes).

    tables: of tokens and of positions. trained: weight (outputs, inputs) or scale, and bias, by the
    name of the node. dense: weight and bias.
    """
    words, places = tables
    tokens, width = places.shape
    net = _Trained(trained, path.stem, "tokens", (tokens,), width, heads, TensorProto.INT64)
    x = net.embedded("tokens", words, places[None])
    x = net.node(
        "ReduceMean", "mean", net.encoder_layer("encoder.layer.0", x), axes=[1], keepdims=0
    )
    net.writer.save(path, net.writer.gemm("classifier", x, *dense), "logits", (len(dense[1]),))


class _Transformer:
    """Parts of a transformer with random weights, and the writer that they are added to."""

    def __init__(
        self,
        title: str,
        name: str,
        shape: tuple[int, ...],
        width: int,
        heads: int = 1,
        kind: int = TensorProto.FLOAT,
    ) -> None:
        self.rng = np.random.default_rng(12)
        self.writer = GraphWriter(title, name, shape, kind)
        self.node, self.constant = self.writer.node, self.writer.constant
        self.tokens, self.width, self.heads = shape[0], width, heads
        self.widths = {name: width}

    def normal(self, *shape: int) -> Floats:
        """Random numbers of deviation 1."""
        return self.rng.normal(size=shape).astype(np.float32)

    def dense(self, _name: str, inputs: int, outputs: int) -> tuple[Floats, Floats]:
        """Weight (inputs, outputs) and bias of a product."""
        weight = self.normal(inputs, outputs) / np.float32(math.sqrt(inputs))
        return weight, 0.1 * self.normal(outputs)

    def scales(self, _name: str) -> tuple[Floats, Floats]:
        """Scale and bias of a normalization."""
        scale = self.rng.uniform(0.5, 1.5, self.width).astype(np.float32)
        return scale, 0.1 * self.normal(self.width)

    def linear(self, name: str, x: str, outputs: int) -> str:
        """x W + b."""
        weight, bias = self.dense(name, self.widths.get(x, self.width), outputs)
        y = self.node("MatMul", f"{name}.matmul", x, self.constant(f"{name}.weight", weight))
        y = self.node("Add", name, self.constant(f"{name}.bias", bias), y)
        self.widths[y] = outputs
        return y

    def norm(self, name: str, x: str) -> str:
        """LayerNormalization over the last axis."""
        parts = zip(("weight", "bias"), self.scales(name), strict=True)
        constants = [self.constant(f"{name}.{part}", array) for part, array in parts]
        return self.node("LayerNormalization", name, x, *constants, axis=-1, epsilon=1e-5)

    def embedded(self, x: str, words: Floats, places: Floats) -> str:
        """Rows of words by the indices x, plus those of places, normalized."""
        table = self.constant("embeddings.word_embeddings.weight", words)
        positions = self.constant("embeddings.position_embeddings.weight", places)
        x = self.node("Gather", "embeddings.word_embeddings", table, x)
        return self.norm("embeddings.LayerNorm", self.node("Add", "embeddings.add", x, positions))

    def encoder_layer(self, name: str, x: str, bias: str | None = None) -> str:
        """Attention and an MLP, each with a residual and LayerNormalization after it."""
        q, k, v = (
            self.linear(f"{name}.attention.self.{part}", x, self.width)
            for part in ("query", "key", "value")
        )
        y = self.attention(f"{name}.attention.self", q, k, v, bias)
        y = self.linear(f"{name}.attention.output.dense", y, self.width)
        x = self.norm(f"{name}.attention.output.LayerNorm", self.node("Add", f"{name}.add", y, x))
        y = self.gelu(f"{name}.act", self.linear(f"{name}.intermediate.dense", x, 4 * self.width))
        y = self.linear(f"{name}.output.dense", y, self.width)
        return self.norm(f"{name}.output.LayerNorm", self.node("Add", f"{name}.output.add", y, x))

    def padding(self) -> str:
        """What is added to the scores of tokens whose attention_mask is 0."""
        mask = self.writer.input("attention_mask", (self.tokens,), TensorProto.INT64)
        axes = self.constant("mask.axes", np.array([1, 2], np.int64))
        wide = self.node("Unsqueeze", "mask.unsqueeze", mask, axes)
        kept = self.node("Cast", "mask.cast", wide, to=TensorProto.FLOAT)
        taken = self.node("Sub", "mask.sub", self.scalar("mask.one", 1), kept)
        return self.node("Mul", "mask.mul", taken, self.scalar("mask.lowest", LOWEST))

    def attention(self, name: str, q: str, k: str, v: str, bias: str | None) -> str:
        """Of queries, keys and values (batch, tokens, width)."""
        width = self.width // self.heads
        split = self.constant(f"{name}.split", np.array([0, 0, self.heads, width], np.int64))
        parts = []
        for letter, x, perm in (
            ("q", q, (0, 2, 1, 3)),
            ("k", k, (0, 2, 3, 1)),
            ("v", v, (0, 2, 1, 3)),
        ):
            x = self.node("Reshape", f"{name}.{letter}.reshape", x, split)
            parts.append(self.node("Transpose", f"{name}.{letter}.transpose", x, perm=perm))
        scores = self.node("MatMul", f"{name}.scores", *parts[:2])
        scores = self.node(
            "Div", f"{name}.div", scores, self.scalar(f"{name}.root", math.sqrt(width))
        )
        if bias is not None:
            scores = self.node("Add", f"{name}.masked", scores, bias)
        shares = self.node("Softmax", f"{name}.softmax", scores, axis=-1)
        y = self.node("MatMul", f"{name}.context", shares, parts[2])
        y = self.node("Transpose", f"{name}.transpose", y, perm=(0, 2, 1, 3))
        joined = self.constant(f"{name}.joined", np.array([0, 0, self.width], np.int64))
        return self.node("Reshape", f"{name}.reshape", y, joined)

    def split(self, name: str, x: str) -> list[str]:
        """Queries, keys and values side by side."""
        ends = [
            self.constant(f"{name}.{n}", np.array([n * self.width], np.int64)) for n in range(4)
        ]
        axis = self.constant(f"{name}.axis", np.array([2], np.int64))
        return [
            self.node("Slice", f"{name}.part{n}", x, ends[n], ends[n + 1], axis) for n in range(3)
        ]

    def gelu(self, name: str, x: str) -> str:
        """x / 2 (1 + erf(x / sqrt(2)))."""
        y = self.node("Div", f"{name}.div", x, self.scalar(f"{name}.root", math.sqrt(2)))
        y = self.node("Add", f"{name}.add", self.node("Erf", f"{name}.erf", y), self.one(name))
        y = self.node("Mul", f"{name}.mul", x, y)
        return self._wide(x, self.node("Mul", name, y, self.scalar(f"{name}.half", 0.5)))

    def gelu_tanh(self, name: str, x: str) -> str:
        """x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
        half = self.node("Mul", f"{name}.mul", x, self.scalar(f"{name}.half", 0.5))
        cube = self.node("Pow", f"{name}.pow", x, self.scalar(f"{name}.three", 3))
        y = self.node("Mul", f"{name}.mul_1", cube, self.scalar(f"{name}.factor", 0.044715))
        y = self.node("Add", f"{name}.add", x, y)
        root = self.scalar(f"{name}.root", math.sqrt(2 / math.pi))
        y = self.node("Tanh", f"{name}.tanh", self.node("Mul", f"{name}.mul_2", y, root))
        y = self.node("Add", f"{name}.add_1", y, self.one(name))
        return self._wide(x, self.node("Mul", name, half, y))

    def one(self, name: str) -> str:
        return self.scalar(f"{name}.one", 1)

    def scalar(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, np.float32))

    def _wide(self, x: str, y: str) -> str:
        """y, which has the width of x."""
        self.widths[y] = self.widths[x]
        return y


class _Trained(_Transformer):
    """Parts with the weights that training gave them, by the name of the node."""

    def __init__(self, trained: Mapping[str, Sequence[Floats]], *arguments: Any) -> None:
        super().__init__(*arguments)
        self.trained = trained

    def dense(self, name: str, inputs: int, outputs: int) -> tuple[Floats, Floats]:
        """The trained weight, transposed, and bias."""
        weight, bias = self.trained[name]
        return weight.T, bias

    def scales(self, name: str) -> tuple[Floats, Floats]:
        """The trained scale and bias."""
        scale, bias = self.trained[name]
        return scale, bias
