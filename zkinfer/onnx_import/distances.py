"""Converter of distances between rows, as nearest neighbours are exported with them."""

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import reshaped
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal

METRICS = ("euclidean", "sqeuclidean")


def cdist(site: Site) -> None:
    """CDist: sum_k (a[i, k] - b[j, k])^2 for rows a[i] and b[j], or its root; [rows, rows]."""
    metric = str(site.attr("metric", METRICS[1]))
    if metric not in METRICS:
        raise Refusal(f"expected one of {', '.join(METRICS)} as metric, got {metric}")
    (rows, width), (others, _) = site.shape(0), site.shape(1)
    a = reshaped(site, site.operand(0), (rows, 1, width))
    b = reshaped(site, site.operand(1), (1, others, width))
    more = site.step("sub", "difference", a, b)
    squares = site.step("mul", "square", more, more)
    y = site.step("reduce_sum", "sum", squares, axes=(2,), keepdims=False)
    if metric == METRICS[0]:
        y = site.step("sqrt", "root", y)
    site.graph.alias(site.node.outputs[0], y)


CONVERTERS: Converters = {(MICROSOFT_DOMAIN, "CDist"): cdist}
