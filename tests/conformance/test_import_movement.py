"""Reductions and operators that move entries compute what onnxruntime or onnx computes."""

import numpy as np
import pytest

from tests.conformance.agreement import agrees, ints, normal, one
from tests.onnx_models import NEWEST, RUNTIME_NEWEST, model, node


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum"])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reduce(op: str, keepdims: int) -> None:
    since = {"ReduceMean": 18, "ReduceSum": 13}[op]
    for opset in (7, 11, 12, 13, 17, 18, NEWEST):
        for axes in ([1], [0, -1] if opset >= 11 else [0, 2], [2, 1]):
            if opset < since:
                one(op, (2, 3, 4), opset=opset, axes=axes, keepdims=keepdims)
            else:
                one(op, (2, 3, 4), {"axes": ints(*axes)}, opset, keepdims=keepdims)
        one(op, (2, 3, 4), opset=opset, keepdims=keepdims)
        if opset >= since:
            one(op, (2, 3), {"axes": ints()}, opset, noop_with_empty_axes=1)


@pytest.mark.parametrize("opset", [7, 9, 13, 14, 21, NEWEST])
def test_reshape(opset: int) -> None:
    for target in ((-1,), (0, -1), (3, 0, 4), (2, 1, -1, 4), (0, 0, 4)):
        x = (2, 3, 4) if target != (3, 0, 4) else (3, 2, 4)
        one("Reshape", x, {"shape": ints(*target)}, opset)
    if opset >= 14:
        one("Reshape", (2, 3), {"shape": ints(3, 2)}, opset, allowzero=1)


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 21, NEWEST])
def test_flatten(opset: int) -> None:
    for axis in (0, 1, 2, 3, *((-1,) if opset >= 11 else ())):
        one("Flatten", (2, 3, 4), opset=opset, axis=axis)
    one("Flatten", (2, 3, 4), opset=opset)


@pytest.mark.parametrize("opset", [7, 13, 21, NEWEST])
def test_transpose(opset: int) -> None:
    one("Transpose", (2, 3, 4), opset=opset)
    one("Transpose", (2, 3, 4), opset=opset, perm=[1, 2, 0])
    one("Transpose", (2, 3, 4), opset=opset, perm=[0, 1, 2])


@pytest.mark.parametrize("opset", [7, 11, 12, 13, 21, NEWEST])
def test_squeeze_and_unsqueeze(opset: int) -> None:
    for op, shape, axes in (
        ("Squeeze", (1, 3, 1, 2), [0]),
        ("Squeeze", (1, 3, 1, 2), [0, 2]),
        ("Unsqueeze", (3, 2), [0, 3]),
        ("Unsqueeze", (3, 2), [1]),
    ):
        if opset < 13:
            one(op, shape, opset=opset, axes=axes)
        else:
            one(op, shape, {"axes": ints(*axes)}, opset)
    one("Squeeze", (1, 3, 1, 2), opset=opset)


@pytest.mark.parametrize("opset", [7, 11, 13, NEWEST])
def test_concat(opset: int) -> None:
    c = {"c": normal(2, 1), "empty": normal(2, 0)}
    agrees(model([node("Concat", "x c z", axis=1)], {"x": (2, 3), "z": (2, 2)}, c, opset=opset))
    agrees(model([node("Concat", "x empty", axis=1)], {"x": (2, 3)}, c, opset=opset))
    agrees(model([node("Concat", "x x", axis=0)], {"x": (2, 3)}, opset=opset))


SLICES: list[tuple[list[int], list[int], list[int] | None, list[int] | None]] = [
    ([1], [3], [1], None),
    ([0, -3], [9999, -1], None, None),
    ([1, 0], [2**62, -1], [2, 1], [2, 3]),
    ([-1], [-(2**62)], [2], [-1]),
    ([9999, -2], [0, -9999], [1, -1], [-2, -1]),
    ([0], [5], [1], [1]),
]


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 13, NEWEST])
def test_slice(opset: int) -> None:
    for starts, ends, axes, steps in SLICES:
        if opset < 10:
            if steps is None:
                given = {} if axes is None else {"axes": axes}
                one("Slice", (3, 5, 6), opset=opset, starts=starts, ends=ends, **given)
            continue
        constants = {"starts": ints(*starts), "ends": ints(*ends)}
        if axes is not None:
            constants["axes"] = ints(*axes)
        if steps is not None:
            constants["steps"] = ints(*steps)
        one("Slice", (3, 5, 6), constants, opset)


@pytest.mark.parametrize("opset", [7, 11, 13, 18, NEWEST])
def test_split(opset: int) -> None:
    def check(sizes: list[int] | None, axis: int = 1, **attrs: int) -> None:
        constants = {"sizes": ints(*sizes)} if sizes is not None and opset >= 13 else {}
        given = {"split": sizes} if sizes is not None and opset < 13 else {}
        made = node("Split", " ".join(["x", *constants]), "y z", axis=axis, **given, **attrs)
        agrees(model([made], {"x": (2, 6)}, constants, ["y", "z"], opset))

    check([2, 4])
    check([1, 1], axis=0)
    if opset < 18:
        check(None)
    else:
        check(None, num_outputs=2)
        uneven = node("Split", "x", "y z w", axis=1, num_outputs=3)
        agrees(model([uneven], {"x": (2, 7)}, {}, ["y", "z", "w"], opset))


def test_split_in_which_not_all_parts_are_used() -> None:
    nodes = [node("Split", "x sizes", "a y b", axis=1)]
    made = model(nodes, {"x": (2, 6)}, {"sizes": ints(2, 4, 0)}, ["y"])
    assert [made.op for made in agrees(made).nodes] == ["slice"]


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 18, 21, NEWEST])
def test_pad(opset: int) -> None:
    for pads, value in (([0, 1, 2, 0], 0.0), ([1, 1, 1, 1], -2.5), ([0, -1, 1, 2], 1.5)):
        if opset > RUNTIME_NEWEST and min(pads) < 0:
            continue  # onnx evaluates no negative pads
        if opset < 11:
            one("Pad", (3, 4), opset=opset, pads=pads, value=value)
        else:
            one("Pad", (3, 4), {"pads": ints(*pads), "value": np.float32(value)}, opset)
    if opset >= 11:
        one("Pad", (3, 4), {"pads": ints(0, 0, 1, 2)}, opset, mode="constant")
        if opset <= RUNTIME_NEWEST:
            one("Pad", (3, 4), {"pads": ints(-1, 0, -1, -2)}, opset)
        one("Pad", (3, 4), {"pads": ints(0, 0, 0, 0)}, opset)
    if opset >= 18:
        axes = {"pads": ints(1, 2), "value": np.float32(3), "axes": ints(-1)}
        one("Pad", (3, 4), axes, opset)


SEQUENCES = {
    "entries": [node("SplitToSequence", "x", "s", axis=1, keepdims=0)],
    "pairs": [node("SplitToSequence", "x two", "s", axis=-1)],
    "sizes": [node("SplitToSequence", "x sizes", "s", axis=1)],
    "built": [
        node("SequenceEmpty", "", "e", name="make e"),
        node("SequenceInsert", "e x", "a", name="make a"),
        node("SequenceConstruct", "x x", "b", name="make b"),
        node("SequenceInsert", "a z zero", "c", name="make c"),
        node("SequenceInsert", "c z", "d", name="make d"),
        node("SequenceErase", "d", "f", name="make f"),
        node("SequenceErase", "f zero", "g", name="make g"),
        node("SequenceInsert", "g z", "s", name="make s"),
    ],
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("new_axis", [0, 1])
def test_sequences(name: str, new_axis: int) -> None:
    """One entry of a sequence and, where all have one shape, what joins them."""
    constants = {"two": np.int64(2), "sizes": np.int64([1, 1, 3]), "zero": np.int64(0)}
    ends = [node("SequenceAt", "s last", "end")]
    if name in ("entries", "built") or not new_axis:
        axis = 0 if name in ("entries", "built") else 1
        ends.append(node("ConcatFromSequence", "s", "j", axis=axis, new_axis=new_axis))
    inputs = dict.fromkeys(("x", "z")[: 1 + (name == "built")], (2, 5))
    outputs = [end.output[0] for end in ends]
    constants["last"] = np.int64(-1)
    agrees(model([*SEQUENCES[name], *ends], inputs, constants, outputs=outputs))


def test_length_of_a_sequence() -> None:
    made = [
        node("SplitToSequence", "x", "s", axis=1),
        node("SequenceLength", "s", "n"),
        node("Cast", "n", "f", to=1),
        node("Mul", "x f"),
    ]
    agrees(model(made, {"x": (2, 5)}))
