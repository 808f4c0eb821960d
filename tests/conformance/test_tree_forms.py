"""Trees that are spelt out in tensors, as hummingbird writes them: labels are onnxruntime's."""

from collections.abc import Callable

import pytest
from sklearn.ensemble import GradientBoostingClassifier

import zkinfer
from models import data
from models.tree_forms import Parts, places, products, spelt
from tests.properties.drawing import run, session
from zkinfer.fixed import evaluate, quantize_input


@pytest.fixture(scope="module")
def boosted() -> GradientBoostingClassifier:
    source = data.breast_cancer()
    model = GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=0)
    return model.fit(source.train_x, source.train_y)


@pytest.mark.parametrize("form", [products, places])
def test_a_form_has_the_labels_of_onnxruntime(
    form: Callable[[GradientBoostingClassifier], Parts], boosted: GradientBoostingClassifier
) -> None:
    model, source = spelt(boosted, form(boosted)), data.breast_cancer()
    key = zkinfer.compile(model, calibration=source.train_x[:200]).proving_key
    runner = session(model)
    for x in source.unseen_x:
        expected, _ = run(runner, {"x": x[None]})
        arrays = evaluate(key.graph, key.weights, quantize_input(key.graph, {"x": x[None]}))
        assert arrays["label"].item() == expected.item()
