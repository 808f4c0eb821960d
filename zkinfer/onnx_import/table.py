"""Which converter handles which operator. Any other operator is refused."""

from collections.abc import Callable

from zkinfer.onnx_import import elementwise, linear, movement, windows
from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.node import ML_DOMAIN

CONVERTERS: dict[tuple[str, str], Callable[[Site], None]] = {
    ("", "Add"): elementwise.add,
    ("", "AveragePool"): windows.average_pool,
    ("", "BatchNormalization"): linear.batch_normalization,
    ("", "Cast"): elementwise.cast,
    ("", "Clip"): elementwise.clip,
    ("", "Concat"): movement.concat,
    ("", "Conv"): linear.conv,
    ("", "Div"): elementwise.div,
    ("", "Dropout"): elementwise.dropout,
    ("", "Flatten"): movement.flatten,
    ("", "Gemm"): linear.gemm,
    ("", "GlobalAveragePool"): windows.global_average_pool,
    ("", "GlobalMaxPool"): windows.global_max_pool,
    ("", "Identity"): elementwise.identity,
    ("", "LeakyRelu"): elementwise.leaky_relu,
    ("", "MatMul"): linear.matmul,
    ("", "MaxPool"): windows.max_pool,
    ("", "Mul"): elementwise.mul,
    ("", "Neg"): elementwise.neg,
    ("", "PRelu"): elementwise.prelu,
    ("", "Pad"): movement.pad,
    ("", "ReduceMean"): movement.reduce_mean,
    ("", "ReduceSum"): movement.reduce_sum,
    ("", "Relu"): elementwise.relu,
    ("", "Reshape"): movement.reshape,
    ("", "Slice"): movement.slice_,
    ("", "Softmax"): elementwise.softmax,
    ("", "Split"): movement.split,
    ("", "Squeeze"): movement.squeeze,
    ("", "Sub"): elementwise.sub,
    ("", "Transpose"): movement.transpose,
    ("", "Unsqueeze"): movement.unsqueeze,
    (ML_DOMAIN, "Scaler"): linear.scaler,
}
"""Converters by domain (empty: the standard operators) and operator."""

FOLDED = ("Constant", "ConstantOfShape", "Shape")
"""Standard operators without a converter: their outputs are constants once shapes are fixed."""
