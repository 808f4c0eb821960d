"""Which converter handles which operator. Any other operator is refused."""

from collections.abc import Callable

from zkinfer.onnx_import import (
    elementwise,
    gather,
    heads,
    linear,
    movement,
    repeat,
    several,
    windows,
)
from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.node import ML_DOMAIN

CONVERTERS: dict[tuple[str, str], Callable[[Site], None]] = {
    ("", "Abs"): elementwise.abs_,
    ("", "Add"): elementwise.add,
    ("", "ArgMax"): heads.arg_max,
    ("", "AveragePool"): windows.average_pool,
    ("", "BatchNormalization"): linear.batch_normalization,
    ("", "Cast"): elementwise.cast,
    ("", "Clip"): elementwise.clip,
    ("", "Concat"): movement.concat,
    ("", "Conv"): linear.conv,
    ("", "Div"): elementwise.div,
    ("", "Dropout"): elementwise.dropout,
    ("", "Expand"): repeat.expand,
    ("", "Flatten"): movement.flatten,
    ("", "Gather"): gather.gather,
    ("", "Gemm"): linear.gemm,
    ("", "GlobalAveragePool"): windows.global_average_pool,
    ("", "GlobalMaxPool"): windows.global_max_pool,
    ("", "Identity"): elementwise.identity,
    ("", "LeakyRelu"): elementwise.leaky_relu,
    ("", "LogSoftmax"): heads.log_softmax,
    ("", "MatMul"): linear.matmul,
    ("", "Max"): several.max_,
    ("", "MaxPool"): windows.max_pool,
    ("", "Mean"): several.mean,
    ("", "Min"): several.min_,
    ("", "Mul"): elementwise.mul,
    ("", "Neg"): elementwise.neg,
    ("", "PRelu"): elementwise.prelu,
    ("", "Pad"): movement.pad,
    ("", "Pow"): elementwise.pow_,
    ("", "ReduceMean"): movement.reduce_mean,
    ("", "ReduceSum"): movement.reduce_sum,
    ("", "Relu"): elementwise.relu,
    ("", "Reshape"): movement.reshape,
    ("", "Sigmoid"): heads.sigmoid,
    ("", "Slice"): movement.slice_,
    ("", "Softmax"): heads.softmax,
    ("", "Split"): movement.split,
    ("", "Squeeze"): movement.squeeze,
    ("", "Sub"): elementwise.sub,
    ("", "Sum"): several.sum_,
    ("", "Tile"): repeat.tile,
    ("", "Transpose"): movement.transpose,
    ("", "Unsqueeze"): movement.unsqueeze,
    (ML_DOMAIN, "Scaler"): linear.scaler,
}
"""Converters by domain (empty: the standard operators) and operator."""

FOLDED = ("Constant", "ConstantOfShape", "Shape")
"""Standard operators without a converter: their outputs are constants once shapes are fixed."""
