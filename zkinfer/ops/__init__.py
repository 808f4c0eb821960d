"""The fixed-point operators: one file each, one contract, one table."""

from zkinfer.ops import (
    add,
    average_pool,
    concat,
    conv,
    label,
    leaky_relu,
    matmul,
    max_pool,
    mul,
    neg,
    pad,
    prelu,
    reduce_sum,
    requantize,
    reshape,
    slice,
    sub,
    transpose,
)
from zkinfer.ops.contract import Operator

OPS: dict[str, Operator] = {
    "add": add.OP,
    "average_pool": average_pool.OP,
    "concat": concat.OP,
    "conv": conv.OP,
    "label": label.OP,
    "leaky_relu": leaky_relu.OP,
    "matmul": matmul.OP,
    "max_pool": max_pool.OP,
    "mul": mul.OP,
    "neg": neg.OP,
    "pad": pad.OP,
    "prelu": prelu.OP,
    "reduce_sum": reduce_sum.OP,
    "requantize": requantize.OP,
    "reshape": reshape.OP,
    "slice": slice.OP,
    "sub": sub.OP,
    "transpose": transpose.OP,
}
