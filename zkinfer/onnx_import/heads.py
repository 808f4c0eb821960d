"""Converters of what classifiers end with: Softmax, LogSoftmax, Sigmoid.

They keep the order of the scores before them, so that a label stands for each.
"""

from zkinfer.onnx_import.builder import Converters, Site, axis_in
from zkinfer.onnx_import.node import Refusal


def softmax(site: Site) -> None:
    """Softmax over one axis."""
    _normalized(site, "softmax")


def log_softmax(site: Site) -> None:
    """LogSoftmax over one axis."""
    _normalized(site, "log_softmax")


def sigmoid(site: Site) -> None:
    """Sigmoid."""
    site.finish("sigmoid", site.operand(0))


def less_log_sum_exp(site: Site) -> bool:
    """Whether a Sub takes from x the logarithm of the sum of exp(x) along one axis, which is then
    its LogSoftmax, and added as such.
    """
    makers, axes = site.graph.makers, site.shape(0)
    node = makers.get(site.node.inputs[1])
    while node is not None and node.op in ("Reshape", "Unsqueeze") and not node.domain:
        node = makers.get(node.inputs[0])
    if node is None or (node.domain, node.op) != ("", "ReduceLogSumExp"):
        return False
    if site.graph.source(node.inputs[0]) != site.source(0) or site.is_constant(0):
        return False
    kept = site.shape(1)
    wide = [axis for axis, (n, m) in enumerate(zip(axes, kept, strict=False)) if n != m]
    if len(axes) != len(kept) or len(wide) != 1 or kept[wide[0]] != 1:
        return False
    site.finish("log_softmax", site.operand(0), axis=wide[0])
    return True


def _normalized(site: Site, op: str) -> None:
    """Over one axis. Before opset 13 both run over all axes from `axis` on."""
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
                f"expected one axis to run over, got the axes {wide} of {shape} "
                "(before opset 13 it runs over all axes from the given one on)"
            )
        axis = wide[0] if wide else first
    if shape[axis] == 1:
        only = 1.0 if op == "softmax" else 0.0
        site.finish("clip", site.operand(0), low=only, high=only)
        return
    site.finish(op, site.operand(0), axis=axis)


CONVERTERS: Converters = {
    ("", "LogSoftmax"): log_softmax,
    ("", "Sigmoid"): sigmoid,
    ("", "Softmax"): softmax,
}
