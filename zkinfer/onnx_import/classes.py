"""What classifiers of ai.onnx.ml end with: scores made probabilities, and the label of the best."""

import numpy as np

from zkinfer.onnx_import.builder import Site
from zkinfer.onnx_import.node import Refusal


def transformed(site: Site, scores: str) -> str:
    """Scores [samples, values] after the post_transform."""
    way = str(site.attr("post_transform", "NONE"))
    if way == "NONE":
        return scores
    if way == "LOGISTIC":
        return site.step("sigmoid", "logistic", scores)
    if way == "SOFTMAX":
        return site.step("softmax", "softmax", scores, axis=1)
    raise Refusal(f"expected NONE, LOGISTIC or SOFTMAX as post_transform, got {way}")


def classified(site: Site, scores: str, count: int, positive: bool) -> None:
    """The outputs of a classifier: labels, and scores after the post_transform.

    scores: [samples, count], or [samples, 1] of the second of two classes. positive: whether the
    score of the first is then 1 less that of the second, else its negative.
    """
    if site.graph.shape(scores)[1] < count:
        if positive:
            one = site.weight("one", np.ones(()))
            other = site.step("sub", "other", one, scores)
        else:
            other = site.step("neg", "other", scores)
        scores = site.step("concat", "both", other, scores, axis=1)
    if site.uses_output(0):
        _labelled(site, scores, count)
    if site.uses_output(1):
        site.graph.alias(site.node.outputs[1], transformed(site, scores))


def _labelled(site: Site, scores: str, count: int) -> None:
    """The label of the largest score, of equal ones the first."""
    labels = np.array(site.attr("classlabels_int64s", ()), np.int64)
    places = site.weight("places", np.arange(count))
    best = site.step("arg_max", "best", scores, places, axes=(1,), keepdims=False)
    if not np.array_equal(labels, np.arange(count)):
        rows = site.weight("labels", labels[:, None])
        best = site.step("gather", "label", rows, best, extent=count)
        shape = site.graph.shape(best)[:1]
        best = site.step("reshape", "flat", best, shape=shape)
    site.graph.alias(site.node.outputs[0], best)
    site.graph.integral.add(site.node.outputs[0])
