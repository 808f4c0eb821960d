"""RNN, GRU and LSTM compute what onnxruntime computes."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.conformance.agreement import agrees
from tests.conformance.test_import_refusals import message
from tests.onnx_models import model
from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import.moves import MAX_PARTS

RNG = np.random.default_rng(5)
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, SIZE, HIDDEN = 5, 2, 3, 4


def recurrent(
    op: str,
    *constants: str,
    direction: str = "forward",
    lengths: tuple[int, ...] = (),
    outputs: str = "",
    **attrs: Any,
) -> onnx.ModelProto:
    """A model of one node. constants: which of its inputs it has: B, h, c, P."""
    gates, count = GATES[op], 1 + (direction == "bidirectional")

    def drawn(*shape: int) -> np.ndarray:
        return RNG.normal(size=shape).astype(np.float32) / 2

    shapes = {
        "B": (count, 2 * gates * HIDDEN),
        "h": (count, BATCH, HIDDEN),
        "c": (count, BATCH, HIDDEN),
        "P": (count, 3 * HIDDEN),
    }
    arrays = {name: drawn(*shapes[name]) for name in constants}
    arrays |= {"W": drawn(count, gates * HIDDEN, SIZE), "R": drawn(count, gates * HIDDEN, HIDDEN)}
    if lengths:
        arrays["L"] = np.array(lengths, np.int32)
    places = [name if name in arrays else "" for name in "BLhcP"]
    names = ["x", "W", "R", *(places if op == "LSTM" else places[:3])]
    while not names[-1]:
        names.pop()
    made = outputs.split() or ["y", "yh", "yc"][: 3 if op == "LSTM" else 2]
    attrs |= {"hidden_size": HIDDEN, "direction": direction}
    nodes = [helper.make_node(op, names, made, f"the_{op.lower()}", **attrs)]
    return model(nodes, {"x": (STEPS, BATCH, SIZE)}, arrays, [name for name in made if name])


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", ["RNN", "GRU", "LSTM"])
def test_directions(op: str, direction: str) -> None:
    agrees(recurrent(op, direction=direction))
    agrees(recurrent(op, "B", "h", direction=direction))
    agrees(recurrent(op, "B", direction=direction, clip=0.3))
    for lengths in ((3, 5), (4, 4), (1, 2)):
        agrees(recurrent(op, "B", direction=direction, lengths=lengths))


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_kinds_of_gru(direction: str) -> None:
    for constants in ((), ("B",), ("B", "h")):
        agrees(recurrent("GRU", *constants, direction=direction, linear_before_reset=1))


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_kinds_of_lstm(direction: str) -> None:
    agrees(recurrent("LSTM", "B", "h", "c", direction=direction))
    agrees(recurrent("LSTM", "B", "P", direction=direction))
    agrees(recurrent("LSTM", "B", "h", "c", "P", direction=direction, clip=0.5))
    agrees(recurrent("LSTM", "B", direction=direction, input_forget=1))


def test_outputs_that_nothing_reads() -> None:
    agrees(recurrent("LSTM", outputs="y"))
    assert len(agrees(recurrent("GRU", "B", outputs="y yh")).outputs) == 2


@pytest.mark.parametrize(
    ("names", "attrs"),
    [
        (["Relu"], {}),
        (["Softsign"], {}),
        (["HardSigmoid"], {"activation_alpha": [0.3], "activation_beta": [0.4]}),
        (["ScaledTanh"], {"activation_alpha": [0.5], "activation_beta": [0.75]}),
        (["LeakyRelu"], {"activation_alpha": [0.1]}),
        (["Affine"], {"activation_alpha": [0.5], "activation_beta": [0.25]}),
        (["Softplus"], {}),
    ],
)
def test_activations(names: list[str], attrs: dict[str, Any]) -> None:
    agrees(recurrent("RNN", "B", activations=names, **attrs))


def test_refusals() -> None:
    for made, expected in (
        (recurrent("RNN", activations=["Elu"]), "activations"),
        (recurrent("GRU", direction="sideways"), "direction"),
        (recurrent("LSTM", lengths=(9, 1)), "sequence_lens"),
    ):
        assert expected in message(made, UnsupportedModelError)


def test_more_steps_than_one_concatenation_takes() -> None:
    shape, size = (MAX_PARTS + 3, 1, 1), {"hidden_size": 1}
    arrays = {"W": np.full((1, 1, 1), 0.5, np.float32)}
    nodes = [helper.make_node("RNN", ["x", "W", "W"], ["y"], "the_rnn", **size)]
    graph = agrees(model(nodes, {"x": shape}, arrays))
    assert max(len(made.inputs) for made in graph.nodes) <= MAX_PARTS
