"""Converters of the operators that work entry by entry."""

import math

import numpy as np
from onnx import TensorProto

from zkinfer.onnx_import.builder import Site, axis_in, finite
from zkinfer.onnx_import.inputs import FLOAT_TYPES, type_name
from zkinfer.onnx_import.node import Refusal

_UNBOUNDED = float(np.finfo(np.float32).max)
"""What exporters write for no bound at all."""


def add(site: Site) -> None:
    """Add, with numpy's broadcasting."""
    site.finish("add", site.operand(0), site.operand(1))


def sub(site: Site) -> None:
    """Sub, with numpy's broadcasting."""
    site.finish("sub", site.operand(0), site.operand(1))


def mul(site: Site) -> None:
    """Mul, with numpy's broadcasting."""
    site.finish("mul", site.operand(0), site.operand(1))


def div(site: Site) -> None:
    """Div by a constant: a product with its reciprocal."""
    if not site.is_constant(1):
        raise Refusal(f"expected a constant divisor, got the computed {site.node.inputs[1]}")
    x = site.operand(0)
    divisor = site.floats(1, "divisor")
    if not divisor.all():
        raise Refusal(f"expected a divisor other than zero, got zeros in {site.node.inputs[1]}")
    with np.errstate(over="ignore"):
        reciprocal = finite(1 / divisor, f"1 / {site.node.inputs[1]}")
    site.finish("mul", x, site.weight("reciprocal", reciprocal, 1))


def neg(site: Site) -> None:
    """Neg."""
    site.finish("neg", site.operand(0))


def relu(site: Site) -> None:
    """Relu."""
    site.finish("relu", site.operand(0))


def leaky_relu(site: Site) -> None:
    """LeakyRelu; alpha is 0.01 where the node has none."""
    alpha = float(site.attr("alpha", 0.01))
    finite(np.array(alpha), "alpha")
    site.finish("leaky_relu", site.operand(0), alpha=alpha)


def prelu(site: Site) -> None:
    """PRelu with constant slopes that broadcast to the input."""
    if not site.is_constant(1):
        raise Refusal(f"expected a constant slope, got the computed {site.node.inputs[1]}")
    site.finish("prelu", site.operand(0), site.operand(1))


def clip(site: Site) -> None:
    """Clip; the bounds are attributes before opset 11. Where low exceeds high, high wins."""
    if site.version < 11:
        low, high = site.attr("min", -math.inf), site.attr("max", math.inf)
    else:
        low, high = site.scalar(1, "lower bound"), site.scalar(2, "upper bound")
    low = -math.inf if low is None or low <= -_UNBOUNDED else float(low)
    high = math.inf if high is None or high >= _UNBOUNDED else float(high)
    if math.isnan(low) or math.isnan(high) or low == math.inf or high == -math.inf:
        raise Refusal(f"expected bounds that leave finite numbers, got {low} and {high}")
    x = site.operand(0)
    if low == -math.inf and high == math.inf:
        site.keep(x)
    else:
        site.finish("clip", x, low=min(low, high), high=high)


def cast(site: Site) -> None:
    """Cast to a float type, of floats or integers: nothing to do. Others are refused."""
    target = int(site.attr("to", TensorProto.UNDEFINED))
    if target not in FLOAT_TYPES:
        raise Refusal(f"expected a cast to a float type, got one to {type_name(target)}")
    site.graph.alias(site.node.outputs[0], site.source(0))


def identity(site: Site) -> None:
    """Identity: nothing to do."""
    site.keep(site.source(0))


def dropout(site: Site) -> None:
    """Dropout in inference form: nothing to do."""
    training = site.scalar(2, "training_mode") if site.version >= 12 else None
    if training:
        raise Refusal("expected inference form, got training mode; export the model after eval()")
    if site.uses_output(1):
        raise Refusal("expected only its first output in use, got a use of the mask")
    site.keep(site.source(0))


def softmax(site: Site) -> None:
    """Softmax over one axis. Before opset 13 it runs over all axes from `axis` on."""
    shape = site.shape(0)
    if not shape:
        raise Refusal("expected an input with axes, got a scalar")
    if site.version >= 13:
        axis = axis_in(int(site.attr("axis", -1)), len(shape))
    else:
        first = int(site.attr("axis", 1))
        first = axis_in(first, len(shape)) if first < len(shape) else len(shape) - 1
        wide = [axis for axis in range(first, len(shape)) if shape[axis] > 1]
        if len(wide) > 1:
            raise Refusal(
                f"expected a softmax over one axis, got one over the axes {wide} of {shape} "
                "(before opset 13 it runs over all axes from the given one on)"
            )
        axis = wide[0] if wide else first
    site.finish("softmax", site.operand(0), axis=axis)
