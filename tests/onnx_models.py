"""Tiny ONNX models, and what onnxruntime or the onnx package's own evaluator make of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Array = np.ndarray[Any, Any]
Extents = Sequence[int | str | None]

FLOAT = TensorProto.FLOAT
NEWEST = onnx.defs.onnx_opset_version()
RUNTIME_NEWEST = 22
"""An opset that every supported onnxruntime knows; they lag behind the onnx package."""


def node(op: str, inputs: str, outputs: str = "y", **attrs: Any) -> onnx.NodeProto:
    """A node named after its operator; inputs and outputs by spaces, "-" for one left out."""
    names = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    domain = attrs.pop("domain", None)
    name = attrs.pop("name", f"the_{op.lower()}")
    return helper.make_node(op, *names, name=name, domain=domain, **attrs)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Extents | None],
    constants: Mapping[str, Any] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    *,
    input_type: int = FLOAT,
    output_type: int = FLOAT,
    domains: Mapping[str, int] | None = None,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model. A string or None among the extents is an unknown dimension."""
    arrays = {name: np.asarray(value) for name, value in (constants or {}).items()}
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info(n, input_type, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(name, output_type, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    opsets = {"": opset, **(domains or {})}
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()],
        functions=list(functions),
    )
    made.ir_version = 10
    return made


def run(made: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The model's outputs, by onnxruntime or for the newest opsets by the onnx package."""
    names = [value.name for value in made.graph.output]
    if max(opset.version for opset in made.opset_import) > RUNTIME_NEWEST:
        values = ReferenceEvaluator(made).run(names, dict(inputs))
    else:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # optimized, it computes products with dequantized weights only approximately
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(
            made.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        values = session.run(names, dict(inputs))
    return dict(zip(names, values, strict=True))
