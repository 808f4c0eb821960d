"""Nodes of every generator, with all of their attributes, compute what onnxruntime computes."""

import re

import numpy as np
import onnx
import pytest

from tests.float_oracle import evaluate
from tests.properties.choices import Rejected, seeded
from tests.properties.draw_models import OPERATORS, PLACES, single
from tests.properties.drawing import run, session
from zkinfer.errors import UnsupportedModelError
from zkinfer.onnx_import import load

COUNT = 40
"""Attempts for each generator; onnxruntime refuses some."""
FEWEST = 4

REFUSED = (
    r"dilations of 1 with auto_pad|window no larger than|no output that depends on an input|"
    r"more entries may be made|onnxruntime does not crop|the policy stretch|antialias = 0 with|"
    r"No Op registered"
)


@pytest.mark.parametrize("name", OPERATORS)
def test_drawn_nodes(name: str) -> None:
    tested = sum(agrees(name, number) for number in range(COUNT))
    assert tested >= FEWEST


def agrees(name: str, number: int) -> bool:
    """Whether a case was drawn that is not refused; it computes what onnxruntime computes."""
    c = seeded(name, number)
    try:
        model, outputs, largest = single(c, name)
        shape = [dim.dim_value for dim in model.graph.input[1].type.tensor_type.shape.dim]
        x = c.numbers().normal(size=shape).astype(np.float32)
        inputs = {"places": PLACES, "x": x}
        expected = run(session(model), inputs)
    except Rejected:
        return False
    if not all(np.isfinite(array).all() for array in expected):
        return False
    text = f"{name} {number}\n{onnx.printer.to_text(model)}"
    try:
        values = evaluate(load(model), inputs)
    except UnsupportedModelError as error:
        if re.search(REFUSED, str(error)):
            return False
        raise AssertionError(f"{error}\n{text}") from error
    for tensor, wanted in zip(outputs, expected, strict=True):
        size = max(np.abs(x).max(), np.abs(wanted).max(), largest)
        assert values[tensor.name].shape == wanted.shape, text
        np.testing.assert_allclose(
            values[tensor.name], wanted, rtol=1e-4, atol=1e-5 * size, err_msg=text
        )
    return True
