"""Constants: ONNX tensors as numpy arrays, and nodes whose inputs are all constant."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from zkinfer.errors import flat
from zkinfer.onnx_import.inputs import FLOAT_TYPES, INT_TYPES
from zkinfer.onnx_import.node import OnnxNode, Refusal
from zkinfer.onnx_import.shapes import MAX_ENTRIES

Array = npt.NDArray[Any]

SPARE_ENTRIES = 1 << 23
"""The entries of constants that any model may make from its own, and how many more a byte of it."""
ENTRIES_PER_BYTE = 4

_SMALL = 1 << 10
"""Up to how many entries a constant may tell the size of an output."""

EVALUATED = frozenset(
    (
        "Abs", "Add", "And", "ArgMax", "ArgMin", "BatchNormalization", "Cast", "CastLike", "Ceil",
        "Clip", "Compress", "Concat", "Constant", "ConstantOfShape", "CumSum", "DepthToSpace",
        "DequantizeLinear", "Div", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor",
        "Gather", "GatherElements", "GatherND", "Gemm", "Greater", "GreaterOrEqual", "HardSigmoid",
        "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log",
        "MatMul", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "Or",
        "PRelu", "Pad", "Pow", "QuantizeLinear", "Range", "Reciprocal", "ReduceL1", "ReduceL2",
        "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
        "Relu", "Reshape", "ReverseSequence", "Round", "ScatterElements", "ScatterND", "Sigmoid",
        "Sign", "Size", "Slice", "Softmax", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub",
        "Sum", "Tanh", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
    )
)  # fmt: skip
"""The standard operators that are folded: they take few steps an entry, and the shapes of their
outputs are known before.
"""

OF_SHAPE = frozenset(("EyeLike", "Shape", "Size"))
"""The standard operators that read no more of a tensor than its shape."""

_NUMBERS = {*FLOAT_TYPES, *INT_TYPES, onnx.TensorProto.BOOL}

_SCALARS = {"value_float": np.float32, "value_int": np.int64}
_LISTS = {"value_floats": np.float32, "value_ints": np.int64}


@dataclass
class Allowance:
    """How many more entries of constants may be made from those in the model."""

    entries: int

    @classmethod
    def of(cls, model: onnx.ModelProto) -> "Allowance":
        """In proportion to the model's size."""
        return cls(SPARE_ENTRIES + ENTRIES_PER_BYTE * model.ByteSize())

    def spend(self, shape: Sequence[int], what: str) -> None:
        """Takes a tensor's entries off. Raises Refusal where there are too few."""
        self.check(shape, what)
        self.entries -= math.prod(shape)

    def check(self, shape: Sequence[int], what: str) -> None:
        """Raises Refusal where there are too few entries for a tensor."""
        size = math.prod(shape)
        if any(extent < 0 for extent in shape) or size > self.entries:
            raise Refusal(
                f"{what} has the shape {tuple(shape)}; at most {self.entries} more entries may be "
                "made from the model's constants; store what is larger in the model"
            )


def to_array(tensor: onnx.TensorProto) -> Array:
    """The tensor's entries in its own type. Raises Refusal when its data do not fit its shape."""
    shape = tuple(tensor.dims)
    if min(shape, default=0) < 0 or math.prod(max(n, 1) for n in shape) > MAX_ENTRIES:
        raise Refusal(f"the tensor {tensor.name} is damaged: its shape is {shape}")
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Refusal(f"the tensor {tensor.name} is damaged: {flat(error)}") from error


def to_dense(sparse: onnx.SparseTensorProto, allowance: Allowance) -> Array:
    """The sparse tensor as an array. Raises Refusal when it is damaged or too large."""
    name = sparse.values.name
    shape = tuple(sparse.dims)
    allowance.spend(shape, f"the sparse tensor {name}")
    values, indices = to_array(sparse.values), to_array(sparse.indices)
    count = values.size
    if values.ndim != 1 or indices.shape not in ((count,), (count, len(shape))):
        raise Refusal(
            f"the sparse tensor {name} is damaged: expected n values and indices of the shape [n] "
            f"or [n, {len(shape)}], got the shapes {values.shape} and {indices.shape}"
        )
    try:
        dense: Array = np.zeros(shape, dtype=values.dtype)
        if indices.ndim == 1:
            dense.reshape(-1)[indices] = values
        else:
            dense[tuple(indices.T)] = values
    except (IndexError, TypeError, ValueError) as error:
        raise Refusal(f"the sparse tensor {name} is damaged: {flat(error)}") from error
    return dense


def initializers(graph: onnx.GraphProto, allowance: Allowance) -> dict[str, Array]:
    """The graph's initial tensors by name. Raises Refusal for a damaged one."""
    arrays = {tensor.name: to_array(tensor) for tensor in graph.initializer}
    for sparse in graph.sparse_initializer:
        arrays[sparse.values.name] = to_dense(sparse, allowance)
    return arrays


def fold(
    node: OnnxNode,
    inputs: Mapping[str, Array],
    opsets: Mapping[str, int],
    allowance: Allowance,
) -> dict[str, Array]:
    """The outputs, by name, of a node whose inputs are all constant, by the onnx package.

    inputs: the arrays of the node's non-empty inputs. Raises Refusal when the node cannot be
    evaluated, or only to more than the allowance.
    """
    if node.op == "Constant" and not node.domain:
        return {node.outputs[0]: _constant(node, allowance)}
    single = {"Range": node.inputs, "OneHot": node.inputs[1:2]}.get(node.op, ())
    inputs = dict(inputs)
    for name in single:  # exporters leave numbers with an axis
        inputs[name] = inputs[name].reshape(()) if inputs[name].size == 1 else inputs[name]
    model = _model_of(node, inputs, opsets)
    _check_outputs(model, inputs, allowance)
    try:
        with np.errstate(all="ignore"):
            values = _evaluator(node, model).run(None, dict(inputs))
    except Exception as error:  # the evaluator raises what its operators raise
        raise Refusal(f"it cannot be evaluated on its constants: {flat(error)}") from error
    named = zip(filter(None, node.outputs), values, strict=True)
    return {name: np.asarray(value) for name, value in named}


def of_shape(
    node: OnnxNode, shape: Sequence[int], dtype: np.dtype[Any], allowance: Allowance
) -> Array:
    """The output of a node that reads a tensor's shape alone. dtype: of the tensor.

    Raises Refusal.
    """
    attrs = node.attrs
    if node.op == "Shape":
        return np.array(shape[attrs.get("start", 0) : attrs.get("end")], dtype=np.int64)
    if node.op == "Size":
        return np.array(math.prod(shape), dtype=np.int64)
    if len(shape) != 2:
        raise Refusal(f"expected a matrix, got the shape {tuple(shape)}")
    allowance.spend(shape, "its output")
    if "dtype" in attrs:
        if attrs["dtype"] not in _NUMBERS:
            raise Refusal(f"expected a dtype of numbers, got {attrs['dtype']}")
        dtype = helper.tensor_dtype_to_np_dtype(attrs["dtype"])
    rows, columns = shape
    diagonal = min(max(attrs.get("k", 0), -rows), columns)
    return np.eye(rows, columns, k=diagonal, dtype=dtype)


def _evaluator(node: OnnxNode, model: onnx.ModelProto) -> ReferenceEvaluator:
    """Of the node at the model's opset, or at the newest one if the package has only later forms.

    A bare node is always evaluated at the newest opset.
    """
    try:
        return ReferenceEvaluator(model)
    except RuntimeError:
        return ReferenceEvaluator(node.proto)


_AT_MOST: dict[str, Callable[[Array], int]] = {
    "Compress": lambda x: x.size,
    "NonZero": lambda x: x.size * max(x.ndim, 1),
}
"""By operator whose output's shape follows from the entries of its input, the most of its own."""


def _check_outputs(
    model: onnx.ModelProto, inputs: Mapping[str, Array], allowance: Allowance
) -> None:
    """Raises Refusal when an output would be too large, or cannot be told to be small enough.

    model: of the one node. Its small inputs are made known, as they may hold sizes.
    """
    (node,) = model.graph.node
    if node.op_type in _AT_MOST:
        allowance.spend([_AT_MOST[node.op_type](inputs[node.input[0]])], "its output")
        return
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    for name, array in inputs.items():
        if array.size <= _SMALL:
            sized.graph.initializer.append(numpy_helper.from_array(array, name))
    try:
        outputs = shape_inference.infer_shapes(sized).graph.output
    except Exception as error:  # a bare error of the package's C++ part
        raise Refusal(f"its constants do not fit: {flat(error)}") from error
    for value in outputs:
        tensor = value.type.tensor_type
        if not tensor.HasField("shape") or not all(
            d.HasField("dim_value") for d in tensor.shape.dim
        ):
            raise Refusal("the shape of its output does not follow from its constants")
        allowance.spend([dim.dim_value for dim in tensor.shape.dim], "its output")


def _model_of(
    node: OnnxNode, inputs: Mapping[str, Array], opsets: Mapping[str, int]
) -> onnx.ModelProto:
    """The node as a model at these opsets."""
    graph = helper.make_graph(
        [node.proto],
        "folded",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ],
        [helper.make_empty_tensor_value_info(name) for name in node.outputs if name],
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(graph, opset_imports=imports)


def _constant(node: OnnxNode, allowance: Allowance) -> Array:
    """The value of a Constant node in any of its forms."""
    for name, value in node.attrs.items():
        if name == "value":
            return to_array(value)
        if name == "sparse_value":
            return to_dense(value, allowance)
        if name in _SCALARS:
            return np.array(value, dtype=_SCALARS[name])
        if name in _LISTS:
            return np.array(value, dtype=_LISTS[name])
    raise Refusal(f"a constant of numbers is expected, got {', '.join(node.attrs) or 'nothing'}")
