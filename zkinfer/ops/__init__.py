"""The fixed-point operators: one module each, one contract.

ATTRS                     attribute names and kinds: int, ints, bool, int_lists
INPUTS                    the fewest and the most inputs
infer(attrs, *tensors)    the output's shape, scale and bounds; ShapeError when nothing fits
forward(attrs, *arrays)   exact integers, int64: the meaning that everything is checked against
constrain(...)            the same as constraints
"""

from types import ModuleType

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

OPS: dict[str, ModuleType] = {
    "add": add,
    "average_pool": average_pool,
    "concat": concat,
    "conv": conv,
    "label": label,
    "leaky_relu": leaky_relu,
    "matmul": matmul,
    "max_pool": max_pool,
    "mul": mul,
    "neg": neg,
    "pad": pad,
    "prelu": prelu,
    "reduce_sum": reduce_sum,
    "requantize": requantize,
    "reshape": reshape,
    "slice": slice,
    "sub": sub,
    "transpose": transpose,
}
