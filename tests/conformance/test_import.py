"""Every ONNX operator that the importer knows, at several opsets, against onnxruntime."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from tests.float_oracle import OPS, evaluate
from tests.onnx_models import Array, ints, make, node, samples, scalar, weights
from zkinfer.graph import Graph
from zkinfer.onnx_import import load

EVERY = (7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 21, 22, 26)
SOME = (7, 13, 21)


@dataclass(frozen=True)
class Case:
    """A model of one node and its neighbors. ops: what the importer must make of it, in order."""

    name: str
    nodes: Callable[[int], Sequence[onnx.NodeProto]]
    inputs: Mapping[str, Sequence[int]]
    ops: str
    constants: Mapping[str, Array] = field(default_factory=dict)
    opsets: Sequence[int] = SOME
    outputs: Sequence[str] = ("y",)
    domains: Mapping[str, int] = field(default_factory=dict)


def one(op: str, inputs: str, **attrs: Any) -> Callable[[int], Sequence[onnx.NodeProto]]:
    """A node that is written the same way in every opset."""
    return lambda _: [node(op, inputs.split(), **attrs)]


def moved(
    op: str, since: int, names: Sequence[str], outputs: Sequence[str] = ("y",), **attrs: Any
) -> Callable[[int], Sequence[onnx.NodeProto]]:
    """A node whose attributes `names` are inputs of the same names from opset `since` on."""

    def nodes(opset: int) -> Sequence[onnx.NodeProto]:
        if opset >= since:
            rest = {key: value for key, value in attrs.items() if key not in names}
            return [node(op, ["x", *names], outputs, **rest)]
        return [node(op, ["x"], outputs, **attrs)]

    return nodes


def compare(model: onnx.ModelProto, feeds: Mapping[str, Array], **options: Any) -> Graph:
    """Imports the model and compares all of its outputs with onnxruntime's."""
    graph = load(model, **options)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = dict(zip(graph.outputs, session.run(None, dict(feeds)), strict=True))
    values = evaluate(graph, feeds)
    for name, value in expected.items():
        assert values[name].shape == value.shape, name
        np.testing.assert_allclose(values[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    return graph


IMAGE = {"x": (2, 4, 7, 6)}
LINE = {"x": (1, 4, 9)}
MATRIX = {"x": (3, 4)}
W = {"w": weights(6, 4, 3, 3)}
BN = {
    "scale": weights(4, seed=3),
    "shift": weights(4, seed=4),
    "mean": weights(4, seed=5),
    "var": abs(weights(4, seed=6)) + np.float32(0.5),
}
WB = {**W, "b": weights(6, seed=2)}


def linear() -> Iterator[Case]:
    yield Case("conv", one("Conv", "x w b"), IMAGE, "conv", WB, EVERY)
    yield Case("conv strides", one("Conv", "x w", strides=[2, 1], pads=[1, 0, 2, 1]),
               IMAGE, "conv", W)
    yield Case("conv dilations", one("Conv", "x w", dilations=[2, 1]), IMAGE, "conv", W)
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield Case(f"conv {mode}", one("Conv", "x w", auto_pad=mode, strides=[2, 2]),
                   IMAGE, "conv", {"w": weights(6, 4, 2, 3)})
    yield Case("conv groups", one("Conv", "x w", group=2), IMAGE, "conv", {"w": weights(6, 2, 3, 3)})
    yield Case("conv depthwise", one("Conv", "x w", group=4), IMAGE, "conv",
               {"w": weights(8, 1, 3, 2)})
    yield Case("conv 1-D", one("Conv", "x w b", pads=[2, 1], dilations=[2], strides=[2]),
               LINE, "conv", {"w": weights(5, 4, 3), "b": weights(5)})
    b, c = weights(4, 5), weights(5, seed=2)
    yield Case("gemm", one("Gemm", "x b c"), MATRIX, "matmul", {"b": b, "c": c}, EVERY)
    yield Case("gemm scaled", one("Gemm", "x b c", alpha=0.5, beta=-2.0, transB=1), MATRIX,
               "matmul", {"b": weights(5, 4), "c": weights(3, 1, seed=2)})
    yield Case("gemm transA", one("Gemm", "x b", transA=1), {"x": (4, 3)}, "transpose matmul",
               {"b": b}, (11, 17))
    yield Case("gemm a constant", one("Gemm", "a x c", transA=1, alpha=3.0), MATRIX, "matmul",
               {"a": weights(3, 2), "c": weights(1, 4)})
    yield Case("gemm computed", one("Gemm", "x z u", alpha=0.5, beta=3.0),
               {"x": (3, 4), "z": (4, 5), "u": (5,)}, "matmul mul mul add")
    yield Case("gemm computed c", one("Gemm", "x b u"), {"x": (3, 4), "u": (3, 5)}, "matmul add",
               {"b": b})
    yield Case("matmul", one("MatMul", "x b"), {"x": (2, 3, 4)}, "matmul", {"b": b}, EVERY)
    yield Case("matmul left", one("MatMul", "a x"), {"x": (2, 3, 4)}, "matmul",
               {"a": weights(5, 3)})
    yield Case("matmul vectors", one("MatMul", "x b"), {"x": (4,)}, "matmul", {"b": weights(4)})
    yield Case("matmul computed", one("MatMul", "x z"), {"x": (2, 3, 4), "z": (2, 4, 3)}, "matmul")
    yield Case("scaler", lambda _: [node("Scaler", ["x"], domain="ai.onnx.ml",
               offset=[1.0, 2.0, 3.0, 4.0], scale=[0.5, 2.0, 1.0, -1.0])], MATRIX, "sub mul",
               domains={"ai.onnx.ml": 1})
    yield Case("scaler one number", lambda _: [node("Scaler", ["x"], domain="ai.onnx.ml",
               offset=[1.5], scale=[0.5])], MATRIX, "sub mul", domains={"ai.onnx.ml": 3})


def normalizations() -> Iterator[Case]:
    names = "scale shift mean var"

    def after(op: str, *operands: str, **attrs: Any) -> Callable[[int], Sequence[onnx.NodeProto]]:
        return lambda _: [
            node(op, operands, ["h"], **attrs),
            node("BatchNormalization", ["h", *names.split()], epsilon=1e-3),
        ]

    w = {"w": weights(4, 4, 3, 3), "b": weights(4, seed=2), "m": weights(3, 4), **BN}
    yield Case("norm alone", one("BatchNormalization", f"x {names}"), IMAGE, "mul add", BN, EVERY)
    yield Case("norm matrix", one("BatchNormalization", f"x {names}"), MATRIX, "mul add", BN)
    yield Case("norm after conv", after("Conv", "x", "w"), IMAGE, "conv", w, (7, 9, 14, 15))
    yield Case("norm after biased conv", after("Conv", "x", "w", "b"), IMAGE, "conv", w)
    yield Case("norm after gemm", after("Gemm", "x", "m", "b"), {"x": (2, 3)}, "matmul", w)
    yield Case("norm after matmul", after("MatMul", "x", "m"), {"x": (2, 3)}, "matmul", w)
    yield Case("norm after relu", after("Relu", "x"), IMAGE, "relu mul add", BN)
    yield Case("norm of a shared conv", lambda _: [
        node("Conv", ["x", "w"], ["h"]),
        node("BatchNormalization", ["h", *names.split()], ["n"]),
        node("Add", ["h", "n"]),
    ], IMAGE, "conv mul add add", w)
    yield Case("norm of an output", lambda _: [
        node("Conv", ["x", "w"], ["h"]),
        node("BatchNormalization", ["h", *names.split()]),
    ], IMAGE, "conv mul add", w, outputs=("h", "y"))


def pointwise() -> Iterator[Case]:
    two = {"x": (2, 3, 4), "z": (3, 1)}
    c = {"c": weights(3, 1) + np.float32(3)}
    for op, made in (("Add", "add"), ("Sub", "sub"), ("Mul", "mul")):
        yield Case(op, one(op, "x z"), two, made, opsets=EVERY)
        yield Case(f"{op} constant", one(op, "x c"), {"x": (2, 3, 4)}, made, c)
        yield Case(f"{op} from constant", one(op, "c x"), {"x": (2, 3, 4)}, made, c)
    yield Case("div", one("Div", "x c"), {"x": (2, 3, 4)}, "mul", c)
    yield Case("sum", one("Sum", "x z c"), two, "add add", c, (8, 13))
    yield Case("neg", one("Neg", "x"), MATRIX, "neg")
    yield Case("relu", one("Relu", "x"), MATRIX, "relu", opsets=EVERY)
    yield Case("leaky relu", one("LeakyRelu", "x"), MATRIX, "leaky_relu", opsets=(7, 16))
    yield Case("leaky relu alpha", one("LeakyRelu", "x", alpha=0.3), MATRIX, "leaky_relu")
    for shape in ((4, 1, 1), (1,), (6,)):
        yield Case(f"prelu {shape}", one("PRelu", "x s"), IMAGE, "prelu",
                   {"s": weights(*shape)}, (7, 9, 16))
    yield Case("clip", moved("Clip", 11, ("min", "max"), min=-0.5, max=0.75), MATRIX, "clip",
               {"min": scalar(-0.5), "max": scalar(0.75)}, EVERY)
    yield Case("clip low", lambda o: [node("Clip", ["x", "min"]) if o >= 11
               else node("Clip", ["x"], min=0.1)], MATRIX, "clip", {"min": scalar(0.1)})
    yield Case("clip high", lambda o: [node("Clip", ["x", "", "max"]) if o >= 11
               else node("Clip", ["x"], max=0.1)], MATRIX, "clip", {"max": scalar(0.1)})
    yield Case("softmax", one("Softmax", "x", axis=-1 if True else 0), MATRIX, "softmax",
               opsets=(11, 13, 21))
    yield Case("softmax axis", one("Softmax", "x", axis=1), {"x": (2, 3, 4)}, "softmax",
               opsets=(13, 17))
    yield Case("softmax old default", one("Softmax", "x"), MATRIX, "softmax", opsets=(7, 11))
    yield Case("softmax old trailing", one("Softmax", "x", axis=1), {"x": (2, 3, 1, 1)}, "softmax",
               opsets=(7, 11))


def pools() -> Iterator[Case]:
    sizes: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 2]}
    for op, made in (("MaxPool", "max_pool"), ("AveragePool", "average_pool")):
        yield Case(op, one(op, "x", **sizes), IMAGE, made, opsets=EVERY)
        yield Case(f"{op} pads", one(op, "x", pads=[1, 0, 2, 1], **sizes), IMAGE, made)
        yield Case(f"{op} 1-D", one(op, "x", kernel_shape=[4], pads=[1, 2], strides=[3]),
                   LINE, made)
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield Case(f"{op} {mode}", one(op, "x", auto_pad=mode, **sizes), IMAGE, made)
        for kernel, stride, pads in (
            ([3, 3], [2, 2], [0, 0, 0, 0]), ([2, 2], [2, 2], [1, 1, 1, 1]),
            ([3, 2], [3, 4], [1, 0, 0, 1]), ([1, 2], [3, 3], [0, 1, 0, 1]),
        ):
            attrs: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": pads}
            yield Case(f"{op} ceil {kernel} {stride}", one(op, "x", ceil_mode=1, **attrs),
                       IMAGE, made, opsets=(10, 19, 22))
    yield Case("AveragePool counts pads", one("AveragePool", "x", pads=[1, 0, 2, 1],
               count_include_pad=1, **sizes), IMAGE, "average_pool", opsets=(7, 11, 22))
    yield Case("AveragePool counts pads, ceil", one("AveragePool", "x", pads=[1, 1, 1, 1],
               count_include_pad=1, ceil_mode=1, kernel_shape=[3, 3], strides=[2, 3]),
               IMAGE, "average_pool", opsets=(19, 22))
    yield Case("MaxPool dilations", one("MaxPool", "x", kernel_shape=[3, 2], dilations=[2, 3]),
               IMAGE, "max_pool", opsets=(10, 12, 22))
    yield Case("AveragePool dilations", one("AveragePool", "x", kernel_shape=[3, 2],
               dilations=[2, 3], pads=[1, 1, 1, 1]), IMAGE, "average_pool", opsets=(19, 22))
    yield Case("GlobalAveragePool", one("GlobalAveragePool", "x"), IMAGE, "reduce_mean")
    yield Case("GlobalMaxPool", one("GlobalMaxPool", "x"), IMAGE, "max_pool")
    yield Case("MaxPool spare output", lambda _: [node("MaxPool", ["x"], ["y", "indices"],
               **sizes)], IMAGE, "max_pool", opsets=(8, 12))


def reductions() -> Iterator[Case]:
    cube = {"x": (2, 3, 4)}
    axes = {"axes": ints(0, -1)}
    for op, made, since in (("ReduceMean", "reduce_mean", 18), ("ReduceSum", "reduce_sum", 13)):
        old = (11, 12, 13, 17, 18, 20)
        yield Case(op, moved(op, since, ("axes",), axes=[0, -1]), cube, made, axes, old)
        yield Case(f"{op} keepdims=0", moved(op, since, ("axes",), axes=[0, -1], keepdims=0), cube,
                   made, axes, old)
        yield Case(f"{op} all axes", one(op, "x", keepdims=0), cube, made, opsets=(7, 13, 18))
        yield Case(f"{op} noop", lambda _, op=op: [node(op, ["x", ""], ["h"],
                   noop_with_empty_axes=1), node("Relu", ["h"])], cube, "relu", opsets=(18, 21))


def movements() -> Iterator[Case]:
    cube = {"x": (2, 3, 4)}
    yield Case("reshape", one("Reshape", "x s"), cube, "reshape", {"s": ints(0, -1)}, EVERY)
    yield Case("reshape zero", one("Reshape", "x s", allowzero=1), cube, "reshape",
               {"s": ints(4, 6)}, (14, 21))
    for axis in (0, 1, 3):
        yield Case(f"flatten {axis}", one("Flatten", "x", axis=axis), cube, "reshape",
                   opsets=(7, 9, 13))
    yield Case("flatten -1", one("Flatten", "x", axis=-1), cube, "reshape", opsets=(11, 13))
    slim = {"x": (1, 3, 1, 4)}
    yield Case("squeeze", moved("Squeeze", 13, ("axes",), axes=[0, 2]), slim, "reshape",
               {"axes": ints(0, 2)}, EVERY)
    yield Case("squeeze all", one("Squeeze", "x"), slim, "reshape")
    yield Case("unsqueeze", moved("Unsqueeze", 13, ("axes",), axes=[3, 0]), cube, "reshape",
               {"axes": ints(3, 0)}, EVERY)
    yield Case("unsqueeze -1", moved("Unsqueeze", 13, ("axes",), axes=[-1]), cube, "reshape",
               {"axes": ints(-1)}, (11, 13))
    yield Case("transpose", one("Transpose", "x", perm=[2, 0, 1]), cube, "transpose")
    yield Case("transpose reversed", one("Transpose", "x"), cube, "transpose")
    cut: dict[str, Any] = {"starts": [1, -3], "ends": [9, -1], "axes": [1, 2]}
    cut_inputs = {key: ints(*value) for key, value in cut.items()}
    yield Case("slice", moved("Slice", 10, ("starts", "ends", "axes"), **cut), cube, "slice",
               cut_inputs, EVERY)
    yield Case("slice without axes", moved("Slice", 10, ("starts", "ends"), starts=[0, 1],
               ends=[1, 2]), cube, "slice", {"starts": ints(0, 1), "ends": ints(1, 2)})
    yield Case("slice steps", one("Slice", "x s e a t"), cube, "slice",
               {"s": ints(-1, 0), "e": ints(-(2**40), 2**40), "a": ints(2, -2), "t": ints(-2, 2)},
               (10, 13))
    yield Case("split", moved("Split", 13, ("split",), ("y", "z"), axis=-1, split=[1, 3]), cube,
               "slice slice", {"split": ints(1, 3)}, EVERY, ("y", "z"))
    yield Case("split evenly", lambda o: [node("Split", ["x"], ["y", "z"], axis=2,
               **({"num_outputs": 2} if o >= 18 else {}))], cube, "slice slice",
               opsets=(7, 13, 18), outputs=("y", "z"))
    yield Case("split unevenly", lambda _: [node("Split", ["x"], ["y", "z"], axis=1,
               num_outputs=2)], cube, "slice slice", opsets=(18,), outputs=("y", "z"))
    yield Case("split, one part used", lambda o: [node("Split", ["x"], ["u", "y"], axis=2,
               **({"num_outputs": 2} if o >= 18 else {}))], cube, "slice", opsets=(7, 18))
    yield Case("concat", one("Concat", "x z c", axis=1), {"x": (2, 3), "z": (2, 1)}, "concat",
               {"c": weights(2, 2)}, EVERY)
    yield Case("concat -1", one("Concat", "x z", axis=-1), {"x": (2, 3), "z": (2, 1)}, "concat",
               opsets=(11, 13))
    pads = [0, 1, 2, 1, 0, 0]
    yield Case("pad", moved("Pad", 11, ("pads", "value"), pads=pads, value=0.5), cube, "pad",
               {"pads": ints(*pads), "value": scalar(0.5)}, EVERY)
    yield Case("pad default", moved("Pad", 11, ("pads",), pads=pads), cube, "pad",
               {"pads": ints(*pads)})
    yield Case("pad axes", one("Pad", "x p v a"), cube, "pad",
               {"p": ints(1, 2), "v": scalar(0.5), "a": ints(-1)}, (18, 21))


def removed() -> Iterator[Case]:
    """Operators that leave no node, between two that do."""

    def between(*middle: onnx.NodeProto) -> Callable[[int], Sequence[onnx.NodeProto]]:
        return lambda _: [node("Relu", ["x"], ["h"]), *middle, node("Neg", ["k"])]

    yield Case("identity", between(node("Identity", ["h"], ["k"])), MATRIX, "relu neg")
    yield Case("cast", between(node("Cast", ["h"], ["d"], to=TensorProto.DOUBLE),
               node("Cast", ["d"], ["k"], to=TensorProto.FLOAT)), MATRIX, "relu neg")
    yield Case("dropout", between(node("Dropout", ["h"], ["k"], ratio=0.5)), MATRIX, "relu neg",
               opsets=(7, 10, 11))
    yield Case("dropout inputs", between(node("Dropout", ["h", "ratio", "training"],
               ["k", "mask"])), MATRIX, "relu neg",
               {"ratio": scalar(0.5), "training": np.array(False)}, (12, 13, 22))
    yield Case("identity of an output", lambda _: [node("Relu", ["x"]),
               node("Identity", ["y"], ["z"])], MATRIX, "relu reshape", outputs=("y", "z"))
    yield Case("identity as an output", lambda _: [node("Relu", ["x"], ["h"]),
               node("Identity", ["h"])], MATRIX, "relu")


CASES = [
    case
    for group in (linear, normalizations, pointwise, pools, reductions, movements, removed)
    for case in group()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operator(case: Case) -> None:
    for opset in case.opsets:
        model = make(case.nodes(opset), case.inputs, outputs=case.outputs, opset=opset,
                     constants=case.constants, domains=case.domains)  # fmt: skip
        graph = compare(model, samples(case.inputs))
        assert " ".join(made.op for made in graph.nodes) == case.ops, f"opset {opset}"
        assert graph.outputs == tuple(case.outputs)


def test_every_operator_of_the_graph_is_made() -> None:
    assert {op for case in CASES for op in case.ops.split()} == set(OPS)
