"""Nodes that stand for others: functions of ONNX, branches, loops; and half precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.agreement import agrees, normal, one
from tests.onnx_models import FLOAT, Array, model, node
from zkinfer import onnx_import
from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import.bodies import MAX_INLINED


def graph(
    nodes: Sequence[onnx.NodeProto],
    outputs: str,
    inputs: dict[str, int] | None = None,
    bools: str = "",
    **constants: Array,
) -> onnx.GraphProto:
    """A graph inside of a node. inputs: types by name. bools: outputs that are truth values."""
    info = helper.make_tensor_value_info
    types = dict.fromkeys(bools.split(), TensorProto.BOOL)
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = [info(name, types.get(name, FLOAT), None) for name in outputs.split()]
    scalars = (TensorProto.INT64, TensorProto.BOOL)
    given = [info(n, kind, [] if kind in scalars else None) for n, kind in (inputs or {}).items()]
    return helper.make_graph(list(nodes), "inner", given, made, tensors)


def message(made: onnx.ModelProto) -> str:
    with pytest.raises(UnsupportedModelError) as caught:
        onnx_import.load(made)
    return str(caught.value)


@pytest.mark.parametrize("opset", [14, 18, 22])
def test_function_of_functions(opset: int) -> None:
    """HardSwish is x times HardSigmoid, and that a clipped line."""
    made = one("HardSwish", (2, 3), opset=opset)
    assert [made.op for made in made.nodes][-1] == "mul"
    assert "clip" in [made.op for made in made.nodes]


def test_attributes_of_functions() -> None:
    one("HardSigmoid", (2, 3), opset=13)
    one("HardSigmoid", (2, 3), opset=13, alpha=0.5, beta=0.1)


def test_function_of_an_unknown_operator_is_named_itself() -> None:
    made = model([node("Bernoulli", "x")], {"x": (2, 3)}, opset=18)
    (line,) = message(made).split("\n")[1:]
    assert line.startswith("  Bernoulli x1, first: node the_bernoulli, whose output is random")


def test_refused_node_of_a_function() -> None:
    """It is called by the node and its own output."""
    nodes = [node("ArgMax", "x", "i", keepdims=0), node("ReduceLogSum", "x i", name="logs")]
    text = message(model(nodes, {"x": (2, 3)}, opset=18))
    assert "node logs/reduced_sum (ReduceSum, " in text
    assert "constant axes" in text


def test_shape_of_a_branch() -> None:
    """What PyTorch makes of x.squeeze(0): a branch for each number of axes."""
    then = graph([node("Squeeze", "x axes", "s")], "s", axes=np.array([0]))
    other = graph([node("Identity", "x", "i")], "i")
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "first"),
        node("Equal", "first one", "flat"),
        node("If", "flat", "r", then_branch=then, else_branch=other),
        node("MatMul", "r w"),
    ]
    constants = {"zero": np.array(0), "one": np.array(1), "w": normal(4, 2)}
    made = model(nodes, {"x": ("batch", 3, 4)}, constants)
    assert agrees(made, {"x": (1, 3, 4)}).shape("y") == (3, 2)
    assert agrees(made, {"x": (2, 3, 4)}).shape("y") == (2, 3, 2)


def test_only_the_branch_that_is_taken_is_judged() -> None:
    branches = {
        "then_branch": graph([node("Odd", "x", "e", domain="org.example")], "e"),
        "else_branch": graph([node("Neg", "x", "n")], "n"),
    }
    for taken in (False, True):
        chosen, constants = node("If", "c", **branches), {"c": np.array(taken)}
        made = model([chosen], {"x": (2, 3)}, constants, domains={"org.example": 1})
        if taken:
            line = "  Odd (domain org.example) x1, first: node the_if/the_odd"
            assert message(made).split("\n")[1:] == [line]
        else:
            assert [made.op for made in onnx_import.load(made).nodes] == ["neg"]


def test_what_only_a_body_in_a_body_reads() -> None:
    """An If of a branch, whose output only a branch of the next one reads, from around it."""
    first = graph([node("Neg", "x", "n")], "n")
    second = graph([node("Exp", "m", "e")], "e")
    branch = graph(
        [
            node("If", "c", "m", then_branch=first, else_branch=first, name="first"),
            node("If", "c", "o", then_branch=second, else_branch=second, name="second"),
        ],
        "o",
    )
    nodes = [node("If", "c", "y", then_branch=branch, else_branch=branch)]
    agrees(model(nodes, {"x": (2, 3)}, {"c": np.array(True)}))


def test_head_in_a_branch_that_others_read() -> None:
    inner = graph([node("ArgMax", "x", "i"), node("Cast", "i", "f", to=FLOAT)], "f")
    nodes = [node("If", "c", "b", then_branch=inner, else_branch=inner), node("Neg", "b")]
    agrees(model(nodes, {"x": (2, 3)}, {"c": np.array(True)}))


def test_condition_that_is_computed() -> None:
    inner = graph([node("Neg", "x", "n")], "n")
    nodes = [node("Cast", "x", "c", to=TensorProto.BOOL, name="to_bool"),
             node("If", "c", then_branch=inner, else_branch=inner)]  # fmt: skip
    assert "expected a constant condition" in message(model(nodes, {"x": ()}))
    nodes = [node("ArgMax", "x", "c", keepdims=0), node("If", "c", then_branch=inner,
             else_branch=inner, name="the_if")]  # fmt: skip
    text = message(model(nodes, {"x": (2,)}))
    assert "the_if (If, domain ai.onnx): expected a constant cond" in text
    assert "initializer named x" in text


def test_names_inside_are_no_names_outside() -> None:
    """The names of a body's tensors and constants are also those of others around it."""
    body = graph(
        [node("Add", "h w", "t"), node("Mul", "t w", "k"), node("Identity", "go", "g")],
        "g k t",
        {"i": TensorProto.INT64, "go": TensorProto.BOOL, "h": FLOAT},
        bools="g",
        w=np.float32(0.5),
    )
    nodes = [
        node("Loop", "three - x", "a b", body=body),
        node("ReduceSum", "b axes", "s", keepdims=0),
        node("Add", "a s", "t", name="sum"),
        node("MatMul", "t w"),
    ]
    constants = {"three": np.array(3), "axes": np.array([0]), "w": normal(4, 2)}
    agrees(model(nodes, {"x": (3, 4)}, constants))


def counted(limit: int, *, trips: str = "-") -> onnx.ModelProto:
    """A loop that goes on while a counter is below a limit."""
    body = graph(
        [node("Less", "i last", "g"), node("Add", "h i_float", "k"),
         node("Cast", "i", "i_float", to=FLOAT)][::-1],
        "g k",
        {"i": TensorProto.INT64, "go": TensorProto.BOOL, "h": FLOAT},
        bools="g",
        last=np.array(limit),
    )  # fmt: skip
    return model([node("Loop", f"{trips} - x", body=body)], {"x": (2,)}, {"n": np.array(9)})


def test_condition_of_a_loop() -> None:
    assert len(agrees(counted(4)).nodes) == 5
    assert len(agrees(counted(99, trips="n")).nodes) == 9


def test_loop_without_an_end() -> None:
    text = message(counted(1 << 40))
    assert "the_loop" in text
    assert f"more than {MAX_INLINED} nodes" in text


@pytest.mark.parametrize("backward", [0, 1])
def test_scan_of_two_inputs(backward: int) -> None:
    body = graph(
        [node("MatMul", "h w", "m"), node("Add", "m a", "s"), node("Add", "s b", "k", name="s"),
         node("Neg", "k", "z")],
        "k z",
        dict.fromkeys("hab", FLOAT),
        w=normal(3, 3) / 3,
    )  # fmt: skip
    attrs: dict[str, Any] = {
        "num_scan_inputs": 2,
        "scan_input_axes": [1, 0],
        "scan_input_directions": [backward, 0],
        "scan_output_axes": [-1],
        "scan_output_directions": [backward],
    }
    nodes = [node("Scan", "h0 x c", "last all", body=body, **attrs)]
    constants = {"h0": normal(2, 3), "c": normal(5, 2, 3)}
    made = agrees(model(nodes, {"x": (2, 5, 3)}, constants, ("last", "all")))
    assert made.shape("all") == (2, 3, 5)
    products = [made.alike[n.outputs[0]] for n in made.nodes if n.op == "matmul"]
    assert products == ["the_scan/the_matmul"] * 4  # the first state is constant


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16])
def test_half_precision_is_computed_in_single(kind: int) -> None:
    """Weights keep their numbers, nothing is rounded in between, and onnxruntime runs it."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    w, b = normal(4, 3).astype(dtype), np.float32(1 / 3).astype(dtype)
    nodes = [
        node("MatMul", "x w", "h"),
        node("Cast", "h", "f", to=FLOAT),
        node("Cast", "f", "g", to=kind, name="back"),
        node("Constant", "", "b", value=numpy_helper.from_array(b)),
        node("Add", "g b"),
    ]
    made = model(nodes, {"x": (2, 4)}, {"w": w}, input_type=kind, output_type=kind)
    wide = onnx_import.upgraded(made)
    assert wide.graph.input[0].type.tensor_type.elem_type == FLOAT
    assert wide.graph.output[0].type.tensor_type.elem_type == FLOAT
    read = agrees(wide)
    np.testing.assert_array_equal(read.constants["w"], w.astype(np.float64))
    again = onnx_import.load(made)
    assert again.nodes == read.nodes
