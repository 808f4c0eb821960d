"""Classical models for measuring, fitted when asked for on data that ships in packages.

Estimators of scikit-learn, LightGBM and XGBoost stand behind a StandardScaler. Those that classify
learn breast cancer (2 classes, 30 columns) and digits (10 classes, 64 columns), those that regress
diabetes (10 columns). Half of the rows teach. There are 1,000 unseen rows: real ones and, where
these are fewer, rows each of whose columns is that of one of them, or is what a tree compares it
with, exactly or one or two float32 numbers off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm
import numpy as np
import onnx
import xgboost
from onnx import helper, numpy_helper
from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.data import Floats
from models.tree_forms import places, products, spelt
from zkinfer.onnx_import.doors import exported

UNSEEN = 1000
NEIGHBOURS = 100
"""Rows that nearest neighbours are looked for in."""

HIT = 0.2
"""The share of a made row's columns that are thresholds, where there are any."""

FOREST = {"n_estimators": 100, "max_depth": 8, "random_state": 0}
BOOSTED = {"n_estimators": 50, "max_depth": 4, "random_state": 0}

Kinds = Mapping[str, Callable[[], Any]]

CLASSIFIERS: Kinds = {
    "logistic_regression": lambda: linear_model.LogisticRegression(max_iter=1000),
    "ridge": linear_model.RidgeClassifier,
    "linear_svc": svm.LinearSVC,
    "svc_linear": lambda: svm.SVC(kernel="linear"),
    "svc_linear_probability": lambda: svm.SVC(kernel="linear", probability=True, random_state=0),
    "svc_rbf": svm.SVC,
    "svc_rbf_probability": lambda: svm.SVC(probability=True, random_state=0),
    "decision_tree": lambda: tree.DecisionTreeClassifier(random_state=0),
    "random_forest": lambda: ensemble.RandomForestClassifier(**FOREST),
    "extra_trees": lambda: ensemble.ExtraTreesClassifier(**FOREST),
    "gradient_boosting": lambda: ensemble.GradientBoostingClassifier(**BOOSTED),
    "hist_gradient_boosting": lambda: ensemble.HistGradientBoostingClassifier(
        max_iter=50, random_state=0
    ),
    "ada_boost": lambda: ensemble.AdaBoostClassifier(random_state=0),
    "naive_bayes": naive_bayes.GaussianNB,
    "nearest_neighbours": neighbors.KNeighborsClassifier,
    "perceptron": lambda: neural_network.MLPClassifier((32,), max_iter=1000, random_state=0),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=50, verbose=-1),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=50, max_depth=4),
}
REGRESSORS: Kinds = {
    "linear_regression": linear_model.LinearRegression,
    "ridge": linear_model.Ridge,
    "lasso": linear_model.Lasso,
    "linear_svr": lambda: svm.LinearSVR(random_state=0),
    "svr_linear": lambda: svm.SVR(kernel="linear", C=10.0),
    "svr_rbf": lambda: svm.SVR(C=100.0),
    "decision_tree": lambda: tree.DecisionTreeRegressor(random_state=0),
    "random_forest": lambda: ensemble.RandomForestRegressor(**FOREST),
    "extra_trees": lambda: ensemble.ExtraTreesRegressor(**FOREST),
    "gradient_boosting": lambda: ensemble.GradientBoostingRegressor(**BOOSTED),
    "hist_gradient_boosting": lambda: ensemble.HistGradientBoostingRegressor(
        max_iter=50, random_state=0
    ),
    "ada_boost": lambda: ensemble.AdaBoostRegressor(random_state=0),
    "nearest_neighbours": neighbors.KNeighborsRegressor,
    "perceptron": lambda: neural_network.MLPRegressor(
        hidden_layer_sizes=(32,), max_iter=4000, random_state=0
    ),
    "lightgbm": lambda: lightgbm.LGBMRegressor(n_estimators=50, verbose=-1),
    "xgboost": lambda: xgboost.XGBRegressor(n_estimators=50, max_depth=4),
}
FORMS = {"products": products, "places": places}


@dataclass(frozen=True)
class Fitted:
    """A model in ONNX; rows that it learned from; rows that it did not, [UNSEEN, columns]."""

    model: onnx.ModelProto
    calibration: Floats
    unseen: Floats


def fitted(load: Callable[..., Any], make: Callable[[], Any]) -> Fitted:
    """An estimator behind a scaler, as zkinfer exports it. Raises UsageError where it cannot."""
    taught, answers, others = _halves(load)
    estimator = make()
    if isinstance(estimator, neighbors.KNeighborsClassifier | neighbors.KNeighborsRegressor):
        taught, answers = taught[:NEIGHBOURS], answers[:NEIGHBOURS]
    pipeline = make_pipeline(StandardScaler(), estimator).fit(taught, answers)
    model = exported(pipeline, taught)
    return Fitted(model, taught, _enough(others, list(thresholds(model))))


def spelt_out(form: str) -> Fitted:
    """Boosted trees in tensors, without a scaler."""
    taught, answers, others = _halves(load_breast_cancer)
    trees = ensemble.GradientBoostingClassifier(**BOOSTED).fit(taught, answers)
    known = [tree.tree_ for (tree,) in trees.estimators_]
    splits = [
        pair for t in known for pair in zip(t.feature, t.threshold, strict=True) if pair[0] >= 0
    ]
    return Fitted(spelt(trees, FORMS[form](trees)), taught, _enough(others, splits))


def thresholds(model: onnx.ModelProto) -> Iterator[tuple[int, float]]:
    """Columns of the input, and what trees compare them with, before the scaler if there is one."""
    offset, scale = np.zeros(1), np.ones(1)
    for node in model.graph.node:
        attrs = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Scaler":
            offset, scale = np.array(attrs["offset"]), np.array(attrs["scale"])
        if "nodes_featureids" in attrs:
            stored = attrs.get("nodes_values_as_tensor")
            values = attrs["nodes_values"] if stored is None else numpy_helper.to_array(stored)
            splits = zip(attrs["nodes_featureids"], attrs["nodes_modes"], values, strict=True)
            for column, mode, value in splits:
                if mode != b"LEAF":
                    place = column if len(scale) > 1 else 0
                    yield column, float(value / scale[place] + offset[place])


def _halves(load: Callable[..., Any]) -> tuple[Floats, Any, Floats]:
    """Rows to learn from, what is to be learned, and all other rows."""
    x, y = load(return_X_y=True)
    taught, others = np.array_split(np.random.default_rng(0).permutation(len(x)), 2)
    return x[taught].astype(np.float32), y[taught], x[others].astype(np.float32)


def _enough(rows: Floats, splits: list[tuple[int, float]]) -> Floats:
    """The rows, and as many made of them as are missing."""
    rng = np.random.default_rng(1)
    made = rng.permuted(np.resize(rows, (UNSEEN - len(rows), rows.shape[1])), axis=0)
    for column in {column for column, _ in splits}:
        known = np.array([value for place, value in splits if place == column], np.float32)
        hit = np.flatnonzero(rng.random(len(made)) < HIT)
        exact = rng.choice(known, len(hit))
        for _ in range(2):
            way = np.float32([-np.inf, 0, np.inf])[rng.integers(3, size=len(hit))]
            exact = np.where(way == 0, exact, np.nextafter(exact, way))
        made[hit, column] = exact
    return np.concatenate([rows, made])


FITTED: Mapping[str, Callable[[], Fitted]] = {
    f"{what}_{name}_{kind}": partial(fitted, load, make)
    for what, load, kinds, kind in (
        ("cancer", load_breast_cancer, CLASSIFIERS, "classifier"),
        ("digits", load_digits, CLASSIFIERS, "classifier"),
        ("diabetes", load_diabetes, REGRESSORS, "regressor"),
    )
    for name, make in kinds.items()
} | {f"cancer_boosting_in_{form}": partial(spelt_out, form) for form in FORMS}
