"""The float32 network by onnxruntime: what fidelity is measured against.

The only module that imports onnxruntime. Networks run sample by sample, in the shapes that the
graph fixes: a model exported for a batch of one may be wrong for larger batches, and small
networks are no faster in batches. Each sample has one thread: several samples are run at a time.

onnxruntime computes in integers between QuantizeLinear and DequantizeLinear where nobody looks at
the floats, and then rounds elsewhere: outputs of such a model are those of the model as it is.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

# Some builds of onnxruntime report to their maker over the network, hashes of the weights among the
# rest, unless told not to before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

from zkinfer.errors import UnsupportedModelError, UsageError, flat

Array = npt.NDArray[Any]

_QUIET = 3
"""onnxruntime's severity for errors; warnings would mix with our own messages."""

QUANTIZING = {"QuantizeLinear", "DynamicQuantizeLinear"}

_NUMPY_NAMES = {"float": "float32", "double": "float64"}
"""onnxruntime's names of entry types where numpy's differ."""


class FloatOracle:
    """Runs a model on one sample.

    model: an onnx.ModelProto with its external data loaded; it is not changed. Raises
    UnsupportedModelError if onnxruntime cannot load it.
    """

    def __init__(self, model: Any) -> None:
        onnxruntime.set_default_logger_severity(_QUIET)
        onnxruntime.disable_telemetry_events()
        self._outputs = [value.name for value in model.graph.output]
        extended = type(model)()
        extended.CopyFrom(model)
        known = set(self._outputs)
        for node in model.graph.node:
            for name in node.output:
                if name and name not in known:
                    extended.graph.output.add().name = name
                    known.add(name)
        self._looked_into = _session(extended)
        quantizes = any(node.op_type in QUANTIZING for node in model.graph.node)
        self._as_it_is = _session(model) if quantizes else self._looked_into
        inputs = self._looked_into.get_inputs()
        self._types = {value.name: _array_type(value.type) for value in inputs}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The model's outputs by name. Raises UsageError if onnxruntime refuses the inputs."""
        return self._run(self._as_it_is, self._outputs, inputs)

    def run_all(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every tensor that a node computes, by name. Raises UsageError like `run`."""
        made = self._looked_into.get_outputs()
        tensors = [value.name for value in made if value.type.startswith("tensor(")]
        results = self._run(self._looked_into, tensors, inputs)
        if self._as_it_is is not self._looked_into:
            shown = [name for name in self._outputs if name in results]
            results.update(self._run(self._as_it_is, shown, inputs))
        return results

    def _run(self, session: Any, names: list[str], inputs: Mapping[str, Array]) -> dict[str, Array]:
        feeds = {name: np.asarray(value, dtype=self._types[name]) for name, value in inputs.items()}
        try:
            values = session.run(names, feeds)
        except Exception as error:
            raise UsageError(f"onnxruntime cannot run the model: {flat(error)}") from error
        return dict(zip(names, values, strict=True))


def _session(model: Any) -> Any:
    """A session of a model. Raises UnsupportedModelError if onnxruntime cannot load it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise UnsupportedModelError(f"onnxruntime cannot load the model: {flat(error)}") from error


def _array_type(name: str) -> np.dtype[Any]:
    """numpy's type for onnxruntime's, such as tensor(float)."""
    entry = name.removeprefix("tensor(").removesuffix(")")
    return np.dtype(_NUMPY_NAMES.get(entry, entry))
