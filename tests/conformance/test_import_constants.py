"""Constants that nodes make of constants and shapes, as exporters leave them, are computed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.agreement import agrees, ints, normal
from tests.conformance.test_import_refusals import message
from tests.onnx_models import model
from zkinfer import UnsupportedModelError

INT64, FLOAT = TensorProto.INT64, TensorProto.FLOAT
Nodes = list[onnx.NodeProto]


def node(op: str, inputs: str, output: str = "y", **attrs: Any) -> onnx.NodeProto:
    """A node named after its output; a minus stands for no input."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, output.split(), f"the_{output}", **attrs)


def scalar(value: float) -> Any:
    return np.array(value, np.float32 if isinstance(value, float) else np.int64)


def extent(axis: int, output: str) -> Nodes:
    """An extent of x."""
    return [node("Shape", "x", f"{output}_all"), node("Gather", f"{output}_all {axis}", output)]


NUMBERS: dict[str, Any] = {str(n): scalar(n) for n in range(4)}
LISTS: dict[str, Any] = {f"l{n}": ints(n) for n in range(5)} | {"last": ints(-1)}


def sizes() -> Nodes:
    """Of an interpolation by a factor."""
    made = []
    for name, axis in (("h", 2), ("v", 3)):
        made += extent(axis, name)
        made += [node("Cast", name, f"{name}f", to=FLOAT), node("Mul", f"{name}f two", f"{name}m"),
                 node("Floor", f"{name}m", f"{name}w"), node("Cast", f"{name}w", f"{name}i",
                 to=INT64), node("Unsqueeze", f"{name}i l0", f"{name}u")]  # fmt: skip
    return [*made, node("Slice", "h_all l0 l2", "lead"), node("Concat", "lead hu vu", "s", axis=0),
            node("Resize", "x - - s", mode="linear")]  # fmt: skip


def scales() -> Nodes:
    return [node("Shape", "x", "s"), node("Cast", "s", "f", to=FLOAT), node("Div", "wanted f", "r"),
            node("Slice", "r l2 l4", "hw"), node("Concat", "ones hw", "scales", axis=0),
            node("Resize", "x - scales", mode="nearest")]  # fmt: skip


def padding() -> Nodes:
    """Of the last axis, to a multiple of a stride, half of it before."""
    return [*extent(3, "v"), node("Cast", "v", "f", to=FLOAT), node("Div", "f two", "q"),
            node("Ceil", "q", "c"), node("Mul", "c two", "m"), node("Sub", "m f", "more"),
            node("Cast", "more", "n", to=INT64), node("Div", "n 2", "lo"),
            node("Sub", "n lo", "hi"), node("Unsqueeze", "lo l0", "lu"),
            node("Unsqueeze", "hi l0", "hu"),
            node("Concat", "none lu none hu", "pads", axis=0), node("Pad", "x pads")]  # fmt: skip


def pads_of_pytorch() -> Nodes:
    """Begins and ends from the last axis on, turned round."""
    zeros = numpy_helper.from_array(ints(0))
    return [node("ConstantOfShape", "l4", "z", value=zeros), node("Concat", "p z", "c", axis=0),
            node("Reshape", "c pairs", "r"), node("Slice", "r last far l0 last", "t"),
            node("Transpose", "t", "u", perm=[1, 0]), node("Reshape", "u last", "v"),
            node("Cast", "v", "pads", to=INT64), node("Pad", "x pads")]  # fmt: skip


def expansion() -> Nodes:
    ones = numpy_helper.from_array(ints(1))
    return [node("Shape", "x", "s"), node("Slice", "s l0 l1", "b"),
            node("Concat", "b last l4 l4", "shape", axis=0), node("ConstantOfShape", "l4", "o",
            value=ones), node("Equal", "shape keep", "kept"), node("Where", "kept o shape", "e"),
            node("Expand", "w e", "wide"), node("Add", "x wide")]  # fmt: skip


def halves() -> Nodes:
    return [*extent(1, "c"), node("Add", "c 1", "a"), node("Div", "a 2", "h"),
            node("Unsqueeze", "h l0", "u"), node("Slice", "x l0 u l1", "b"),
            node("Slice", "x u far_end l1", "q"), node("Concat", "q b", axis=1)]  # fmt: skip


def waves() -> Nodes:
    """An embedding of positions."""
    return [*extent(3, "n"), node("Range", "0 n 1", "r"), node("Cast", "r", "f", to=FLOAT),
            node("Mul", "f two", "a"), node("Sin", "a", "s"), node("Cos", "a", "c"),
            node("Mul", "s c", "e"), node("Add", "x e")]  # fmt: skip


def look_ahead() -> Nodes:
    return [*extent(3, "n"), node("Range", "0 n 1", "r"), node("Unsqueeze", "r l0", "a"),
            node("Unsqueeze", "r l1", "b"), node("LessOrEqual", "a b", "le"),
            node("Where", "le zero lowest", "m"), node("Add", "x m", "t"),
            node("Softmax", "t", axis=-1)]  # fmt: skip


def norms() -> Nodes:
    return [node("LayerNormalization", "w g", "n"), node("Softplus", "n", "o"),
            node("Resize", "o - - full", "r", mode="linear"), node("Add", "x r")]  # fmt: skip


def filters() -> Nodes:
    return [node("Einsum", "g g", "o", equation="i,j->ij"), node("Reshape", "o l1_1", "k"),
            node("Conv", "w k", "c", pads=[1, 1, 2, 2]), node("HardSwish", "c", "s"),
            node("MatMul", "x s")]  # fmt: skip


def places() -> Nodes:
    return [node("TopK", "w l2", "v i", axis=3), node("GatherElements", "x i", axis=3)]


CHAINS = (sizes, scales, padding, pads_of_pytorch, expansion, halves, waves, look_ahead, norms,
          filters, places)  # fmt: skip
CONSTANTS: Mapping[str, Any] = {
    **NUMBERS,
    **LISTS,
    "two": scalar(2.0),
    "zero": scalar(0.0),
    "lowest": scalar(-np.inf),
    "wanted": np.array([1, 3, 8, 8], np.float32),
    "ones": np.ones(2, np.float32),
    "none": ints(0, 0, 0),
    "p": ints(1, 2, 0, 1),
    "pairs": ints(-1, 2),
    "far": ints(-(1 << 63) + 1),
    "far_end": ints((1 << 63) - 1),
    "keep": ints(-1, -1, -1, -1),
    "w": normal(1, 1, 4, 4),
    "g": normal(4),
    "l1_1": ints(1, 1, 4, 4),
    "full": ints(1, 3, 4, 4),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_chains_of_constants(chain: Any) -> None:
    nodes: Nodes = chain()
    read = {name for made in nodes for name in made.input}
    constants = {name: array for name, array in CONSTANTS.items() if name in read}
    wide = chain is padding
    shape = (1, 3, 4, 5) if wide else (1, 1, 4, 4) if chain is places else (1, 3, 4, 4)
    agrees(model(nodes, {"x": ("n", *shape[1:])}, constants), {"x": shape})


def test_constants_that_take_long() -> None:
    constants = {"k": normal(1, 1, 300, 300), "w": normal(1, 1, 150, 150)}
    made = model([node("Conv", "k w", "c"), node("Add", "x c")], {"x": (1, 1, 1, 1)}, constants)
    text = message(made, UnsupportedModelError)
    assert "the_c (Conv, domain ai.onnx): expected at most" in text
    assert "multiplications of constants" in text
