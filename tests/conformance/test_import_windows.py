"""Pools and reductions, at several opsets, against onnxruntime."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.tiny import (
    CUBE,
    EVERY,
    IMAGE,
    LINE,
    Case,
    check,
    ints,
    moved,
    node,
    one,
)


def pools() -> Iterator[Case]:
    sizes: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 2]}
    for op, made in (("MaxPool", "max_pool"), ("AveragePool", "average_pool")):
        yield Case(op, one(op, "x", **sizes), IMAGE, made, opsets=EVERY)
        yield Case(f"{op} pads", one(op, "x", pads=[1, 0, 2, 1], **sizes), IMAGE, made)
        yield Case(
            f"{op} 1-D", one(op, "x", kernel_shape=[4], pads=[1, 2], strides=[3]), LINE, made
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield Case(f"{op} {mode}", one(op, "x", auto_pad=mode, **sizes), IMAGE, made)
        for kernel, stride, pads in (
            ([3, 3], [2, 2], [0, 0, 0, 0]),
            ([2, 2], [2, 2], [1, 1, 1, 1]),
            ([3, 2], [3, 4], [1, 0, 0, 1]),
            ([1, 2], [3, 3], [0, 1, 0, 1]),
        ):
            attrs: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": pads}
            yield Case(
                f"{op} ceil {kernel} {stride}",
                one(op, "x", ceil_mode=1, **attrs),
                IMAGE,
                made,
                opsets=(10, 19, 22),
            )
    yield Case(
        "AveragePool counts pads",
        one("AveragePool", "x", pads=[1, 0, 2, 1], count_include_pad=1, **sizes),
        IMAGE,
        "average_pool",
        opsets=(7, 11, 22),
    )
    yield Case(
        "AveragePool counts pads, ceil",
        one(
            "AveragePool",
            "x",
            pads=[1, 1, 1, 1],
            count_include_pad=1,
            ceil_mode=1,
            kernel_shape=[3, 3],
            strides=[2, 3],
        ),
        IMAGE,
        "average_pool",
        opsets=(19, 22),
    )
    yield Case(
        "MaxPool dilations",
        one("MaxPool", "x", kernel_shape=[3, 2], dilations=[2, 3]),
        IMAGE,
        "max_pool",
        opsets=(10, 12, 22),
    )
    yield Case(
        "AveragePool dilations",
        one("AveragePool", "x", kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 1, 1, 1]),
        IMAGE,
        "average_pool",
        opsets=(19, 22),
    )
    yield Case("GlobalAveragePool", one("GlobalAveragePool", "x"), IMAGE, "reduce_mean")
    yield Case("GlobalMaxPool", one("GlobalMaxPool", "x"), IMAGE, "max_pool")
    yield Case(
        "MaxPool spare output",
        lambda _: [node("MaxPool", ["x"], ["y", "indices"], **sizes)],
        IMAGE,
        "max_pool",
        opsets=(8, 12),
    )


def reductions() -> Iterator[Case]:
    axes = {"axes": ints(0, -1)}
    for op, made, since in (("ReduceMean", "reduce_mean", 18), ("ReduceSum", "reduce_sum", 13)):
        old = (11, 12, 13, 17, 18, 20)
        yield Case(op, moved(op, since, ("axes",), axes=[0, -1]), CUBE, made, axes, old)
        yield Case(
            f"{op} keepdims=0",
            moved(op, since, ("axes",), axes=[0, -1], keepdims=0),
            CUBE,
            made,
            axes,
            old,
        )
        yield Case(f"{op} all axes", one(op, "x", keepdims=0), CUBE, made, opsets=(7, 13, 18))
        yield Case(
            f"{op} noop",
            lambda _, op=op: [
                node(op, ["x", ""], ["h"], noop_with_empty_axes=1),
                node("Relu", ["h"]),
            ],
            CUBE,
            "relu",
            opsets=(18, 21),
        )


CASES = [
    case
    for group in (
        pools,
        reductions,
    )
    for case in group()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operator(case: Case) -> None:
    check(case)
