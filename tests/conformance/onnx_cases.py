"""The onnx package's own tests: its models with recorded inputs and outputs, and how each ends.

A model is tested as it is, with hidden inputs, and with all inputs but the first made constants. It
is imported, quantized on the recorded inputs, and solved; the float graph must compute the recorded
outputs, the fixed-point one must be close to them, and the constraints must hold.
"""

import csv
import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

from tests.float_oracle import evaluate
from zkinfer.circuit.check import check
from zkinfer.errors import ZkinferError
from zkinfer.fixed import quantize_input
from zkinfer.graph import Graph
from zkinfer.lower import lower, solve
from zkinfer.onnx_import import load
from zkinfer.quantize import quantize

Array = np.ndarray[Any, Any]

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
WAYS = ("hidden", "constants")
TABLE = Path(__file__).with_name("onnx_cases.csv")

MAX_ERROR = 1e-3
"""Of an output of the fixed-point network, over its largest entry."""

SMALL = 1e-5
"""Of an output of the float graph, over its largest entry, beside the case's own tolerance."""

SHARE = 40

PASSED, UNSUPPORTED, SKIPPED = GOOD = "passed", "unsupported", "skipped"


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
        return {
            f"{kind}/{case.name}": case for kind in KINDS for case in load_model_tests(kind=kind)
        }


def names() -> list[str]:
    """The names of all cases, each in both ways."""
    return [f"{name}[{way}]" for name in sorted(_packaged()) for way in WAYS]


def is_quick(name: str) -> bool:
    """Whether a case is in the part, one in SHARE, that is always run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % SHARE == 0


def table() -> dict[str, str]:
    """The reasons why cases do not pass, by name."""
    with TABLE.open(newline="") as file:
        return {row["case"]: row["reason"] for row in csv.DictReader(file)}


def case(name: str) -> Case | None:
    """A case; None where data are no tensors, or both ways are the same."""
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
    inputs = [dict(zip(given, map(_plain, x), strict=False)) for x, _ in sets]
    outputs = [dict(zip(made, map(_plain, y), strict=True)) for _, y in sets]
    fixed = [name for name in given[1:] if way == "constants" or not inputs[0][name].size]
    if way == "constants" and len(given) < 2:
        return None
    if fixed:
        model, inputs, outputs = _with_constants(model, fixed, inputs[:1], outputs[:1])
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


def _plain(array: Array) -> Array:
    """The array, in float32 where numpy itself lacks the type."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _with_constants(
    model: onnx.ModelProto,
    names: Sequence[str],
    inputs: list[dict[str, Array]],
    outputs: list[dict[str, Array]],
) -> tuple[onnx.ModelProto, list[dict[str, Array]], list[dict[str, Array]]]:
    """The model with these inputs as initializers, with the values of the first data set."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kinds = {value.name: value.type.tensor_type.elem_type for value in changed.graph.input}
    for name in names:
        array = inputs[0][name].astype(helper.tensor_dtype_to_np_dtype(kinds[name]))
        changed.graph.initializer.append(numpy_helper.from_array(array, name))
    rest = {name: array for name, array in inputs[0].items() if name not in names}
    return changed, [rest], outputs


def outcome(name: str) -> str:
    """PASSED, UNSUPPORTED, SKIPPED, or in words what is wrong."""
    try:
        made = case(name)
        return SKIPPED if made is None else _outcome(made)
    except ZkinferError as error:
        first, *listed = str(error).split("\n")
        if listed:  # operators, which other lines name
            return UNSUPPORTED
        return _REFUSAL.sub("", first)
    except Exception as error:  # what is no refusal is a finding
        return f"crash: {type(error).__name__}: {' '.join(str(error).split())}"


_REFUSAL = re.compile(r"zkinfer cannot compile this model: (node \S+ )?")


def _outcome(made: Case) -> str:
    """How a case ends. Raises ZkinferError where it is refused."""
    graph = load(made.model, {name: array.shape for name, array in made.inputs[0].items()})
    for inputs, outputs in zip(made.inputs, made.outputs, strict=True):
        difference = _difference(graph, inputs, outputs, made.rtol)
        if difference:
            return difference
    joined = {True: np.concatenate, False: np.stack}
    samples = {
        name: joined[graph.batch_axis[name]]([np.asarray(x[name], float) for x in made.inputs])
        for name in graph.inputs
    }
    quantized = quantize(
        graph,
        calibration=samples,
        input_range=None,
        max_error=MAX_ERROR,
        input_mode="hidden",
        output_mode="public",
        weights_mode="hidden",
        oracle=_Recorded(made),
    )
    inputs = quantize_input(quantized.graph, dict(made.inputs[0]))
    witness = solve(quantized.graph, quantized.weights, inputs)
    failing = check(lower(quantized.graph), witness.segments)
    return f"unsatisfied: {failing[0]}" if failing else PASSED


def _difference(
    graph: Graph, inputs: Mapping[str, Array], outputs: Mapping[str, Array], rtol: float
) -> str:
    """In what the float graph differs from recorded outputs."""
    values = evaluate(graph, inputs)
    for name, recorded in outputs.items():
        expected = np.asarray(recorded, float)
        if expected.shape != graph.shape(name):
            return f"the output has the shape {graph.shape(name)}, not {expected.shape}"
        if not np.isfinite(expected).all():
            return "NaN or infinity is expected"
        largest = np.abs(expected).max(initial=0)
        if not np.allclose(values[name], expected, rtol=rtol, atol=SMALL * largest):
            off = np.abs(values[name] - expected).max() / (largest or 1)
            return f"the output is off by {off:.1g} of its largest entry"
    return ""


class _Recorded:
    """The float network, which knows the recorded inputs only."""

    def __init__(self, made: Case) -> None:
        self._pairs = list(zip(made.inputs, made.outputs, strict=True))

    def run_all(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs that are recorded."""
        for given, outputs in self._pairs:
            same = (
                np.array_equal(x.ravel(), given[name].astype(float).ravel())
                for name, x in inputs.items()
            )
            if all(same):
                return {name: np.asarray(array, float) for name, array in outputs.items()}
        raise AssertionError("an input that is not recorded")


def shortcomings(results: Mapping[str, str], listed: Mapping[str, str]) -> list[str]:
    """Cases that neither pass nor stand in the table, and lines of it that are stale.

    results: outcomes by case. listed: the lines of the table about these cases.
    """
    wrong = [
        f"{name}: {result}"
        for name, result in results.items()
        if result not in GOOD and name not in listed
    ]
    stale = [
        f"{name} stands in {TABLE.name}, but it is {results.get(name, 'no case')}"
        for name in listed
        if results.get(name, PASSED) in GOOD
    ]
    return wrong + stale
