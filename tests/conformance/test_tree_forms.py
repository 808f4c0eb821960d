"""Trees that are spelt out in tensors, as hummingbird writes them: labels are onnxruntime's."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.ensemble import GradientBoostingClassifier

import zkinfer
from models import data
from models.tree_forms import Parts, places, products, spelt
from tests.properties.choices import seeded
from tests.properties.drawing import Array, Drawing, finished, run, session
from zkinfer.fixed import evaluate, quantize_input
from zkinfer.onnx_import import grown, load

ROWS, WIDTH, CALIBRATED = 200, 4, 60


@pytest.fixture(scope="module")
def boosted() -> GradientBoostingClassifier:
    source = data.breast_cancer()
    model = GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=0)
    return model.fit(source.train_x, source.train_y)


@pytest.mark.parametrize("form", [products, places])
def test_a_form_has_the_labels_of_onnxruntime(
    form: Callable[[GradientBoostingClassifier], Parts], boosted: GradientBoostingClassifier
) -> None:
    """On rows that hit thresholds, too."""
    model, source = spelt(boosted, form(boosted)), data.breast_cancer()
    key = zkinfer.compile(model, calibration=source.train_x[:200]).proving_key
    rows = np.concatenate([source.unseen_x, source.unseen_x])
    splits = [tree.tree_ for (tree,) in boosted.estimators_]
    for place, row in enumerate(rows[: len(source.unseen_x)]):
        tree = splits[place % len(splits)]
        for feature, number in zip(tree.feature, tree.threshold, strict=True):
            if feature >= 0:
                row[feature] = number
    runner = session(model)
    for x in rows:
        expected, _ = run(runner, {"x": x[None]})
        arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {"x": x[None]}))
        assert arrays["label"].item() == expected.item()


def walked(d: Drawing) -> None:
    """Trees step by step, to the values of their leaves: node n leads to 2 n and 2 n + 1 of the
    next step's tables, or to where tables say.
    """
    c, numbers, x = d.choices, d.numbers, d.pool[0]
    trees, depth, told = c.integer(1, 5), c.integer(1, 4), c.chance(50)
    compare = c.one(("LessOrEqual", "Less", "Greater", "GreaterOrEqual"))
    at = d.constant(np.arange(trees)[None])
    for step in range(depth):
        count = trees if told else trees << step
        features = numbers.integers(0, WIDTH, count)
        known = [float(c.one(x.value[:, feature].tolist())) for feature in features]
        thresholds = np.where(numbers.random(count) < 0.7, known, numbers.normal(size=count))

        def row(table: Array, at: str = at) -> str:
            return d.emit("Gather", d.constant(table), at).name

        one = d.emit("GatherElements", x.name, row(features), axis=1).name
        decided = d.emit(compare, one, row(thresholds.astype(np.float32))).name
        if told:
            ways = numbers.integers(0, trees, (2, count))
            at = d.emit("Where", decided, row(ways[0]), row(ways[1])).name
        else:
            turn = d.emit("Cast", decided, to=TensorProto.INT64).name
            twice = d.emit("Mul", at, d.constant(np.array(2))).name
            at = d.emit("Add", twice, turn).name
    count = trees if told else trees << depth
    d.emit("Gather", d.constant(d.values((count, c.one((1, 1, 3))))), at)


def test_large_forests_are_left_as_they_are(
    boosted: GradientBoostingClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = spelt(boosted, places(boosted))
    assert "trees" in {node.op for node in load(model).nodes}
    monkeypatch.setattr(grown, "MOST_STEPS", 100)
    assert "trees" not in {node.op for node in load(model).nodes}


@pytest.mark.parametrize("number", range(16))
def test_drawn_trees_decide_as_onnxruntime_does(number: int) -> None:
    c = seeded("walks", number)
    d = Drawing(c, 17)
    rows = c.numbers().normal(size=(ROWS, WIDTH)).astype(np.float32)
    d.add_input("x", rows[:CALIBRATED], ["N", WIDTH])
    walked(d)
    name = d.pool[-1].name
    info = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    model = finished(helper.make_graph(d.nodes, "walk", d.inputs, [info], d.initializers), 17)
    assert "trees" in {node.op for node in load(model).nodes}
    key = zkinfer.compile(model, calibration=rows[:CALIBRATED]).proving_key
    runner = session(model)
    for x in rows:
        (expected,) = run(runner, {"x": x[None]})
        arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {"x": x[None]}))
        got = key.graph.encoding(name).numbers(arrays[name])
        np.testing.assert_allclose(got, expected, atol=2e-3 * max(1.0, np.abs(expected).max()))
