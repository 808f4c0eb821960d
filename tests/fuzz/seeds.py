"""Writes the seeds of the fuzz targets: `python -m tests.fuzz.seeds`, in the project's root.

Keys hold their graphs alone, which the target completes, but for a few whole ones. Whatever else
lies in the corpora stays.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

import zkinfer
from tests.fuzz.targets import VECTOR
from tests.networks import cases
from tests.onnx_models import model, node
from tests.pairing.make_vector import VECTOR as PAIRING
from tests.properties.choices import Rejected, seeded
from tests.properties.draw_bodies import BODIES
from tests.properties.draw_classical import CLASSICAL
from tests.properties.draw_models import single
from tests.properties.draw_quantized import LAST, network
from tests.properties.draw_rewriting import REWRITING
from tests.soundness import labelled, summed
from zkinfer import container
from zkinfer.backends import transparent
from zkinfer.ops import OPS

CORPUS = Path(__file__).parent / "corpus"
VECTORS = VECTOR.parent
NETWORKS = (
    "a product plus a weighted sum",
    "a sum of products that is pooled",
    "concat of expressions",
    "conv with groups, padding, strides and dilations",
    "convolutional network",
    "max_pool with padding",
    "perceptron",
    "public quantized input",
    "slice of a reshaped axis",
)
"""Cases that are seeds besides one for every operator."""
WHOLE = ("label", "matmul", "public_weights")
"""Vectors whose keys are seeds with everything in them."""


_PROOFS = (
    VECTOR.stem,
    *("label", "neg", "convolutional_network", "committed_input", "hidden_records", "batch"),
    *("accuracy", "summary", "error", "committed_output"),
)
"""Vectors whose proofs are seeds."""


def keys() -> Iterator[tuple[str, bytes]]:
    """Names and verifying keys."""
    for name, case in cases().items():
        if name in OPS or name in NETWORKS:
            yield name.replace(" ", "_"), _bare(case.graph.to_json())
    shown = replace(cases()["perceptron"].graph, weights_mode="public")
    yield "perceptron_with_public_weights", _bare(shown.to_json())
    recorded = replace(cases()["perceptron"].graph, input_mode="committed")
    yield "perceptron_with_committed_input", _bare(recorded.to_json())
    hidden = replace(recorded, record_mode="hidden")
    yield "perceptron_with_a_hidden_record", _bare(hidden.to_json())
    yield "perceptron_in_a_batch", _bare(replace(recorded, batch=5).to_json())
    yield (
        "perceptron_with_committed_output",
        _bare(replace(recorded, output_mode="committed").to_json()),
    )
    yield "accuracy", _bare(labelled.GRAPH.to_json())
    for name, target in (("summary", None), ("error", summed.FINER)):
        yield name, _bare(summed.network(target=target).to_json())
    for name in WHOLE:
        vector = json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))
        yield f"whole_{name}", bytes.fromhex(vector["key"])
    pairing = json.loads(PAIRING.read_text(encoding="ascii"))
    yield "whole_groth16", bytes.fromhex(pairing["key"])


def _bare(graph: bytes) -> bytes:
    parts = (transparent.NAME.encode(), graph, b"", b"", b"", b"")
    return container.write(container.VERIFYING_KEY, parts)


def proofs() -> Iterator[tuple[str, bytes]]:
    """The honest proof, proofs of others, and one without a body."""
    for name in _PROOFS:
        vector = json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))
        yield name, bytes.fromhex(vector["proof"])
    digest, context, values, *_ = container.read(
        container.PROOF, bytes.fromhex(json.loads(VECTOR.read_text(encoding="ascii"))["proof"])
    )
    yield "no_body", container.write(container.PROOF, (digest, context, values, *[b""] * 3))


def data() -> Iterator[tuple[str, bytes]]:
    """Commitments, openings and revealed records: of a table, of images, of several tensors.

    The opening of the table is the honest one of the target; its revealed record verifies.
    """
    table = np.array([[1.5, -20, 3e5], [0.25, 7, 1e4]], dtype=np.float32)
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    sets = {"": table, "_images": images, "_tensors": {"x": table, "y": images}}
    for name, records in sets.items():
        commitment, opening = zkinfer.commit(records)
        yield f"commitment{name}", commitment.to_bytes()
        yield f"opening{name}", opening.to_bytes()
        yield f"revealed{name}", opening.reveal(1).to_bytes()


def _ints(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def models() -> Iterator[tuple[str, bytes]]:
    """Names and ONNX models: every converter, the ways to fold, and some forms of old opsets."""
    ones = np.ones
    made = {
        "gemm": model(
            [node("Gemm", "x w c", "a", transB=1, alpha=2.0), node("Relu", "a")],
            {"x": (1, 3)},
            {"w": ones((2, 3), np.float32), "c": ones(2, np.float32)},
        ),
        "gemm_of_inputs": model(
            [node("Gemm", "x z c", alpha=2.0, beta=3.0, transA=1)],
            {"x": (3, 1), "z": (3, 2), "c": (1, 2)},
        ),
        "conv": model(
            [
                node("Conv", "x w b", "a", pads=[1, 1, 0, 0], strides=[2, 1], dilations=[1, 1]),
                node("BatchNormalization", "a s s s s", "n"),
                node("MaxPool", "n", "p", kernel_shape=[2, 2], ceil_mode=1, strides=[2, 2]),
                node("Flatten", "p", axis=1),
            ],
            {"x": ("n", 2, 5, 4)},
            {
                "w": ones((2, 2, 2, 2), np.float32),
                "b": ones(2, np.float32),
                "s": ones(2, np.float32),
            },
        ),
        "pools": model(
            [
                node("AveragePool", "x", "a", kernel_shape=[3], pads=[1, 1], count_include_pad=1),
                node("MaxPool", "a", "m", kernel_shape=[2], dilations=[2], pads=[1, 1]),
                node("GlobalMaxPool", "m", "g"),
                node("GlobalAveragePool", "g"),
            ],
            {"x": (1, 2, 7)},
            opset=19,
        ),
        "same_padding": model(
            [node("MaxPool", "x", kernel_shape=[3, 2], auto_pad="SAME_LOWER", strides=[2, 2])],
            {"x": (1, 1, 5, 4)},
        ),
        "elementwise": model(
            [
                node("Sub", "x c", "a"),
                node("Mul", "a c", "b"),
                node("Div", "b c", "d"),
                node("PRelu", "d c", "e"),
                node("LeakyRelu", "e", "f", alpha=0.2),
                node("Clip", "f l h", "g"),
                node("Neg", "g", "i"),
                node("Dropout", "i", "j"),
                node("Cast", "j", "k", to=TensorProto.DOUBLE),
                node("Identity", "k", "m"),
                node("Softmax", "m", axis=-1),
            ],
            {"x": (2, 3)},
            {"c": ones(3, np.float32), "l": np.float32(0), "h": np.float32(6)},
        ),
        "shapes": model(
            [
                node("Shape", "x", "s", start=1),
                node("ConstantOfShape", "s", "t"),
                node("Add", "x t", "a"),
                node("Reshape", "a r", "b"),
                node("Transpose", "b", "c", perm=[1, 0]),
                node("Unsqueeze", "c u", "d"),
                node("Squeeze", "d u", "e"),
                node("Split", "e", "f g", axis=0, num_outputs=2),
                node("Concat", "f g", "h", axis=0),
                node("Slice", "h o q u v", "i"),
                node("Pad", "i p", "j"),
                node("ReduceMean", "j u", "k"),
                node("ReduceSum", "k u"),
            ],
            {"x": (2, 6)},
            {
                "r": _ints(0, -1),
                "u": _ints(0),
                "o": _ints(-1),
                "q": _ints(-9),
                "v": _ints(-2),
                "p": _ints(1, 0, -1, 1),
            },
            opset=18,
        ),
        "old_forms": model(
            [
                node("Clip", "x", "a", min=0.0, max=6.0),
                node("Slice", "a", "b", axes=[1], starts=[1], ends=[5]),
                node("Unsqueeze", "b", "c", axes=[0]),
                node("Squeeze", "c", "d", axes=[0]),
                node("Split", "d", "e f", axis=1, split=[2, 2]),
                node("Pad", "e", "g", pads=[0, 1, 0, 1], value=1.0),
                node("ReduceSum", "g", "h", axes=[1], keepdims=0),
                node("Softmax", "h", axis=0),
            ],
            {"x": (2, 6)},
            opset=9,
        ),
        "folded": model(
            [
                node("Constant", "", "c", value_floats=[1.0, 2.0, 3.0]),
                node("Expand", "c s", "e"),
                node("Gather", "e i", "g"),
                node("Range", "a b d", "r"),
                node("Mul", "g r", "m"),
                node("Add", "x m"),
            ],
            {"x": (1, 3)},
            {
                "s": _ints(2, 3),
                "i": _ints(0),
                "a": np.float32(0),
                "b": np.float32(3),
                "d": np.float32(1),
            },
        ),
        "quantized_weights": model(
            [node("DequantizeLinear", "w s", "f"), node("MatMul", "x f", "a"), node("Add", "a f")],
            {"x": (3, 3)},
            {"w": ones((3, 3), np.int8), "s": np.float32(0.5)},
        ),
        "integers": model(
            [
                node("Cast", "x", "a", to=TensorProto.FLOAT),
                node("Scaler", "a", offset=[1.0], scale=[2.0], domain="ai.onnx.ml"),
            ],
            {"x": (1, 2)},
            input_type=TensorProto.INT64,
            domains={"ai.onnx.ml": 3},
        ),
        "function": model(
            [node("Twice", "x", domain="local")],
            {"x": (2,)},
            domains={"local": 1},
            functions=[
                helper.make_function(
                    "local",
                    "Twice",
                    ["a"],
                    ["b"],
                    [node("Add", "a a", "b")],
                    [helper.make_opsetid("", 17)],
                )
            ],
        ),
        "rewritten": model(
            [
                node("Gather", "x i", "a", axis=1),
                node("Abs", "a", "b"),
                node("Pow", "b e", "c"),
                node("Max", "c x", "d"),
                node("Min", "d h c", "f"),
                node("Expand", "f s", "g"),
                node("Tile", "g r", "j"),
                node("Sum", "j j e", "k"),
                node("Mean", "k e"),
            ],
            {"x": (1, 3)},
            {
                "i": _ints(2, 0, -2),
                "e": np.array([1, 2, 3], np.float32),
                "h": np.float32(0.5),
                "s": _ints(2, 1, 3),
                "r": _ints(1, 3, 1),
            },
        ),
        "normalizations": model(
            [
                node("LayerNormalization", "x s", "a", axis=-1),
                node("InstanceNormalization", "a c c", "b"),
                node("LpNormalization", "b", "d", axis=1, p=1),
                node("ReduceMean", "d", "m", axes=[2]),
                node("Sub", "d m", "e"),
                node("Mul", "e e", "f"),
                node("ReduceMean", "f", "v", axes=[2], name="variance"),
                node("Add", "v h", "g"),
                node("Sqrt", "g", "r"),
                node("Div", "e r", "i"),
                node("Mul", "i s", "j", name="scale"),
                node("MatMul", "j w"),
            ],
            {"x": (1, 2, 3)},
            {
                "s": ones(3, np.float32),
                "c": ones(2, np.float32),
                "h": np.float32(1e-5),
                "w": ones((3, 2), np.float32),
            },
        ),
        "decisions": model(
            [
                node("Less", "x c", "a"),
                node("Equal", "x c", "b"),
                node("Or", "a b", "d"),
                node("Where", "d x c", "e"),
                node("Round", "e", "f"),
                node("Mod", "f c", "g", fmod=1),
                node("ReduceMax", "g", "h", axes=[0]),
                node("ReduceProd", "h", "i", keepdims=0),
                node("Clip", "x i", "j"),
                node("Cast", "j", "k", to=TensorProto.INT64),
                node("Cast", "k", to=TensorProto.FLOAT, name="back"),
            ],
            {"x": (2, 3)},
            {"c": ones(3, np.float32)},
        ),
        "many_indices": model(
            [node("Gather", "x i", axis=1)],
            {"x": (1, 20)},
            {"i": np.array([(3 * n) ** 2 % 20 for n in range(30)])},
        ),
        "heads": model(
            [
                node("LogSoftmax", "x", "a", axis=1),
                node("Sigmoid", "a", "b"),
                node("ArgMax", "b", axis=1, keepdims=0),
            ],
            {"x": (1, 3)},
            output_type=TensorProto.INT64,
        ),
        "out_of_order": model([node("Relu", "a"), node("Neg", "x", "a")], {"x": (1, 3)}),
        "outputs": model(
            [node("Relu", "x")], {"x": (1, 3)}, {"c": ones(2, np.float32)}, ["y", "x", "c"]
        ),
        "opset_6": model(
            [
                node("Add", "x c", "a", broadcast=1, axis=1),
                node("PRelu", "a c", "p"),
                node("BatchNormalization", "p c c c c", "b", is_test=1),
                node("Reshape", "b r", "d"),
                node("Gemm", "d w c", broadcast=1),
            ],
            {"x": (2, 3, 1)},
            {"c": ones(3, np.float32), "r": _ints(2, 3), "w": ones((3, 3), np.float32)},
            opset=6,
        ),
        "sparse": _sparse(),
        "subgraph": _branches(),
        "unsupported": model([node("Erf", "x", "e"), node("Relu", "e")], {"x": (1, 3)}),
    }
    for name, proto in made.items():
        yield name, proto.SerializeToString()
    for name in (*CLASSICAL, *REWRITING, *BODIES):
        yield f"drawn_{name}", _drawn(name).SerializeToString()
    for last, operator in enumerate(LAST):
        yield f"quantized_{operator.__name__}", _quantized(last).SerializeToString()


def _quantized(last: int) -> onnx.ModelProto:
    """The first quantized network that ends with an operator."""
    for number in count():
        with suppress(Rejected):
            return network(seeded(number), last).model
    raise AssertionError


def _drawn(name: str) -> onnx.ModelProto:
    """The first model that a generator draws."""
    for number in count():
        with suppress(Rejected):
            return single(seeded(name, number), name)[0]
    raise AssertionError


def _sparse() -> onnx.ModelProto:
    """A model with a sparse weight."""
    made = model([node("MatMul", "x w")], {"x": (1, 3)})
    values = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [2], [0, 5])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3, 2]))
    return made


def _branches() -> onnx.ModelProto:
    """A model with subgraphs."""
    shown = helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 3])
    branch = helper.make_graph([node("Neg", "x", "b")], "branch", [], [shown])
    chosen = node("If", "c", then_branch=branch, else_branch=branch)
    return model([chosen], {"x": (1, 3)}, {"c": np.array(True)})


def main() -> None:
    """Writes all seeds."""
    made = {"key": keys(), "proof": proofs(), "data": data(), "model": models()}
    for target, seeds in made.items():
        for name, seed in seeds:
            folder = CORPUS / target
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
