"""Operators that move entries or vanish, at several opsets, against onnxruntime."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.conformance import test_import_operators, test_import_windows
from tests.conformance.tiny import (
    CUBE,
    EVERY,
    MATRIX,
    Case,
    check,
    ints,
    moved,
    node,
    one,
    scalar,
    weights,
)
from tests.float_oracle import OPS


def movements() -> Iterator[Case]:
    yield Case("reshape", one("Reshape", "x s"), CUBE, "reshape", {"s": ints(0, -1)}, EVERY)
    yield Case(
        "reshape zero",
        one("Reshape", "x s", allowzero=1),
        CUBE,
        "reshape",
        {"s": ints(4, 6)},
        (14, 21),
    )
    for axis in (0, 1, 3):
        yield Case(
            f"flatten {axis}", one("Flatten", "x", axis=axis), CUBE, "reshape", opsets=(7, 9, 13)
        )
    yield Case("flatten -1", one("Flatten", "x", axis=-1), CUBE, "reshape", opsets=(11, 13))
    slim = {"x": (1, 3, 1, 4)}
    yield Case(
        "squeeze",
        moved("Squeeze", 13, ("axes",), axes=[0, 2]),
        slim,
        "reshape",
        {"axes": ints(0, 2)},
        EVERY,
    )
    yield Case("squeeze all", one("Squeeze", "x"), slim, "reshape")
    yield Case(
        "unsqueeze",
        moved("Unsqueeze", 13, ("axes",), axes=[3, 0]),
        CUBE,
        "reshape",
        {"axes": ints(3, 0)},
        EVERY,
    )
    yield Case(
        "unsqueeze -1",
        moved("Unsqueeze", 13, ("axes",), axes=[-1]),
        CUBE,
        "reshape",
        {"axes": ints(-1)},
        (11, 13),
    )
    yield Case("transpose", one("Transpose", "x", perm=[2, 0, 1]), CUBE, "transpose")
    yield Case("transpose reversed", one("Transpose", "x"), CUBE, "transpose")
    cut: dict[str, Any] = {"starts": [1, -3], "ends": [9, -1], "axes": [1, 2]}
    cut_inputs = {key: ints(*value) for key, value in cut.items()}
    yield Case(
        "slice",
        moved("Slice", 10, ("starts", "ends", "axes"), **cut),
        CUBE,
        "slice",
        cut_inputs,
        EVERY,
    )
    yield Case(
        "slice without axes",
        moved("Slice", 10, ("starts", "ends"), starts=[0, 1], ends=[1, 2]),
        CUBE,
        "slice",
        {"starts": ints(0, 1), "ends": ints(1, 2)},
    )
    yield Case(
        "slice steps",
        one("Slice", "x s e a t"),
        CUBE,
        "slice",
        {"s": ints(-1, 0), "e": ints(-(2**40), 2**40), "a": ints(2, -2), "t": ints(-2, 2)},
        (10, 13),
    )
    yield Case(
        "split",
        moved("Split", 13, ("split",), ("y", "z"), axis=-1, split=[1, 3]),
        CUBE,
        "slice slice",
        {"split": ints(1, 3)},
        EVERY,
        ("y", "z"),
    )
    yield Case(
        "split evenly",
        lambda o: [
            node("Split", ["x"], ["y", "z"], axis=2, **({"num_outputs": 2} if o >= 18 else {}))
        ],
        CUBE,
        "slice slice",
        opsets=(7, 13, 18),
        outputs=("y", "z"),
    )
    yield Case(
        "split unevenly",
        lambda _: [node("Split", ["x"], ["y", "z"], axis=1, num_outputs=2)],
        CUBE,
        "slice slice",
        opsets=(18,),
        outputs=("y", "z"),
    )
    yield Case(
        "split, one part used",
        lambda o: [
            node("Split", ["x"], ["u", "y"], axis=2, **({"num_outputs": 2} if o >= 18 else {}))
        ],
        CUBE,
        "slice",
        opsets=(7, 18),
    )
    yield Case(
        "concat",
        one("Concat", "x z c", axis=1),
        {"x": (2, 3), "z": (2, 1)},
        "concat",
        {"c": weights(2, 2)},
        EVERY,
    )
    yield Case(
        "concat -1",
        one("Concat", "x z", axis=-1),
        {"x": (2, 3), "z": (2, 1)},
        "concat",
        opsets=(11, 13),
    )
    pads = [0, 1, 2, 1, 0, 0]
    yield Case(
        "pad",
        moved("Pad", 11, ("pads", "value"), pads=pads, value=0.5),
        CUBE,
        "pad",
        {"pads": ints(*pads), "value": scalar(0.5)},
        EVERY,
    )
    yield Case(
        "pad default", moved("Pad", 11, ("pads",), pads=pads), CUBE, "pad", {"pads": ints(*pads)}
    )
    yield Case(
        "pad negative",
        one("Pad", "x p"),
        CUBE,
        "slice pad",
        {"p": ints(0, -1, 1, 0, -1, 0)},
        (11, 18),
    )
    yield Case(
        "pad axes",
        one("Pad", "x p v a"),
        CUBE,
        "pad",
        {"p": ints(1, 2), "v": scalar(0.5), "a": ints(-1)},
        (18, 21),
    )


def removed() -> Iterator[Case]:
    """Operators that leave no node, between two that do."""

    def between(*middle: onnx.NodeProto) -> Callable[[int], Sequence[onnx.NodeProto]]:
        return lambda _: [node("Relu", ["x"], ["h"]), *middle, node("Neg", ["k"])]

    yield Case("identity", between(node("Identity", ["h"], ["k"])), MATRIX, "relu neg")
    yield Case(
        "cast",
        between(
            node("Cast", ["h"], ["d"], to=TensorProto.DOUBLE),
            node("Cast", ["d"], ["k"], to=TensorProto.FLOAT),
        ),
        MATRIX,
        "relu neg",
    )
    yield Case(
        "dropout",
        between(node("Dropout", ["h"], ["k"], ratio=0.5)),
        MATRIX,
        "relu neg",
        opsets=(7, 10, 11),
    )
    yield Case(
        "dropout inputs",
        between(node("Dropout", ["h", "ratio", "training"], ["k", "mask"])),
        MATRIX,
        "relu neg",
        {"ratio": scalar(0.5), "training": np.array(False)},
        (12, 13, 22),
    )
    yield Case(
        "identity of an output",
        lambda _: [node("Relu", ["x"]), node("Identity", ["y"], ["z"])],
        MATRIX,
        "relu reshape",
        outputs=("y", "z"),
    )
    yield Case(
        "identity as an output",
        lambda _: [node("Relu", ["x"], ["h"]), node("Identity", ["h"])],
        MATRIX,
        "relu",
    )


CASES = [
    case
    for group in (
        movements,
        removed,
    )
    for case in group()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operator(case: Case) -> None:
    check(case)


def test_every_operator_of_the_graph_is_made() -> None:
    cases = [*test_import_operators.CASES, *test_import_windows.CASES, *CASES]
    assert {op for case in cases for op in case.ops.split()} == set(OPS)
