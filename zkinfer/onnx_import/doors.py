"""Fitted models of other packages as ONNX models, by the converter that each of them keeps.

    scikit-learn estimators and pipelines     skl2onnx
    LightGBM, XGBoost                         onnxmltools, in pipelines too
    torch.nn.Module                           torch.onnx

A converter is loaded for a model of its package only.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx

from zkinfer.errors import UsageError, flat

ML_OPSET = 3
"""The version of ai.onnx.ml that the converters of onnxmltools still know in pipelines."""

Door = Callable[[Any, Any], onnx.ModelProto]


def exported(model: Any, example: object) -> onnx.ModelProto | None:
    """The ONNX model of an object; None where it is of no package that is known.

    example: inputs such as those that it takes, stacked: an array, a table with named columns, or
    {input name: array}. Raises UsageError where the converter is not installed or refuses.
    """
    packages = (cls.__module__.partition(".")[0] for cls in type(model).__mro__)
    door = next((DOORS[package] for package in packages if package in DOORS), None)
    if door is None:
        return None
    try:
        return door(model, example)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a {type(model).__name__} is converted by {error.name}, which is not installed: "
            "pip install 'zkinfer[convert]'"
        ) from error
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"the {type(model).__name__} cannot be converted to ONNX: {flat(error)}"
        ) from error


def _sklearn(model: Any, example: Any) -> onnx.ModelProto:
    """By skl2onnx."""
    from skl2onnx import __max_supported_opset__, to_onnx
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import Pipeline

    for package, register in (("lightgbm", _register_lightgbm), ("xgboost", _register_xgboost)):
        if package in sys.modules:
            register()
    opsets = {"": __max_supported_opset__, "ai.onnx.ml": ML_OPSET}
    last = model[-1] if isinstance(model, Pipeline) else model
    neighbours = isinstance(last, KNeighborsClassifier | KNeighborsRegressor)
    # without any options LinearSVC gets one that it does not know
    options = {type(last): {"optim": "cdist"} if neighbours else {}}
    with whole_attributes():
        proto: onnx.ModelProto = to_onnx(
            model, _rows(model, example), options=options, target_opset=opsets
        )
    return proto


@contextmanager
def whole_attributes() -> Iterator[None]:
    """While this lasts onnx takes truth values in lists of integers, as skl2onnx passes them for
    histogram gradient boosting; some versions of protobuf do not.
    """
    make = onnx.helper.make_attribute

    def made(key: str, value: Any, *more: Any, **others: Any) -> onnx.AttributeProto:
        if isinstance(value, list | tuple) and any(isinstance(v, bool | np.bool_) for v in value):
            value = [int(item) for item in value]
        return make(key, value, *more, **others)

    onnx.helper.make_attribute = made
    try:
        yield
    finally:
        onnx.helper.make_attribute = make


def _register_lightgbm() -> None:
    """Lets skl2onnx convert pipelines with models of LightGBM."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    _register({"LightGbmLGBMClassifier": LGBMClassifier}, convert_lightgbm, classifies=True)
    _register({"LgbmRegressor": LGBMRegressor}, convert_lightgbm, classifies=False)


def _register_xgboost() -> None:
    """Lets skl2onnx convert pipelines with models of XGBoost."""
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from xgboost import XGBClassifier, XGBRegressor

    _register({"XGBoostXGBClassifier": XGBClassifier}, convert_xgboost, classifies=True)
    _register({"XGBoostXGBRegressor": XGBRegressor}, convert_xgboost, classifies=False)


def _register(classes: Mapping[str, type], convert: Any, *, classifies: bool) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator as shapes

    calculate = shapes.calculate_linear_regressor_output_shapes
    options = None
    if classifies:
        calculate = shapes.calculate_linear_classifier_output_shapes
        options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
    for name, cls in classes.items():
        update_registered_converter(cls, name, calculate, convert, options=options)


def _lightgbm(model: Any, example: Any) -> onnx.ModelProto:
    """By onnxmltools; probabilities as one tensor."""
    from onnxmltools import convert_lightgbm

    proto: onnx.ModelProto = convert_lightgbm(
        model, initial_types=_types(model, example), zipmap=False
    )
    return proto


def _xgboost(model: Any, example: Any) -> onnx.ModelProto:
    """By onnxmltools."""
    from onnxmltools import convert_xgboost

    proto: onnx.ModelProto = convert_xgboost(model, initial_types=_types(model, example))
    return proto


def _types(model: Any, example: Any) -> list[tuple[str, Any]]:
    """One input of floats, a row of which is a sample."""
    from onnxmltools.convert.common.data_types import FloatTensorType

    return [("X", FloatTensorType([None, np.asarray(_rows(model, example)).shape[1]]))]


def _rows(model: Any, example: Any) -> Any:
    """A row that the model takes: of a table, or of an array of numbers in single precision."""
    if hasattr(example, "columns"):
        floats = example.select_dtypes("float64").columns
        return example[:1].astype(dict.fromkeys(floats, np.float32))
    if isinstance(example, Mapping):
        (example,) = example.values()
    if example is None:
        count = getattr(model, "n_features_in_", None)
        if count is None:
            raise UsageError(
                f"how many columns the {type(model).__name__} takes is not known without sample "
                "inputs; give calibration data"
            )
        return np.zeros((1, count), np.float32)
    return np.asarray(example, np.float32)[:1]


def _torch(model: Any, example: Any) -> onnx.ModelProto:
    """By torch.onnx."""
    import torch

    if example is None:
        raise UsageError("a torch module is traced with an example; give calibration data")
    arrays = dict(example) if isinstance(example, Mapping) else {"x": example}
    inputs = []
    for array in map(np.asarray, arrays.values()):
        kept = array.astype(np.float32) if array.dtype == np.float64 else array
        inputs.append(torch.from_numpy(np.ascontiguousarray(kept[:1])))
    program = torch.onnx.export(
        model.eval(), tuple(inputs), input_names=list(arrays), dynamo=True, verbose=False
    )
    proto: onnx.ModelProto = program.model_proto
    return proto


DOORS: Mapping[str, Door] = {
    "lightgbm": _lightgbm,
    "sklearn": _sklearn,
    "torch": _torch,
    "xgboost": _xgboost,
}
"""By package. Where a class is of two, that which comes first among its bases decides."""
