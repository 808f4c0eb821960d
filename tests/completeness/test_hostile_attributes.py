"""Attributes, bounds and shapes that no compiler writes but a key may carry: each is proved exactly
or refused by a sentence that names the node.
"""

import random
import warnings

import numpy as np
import pytest
from networks import Net

from zkinfer.circuit.check import check
from zkinfer.errors import FormatError, UnsupportedModelError
from zkinfer.fixed import FixedGraph, evaluate
from zkinfer.lower import lower, solve
from zkinfer.ops.windows import all_inside

LIMIT = 2**62
Arrays = dict[str, np.ndarray]


def assert_exact(
    graph: FixedGraph, inputs: Arrays, weights: Arrays, expected: dict[str, list[int] | int]
) -> None:
    """The integer oracle and the witness say what is expected, and the circuit holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        witness = solve(graph, weights, inputs)
        oracle = evaluate(graph, weights, inputs)
    for name, numbers in expected.items():
        assert oracle[name].tolist() == witness.outputs[name].tolist() == numbers
    assert check(lower(graph), witness.segments) == []


def label_of(low: int, high: int) -> FixedGraph:
    net = Net()
    return net.graph(net.node("label", net.input(4, low=low, high=high), kept=0), output="label")


def test_a_label_is_exact_up_to_the_last_score_whose_keys_fit() -> None:
    top = 2**61 - 1  # 4 top < 2^63
    graph = label_of(top - 3, top)
    for scores, label in (
        ([3, 0, 1, 0], 1),
        ([0, 0, 0, 0], 0),
        ([1, 1, 0, 0], 2),
        ([3, 2, 1, 0], 3),
    ):
        assert_exact(graph, {"x0": top - np.array(scores)}, {}, {"label_out": label})


def test_a_label_whose_keys_do_not_fit_is_refused() -> None:
    for low, high in ((2**61 - 3, 2**61), (-(2**61), 3 - 2**61)):
        reason = r"^node label \(label\): label: an integer could reach \d+, beyond 64 bits"
        with pytest.raises(UnsupportedModelError, match=reason):
            lower(label_of(low, high))


def test_a_label_of_scores_that_differ_too_much_is_refused() -> None:
    with pytest.raises(
        UnsupportedModelError, match=r"^node label .*could reach \d+, beyond 64 bits"
    ):
        lower(label_of(1 - 2**61, 2**61 - 1))


def requantized(shift: int, low: int, high: int) -> FixedGraph:
    net = Net()
    x = net.input(low=1 - LIMIT, high=LIMIT - 1)
    return net.graph(net.requantize(x, shift, low=low, high=high))


def test_numbers_of_64_bits_are_rescaled() -> None:
    """One flag besides 63 bits: what lies below the range wraps around in the digits."""
    graph = requantized(0, LIMIT - 9, LIMIT + 5)
    for x in (1 - LIMIT, LIMIT - 10, LIMIT - 9, LIMIT - 1, 0):
        expected = max(x, LIMIT - 9)
        assert_exact(graph, {"x0": np.array(x)}, {}, {"rescale0_out": expected})


def test_numbers_of_65_bits_are_refused() -> None:
    reason = r"^node rescale0 \(requantize\): .* an integer of 65 bits; at most 64 are supported"
    with pytest.raises(UnsupportedModelError, match=reason):
        lower(requantized(0, 2 - LIMIT, 3 - LIMIT))


def test_sums_may_wrap_around_on_the_way() -> None:
    """2^63 a - 2^63 b with constants that cancel: the shifted terms alone are beyond 64 bits."""
    net = Net()
    a, c = net.input(low=2, high=2), net.input(low=2, high=2)
    y = net.node("sub", a, c, shift_a=62, shift_b=62)
    two = np.array(2)
    assert_exact(net.graph(y, net.requantize(y, 1)), {"x0": two, "x1": two}, {}, {y: 0})


def test_a_scalar_is_padded() -> None:
    net = Net()
    graph = net.graph(net.node("pad", net.input(), pads=(), value=5))
    assert_exact(graph, {"x0": np.array(3)}, {}, {"pad_out": 3})


def product_with(bias: str, net: Net, rows: int, columns: int) -> FixedGraph:
    y = net.node("matmul", net.input(rows, 3), net.weight(3, columns), bias)
    return net.graph(net.requantize(y, 2, low=-99, high=99))


def test_a_bias_with_public_weights() -> None:
    """Padding that a view cannot read is masked by weights, which a product's equation refuses."""
    net = Net()
    turned = net.node("transpose", net.input(2, 2), perm=(1, 0))
    flat = net.node("reshape", turned, shape=(4,))
    cut = net.node("slice", flat, starts=(1,), stops=(3,), axes=(0,), steps=(1,))
    graph = product_with(net.node("pad", cut, pads=(1, 0), value=3), net, 2, 3)
    rng = np.random.default_rng(0)
    inputs = {"x0": rng.integers(-8, 8, (2, 2)), "x1": rng.integers(-8, 8, (2, 3))}
    weights = {"w0": rng.integers(-8, 8, (3, 3))}
    bias = np.array([3, *inputs["x0"].T.reshape(-1)[1:3]])
    expected = (inputs["x1"] @ weights["w0"] + bias + 2) // 4
    assert_exact(graph, inputs, weights, {"rescale0_out": expected.tolist()})


def test_a_bias_whose_axis_is_cut_otherwise() -> None:
    """The product's axis is 3 * 4, the bias's 4 * 3."""
    net = Net()
    bias = net.node("reshape", net.node("transpose", net.input(3, 4), perm=(1, 0)), shape=(12,))
    cube = net.node("transpose", net.weight(4, 3, 2), name="turned", perm=(2, 1, 0))
    w = net.node("reshape", cube, name="flat", shape=(2, 12))
    y = net.node("matmul", net.input(1, 2), w, bias)
    graph = net.graph(net.requantize(y, 1, low=-99, high=99))
    rng = np.random.default_rng(0)
    inputs = {"x0": rng.integers(-8, 8, (3, 4)), "x1": rng.integers(-8, 8, (1, 2))}
    weights = {"w0": rng.integers(-8, 8, (4, 3, 2))}
    exact = inputs["x1"] @ weights["w0"].T.reshape(2, 12) + inputs["x0"].T.reshape(-1)
    assert_exact(
        graph, inputs, weights, {"rescale0_out": ((exact + 1) // 2).clip(-99, 99).tolist()}
    )


def test_a_product_of_weighted_entries_that_is_pooled() -> None:
    """The product's operand carries public weights along an axis that the windows cut."""
    net = Net()
    x, w = net.input(1, 1, 4), net.weight(1, 1, 4)
    attrs = {"kernel": (1,), "strides": (1,), "dilations": (1,), "pads": (0, 0)}
    scaled = net.node("average_pool", x, **attrs, multipliers=((2, 7, 2, 0),), scale=0)
    y = net.node("mul", scaled, w)
    y = net.node("max_pool", y, **attrs | {"kernel": (2,), "strides": (2,)})
    graph = net.graph(net.requantize(y, 1, low=-50, high=50))
    inputs, weights = {"x0": np.array([[[7, -8, 3, 1]]])}, {"w0": np.array([[[5, -8, -1, 7]]])}
    assert_exact(graph, inputs, weights, {"rescale0_out": [[[50, 0]]]})


def test_a_sum_with_weighted_entries_that_is_pooled() -> None:
    """What a prelu adds to its product carries public weights along an axis that windows cut."""
    net = Net()
    x, slope = net.input(1, 1, 4), net.weight(1)
    attrs = {"kernel": (1,), "strides": (1,), "dilations": (1,), "pads": (0, 0)}
    scaled = net.node("average_pool", x, **attrs, multipliers=((2, 7, 2, 0),), scale=0)
    y = net.node("prelu", scaled, slope, shift=0)
    y = net.node("max_pool", y, **attrs | {"kernel": (2,), "strides": (2,)})
    graph = net.graph(net.requantize(y, 1, low=-50, high=50))
    inputs, weights = {"x0": np.array([[[3, -8, -5, -1]]])}, {"w0": np.array([-2])}
    assert_exact(graph, inputs, weights, {"rescale0_out": [[[50, 10]]]})


def test_slices_are_pythons() -> None:
    net = Net()
    x = net.input(4)
    back = net.node("slice", x, starts=(9,), stops=(-9,), axes=(0,), steps=(-3,))
    assert_exact(net.graph(back), {"x0": np.arange(4)}, {}, {back: [3, 0]})
    net.node("slice", x, name="none", starts=(0,), stops=(-9,), axes=(0,), steps=(1,))
    with pytest.raises(FormatError, match="node none: nothing is left of axis 0"):
        net.graph("none_out")


def pooled(
    extent: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int
) -> FixedGraph:
    net = Net()
    attrs = {"kernel": (kernel,), "strides": (stride,), "pads": pads, "dilations": (dilation,)}
    return net.graph(net.node("max_pool", net.input(1, 1, extent), **attrs))


def test_no_window_of_a_pool_lies_in_the_padding() -> None:
    """The first and the last window meet the axis; one between them steps over it."""
    graph = pooled(2, kernel=3, stride=1, pads=(4, 4), dilation=2)
    assert graph.tensors["max_pool_out"].shape == (1, 1, 6)
    reason = "node max_pool: a window along spatial axis 0 lies in the padding"
    with pytest.raises(FormatError, match=reason):
        pooled(2, kernel=3, stride=1, pads=(6, 6), dilation=3)
    with pytest.raises(FormatError, match=reason):
        pooled(1, kernel=2, stride=1, pads=(2, 2), dilation=2)


def test_windows_are_checked_one_and_all() -> None:
    rng, found = random.Random(3), 0  # noqa: S311
    for _ in range(4000):
        extent, kernel, stride, dilation = (rng.randint(1, 9) for _ in range(4))
        pad, end = rng.randint(0, 20), rng.randint(0, 20)
        room = extent + pad + end - dilation * (kernel - 1) - 1
        if room < 0:
            continue
        starts = range(-pad, room - pad + 1, stride)
        expected = all(
            any(0 <= start + dilation * tap < extent for tap in range(kernel)) for start in starts
        )
        given = (extent, len(starts), kernel, stride, pad, dilation)
        assert all_inside(*given) == expected, given
        found += expected
    assert 400 < found < 3600


def test_windows_of_long_axes_are_checked_at_once() -> None:
    """Thousands of checks, each of which would take billions of steps, one window at a time."""
    most = 2**31 - 1
    rng = random.Random(4)  # noqa: S311
    answers = {
        all_inside(most // 2, most, 2, rng.randint(1, 9), most, most - n) for n in range(3000)
    }
    assert answers == {False}
    assert all_inside(most - 1, most, 2, 1, most - 1, most - 1)
    assert not all_inside(most - 2, most, 2, 1, most - 1, most - 1)


def rescaled(by: list[tuple[int, ...]], low: int, high: int, ends: tuple[int, int]) -> FixedGraph:
    net = Net()
    return net.graph(net.rescale(net.input(3, low=low, high=high), by, 0, ends))


@pytest.mark.parametrize(
    ("by", "ends"),
    [
        ([(1, 2**61, 0)], (-(2**61), 2**61)),
        ([(1, 2**61 - 1, 2**61 - 2)], (-1, 1)),
        ([(2**39, 3, -1)], (-(2**62), 2**62)),
        ([(1, 1, 2**61)], (0, 2**62)),
        ([(1, 3, 0), (5, 4, 9), (1, 3, -9)], (-2, 5)),
        ([(3, 2**61 - 1, 2**60, (2**61 - 1) // 3)], (-1, 1)),
        ([(1, 4, 0, 1), (5, 4, 9, -1), (1, 3, -9, 0)], (-2, 5)),
    ],
)
def test_a_rescale_is_exact_up_to_its_limits(
    by: list[tuple[int, ...]], ends: tuple[int, int]
) -> None:
    x, low, high = [-8, 0, 7], *ends
    ratios = [(*by[place % len(by)], 0)[:4] for place in range(3)]
    expected = []
    for n, (m, d, c, e) in zip(x, ratios, strict=True):
        near = range((m * n + c) // d - 1, (m * n + c) // d + 2)
        expected.append(max(y for y in near if m * n + c >= d * y + e * (y % 2)))
    numbers = [min(max(n, low), high) for n in expected]
    assert_exact(rescaled(by, -8, 7, ends), {"x0": np.array(x)}, {}, {"rescale_out": numbers})


@pytest.mark.parametrize(
    ("by", "ends", "reason"),
    [
        ([(0, 3, 0)], (0, 1), "a multiplier beyond 1 to 2^40"),
        ([(2**40, 3, 0)], (0, 1), "a multiplier beyond 1 to 2^40"),
        ([(1, 0, 0)], (0, 1), "a divisor beyond 1 to 2^62"),
        ([(1, 2**62, 0)], (0, 1), "a divisor beyond 1 to 2^62"),
        ([(1, 3, 0), (1, 5, 0), (1, 3, 0)], (0, 1), "divisors of different widths"),
        ([(1, 3, 0), (1, 3, 0)], (0, 1), r"2 numbers for axis 0 of the shape \(3,\)"),
        ([(1, 3, 2**62)], (0, 1), "expected less than 2^62"),
        ([(1, 3, 0)], (1, 1), "bounds 1 to 1"),
        ([(1, 3, 0, -2)], (0, 1), "a skew beyond a third of its divisor"),
        ([(1, 2**61, 0, 1)], (0, 1), "a skew .* of one beyond 2^61"),
        ([(1, 5, 0, 1), (1, 5, 0, 0), (1, 5, 0, 0)], (0, 1), "divisors of different widths"),
    ],
)
def test_a_rescale_beyond_its_limits_is_refused(
    by: list[tuple[int, ...]], ends: tuple[int, int], reason: str
) -> None:
    with pytest.raises(FormatError, match=rf"node rescale: .*{reason}".replace("^", r"\^")):
        rescaled(by, -8, 7, ends)
