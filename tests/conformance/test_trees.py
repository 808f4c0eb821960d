"""Trees decide as onnxruntime does, on numbers that hit thresholds too, and through scalers."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

import zkinfer
from tests.properties.choices import Rejected, seeded
from tests.properties.draw_classical import ML, Trees
from tests.properties.drawing import Drawing, finished, run, session
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.onnx_import import load
from zkinfer.onnx_import.forest import Forest, Node, table
from zkinfer.onnx_import.thresholds import LARGEST, Column

Floats = npt.NDArray[np.float32]

ROWS, WIDTH, CALIBRATED = 1000, 5, 120
SIZES = np.array([1.0, 300.0, 0.004, 1e4, 1.0], np.float32)
"""Of the columns: an age, an income and a ratio are of different sizes."""

STUMP: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [1, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "class_treeids": [0, 0],
    "class_nodeids": [1, 2],
    "class_ids": [0, 0],
    "class_weights": [-1.0, 2.0],
}
"""x[1] <= 0.5 means the first of two classes."""


def drawn(number: int) -> tuple[Drawing, Floats]:
    """A classifier, often behind a scaler, of trees whose thresholds are often numbers of rows."""
    c = seeded("trees", number)
    d = Drawing(c, 17)
    rows = (c.numbers().normal(size=(ROWS, WIDTH)) * SIZES).astype(np.float32)
    d.add_input("x", rows, ["N", WIDTH])
    x = d.pool[-1]
    if c.chance(60):
        scale = np.abs(c.numbers().normal(size=WIDTH)) / SIZES + 1e-6
        offset = c.numbers().normal(size=WIDTH) * SIZES
        attrs = {"offset": offset.tolist(), "scale": scale.tolist()}
        x = d.emit("Scaler", x.name, domain=ML, **attrs)
    count = c.one((2, 3))
    grown = Trees(d, x, 1 if count == 2 else count, whole=True)
    attrs = grown.attributes("class")
    attrs["classlabels_int64s"] = list(range(count))
    d.emit_many("TreeEnsembleClassifier", [x.name], 2, domain=ML, **attrs)
    return d, rows


def whole(d: Drawing) -> onnx.ModelProto:
    """The model of all that was drawn."""
    infos = [helper.make_empty_tensor_value_info(tensor.name) for tensor in d.pool[-2:]]
    for info, tensor in zip(infos, d.pool[-2:], strict=True):
        kind = helper.np_dtype_to_tensor_dtype(tensor.value.dtype)
        info.CopyFrom(helper.make_tensor_value_info(tensor.name, kind, None))
    return finished(helper.make_graph(d.nodes, "trees", d.inputs, infos, d.initializers), 17)


@pytest.mark.parametrize("number", range(12))
def test_labels_are_those_of_onnxruntime(number: int) -> None:
    try:
        d, rows = drawn(number)
    except Rejected:
        pytest.skip("onnxruntime refuses it")
    model = whole(d)
    (label, scores), name = (tensor.name for tensor in d.pool[-2:]), "x"
    calibration = {name: rows[:CALIBRATED]}
    key = zkinfer.compile(model, calibration=calibration).proving_key
    expected = run(session(model), {name: rows})
    magnitude = max(float(np.abs(expected[1][:CALIBRATED]).max()), 1e-9)
    for row, wanted, values in zip(rows, *expected, strict=True):
        inputs = {name: row[None]}
        try:
            arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, inputs))
        except zkinfer.UsageError:
            continue  # outside of the domain
        assert arrays[label].item() == wanted
        got = key.graph.encoding(scores).numbers(arrays[scores])
        assert np.abs(got - values).max() < 1e-3 * magnitude


def test_numbers_next_to_a_threshold() -> None:
    """Through a scaler, whose rounding decides, the numbers around a threshold go their ways."""
    attrs = STUMP | {"classlabels_int64s": [0, 1]}
    scaler = {"offset": [0.1, 0.3], "scale": [3.0, 0.7]}
    nodes = [
        helper.make_node("Scaler", ["x"], ["y"], domain=ML, **scaler),
        helper.make_node("TreeEnsembleClassifier", ["y"], ["label", "score"], domain=ML, **attrs),
    ]
    model = classifier(nodes)
    calibration = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    key = zkinfer.compile(model, calibration=calibration).proving_key
    low, high = np.float32(0), np.float32(4)
    while np.nextafter(low, high) < high:
        middle = np.float32((low + high) / 2)
        fits = (middle - np.float32(0.3)) * np.float32(0.7) <= np.float32(0.5)
        low, high = (middle, high) if fits else (low, middle)
    around = [low]
    for _ in range(4):
        around = [np.nextafter(around[0], -high), *around, np.nextafter(around[-1], high * 2)]
    rows = np.array([[0.5, number] for number in around], np.float32)
    (expected,) = run(session(model), {"x": rows})[:1]
    assert set(expected.tolist()) == {0, 1}
    for row, wanted in zip(rows, expected, strict=True):
        inputs = quantize_input(key.graph, {"x": row[None]})
        assert evaluate(key.graph, key.weights, inputs)["label"].item() == wanted


def test_trees_of_a_sequence() -> None:
    """What made their numbers has none itself, and so no shape."""
    attrs = STUMP | {"classlabels_int64s": [0, 1]}
    nodes = [
        helper.make_node("Constant", [], ["first"], value_int=0),
        helper.make_node("SplitToSequence", ["x"], ["parts"], axis=0),
        helper.make_node("SequenceAt", ["parts", "first"], ["row"]),
        helper.make_node("TreeEnsembleClassifier", ["row"], ["label", "score"], domain=ML, **attrs),
    ]
    assert [node.op for node in load(classifier(nodes)).nodes].count("trees") == 1


def classifier(nodes: list[onnx.NodeProto], kind: int = TensorProto.INT64) -> onnx.ModelProto:
    """A model of two features and the outputs label and score."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])]
    outputs = [
        helper.make_tensor_value_info("label", kind, ["N"]),
        helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 2]),
    ]
    return finished(helper.make_graph(nodes, "stump", inputs, outputs), 17)


def stump(**changed: Any) -> onnx.ModelProto:
    """The classifier of one split, with some attributes changed."""
    attrs = STUMP | {"classlabels_int64s": [0, 1]} | changed
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "score"], domain=ML, **attrs)
    return classifier([node])


def test_names_of_classes_are_in_the_key() -> None:
    attrs = STUMP | {"classlabels_strings": ["benign", "malignant"]}
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "score"], domain=ML, **attrs)
    zipped = helper.make_node(
        "ZipMap", ["score"], ["maps"], domain=ML, classlabels_strings=["benign", "malignant"]
    )
    model = classifier([node, zipped], TensorProto.STRING)
    maps = model.graph.output.add()
    maps.name = "maps"
    inner = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    maps.type.CopyFrom(helper.make_sequence_type_proto(inner))
    calibration = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    compiled = zkinfer.compile(model, calibration=calibration)
    key = zkinfer.VerifyingKey.from_bytes(compiled.verifying_key.to_bytes())
    assert key.graph.classes == {"label": ("benign", "malignant")}
    for number, name in ((0.25, "benign"), (0.75, "malignant")):
        x = np.array([[0.0, number]], np.float32)
        verified = zkinfer.verify(key, zkinfer.prove(compiled.proving_key, x))
        assert verified.classes["label"].tolist() == [name]
        np.testing.assert_allclose(verified.outputs["maps"], verified.outputs["score"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"nodes_values": [float("nan"), 0.0, 0.0]}, "thresholds that are numbers, got NaN"),
        ({"nodes_truenodeids": [0, 0, 0]}, "circle"),
        ({"nodes_truenodeids": [7, 0, 0]}, "nodes that exist"),
        ({"nodes_featureids": [2, 0, 0]}, "features from 0 to 1, got 2"),
        ({"nodes_modes": ["BRANCH_OR", "LEAF", "LEAF"]}, "a known mode of nodes, got BRANCH_OR"),
        ({"nodes_featureids": [1, 0]}, "as many modes, features, thresholds and branches"),
        ({"nodes_nodeids": [0, 1, 1]}, "one twice"),
        ({"class_nodeids": [0, 2]}, "weights of leaves, got one of node 0"),
        ({"class_weights": [1.0]}, "as many trees, nodes, numbers and weights"),
        ({"post_transform": "PROBIT"}, "PROBIT"),
        ({"base_values": [0.1, 0.2]}, "no base values or, of class 0, one, got 2"),
        ({"class_ids": [0, 1]}, "votes of every leaf on both classes"),
        ({"classlabels_int64s": [4]}, "two classes or more, got 1"),
    ],
)
def test_what_is_no_tree_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(
        UnsupportedModelError, match=r"node label \(TreeEnsembleClassifier"
    ) as found:
        load(stump(**changed))
    assert words in str(found.value)


def test_many_targets_take_no_memory() -> None:
    """More values than the model's size allows are refused before they are made."""
    attrs = {name.replace("class", "target"): value for name, value in STUMP.items()}
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["score"], domain=ML, n_targets=1 << 40, **attrs
    )
    model = classifier([node])
    del model.graph.output[0]
    with pytest.raises(UnsupportedModelError, match="what leaves are worth"):
        load(model)


def test_thresholds_before_steps() -> None:
    """What is found is the largest float32 that becomes at most the threshold."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        offset, scale = (np.float32(n) for n in rng.normal(size=2) * 10.0 ** rng.integers(-6, 6, 2))
        scale = abs(scale)
        column = Column("x", 0, (lambda x, o=offset, s=scale: (x - o) * s,))
        thresholds = np.float32(rng.normal(size=20) * 10.0 ** rng.integers(-6, 6, 20))
        found = column.before(thresholds.astype(np.float64)).astype(np.float32)
        after = np.nextafter(found, np.float32(np.inf))
        with np.errstate(over="ignore"):
            assert ((found - offset) * scale <= thresholds).all()
            assert ((after - offset) * scale > thresholds).all()


def test_thresholds_that_nothing_reaches() -> None:
    column = Column("x", 0, (lambda x: np.maximum(x, np.float32(0)),))
    assert column.before(np.array([-1.0])).tolist() == [-LARGEST]
    assert column.before(np.array([1e39])).tolist() == [float(np.finfo(np.float32).max)]


def test_a_deep_chain_needs_no_recursion() -> None:
    depth = 3000
    nodes = {n: Node(0, "BRANCH_LEQ", (float(n),), depth, n + 1) for n in range(depth - 1)}
    nodes[depth - 1] = Node(0, "BRANCH_LEQ", (float(depth),), depth, depth + 1)
    leaves = {depth: np.zeros(1), depth + 1: np.ones(1)}
    made = table(Forest(nodes, leaves, [0]))
    assert (made.trees, made.depth) == (1, depth)


def test_json_has_the_classes() -> None:
    """Canonical JSON keeps them, and names of what is no output are refused."""
    attrs = STUMP | {"classlabels_strings": ["a", "b"]}
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "score"], domain=ML, **attrs)
    model = classifier([node], TensorProto.STRING)
    graph = zkinfer.compile(model, input_range=(-1.0, 1.0)).proving_key.graph
    data = graph.to_json()
    assert type(graph).from_json(data) == graph
    document = json.loads(data)
    for classes in ({"score": ["a", "b"]}, {"label": ["a"]}, {"label": ["a", ""]}, {"no": []}, []):
        text = json.dumps(document | {"classes": classes}, sort_keys=True, separators=(",", ":"))
        with pytest.raises(zkinfer.FormatError):
            type(graph).from_json(text.encode())


def test_a_linear_model_beside_trees_reads_a_copy() -> None:
    """Trees compare numbers of many bits, and what multiplies them has fewer."""
    attrs = STUMP | {"classlabels_int64s": [0, 1]}
    linear = {"coefficients": [1.0, -2.0, 0.5, 1.0], "intercepts": [0.1, 0.2], "targets": 2}
    nodes = [
        helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "votes"], domain=ML, **attrs),
        helper.make_node("LinearRegressor", ["x"], ["line"], domain=ML, **linear),
        helper.make_node("Add", ["votes", "line"], ["score"]),
    ]
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    key = zkinfer.compile(classifier(nodes), calibration=x).proving_key
    bits = {name: t.high.bit_length() for name, t in key.graph.tensors.items()}
    assert bits["x"] > 40 > bits["x/rounded"]
