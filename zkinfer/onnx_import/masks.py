"""The converter of Where with a constant condition: a sum of what is left of both operands."""

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import expanded
from zkinfer.onnx_import.shapes import broadcast


def where(site: Site) -> None:
    """Where: each operand times the entries of the condition for it; constants are chosen."""
    condition = site.array(0, "condition").astype(bool)
    shape = broadcast(condition.shape, site.shape(1), site.shape(2))
    kept = []
    for index, mask in ((1, condition), (2, ~condition)):
        if not mask.any():
            continue
        if mask.all() and site.is_constant(index):
            array = site.array(index, "operand")
            site.graph.allowance.spend(shape, "its output")
            site.graph.arrays[site.node.outputs[0]] = np.broadcast_to(array, shape)
            return
        if mask.all():
            site.keep(expanded(site, site.operand(index), shape))
            return
        if site.is_constant(index):
            kept.append(site.weight("chosen", np.where(mask, site.array(index, "operand"), 0)))
        else:
            kept.append(site.step("mul", "kept", site.operand(index), site.weight("mask", mask)))
    site.finish("add", *kept)


CONVERTERS: Converters = {
    ("", "Where"): where,
}
