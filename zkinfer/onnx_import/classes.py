"""What classifiers of ai.onnx.ml end with: scores made probabilities, and the label of the best."""

from collections.abc import Callable, Mapping

import numpy as np

from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.moves import end_to_end, reshaped
from zkinfer.onnx_import.node import Refusal


def class_count(site: Site) -> int:
    """How many labels the node has. Raises Refusal where it has none, or one."""
    names = ("classlabels_int64s", "classlabels_ints")
    count = max(len(site.attr(name, ())) for name in names)
    if count < 2:
        raise Refusal(f"expected the labels of two classes or more, got {count}")
    return count


def transformed(site: Site, scores: str, way: str | None = None) -> str:
    """Scores [samples, values] after a post_transform, the node's own if none is given.

    Of single scores onnxruntime knows PROBIT alone.
    """
    way = way or str(site.attr("post_transform", "NONE"))
    if site.graph.shape(scores)[1] == 1 and way != "PROBIT":
        return scores
    if way not in _TRANSFORMS:
        raise Refusal(f"expected one of {', '.join(_TRANSFORMS)} as post_transform, got {way}")
    return _TRANSFORMS[way](site, scores)


def _softmax(site: Site, scores: str) -> str:
    return site.step("softmax", "softmax", scores, axis=1)


def _softmax_zero(site: Site, scores: str) -> str:
    """The softmax of the scores other than zero, which stay zero."""
    zero = site.weight("zero", np.zeros(()))
    signs = [site.step("less", "other", *pair) for pair in ((scores, zero), (zero, scores))]
    other = site.step("add", "others", *signs)
    kept = site.step("mul", "kept", _softmax(site, scores), other)
    total = site.step("reduce_sum", "total", kept, axes=(1,), keepdims=True)
    return site.step("divide", "softmax zero", kept, total)


_TRANSFORMS: Mapping[str, Callable[[Site, str], str]] = {
    "NONE": lambda site, scores: scores,
    "LOGISTIC": lambda site, scores: site.step("sigmoid", "logistic", scores),
    "SOFTMAX": _softmax,
    "SOFTMAX_ZERO": _softmax_zero,
    "PROBIT": lambda site, scores: site.step("function", "probit", scores, function="probit"),
}


def both(site: Site, scores: str, *, complement: bool) -> str:
    """The scores [samples, 1] of the second of two classes behind those of the first: 1 less them
    if they are complements, else their negatives.
    """
    if complement:
        other = site.step("sub", "other", site.weight("one", np.ones(())), scores)
    else:
        other = site.step("neg", "other", scores)
    return end_to_end(site, (other, scores), 1)


def labelled(site: Site, scores: str) -> None:
    """Output 0: the labels of the largest scores [samples, classes], of equal ones the first."""
    if not site.uses_output(0):
        return
    count = site.graph.shape(scores)[1]
    labels = site.attr("classlabels_int64s", ()) or site.attr("classlabels_ints", ())
    if len(labels) != count:
        raise Refusal(f"expected labels for {count} classes, got {len(labels)}")
    places = site.weight("places", np.arange(count))
    best = site.step("arg_max", "best", scores, places, axes=(1,), keepdims=False)
    if list(labels) != list(range(count)):
        rows = site.weight("labels", np.array(labels, np.int64)[:, None])
        shape = site.graph.shape(best)
        best = reshaped(site, site.step("gather", "label", rows, best, extent=count), shape)
    site.graph.alias(site.node.outputs[0], best)
    site.graph.integral.add(site.node.outputs[0])


def scored(site: Site, scores: str) -> None:
    """Output 1: the scores [samples, values] after the post_transform."""
    if site.uses_output(1):
        site.graph.alias(site.node.outputs[1], transformed(site, scores))
