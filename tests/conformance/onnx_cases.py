"""The onnx package's own tests: its models with recorded inputs and outputs, and how each ends.

A model is tested as it is, with hidden inputs, and with all inputs but the first made constants. It
is imported, quantized on the recorded inputs, and solved; the float graph must compute the recorded
outputs, the fixed-point one must be close to them, and the constraints must hold.
"""

import csv
import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

from tests.float_oracle import evaluate
from zkinfer.circuit.check import check
from zkinfer.errors import UnsupportedModelError, UsageError, ZkinferError
from zkinfer.fixed import quantize_input
from zkinfer.lower import lower, solve
from zkinfer.onnx_import import load, upgraded
from zkinfer.onnx_import.inputs import FLOAT_TYPES
from zkinfer.quantize import quantize

Array = np.ndarray[Any, Any]

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
WAYS = ("hidden", "constants")
TABLE = Path(__file__).with_name("onnx_cases.csv")

MAX_ERROR = 1e-3
"""Of an output of the fixed-point network, over its largest entry."""

MAX_CHECKED = 1 << 21
"""The most products that the checker, which is slow, takes on."""

PASSED, UNSUPPORTED = "passed", "unsupported"


@dataclass(frozen=True)
class Case:
    """A model with inputs and outputs, by name, for each data set.

    name: its kind and name in the onnx package, and the way. rtol: of the outputs, relative.
    """

    name: str
    model: onnx.ModelProto
    inputs: tuple[Mapping[str, Array], ...]
    outputs: tuple[Mapping[str, Array], ...]
    rtol: float


@cache
def _packaged() -> dict[str, Any]:
    """The onnx package's cases by kind and name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overflows in their making
        return {f"{kind}/{case.name}": case for kind in KINDS for case in load_model_tests(kind=kind)}


def names() -> list[str]:
    """The names of all cases, each in both ways."""
    return [f"{name}[{way}]" for name in sorted(_packaged()) for way in WAYS]


def in_quick_part(name: str, share: int) -> bool:
    """Whether a case is in the part, one in so many, that is always run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % share == 0


def table() -> dict[str, str]:
    """The reasons why cases do not pass, by name."""
    with TABLE.open(newline="") as file:
        return {row["case"]: row["reason"] for row in csv.DictReader(file)}


def case(name: str) -> Case | None:
    """A case; None where data are no tensors, or the two ways are the same."""
    key, way = name.removesuffix("]").rsplit("[", 1)
    packaged = _packaged()[key]
    model = packaged.model
    if model is None:
        model = onnx.load(Path(packaged.model_dir) / "model.onnx")
    known = {tensor.name for tensor in model.graph.initializer}
    given = [value.name for value in model.graph.input if value.name not in known]
    sets = list(_data_sets(packaged))
    if not all(isinstance(array, np.ndarray) for pair in sets for part in pair for array in part):
        return None
    made = [value.name for value in model.graph.output]
    inputs = [dict(zip(given, x, strict=False)) for x, _ in sets]
    outputs = [dict(zip(made, y, strict=True)) for _, y in sets]
    if way == "constants":
        if len(given) < 2:
            return None
        model, inputs, outputs = _with_constants(model, given[1:], inputs[:1], outputs[:1])
    return Case(name, model, tuple(inputs), tuple(outputs), packaged.rtol)


def _data_sets(packaged: Any) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    """Inputs and outputs, in the model's order."""
    if packaged.data_sets is not None:
        yield from packaged.data_sets
        return
    for folder in sorted(Path(packaged.model_dir).glob("test_data_set_*")):
        yield _recorded(folder, "input"), _recorded(folder, "output")


def _recorded(folder: Path, kind: str) -> list[Any]:
    count = len(list(folder.glob(f"{kind}_*.pb")))
    return [_array((folder / f"{kind}_{place}.pb").read_bytes()) for place in range(count)]


def _array(content: bytes) -> Any:
    """A recorded tensor; None for what is none."""
    try:
        return numpy_helper.to_array(TensorProto.FromString(content))
    except Exception:  # a sequence or a damaged tensor
        return None


def _with_constants(
    model: onnx.ModelProto,
    names: Sequence[str],
    inputs: list[dict[str, Array]],
    outputs: list[dict[str, Array]],
) -> tuple[onnx.ModelProto, list[dict[str, Array]], list[dict[str, Array]]]:
    """The model with these inputs as initializers, with the values of the first data set."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kept = [value for value in changed.graph.input if value.name not in names]
    del changed.graph.input[:]
    changed.graph.input.extend(kept)
    values = {name: inputs[0][name] for name in names if name in inputs[0]}
    changed.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in values.items())
    rest = {name: array for name, array in inputs[0].items() if name not in names}
    return changed, [rest], outputs


def outcome(name: str) -> str:
    """PASSED, UNSUPPORTED, or what is wrong."""
    try:
        made = case(name)
        if made is None:
            return UNSUPPORTED
        return _outcome(made)
    except UnsupportedModelError as error:
        text = str(error)
        return UNSUPPORTED if "operator that is not supported" in text or "operators that are not supported" in text else _line(text)
    except ZkinferError as error:
        return _line(str(error))
    except Exception as error:  # a finding
        return f"crash: {type(error).__name__}: {_line(str(error))}"


def _line(text: str) -> str:
    return " ".join(text.split())


class _Recorded:
    """The float network as recorded: it knows the inputs of the case."""

    def __init__(self, inputs: Sequence[Mapping[str, Array]], outputs: Sequence[Mapping[str, Array]]):
        self._pairs = list(zip(inputs, outputs, strict=True))

    def run_all(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        for given, outputs in self._pairs:
            if all(np.array_equal(array.reshape(-1), np.asarray(given[name], float).reshape(-1)) for name, array in inputs.items()):
                return {name: np.asarray(array, float) for name, array in outputs.items()}
        raise AssertionError("an input that is not recorded")


def _outcome(made: Case) -> str:
    first = made.inputs[0]
    shapes = {name: array.shape for name, array in first.items()}
    graph = load(made.model, shapes)
    for inputs, outputs in zip(made.inputs, made.outputs, strict=True):
        values = evaluate(graph, inputs)
        for name, expected in outputs.items():
            if expected.shape != graph.shape(name):
                return f"wrong shape: {name} has {graph.shape(name)}, not {expected.shape}"
            wanted = np.asarray(expected, float)
            if not np.isfinite(wanted).all():
                return f"not finite: {name}"
            size = np.abs(wanted).max(initial=0)
            if not np.allclose(values[name], wanted, rtol=made.rtol, atol=1e-5 * size):
                return f"wrong: {name} is off by {np.abs(values[name] - wanted).max() / (size or 1):.2g} of its largest entry"
    samples = {
        name: np.stack([np.asarray(x[name], float) for x in made.inputs])
        if not graph.batch_axis[name]
        else np.concatenate([np.asarray(x[name], float) for x in made.inputs])
        for name in graph.inputs
    }
    quantized = quantize(
        graph, calibration=samples, input_range=None, max_error=MAX_ERROR, input_mode="hidden",
        output_mode="public", weights_mode="hidden", oracle=_Recorded(made.inputs, made.outputs),
    )
    circuit = lower(quantized.graph)
    inputs = quantize_input(quantized.graph, dict(first))
    witness = solve(quantized.graph, quantized.weights, inputs)
    failing = check(circuit, witness.segments)
    if failing:
        return f"unsatisfied: {failing[0]}"
    return PASSED
