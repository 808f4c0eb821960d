"""Masks, attention and functions that are spelt out mean what onnxruntime says."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.float_oracle import evaluate
from tests.onnx_models import Array, run
from zkinfer.errors import UnsupportedModelError
from zkinfer.graph import Graph
from zkinfer.onnx_import import load

RNG = np.random.default_rng(7)
LOWEST = -3.4028234663852886e38
MICROSOFT = "com.microsoft"
WORDS = 5


def normal(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


class Model:
    """Nodes of a model, and what it is run on."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: dict[str, Array] = {}
        self.constants: dict[str, Array] = {}

    def add(self, op: str, *inputs: str | float, domain: str = "", **attrs: Any) -> str:
        """A node, of one output or so many as `outputs` says, the first of which is named; numbers
        among its inputs become constants in single precision.
        """
        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        outputs = [f"t{len(self.nodes)}", *(f"o{n}" for n in range(1, attrs.pop("outputs", 1)))]
        self.nodes.append(helper.make_node(op, names, outputs, domain=domain, **attrs))
        return outputs[0]

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(value)
        self.constants[name] = array.astype(np.float32) if array.dtype == np.float64 else array
        return name

    def input(self, name: str, array: Array) -> str:
        self.inputs[name] = array
        return name

    def proto(self) -> onnx.ModelProto:
        infos = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in self.inputs.items()
        ]
        made = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in self.nodes[-1].output
        ]
        weights = [numpy_helper.from_array(a, n) for n, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "g", infos, made, weights)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def agrees(self, tolerance: float = 1e-5, **others: Array) -> Graph:
        """The graph, which gives what onnxruntime gives on these inputs, or others by name."""
        proto, feeds = self.proto(), {**self.inputs, **others}
        graph = load(proto)
        expected, got = run(proto, feeds), evaluate(graph, feeds)
        for name in graph.outputs:
            np.testing.assert_allclose(got[name], expected[name], atol=tolerance)
        return graph


def ops(graph: Graph) -> list[str]:
    return [node.attrs.get("function", node.op) for node in graph.nodes]


# Masks.


def scores(m: Model) -> str:
    x = m.input("x", normal(1, WORDS, 4))
    return m.add("MatMul", x, m.add("Transpose", x, perm=[0, 2, 1]))


def padding(m: Model, depth: float) -> str:
    mask = m.input("mask", np.ones((1, WORDS), np.int64))
    wide = m.add("Unsqueeze", mask, m.constant(np.array([1])))
    taken = m.add("Sub", 1.0, m.add("Cast", wide, to=TensorProto.FLOAT))
    return m.add("Mul", taken, depth)


def causal(depth: float) -> Array:
    return np.triu(np.full((WORDS, WORDS), depth, np.float32), 1)


@pytest.mark.parametrize("depth", [-1e4, -65504.0, -1e9, LOWEST, -math.inf])
def test_a_constant_mask_takes_entries_out(depth: float) -> None:
    m = Model()
    m.add("Softmax", m.add("Add", scores(m), m.constant(causal(depth))), axis=-1)
    graph = m.agrees()
    assert ops(graph) == ["transpose", "matmul", "masked_softmax"]
    assert all(np.abs(array).max() <= 1 for array in graph.constants.values())


def test_a_constant_mask_may_hold_other_numbers_too() -> None:
    m = Model()
    mask = np.where(causal(-1.0) < 0, -np.inf, normal(WORDS, WORDS))
    m.add("Softmax", m.add("Add", m.constant(mask), scores(m)), axis=-1)
    assert "masked_softmax" in ops(m.agrees())


@pytest.mark.parametrize("depth", [-1e4, -1e9, LOWEST])
@pytest.mark.parametrize("with_causal", [False, True])
def test_a_computed_mask_takes_entries_out(depth: float, with_causal: bool) -> None:
    """Of every subset of the entries, all of them included, which single precision rounds."""
    m = Model()
    mask = padding(m, depth)
    if with_causal:
        mask = m.add("Add", mask, m.constant(causal(depth)))
    m.add("Softmax", m.add("Add", scores(m), mask), axis=-1)
    for bits in itertools.product((0, 1), repeat=WORDS):
        assert "masked_softmax" in ops(m.agrees(2e-3, mask=np.array([bits])))


def test_a_mask_goes_through_moves_and_factors() -> None:
    m = Model()
    masked = m.add("Add", scores(m), padding(m, -1e9))
    masked = m.add("Mul", m.add("Unsqueeze", masked, m.constant(np.array([0]))), 0.5)
    m.add("Softmax", m.add("Transpose", masked, perm=[0, 1, 3, 2]), axis=2)
    assert "masked_softmax" in ops(m.agrees(mask=np.array([[1, 1, 0, 1, 0]])))


@pytest.mark.parametrize("depth", [-1e4, LOWEST, -math.inf])
def test_where_takes_entries_out(depth: float) -> None:
    """As a choice beside scores, or beside zeros that are added to them."""
    for beside, first in itertools.product((False, True), repeat=2):
        m = Model()
        x = scores(m)
        kept = m.input("kept", np.array([[[True, False, True, True, False]]]))
        kept = m.add("And", kept, m.constant(causal(1.0) == 0)) if first else kept
        if beside:
            masked = m.add("Where", kept, x, depth)
        else:
            masked = m.add("Add", m.add("Where", kept, 0.0, depth), x)
        m.add("Softmax", masked, axis=-1)
        m.agrees()


def test_scores_times_a_large_number_are_no_mask() -> None:
    m = Model()
    m.add("Softmax", m.add("Mul", scores(m), -2e4), axis=-1)
    assert ops(m.agrees()) == ["transpose", "matmul", "mul", "softmax"]


def test_an_infinite_constant_elsewhere_is_refused() -> None:
    m = Model()
    m.add("Relu", m.add("Add", scores(m), m.constant(causal(-math.inf))))
    with pytest.raises(UnsupportedModelError, match=r"got -inf in c0 at \[0, 1\]"):
        load(m.proto())


def test_booleans_are_inputs() -> None:
    m = Model()
    flags = m.add("Not", m.input("flags", np.array([[True, False, True, True, False]])))
    m.add("Mul", m.input("x", normal(3, 5)), m.add("Cast", flags, to=TensorProto.FLOAT))
    m.agrees()


# Attention.


def attention(*arrays: Array | None, op: str = "Attention", hidden: int = 3, **attrs: Any) -> Graph:
    """One node; the first inputs are hidden, the others are constants."""
    domain, tolerance = attrs.pop("domain", ""), attrs.pop("tolerance", 1e-5)
    m = Model(attrs.pop("opset", 17 if domain else 23))
    names = [
        "" if a is None else m.input(f"x{n}", a) if n < hidden else m.constant(a)
        for n, a in enumerate(arrays)
    ]
    m.add(op, *names, domain=domain, **attrs)
    return m.agrees(tolerance)


def heads(count: int = 2, rows: int = 3, width: int = 4) -> Array:
    return normal(1, count, rows, width)


KEPT = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], bool)


def test_attention() -> None:
    q, k, v = heads(), heads(rows=5), heads(rows=5, width=3)
    attention(q, k, v)
    attention(q, k, v, is_causal=1)
    attention(q, k[:, :, :1], v[:, :, :1], is_causal=1)
    attention(q, k, v, scale=0.3, softcap=2.0)
    attention(heads(6), k, v)
    attention(normal(1, 3, 8), normal(1, 5, 8), normal(1, 5, 6), q_num_heads=2, kv_num_heads=2)
    attention(normal(1, 3, 16), normal(1, 5, 8), normal(1, 5, 6), q_num_heads=4, kv_num_heads=2)


@pytest.mark.parametrize("hidden", [3, 4])
def test_attention_with_masks(hidden: int) -> None:
    """A line without entries is zero."""
    q, k, v = heads(), heads(rows=5), heads(rows=5)
    attention(q, k, v, KEPT, hidden=hidden)
    attention(q, k, v, KEPT, hidden=hidden, is_causal=1)
    attention(q, k, v, np.stack([KEPT, ~KEPT])[None], hidden=hidden)
    attention(q, k, v, normal(3, 5), hidden=hidden)
    for depth, kept in ((-np.inf, KEPT), (LOWEST, KEPT | np.eye(3, 5, dtype=bool))):
        mask = np.where(kept, normal(3, 5), depth).astype(np.float32)
        attention(q, k, v, mask, is_causal=1)


@pytest.mark.parametrize("hidden", [1, 3, 6])
@pytest.mark.parametrize("outputs", [1, 3, 4])
def test_attention_with_a_cache(hidden: int, outputs: int) -> None:
    """Keys and values of a cache come first; a row is as far behind its first column."""
    q, k, v = heads(4), heads(rows=3), heads(rows=3, width=3)
    keys, values = heads(rows=2), heads(rows=2, width=3)
    whole = {"hidden": hidden, "outputs": outputs}
    attention(q, k, v, None, keys, values, **whole)
    for mode in range(2):
        attention(q, k, v, KEPT, keys, values, is_causal=1, qk_matmul_output_mode=mode, **whole)
    attention(q, k, v, normal(3, 5), keys, values, qk_matmul_output_mode=2, **whole)
    attention(q, k, v, KEPT, keys, values, is_causal=1, qk_matmul_output_mode=3, **whole)
    attention(q, k, v, None, keys[:, :, :0], values[:, :, :0], **{**whole, "hidden": 3})
    sides = {"left_window_size": 2, "right_window_size": 1, "opset": 25}
    attention(q, k, v, None, keys, values, **sides, **whole)
    attention(normal(1, 3, 8), normal(1, 3, 4), normal(1, 3, 3), None, keys[:, :1], values[:, :1],
              q_num_heads=2, kv_num_heads=1, is_causal=1, **whole)  # fmt: skip


@pytest.mark.parametrize("hidden", [1, 3, 7])
@pytest.mark.parametrize("lengths", [[5, 5], [0, 1], [2, 4], [3, 5]])
def test_attention_of_columns_in_use(hidden: int, lengths: list[int]) -> None:
    q, k, v = normal(2, 4, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 3)
    counts = np.array(lengths)
    whole = {"hidden": hidden, "opset": 25, "outputs": 1}
    attention(q, k, v, None, None, None, counts, **whole)
    attention(q, k, v, None, None, None, counts, is_causal=1, **whole)
    attention(q, k, v, KEPT, None, None, counts, left_window_size=1, **whole)
    attention(q, k, v, normal(3, 5), None, None, counts, right_window_size=1, **whole)


@pytest.mark.parametrize("hidden", [3, 4])
def test_a_mask_of_fewer_columns(hidden: int) -> None:
    q, k, v = heads(), heads(rows=5), heads(rows=5)
    attention(q, k, v, KEPT[:, :3], hidden=hidden)
    attention(q, k, v, normal(3, 3), hidden=hidden)
    for columns in (1, 6):
        with pytest.raises(UnsupportedModelError, match="expected a mask of 5 columns"):
            attention(q, k, v, normal(3, columns), hidden=hidden)


def test_raw_scores_are_not_bent() -> None:
    """As onnxruntime says; the evaluator of the onnx package bends those of mode 0 too."""
    q, k, v = heads(rows=5), heads(rows=5), heads(rows=5)
    bent = {"softcap": 0.5, "qk_matmul_output_mode": 0}
    m = Model(23)
    m.add("Attention", *(m.input(n, a) for n, a in zip("qkv", (q, k, v), strict=True)), **bent,
          outputs=4)  # fmt: skip
    graph = load(m.proto())
    got = evaluate(graph, m.inputs)[graph.outputs[-1]]
    np.testing.assert_allclose(got, q @ k.swapaxes(2, 3) / 2, atol=1e-5)


def test_caches_that_are_refused() -> None:
    q, x, one = heads(), heads(rows=5), heads(rows=1)
    counts, whole = np.array([3]), {"hidden": 3, "opset": 24}
    for match, inputs, attrs in (
        ("one of both", (q, x, x, None, x), {}),
        ("or nonpad_kv_seqlen, got both", (q, x, x, None, x, x, counts), {}),
        ("for each sample", (q, x, x, None, None, None, np.array([3, 3])), {}),
        ("-infinity in mode 2", (q, x, x), {"is_causal": 1, "qk_matmul_output_mode": 2}),
        ("output_mode from 0 to 3", (q, x, x), {"qk_matmul_output_mode": 4}),
        ("all of which onnxruntime lets it see", (one, x, x, None, x, x), {"is_causal": 1}),
    ):
        outputs = 1 if len(inputs) == 7 else 4
        with pytest.raises(UnsupportedModelError, match=match):
            attention(*inputs, **attrs, outputs=outputs, **whole)


@pytest.mark.parametrize("hidden", [1, 4])
def test_packed_attention(hidden: int) -> None:
    x, w, b = normal(1, 5, 8), normal(8, 24), normal(24)
    kept = np.array([[1, 1, 0, 1, 0]], np.int32)
    whole = {"op": "Attention", "domain": MICROSOFT, "num_heads": 2, "hidden": hidden}
    attention(x, w, **whole)
    attention(x, w, b, **whole)
    attention(x, w, b, kept, **whole)
    attention(x, w, b, kept, unidirectional=1, **whole)
    attention(x, w, b, np.tile(kept[None], (1, 5, 1)), mask_filter_value=LOWEST, **whole)
    attention(x, w, b, np.zeros((1, 5, 5), np.int32), mask_filter_value=LOWEST, **whole)
    attention(x, w, b, None, None, normal(1, 2, 5, 5), scale=0.3, **whole)
    attention(x, normal(8, 20), normal(20), qkv_hidden_sizes=[8, 8, 4], **whole)


LENGTHS = ([3, 5], [0, 2], [3, 5, 1, 2], [2, 4, 3, 0])
PADDING = ([[0, 0, 1, 1, 1], [1, 1, 0, 0, 1]], [[0, 0, 0, 0, 0], [0, 1, 0, 0, 1]])


@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("depth", [-1e4, -1e9, LOWEST])
@pytest.mark.parametrize("hidden", [1, 5])
def test_masks_that_leave_rows_nothing(hidden: int, depth: float, unidirectional: int) -> None:
    """Of each sample's length, its start, or each entry; single precision rounds sums with them,
    to 64 beside 1e9.
    """
    x, w, b = normal(2, 5, 8), normal(8, 24) / 3, normal(24) / 3
    q, k, v = normal(2, 5, 8), normal(2, 5, 8), normal(2, 5, 8)
    attrs = {"num_heads": 2, "unidirectional": unidirectional, "mask_filter_value": depth}
    whole = {"domain": MICROSOFT, "hidden": hidden, "tolerance": 2e-3, **attrs}
    for given in (*LENGTHS, *PADDING):
        mask = np.array(given, np.int32)
        attention(x, w, b, mask, op="Attention", **whole)
        if mask.size != 4:
            attention(q, k, v, b, mask, op="MultiHeadAttention", **whole)


def test_constant_keys() -> None:
    q, k, v, b = normal(1, 3, 8), normal(1, 5, 8), normal(1, 5, 8), normal(24)
    attention(q, k, v, hidden=1, q_num_heads=2, kv_num_heads=2)
    whole: Mapping[str, Any] = {"op": "MultiHeadAttention", "domain": MICROSOFT, "num_heads": 2}
    attention(q, k, v, b, hidden=1, **whole)


def test_multi_head_attention() -> None:
    q, k, v, b = normal(1, 3, 8), normal(1, 5, 8), normal(1, 5, 8), normal(24)
    kept = np.array([[1, 1, 0, 1, 0]], np.int32)
    whole = {"op": "MultiHeadAttention", "domain": MICROSOFT, "num_heads": 2}
    attention(q, k, v, **whole)
    attention(q, k, v, b, kept, **whole)
    attention(k, k, v, b, kept, unidirectional=1, **whole)
    attention(q, k, v, None, kept, normal(1, 2, 3, 5), hidden=6, **whole)
    attention(q, heads(rows=5), heads(rows=5), **whole)


@pytest.mark.parametrize("hidden", [1, 2, 8])
@pytest.mark.parametrize("unidirectional", [0, 1])
def test_caches_of_fused_attention(hidden: int, unidirectional: int) -> None:
    """Of both in one, [2, batch, heads, columns, width], or of keys and values."""
    whole = {"domain": MICROSOFT, "num_heads": 2, "unidirectional": unidirectional}
    kept, x = np.array([[1, 1, 0, 1, 0]], np.int32), normal(1, 3, 8)
    packed = (x, normal(8, 24), normal(24))
    both, keys, values = normal(2, 1, 2, 2, 4), heads(rows=2), heads(rows=2)
    attention(*packed, None, both, hidden=min(hidden, 5), outputs=2, **whole)
    attention(*packed, kept, both, hidden=min(hidden, 5), outputs=2, **whole)
    three = {**whole, "op": "MultiHeadAttention", "hidden": hidden, "outputs": 3}
    qkv = [normal(1, 3, 8) for _ in range(3)]
    attention(*qkv, **three)
    attention(*qkv, None, None, None, keys, values, **three)
    attention(*qkv, normal(24), kept, normal(1, 2, 3, 5), keys, values, **three)


@pytest.mark.parametrize("hidden", [1, 5])
@pytest.mark.parametrize("past", [0, 2])
def test_grouped_query_attention(hidden: int, past: int) -> None:
    """Its only lengths are those of a cache that is full."""
    whole = {"op": "GroupQueryAttention", "domain": MICROSOFT, "hidden": hidden, "outputs": 3}
    whole |= {"num_heads": 4, "kv_num_heads": 2}
    three = [normal(1, 3, 64), normal(1, 3, 32), normal(1, 3, 32)]
    cache = [heads(2, past, 16), heads(2, past, 16)] if past else [None, None]
    lengths = [np.array([past + 2], np.int32), np.array(past + 3, np.int32)]
    angles = normal(6, 8)
    tables = [np.cos(angles), np.sin(angles)]
    attention(*three, *cache, *lengths, **whole)
    attention(normal(1, 3, 128), None, None, *cache, *lengths, softcap=2.0, **whole)
    for turned in range(2):
        attention(*three, *cache, *lengths, *tables, do_rotary=1, rotary_interleaved=turned,
                  local_window_size=2, **whole)  # fmt: skip
    bias = normal(1, 4, 3, 3 + past)
    attention(*three, *cache, *lengths, None, None, None, bias, scale=0.5, **whole)


def test_fused_caches_that_are_refused() -> None:
    x, lengths = normal(1, 3, 16), [np.array([2], np.int32), np.array(3, np.int32)]
    group = {"op": "GroupQueryAttention", "domain": MICROSOFT, "num_heads": 2, "kv_num_heads": 2}
    more, full = [np.array([3], np.int32), np.array(4, np.int32)], [x, x, x, None, None, *lengths]
    for match, inputs, attrs in (
        ("expected lengths of 3", [x, x, x, None, None, *more], {}),
        ("expected constant seqlens_k", full, {"hidden": 6}),
        ("3 rows of angles", [*full, normal(2, 4), normal(2, 4)], {"do_rotary": 1}),
        ("at least 1, got 0", full, {"local_window_size": 0}),
        ("no smooth_softmax", full, {"smooth_softmax": 1}),
        ("nor sinks", [*full, *[None] * 4, normal(2)], {}),
    ):
        with pytest.raises(UnsupportedModelError, match=match):
            attention(*inputs, **group, **attrs)
    whole = {"op": "MultiHeadAttention", "domain": MICROSOFT, "num_heads": 2, "hidden": 2}
    with pytest.raises(UnsupportedModelError, match="lets the last row see"):
        attention(x, *[normal(1, 5, 16)] * 2, unidirectional=1, **whole)


@pytest.mark.parametrize("depth", [1.0, 0.0, -math.inf, math.nan])
def test_a_mask_of_no_depth(depth: float) -> None:
    with pytest.raises(UnsupportedModelError, match="finite and negative"):
        attention(normal(1, 5, 8), normal(8, 24), domain=MICROSOFT, num_heads=2,
                  mask_filter_value=depth)  # fmt: skip


def test_rotary_embedding() -> None:
    angles, places = normal(10, 2), np.array([[2, 5, 7]])
    cos, sin = np.cos(angles), np.sin(angles)
    whole: Mapping[str, Any] = {"op": "RotaryEmbedding", "hidden": 1}
    attention(heads(), cos, sin, places, **whole)
    attention(heads(), cos, sin, places, interleaved=1, **whole)
    attention(heads(width=8), cos, sin, places, rotary_embedding_dim=4, **whole)
    attention(heads(), cos[None, :3], sin[None, :3], **whole)
    attention(normal(1, 3, 8), cos, sin, places, num_heads=2, **whole)
    fused = {**whole, "domain": MICROSOFT}
    attention(heads(), places, cos, sin, **fused)
    attention(normal(1, 3, 8), np.array([3]), cos, sin, **fused)
    attention(normal(1, 3, 8), places, cos, sin, **{**fused, "hidden": 2})


# Functions.


def silu(m: Model, x: str) -> str:
    return m.add("Mul", x, m.add("Sigmoid", x))


def silu_by_exp(m: Model, x: str) -> str:
    return m.add("Div", x, m.add("Add", m.add("Exp", m.add("Neg", x)), 1.0))


def quick_gelu(m: Model, x: str) -> str:
    return m.add("Mul", x, m.add("Sigmoid", m.add("Mul", x, 1.702)))


def gelu_of_pytorch(m: Model, x: str) -> str:
    bent = m.add("Erf", m.add("Div", x, math.sqrt(2)))
    return m.add("Mul", m.add("Mul", x, m.add("Add", bent, 1.0)), 0.5)


def gelu_of_keras(m: Model, x: str) -> str:
    bent = m.add("Erf", m.add("Mul", x, 0.70710678))
    return m.add("Mul", m.add("Mul", x, 0.5), m.add("Add", 1.0, bent))


def gelu_new(m: Model, x: str) -> str:
    inner = m.add("Add", x, m.add("Mul", 0.044715, m.add("Pow", x, 3.0)))
    bent = m.add("Tanh", m.add("Mul", 0.7978845608, inner))
    return m.add("Mul", m.add("Mul", 0.5, x), m.add("Add", 1.0, bent))


def gelu_fast(m: Model, x: str) -> str:
    inner = m.add("Add", m.add("Mul", m.add("Mul", x, 0.044715), x), 1.0)
    bent = m.add("Tanh", m.add("Mul", m.add("Mul", x, 0.7978845608), inner))
    return m.add("Mul", m.add("Mul", x, 0.5), m.add("Add", bent, 1.0))


def softplus(m: Model, x: str) -> str:
    return m.add("Log", m.add("Add", m.add("Exp", x), 1.0))


def mish(m: Model, x: str) -> str:
    return m.add("Mul", x, m.add("Tanh", m.add("Softplus", x)))


def mish_by_log(m: Model, x: str) -> str:
    return m.add("Mul", x, m.add("Tanh", softplus(m, x)))


def sigmoid(m: Model, x: str) -> str:
    return m.add("Div", 1.0, m.add("Add", 1.0, m.add("Exp", m.add("Neg", x))))


def sigmoid_by_tanh(m: Model, x: str) -> str:
    return m.add("Mul", 0.5, m.add("Add", 1.0, m.add("Tanh", m.add("Mul", 0.5, x))))


def tanh(m: Model, x: str) -> str:
    return m.add("Sub", m.add("Mul", 2.0, m.add("Sigmoid", m.add("Mul", 2.0, x))), 1.0)


def softsign(m: Model, x: str) -> str:
    return m.add("Div", x, m.add("Add", 1.0, m.add("Abs", x)))


def elu(m: Model, x: str) -> str:
    return m.add("Add", m.add("Relu", x), m.add("Min", m.add("Sub", m.add("Exp", x), 1.0), 0.0))


def selu(m: Model, x: str) -> str:
    inner = m.add("Sub", m.add("Exp", x), 1.0)
    below = m.add("Min", m.add("Mul", 1.6732632423543772, inner), 0.0)
    return m.add("Mul", 1.0507009873554805, m.add("Add", m.add("Relu", x), below))


SPELLINGS = {
    "silu": (silu, silu_by_exp),
    "quick_gelu": (quick_gelu,),
    "gelu": (gelu_of_pytorch, gelu_of_keras),
    "gelu_tanh": (gelu_new, gelu_fast),
    "softplus": (softplus,),
    "mish": (mish, mish_by_log),
    "sigmoid": (sigmoid, sigmoid_by_tanh),
    "tanh": (tanh,),
    "softsign": (softsign,),
    "elu": (elu,),
    "selu": (selu,),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelt_functions_are_one(name: str) -> None:
    for spell in SPELLINGS[name]:
        m = Model()
        spell(m, m.add("MatMul", m.input("x", 3 * normal(6, 4)), m.constant(normal(4, 4))))
        assert ops(m.agrees()) == ["matmul", name], spell


def test_almost_a_function_is_none() -> None:
    m = Model()
    x = m.input("x", normal(6, 4))
    m.add("Mul", x, m.add("Sigmoid", m.add("Mul", x, 1.7)))
    assert ops(m.agrees()) == ["mul", "sigmoid", "mul"]


def test_what_others_read_inside_stays() -> None:
    m = Model()
    x = m.input("x", normal(6, 4))
    inner = m.add("Sigmoid", x)
    m.add("Add", m.add("Mul", x, inner), m.add("MatMul", inner, m.constant(normal(4, 4))))
    assert ops(m.agrees()) == ["sigmoid", "mul", "matmul", "add"]
