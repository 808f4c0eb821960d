"""The float operators: one file each, one contract (zkinfer.layers.contract), one table."""

from zkinfer.layers import (
    add,
    arg_max,
    average_pool,
    clip,
    concat,
    conv,
    leaky_relu,
    log_softmax,
    matmul,
    max_pool,
    mul,
    neg,
    pad,
    prelu,
    reduce_mean,
    reduce_sum,
    relu,
    reshape,
    sigmoid,
    slice,
    softmax,
    sub,
    transpose,
)
from zkinfer.layers.contract import Layer

LAYERS: dict[str, Layer] = {
    "add": add.LAYER,
    "arg_max": arg_max.LAYER,
    "average_pool": average_pool.LAYER,
    "clip": clip.LAYER,
    "concat": concat.LAYER,
    "conv": conv.LAYER,
    "leaky_relu": leaky_relu.LAYER,
    "log_softmax": log_softmax.LAYER,
    "matmul": matmul.LAYER,
    "max_pool": max_pool.LAYER,
    "mul": mul.LAYER,
    "neg": neg.LAYER,
    "pad": pad.LAYER,
    "prelu": prelu.LAYER,
    "reduce_mean": reduce_mean.LAYER,
    "reduce_sum": reduce_sum.LAYER,
    "relu": relu.LAYER,
    "reshape": reshape.LAYER,
    "sigmoid": sigmoid.LAYER,
    "slice": slice.LAYER,
    "softmax": softmax.LAYER,
    "sub": sub.LAYER,
    "transpose": transpose.LAYER,
}

PRODUCT = "mul"
"""The layer of products entry by entry."""
