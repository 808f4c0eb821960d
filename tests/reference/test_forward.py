"""Every operator's forward against its definition in Python integers, and its inferred bounds."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import ThreadpoolController, threadpool_limits

from zkinfer.ops import OPS, exact
from zkinfer.ops import windows as windows_of
from zkinfer.ops.tensor import FixedTensor

Integers = npt.NDArray[np.int64]
Attrs = Mapping[str, Any]

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.integers(1, 24)


def draw(seed: int, shape: Sequence[int], bits: int) -> Integers:
    """Signed numbers of so many bits, both ends among them where there is room."""
    array = np.random.default_rng(seed).integers(-(1 << bits), 1 << bits, shape)
    if array.size > 1:
        array.flat[0], array.flat[-1] = -(1 << bits), (1 << bits) - 1
    return array


def whole(array: Integers) -> npt.NDArray[np.object_]:
    """The same numbers as Python's integers, which never wrap."""
    return np.vectorize(int, otypes=[object])(array)


def check(op: str, attrs: Attrs, expected: Any, *arrays: Integers, scales: Sequence[int]) -> None:
    """forward is the definition, and infer tells its shape and bounds."""
    (got,) = OPS[op].forward(attrs, *arrays)
    assert got.dtype == np.int64
    assert np.array_equal(whole(got), expected)
    tensors = [
        FixedTensor(array.shape, scale, int(array.min()), int(array.max()))
        for array, scale in zip(arrays, scales, strict=True)
    ]
    (inferred,) = OPS[op].infer(attrs, *tensors)
    assert inferred.shape == got.shape
    assert inferred.low <= int(got.min())
    assert int(got.max()) <= inferred.high


def windows(
    x: npt.NDArray[np.object_], attrs: Attrs, kernel: Sequence[int], reduce: Callable[..., Any]
) -> npt.NDArray[np.object_]:
    """reduce({kernel position: entry}) of each window of x [N, C, spatial...], padding left out."""
    rank, spatial = len(kernel), x.shape[2:]
    pads, strides, dilations = attrs["pads"], attrs["strides"], attrs["dilations"]
    out = [
        (spatial[i] + pads[i] + pads[i + rank] - dilations[i] * (kernel[i] - 1) - 1) // strides[i]
        + 1
        for i in range(rank)
    ]
    y = np.empty((*x.shape[:2], *out), object)
    for index in np.ndindex(y.shape):
        taps = {}
        for tap in itertools.product(*map(range, kernel)):
            place = tuple(
                index[2 + i] * strides[i] + tap[i] * dilations[i] - pads[i] for i in range(rank)
            )
            if all(0 <= p < extent for p, extent in zip(place, spatial, strict=True)):
                taps[tap] = x[(*index[:2], *place)]
        y[index] = reduce(taps)
    return y


@st.composite
def pools(draw_: st.DrawFn) -> tuple[tuple[int, ...], dict[str, Any]]:
    """A shape [N, C, spatial...] and windows over it of which none lies in the padding alone."""
    rank = draw_(st.integers(1, 2))
    kernel = tuple(draw_(st.integers(1, 3)) for _ in range(rank))
    dilations = tuple(draw_(st.integers(1, 2)) if k > 1 else 1 for k in kernel)
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    spatial = tuple(r + draw_(st.integers(0, 4)) for r in reach)
    pads = tuple(draw_(st.integers(0, 1)) if k > 1 else 0 for k in (*kernel, *kernel))
    attrs = {
        "strides": tuple(draw_(st.integers(1, 3)) for _ in range(rank)),
        "pads": pads,
        "dilations": dilations,
        "kernel": kernel,
    }
    return (draw_(st.integers(1, 2)), draw_(st.integers(1, 3)), *spatial), attrs


@settings(max_examples=60, deadline=None)
@given(SEEDS, pools(), st.integers(1, 3), st.booleans(), WIDTHS, WIDTHS)
def test_conv(
    seed: int,
    pool: tuple[tuple[int, ...], dict[str, Any]],
    filters: int,
    grouped: bool,
    x_bits: int,
    w_bits: int,
) -> None:
    shape, attrs = pool
    kernel = attrs.pop("kernel")
    groups = shape[1] if grouped else 1
    depth = shape[1] // groups
    x = draw(seed, shape, x_bits)
    w = draw(seed + 1, (filters * groups, depth, *kernel), w_bits)
    bias = draw(seed + 2, (len(w),), x_bits + w_bits)
    expected: list[Any] = []
    for m, filter_ in enumerate(whole(w)):
        start = m // filters * depth
        parts = [
            windows(
                whole(x[:, start + c : start + c + 1]), attrs, kernel,
                lambda taps, k=filter_[c]: sum(v * k[tap] for tap, v in taps.items()),
            )
            for c in range(depth)
        ]  # fmt: skip
        expected.append(sum(parts) + int(bias[m]))
    attrs["groups"] = groups
    check("conv", attrs, np.concatenate(expected, axis=1), x, w, bias, scales=(3, 4, 7))


@pytest.mark.parametrize("sign", [1, -1])
def test_padding_counts_in_the_bounds(sign: int) -> None:
    """Numbers far from zero: a window half in the padding sums up to less than any full one."""
    x, w = np.full((1, 1, 3, 3), 9 * sign), np.ones((1, 1, 3, 3), np.int64)
    window = {"strides": (1, 1), "pads": (2, 2, 2, 2), "dilations": (1, 1)}
    sums = windows(whole(x), window, (3, 3), lambda taps: sum(taps.values()))
    assert min(abs(entry) for entry in sums.flat) == 9
    check("conv", {**window, "groups": 1}, sums, x, w, scales=(0, 0))
    ones = ((1,) * sums.shape[2], (1,) * sums.shape[3])
    pooled = {**window, "kernel": (3, 3), "multipliers": ones, "scale": 0}
    check("average_pool", pooled, sums, x, scales=(0,))


@settings(max_examples=60, deadline=None)
@given(SEEDS, pools(), WIDTHS)
def test_max_pool(seed: int, pool: tuple[tuple[int, ...], dict[str, Any]], bits: int) -> None:
    shape, attrs = pool
    x = draw(seed, shape, bits) - (1 << bits)  # nothing positive: padding must not win
    expected = windows(whole(x), attrs, attrs["kernel"], lambda taps: max(taps.values()))
    check("max_pool", attrs, expected, x, scales=(5,))


@settings(max_examples=60, deadline=None)
@given(SEEDS, pools(), WIDTHS)
def test_average_pool(seed: int, pool: tuple[tuple[int, ...], dict[str, Any]], bits: int) -> None:
    shape, attrs = pool
    x = draw(seed, shape, bits)
    sums = windows(whole(x), attrs, attrs["kernel"], lambda taps: sum(taps.values()))
    rng = np.random.default_rng(seed)
    multipliers = tuple(tuple(rng.integers(1, 99, n).tolist()) for n in sums.shape[2:])
    for index in np.ndindex(sums.shape):
        for axis, factors in enumerate(multipliers):
            sums[index] *= factors[index[2 + axis]]
    check("average_pool", {**attrs, "multipliers": multipliers, "scale": 6}, sums, x, scales=(2,))


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(1, 40), st.integers(0, 30), st.integers(0, 30))
def test_exact_products(seed: int, depth: int, a_bits: int, b_bits: int) -> None:
    """Products far beyond 2^53, where float64 alone would round."""
    a_bits = min(a_bits, 61 - b_bits - depth.bit_length())
    a, b = draw(seed, (2, 3, depth), max(a_bits, 0)), draw(seed + 1, (depth, 4), b_bits)
    assert np.array_equal(whole(exact.matmul(a, b)), np.matmul(whole(a), whole(b)))


@pytest.mark.parametrize("bits", [25, 26, 27, 28, 29])
def test_exact_products_around_the_limit_of_float64(bits: int) -> None:
    a = np.full((1, 3), (1 << bits) - 1)
    b = np.array([[(1 << bits) - 1], [(1 << bits) - 3], [1 - (1 << bits)]])
    assert np.array_equal(whole(exact.matmul(a, b)), np.matmul(whole(a), whole(b)))


@pytest.mark.parametrize("columns", [1, 400, 1_000])
def test_convolutions_in_blocks(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """The last block may be smaller than the others."""
    attrs = {"strides": (2, 1), "pads": (1, 0, 2, 1), "dilations": (1, 2), "groups": 2}
    x, w = draw(1, (5, 4, 5, 6), 9), draw(2, (6, 2, 3, 2), 9)
    together = windows_of.convolve(attrs, x, w)
    monkeypatch.setattr(windows_of, "COLUMNS", columns)
    assert np.array_equal(windows_of.convolve(attrs, x, w), together)


MATMULS = [
    ((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)),
    ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((1, 1), (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("a_shape", "b_shape"), MATMULS)
def test_matmul(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> None:
    a, b = draw(1, a_shape, 27), draw(2, b_shape, 27)
    product = np.asarray(np.matmul(whole(a), whole(b)), object)
    check("matmul", {}, product, a, b, scales=(1, 2))
    bias = draw(3, product.shape[-1:], 40)
    check("matmul", {}, product + whole(bias), a, b, bias, scales=(1, 2, 3))


SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((4, 1, 2), (3, 1))]


@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_elementwise(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> None:
    a, b = draw(1, a_shape, 20), draw(2, b_shape, 20)
    shifts = {"shift_a": 3, "shift_b": 5}
    check("add", shifts, whole(a) * 8 + whole(b) * 32, a, b, scales=(9, 7))
    check("sub", shifts, whole(a) * 8 - whole(b) * 32, a, b, scales=(9, 7))
    check("mul", {}, whole(a) * whole(b), a, b, scales=(9, 7))


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**61), 2**61), st.integers(0, 40), st.integers(-99, 99), st.integers(0, 99))
def test_requantize(x: int, shift: int, low: int, span: int) -> None:
    """Rounds half up, towards positive infinity, then saturates."""
    quotient = (2 * x + (1 << shift)) // (2 << shift)
    expected = max(low, min(low + span, quotient))
    attrs = {"shift": shift, "low": low, "high": low + span}
    check("requantize", attrs, [expected], np.array([x]), scales=(shift,))


@pytest.mark.parametrize(
    ("x", "y"), [(-6, -1), (-3, -1), (-2, 0), (1, 0), (2, 1), (6, 2), (-7, -2)]
)
def test_requantize_ties(x: int, y: int) -> None:
    """x / 4: -1.5 is -1, -0.5 is 0, 0.5 is 1, 1.5 is 2."""
    attrs = {"shift": 2, "low": -9, "high": 9}
    (got,) = OPS["requantize"].forward(attrs, np.array([x]))
    assert got.tolist() == [y]


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(-5000, 5000), st.integers(0, 12))
def test_slopes(seed: int, alpha: int, shift: int) -> None:
    x, slope = draw(seed, (2, 3, 4), 20), draw(seed + 1, (3, 1), 12)

    def expected(slopes: Any) -> npt.NDArray[np.object_]:
        wide, factors = whole(x), np.broadcast_to(slopes, x.shape)
        return np.array(
            [
                v << shift if v > 0 else v * int(f)
                for v, f in zip(wide.flat, factors.flat, strict=True)
            ],
            object,
        ).reshape(x.shape)

    check("leaky_relu", {"alpha": alpha, "shift": shift}, expected(alpha), x, scales=(4,))
    check("prelu", {"shift": shift}, expected(slope), x, slope, scales=(4, shift))


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axes", [(), (0,), (1, 2), (0, 1, 2)])
def test_reduce_sum(axes: tuple[int, ...], keepdims: bool) -> None:
    x = draw(4, (2, 3, 4), 30)
    total = np.asarray(whole(x).sum(axis=axes, keepdims=keepdims), object) * 171
    attrs = {"axes": axes, "keepdims": keepdims, "multiplier": 171, "scale": 9}
    check("reduce_sum", attrs, total, x, scales=(2,))


def test_views() -> None:
    x, y = draw(5, (2, 3, 4), 40), draw(6, (2, 1, 4), 40)
    check("neg", {}, -whole(x), x, scales=(1,))
    check("reshape", {"shape": (4, 6)}, x.reshape(4, 6), x, scales=(1,))
    check("transpose", {"perm": (2, 0, 1)}, x.transpose(2, 0, 1), x, scales=(1,))
    check("concat", {"axis": 1}, np.concatenate([x, y], axis=1), x, y, scales=(1, 1))
    padded = np.pad(x, ((0, 1), (2, 0), (0, 0)), constant_values=-7)
    check("pad", {"pads": (0, 2, 0, 1, 0, 0), "value": -7}, padded, x, scales=(1,))


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [(0, 7, 1), (1, 6, 2), (6, -8, -1), (5, 0, -2), (-3, 7, 1), (2, 3, 5)],
)
def test_slice(start: int, stop: int, step: int) -> None:
    x = draw(7, (2, 7), 10)
    attrs = {"starts": (start,), "stops": (stop,), "axes": (1,), "steps": (step,)}
    kept = list(range(*slice(start, None if stop < -7 else stop, step).indices(7)))
    check("slice", attrs, whole(x)[:, kept], x, scales=(1,))


@pytest.mark.parametrize(
    ("scores", "label"), [([1, 5, 5, 2], 1), ([-3, -3], 0), ([0, -1, 7], 2), ([4, 4, 4], 0)]
)
def test_label(scores: list[int], label: int) -> None:
    """The lowest index among equals, as in ONNX."""
    check("label", {"kept": 0}, label, np.array([scores]), scales=(3,))


def test_padding_of_a_scalar() -> None:
    number = np.array(5, dtype=np.int64)
    check("pad", {"pads": (), "value": 3}, whole(number), number, scales=(0,))


def test_blas_has_its_threads_again_once_nobody_wants_one() -> None:
    """Whoever came first may leave first, as threads that solve at once do."""

    def threads() -> set[int]:
        info = ThreadpoolController().select(user_api="blas").info()
        return {library["num_threads"] for library in info}

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        first, second = ExitStack(), ExitStack()
        first.enter_context(exact.one_thread())
        second.enter_context(exact.one_thread())
        first.close()
        assert threads() == {1}
        second.close()
        assert threads() == before
