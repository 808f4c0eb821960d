"""Writes the classical models that test_classical.py runs: `python tests/classical/make_models.py`.

Each is fitted by scikit-learn behind a StandardScaler, by LightGBM or by XGBoost, and exported as
it is by skl2onnx or onnxmltools, which zkinfer itself does not need.
"""

# mypy: ignore-errors

from pathlib import Path

import numpy as np
import onnx
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

from zkinfer.onnx_import.doors import whole_attributes

HERE = Path(__file__).resolve().parent
FEW = {"n_estimators": 8, "max_depth": 3, "random_state": 0}
OPSETS = {"": 17, "ai.onnx.ml": 3}

CLASSIFIERS = {
    "logistic_regression": LogisticRegression(),
    "ridge": RidgeClassifier(),
    "svm": SVC(),
    "decision_tree": DecisionTreeClassifier(random_state=0),
    "random_forest": RandomForestClassifier(**FEW),
    "extra_trees": ExtraTreesClassifier(**FEW),
    "gradient_boosting": GradientBoostingClassifier(**FEW),
    "hist_gradient_boosting": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "ada_boost": AdaBoostClassifier(n_estimators=4, random_state=0),
    "naive_bayes": GaussianNB(),
    "nearest_neighbours": KNeighborsClassifier(),
    "perceptron": MLPClassifier((8,), max_iter=1000, random_state=0),
}
REGRESSORS = {
    "linear_regression": LinearRegression(),
    "ridge": Ridge(),
    "lasso": Lasso(),
    "linear_svm": LinearSVR(random_state=0),
    "svm": SVR(C=100.0),
    "decision_tree": DecisionTreeRegressor(max_depth=4, random_state=0),
    "random_forest": RandomForestRegressor(**FEW),
    "extra_trees": ExtraTreesRegressor(**FEW),
    "gradient_boosting": GradientBoostingRegressor(**FEW),
    "hist_gradient_boosting": HistGradientBoostingRegressor(max_iter=8, random_state=0),
    "ada_boost": AdaBoostRegressor(n_estimators=4, random_state=0),
    "nearest_neighbours": KNeighborsRegressor(),
    "perceptron": MLPRegressor(hidden_layer_sizes=(8,), max_iter=4000, random_state=0),
}


def main() -> None:
    """Half of the classifiers have names as labels."""
    with whole_attributes():
        write()


def write() -> None:
    """Fits, exports and writes them."""
    x, y = load_iris(return_X_y=True)
    x, names = x.astype(np.float32), load_iris().target_names[y]
    for number, (name, estimator) in enumerate(CLASSIFIERS.items()):
        fitted = make_pipeline(StandardScaler(), estimator).fit(
            x[::2], (names if number % 2 else y)[::2]
        )
        save(f"{name}_classifier", to_onnx(fitted, x[:1], target_opset=OPSETS))
    types = [("X", FloatTensorType([None, 4]))]
    boosted = LGBMClassifier(n_estimators=8, min_child_samples=5, verbose=-1).fit(x[::2], y[::2])
    save("lightgbm_classifier", convert_lightgbm(boosted, initial_types=types, target_opset=15))
    boosted = XGBClassifier(n_estimators=8, max_depth=3).fit(x[::2], y[::2])
    save("xgboost_classifier", convert_xgboost(boosted, initial_types=types, target_opset=15))
    x, y = load_diabetes(return_X_y=True)
    x, y = x.astype(np.float32), y / 100
    for name, estimator in REGRESSORS.items():
        rows = slice(0, 60) if name == "nearest_neighbours" else slice(0, 400, 2)
        fitted = make_pipeline(StandardScaler(), estimator).fit(x[rows], y[rows])
        save(f"{name}_regressor", to_onnx(fitted, x[:1], target_opset=OPSETS))
    types = [("X", FloatTensorType([None, 10]))]
    boosted = LGBMRegressor(n_estimators=8, verbose=-1).fit(x[:400:2], y[:400:2])
    save("lightgbm_regressor", convert_lightgbm(boosted, initial_types=types, target_opset=15))
    boosted = XGBRegressor(n_estimators=8, max_depth=3).fit(x[:400:2], y[:400:2])
    save("xgboost_regressor", convert_xgboost(boosted, initial_types=types, target_opset=15))


def save(name: str, model: onnx.ModelProto) -> None:
    """Writes a model."""
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
