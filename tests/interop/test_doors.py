"""Fitted models of other packages, from the object to a verified proof in three lines."""

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC

import zkinfer

CLASSES, NUMBERS = (
    (data.data.astype(np.float32), data.target) for data in (load_breast_cancer(), load_diabetes())
)
UNSEEN = 20
"""The last rows, which nothing is fitted to."""

CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "scaler and logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "scaler and network": lambda: make_pipeline(
        StandardScaler(), MLPClassifier((8,), max_iter=50, random_state=0)
    ),
    "boosted trees": lambda: GradientBoostingClassifier(n_estimators=10, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=10, random_state=0),
    "LightGBM": lambda: lightgbm.LGBMClassifier(n_estimators=10, verbose=-1),
    "scaler and LightGBM": lambda: make_pipeline(
        StandardScaler(), lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)
    ),
    "XGBoost": lambda: xgboost.XGBClassifier(n_estimators=10),
    "scaler and XGBoost": lambda: make_pipeline(
        StandardScaler(), xgboost.XGBClassifier(n_estimators=10)
    ),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "ridge": Ridge,
    "forest": lambda: RandomForestRegressor(n_estimators=5, max_depth=4, random_state=0),
    "LightGBM": lambda: lightgbm.LGBMRegressor(n_estimators=10, verbose=-1),
    "XGBoost": lambda: xgboost.XGBRegressor(n_estimators=10),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name: str) -> None:
    data, labels = CLASSES
    model = CLASSIFIERS[name]().fit(data[:-UNSEEN], labels[:-UNSEEN])
    compiled = zkinfer.compile(model, calibration=data[:-UNSEEN])
    for x in data[-3:, None]:
        proof = zkinfer.prove(compiled.proving_key, x, allow_saturation=True)
        outputs = list(zkinfer.verify(compiled.verifying_key, proof).outputs.values())
        assert outputs[0].reshape(()) == model.predict(x)[0]
        assert np.abs(outputs[1] - model.predict_proba(x)).max() <= 2e-3


@pytest.mark.filterwarnings("ignore")
def test_a_classifier_without_probabilities() -> None:
    data, labels = CLASSES
    model = make_pipeline(StandardScaler(), LinearSVC()).fit(data[:-UNSEEN], labels[:-UNSEEN])
    compiled = zkinfer.compile(model, calibration=data[:-UNSEEN])
    for x in data[-3:, None]:
        proof = zkinfer.prove(compiled.proving_key, x)
        label = next(iter(zkinfer.verify(compiled.verifying_key, proof).outputs.values()))
        assert label.reshape(()) == model.predict(x)[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name: str) -> None:
    data, numbers = NUMBERS
    model = REGRESSORS[name]().fit(data[:-UNSEEN], numbers[:-UNSEEN])
    compiled = zkinfer.compile(model, calibration=data[:-UNSEEN])
    proof = zkinfer.prove(compiled.proving_key, data[-1:], allow_saturation=True)
    (output,) = zkinfer.verify(compiled.verifying_key, proof).outputs.values()
    assert output.reshape(()) == pytest.approx(model.predict(data[-1:])[0], rel=3e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_table_with_named_columns() -> None:
    """A column is an input, as transformers of columns want it."""
    data, labels = CLASSES
    names = [f"c{i}" for i in range(4)]
    table = pd.DataFrame(data[:, :4].astype(np.float64), columns=names)
    parts = [("some", StandardScaler(), names[:2]), ("others", MinMaxScaler(), names[2:])]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(table, labels)
    compiled = zkinfer.compile(model, calibration=table)
    proof = zkinfer.prove(compiled.proving_key, table[-1:])
    outputs = list(zkinfer.verify(compiled.verifying_key, proof).outputs.values())
    assert outputs[0].reshape(()) == model.predict(table[-1:])[0]


def test_a_torch_module() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(30, 8), torch.nn.GELU(), torch.nn.Linear(8, 2))
    data = CLASSES[0] / np.abs(CLASSES[0]).max(axis=0)
    compiled = zkinfer.compile(model, calibration=data)
    proof = zkinfer.prove(compiled.proving_key, data[:1])
    (output,) = zkinfer.verify(compiled.verifying_key, proof).outputs.values()
    assert np.abs(output - model(torch.from_numpy(data[:1])).detach().numpy()).max() <= 1e-2


def test_what_cannot_be_converted_is_said() -> None:
    with pytest.raises(zkinfer.UsageError, match="the Ridge cannot be converted to ONNX"):
        zkinfer.compile(Ridge(), calibration=NUMBERS[0])
    with pytest.raises(zkinfer.UsageError, match=r"a fitted model of scikit-learn.* got object"):
        zkinfer.compile(object(), calibration=NUMBERS[0])
