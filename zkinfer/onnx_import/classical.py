"""Converters of linear models and support vector machines of ai.onnx.ml.

The kernel of a number x and a support vector s is <x, s> for linear ones, (gamma <x, s> + c)^d,
tanh(gamma <x, s> + c), or exp(-gamma |x - s|^2) with |x - s|^2 = |x|^2 - 2 <x, s> + |s|^2.
"""

from itertools import combinations

import numpy as np
import numpy.typing as npt

from zkinfer.onnx_import.builder import Converters, Site, finite
from zkinfer.onnx_import.classes import both, class_count, labelled, scored, transformed
from zkinfer.onnx_import.moves import end_to_end, reshaped
from zkinfer.onnx_import.node import ML_DOMAIN, Refusal
from zkinfer.onnx_import.reductions import exponentials

Floats = npt.NDArray[np.float64]

MOST_POWER = 8
"""The highest degree of a polynomial kernel."""


def linear_regressor(site: Site) -> None:
    """LinearRegressor: a product with the coefficients, plus intercepts."""
    scores = _linear(site, int(site.attr("targets", 1)))
    site.graph.alias(site.node.outputs[0], transformed(site, scores))


def linear_classifier(site: Site) -> None:
    """LinearClassifier: likewise; one row of coefficients is the second of two classes."""
    count = class_count(site)
    coefficients = _numbers(site, "coefficients")
    rows = 1 if coefficients.size == _width(site) else count
    scores = _linear(site, rows)
    if rows < count != 2:
        raise Refusal(f"expected coefficients for {count} classes, got one row of them")
    if rows == count:
        labelled(site, scores)
        scored(site, scores)
        return
    signed = both(site, scores, complement=False)
    labelled(site, signed)
    way = site.attr("post_transform", "NONE")
    if way == "PROBIT":
        raise Refusal("expected another post_transform of one score than PROBIT")
    if way == "LOGISTIC":
        scored(site, signed)
    elif site.uses_output(1):
        site.graph.alias(site.node.outputs[1], both(site, scores, complement=True))


def svm_regressor(site: Site) -> None:
    """SVMRegressor: a product of kernels and coefficients, plus rho; with one_class its sign."""
    if site.attr("n_supports", 0):
        kernels = _kernels(site)
        weights = _numbers(site, "coefficients").reshape(-1, 1)
    else:
        kernels, weights = _rows(site), _numbers(site, "coefficients").reshape(-1, 1)
    if site.graph.shape(kernels)[1] != len(weights):
        raise Refusal("expected a coefficient for each support vector or feature")
    y = _product(site, kernels, weights, _numbers(site, "rho")[:1])
    if site.attr("one_class", 0):
        above = site.step("less", "above", site.weight("zero", np.zeros(())), y)
        twice = site.step("add", "twice", above, above)
        y = site.step("sub", "sign", twice, site.weight("one", np.ones(())))
    site.graph.alias(site.node.outputs[0], y)


def svm_classifier(site: Site) -> None:
    """SVMClassifier: a vote between each two classes, or probabilities of two (Platt)."""
    count, sizes = class_count(site), [int(n) for n in site.attr("vectors_per_class", ())]
    if not sizes:
        raise Refusal("expected support vectors, got a linear form; export LinearSVC instead")
    if len(sizes) != count:
        raise Refusal(f"expected support vectors of {count} classes, got {len(sizes)}")
    pairs = list(combinations(range(count), 2))
    coefficients = _numbers(site, "coefficients").reshape(count - 1, -1)
    ends = np.cumsum([0, *sizes])
    if coefficients.shape[1] != ends[-1]:
        raise Refusal(f"expected {count - 1} coefficients for each of {ends[-1]} support vectors")
    weights = np.zeros((ends[-1], len(pairs)))
    for place, (one, other) in enumerate(pairs):
        for own, row in ((one, other - 1), (other, one)):
            rows = slice(ends[own], ends[own + 1])
            weights[rows, place] = coefficients[row, rows]
    rho = _numbers(site, "rho")
    if len(rho) != len(pairs):
        raise Refusal(f"expected {len(pairs)} numbers as rho, got {len(rho)}")
    scores = _product(site, _kernels(site), weights, rho)
    _voted(site, scores, pairs, count)
    if site.uses_output(1) and len(site.attr("prob_a", ())):
        _probabilities(site, scores, count)
    elif site.uses_output(1):
        shown = both(site, scores, complement=False) if count == 2 else scores
        site.graph.alias(site.node.outputs[1], transformed(site, shown))


def _voted(site: Site, scores: str, pairs: list[tuple[int, int]], count: int) -> None:
    """The label of most votes: a positive score is one for the first class of its pair."""
    first = site.step("less", "first", site.weight("zero", np.zeros(())), scores)
    signs = np.zeros((len(pairs), count))
    for place, (one, other) in enumerate(pairs):
        signs[place, one], signs[place, other] = 1, -1
    more = np.array([sum(other == own for _, other in pairs) for own in range(count)], float)
    labelled(site, _product(site, first, signs, more))


def _probabilities(site: Site, scores: str, count: int) -> None:
    """Of two classes: 1 / (1 + exp(a s + b)) for the first, coupled with that of the second."""
    if count != 2:
        raise Refusal(
            f"expected probabilities of two classes, got {count}, which are found step by step; "
            "export the model without probabilities"
        )
    a, b = (-_numbers(site, name)[:1] for name in ("prob_a", "prob_b"))
    platt = site.step("mul", "scaled", scores, site.weight("slope", a))
    platt = site.step("add", "platt", platt, site.weight("shift", b))
    first = site.step("function", "probability", platt, function="coupled")
    second = site.step("sub", "other", site.weight("one", np.ones(())), first)
    site.graph.alias(site.node.outputs[1], end_to_end(site, (first, second), 1))


def _kernels(site: Site) -> str:
    """The kernels of each sample and each support vector."""
    x, width = _rows(site), _width(site)
    vectors = _numbers(site, "support_vectors")
    if not vectors.size or vectors.size % width:
        raise Refusal(f"expected support vectors of {width} numbers, got {vectors.size} numbers")
    vectors = vectors.reshape(-1, width)
    given = [*_numbers(site, "kernel_params"), 0.0, 0.0, 0.0]
    gamma, shift, degree = given[:3]
    way = str(site.attr("kernel_type", "LINEAR")).upper()
    nothing = np.zeros(1)
    if way == "LINEAR":
        return _product(site, x, vectors.T, nothing)
    if way == "RBF":
        squares = (vectors**2).sum(axis=1)
        own = site.step("mul", "square", x, x)
        own = site.step("reduce_sum", "squares", own, axes=(1,), keepdims=True)
        distances = site.step("add", "distances", _product(site, x, -2 * vectors.T, squares), own)
        by = site.step("mul", "exponents", distances, site.weight("gamma", np.array(-gamma)))
        return exponentials(site, by)
    y = _product(site, x, gamma * vectors.T, np.array([shift]))
    if way == "SIGMOID":
        return site.step("function", "kernels", y, function="tanh")
    if way == "POLY" and degree == int(degree) and 1 <= degree <= MOST_POWER:
        power = y
        for _ in range(int(degree) - 1):
            power = site.step("mul", "power", power, y)
        return power
    raise Refusal(
        f"expected LINEAR, POLY of a degree up to {MOST_POWER}, RBF or SIGMOID as kernel_type, got "
        f"{way} of {degree:g}"
    )


def _linear(site: Site, rows: int) -> str:
    coefficients, width = _numbers(site, "coefficients"), _width(site)
    if coefficients.size != rows * width:
        raise Refusal(f"expected {rows} rows of {width} coefficients, got {coefficients.size}")
    intercepts = _numbers(site, "intercepts")
    if intercepts.size not in (0, rows):
        raise Refusal(f"expected {rows} intercepts, got {intercepts.size}")
    return _product(site, _rows(site), coefficients.reshape(rows, width).T, intercepts)


def _product(site: Site, x: str, weights: Floats, more: Floats) -> str:
    y = site.step("matmul", "product", x, site.weight("coefficients", weights))
    return site.step("add", "scores", y, site.weight("intercepts", more)) if more.any() else y


def _rows(site: Site) -> str:
    """x [samples, features]; one sample without an axis of samples gets it."""
    x, shape = site.any_operand(0), site.shape(0)
    return x if len(shape) == 2 else reshaped(site, x, (1, _width(site)))


def _width(site: Site) -> int:
    shape = site.shape(0)
    if len(shape) not in (1, 2):
        raise Refusal(f"expected samples of features, got the shape {shape}")
    return shape[-1]


def _numbers(site: Site, name: str) -> Floats:
    return finite(np.array(site.attr(name, ()), np.float64), name)


CONVERTERS: Converters = {
    (ML_DOMAIN, "LinearClassifier"): linear_classifier,
    (ML_DOMAIN, "LinearRegressor"): linear_regressor,
    (ML_DOMAIN, "SVMClassifier"): svm_classifier,
    (ML_DOMAIN, "SVMRegressor"): svm_regressor,
}
