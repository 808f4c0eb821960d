"""Which converter handles which operator: what each file says. Any other operator is refused."""

from zkinfer.onnx_import import (
    attention,
    elementwise,
    functions,
    gather,
    heads,
    linear,
    movement,
    normalization,
    recurrent,
    repeat,
    several,
    windows,
)
from zkinfer.onnx_import.builder import Converters

CONVERTERS: Converters = {
    **attention.CONVERTERS,
    **elementwise.CONVERTERS,
    **functions.CONVERTERS,
    **gather.CONVERTERS,
    **heads.CONVERTERS,
    **linear.CONVERTERS,
    **movement.CONVERTERS,
    **normalization.CONVERTERS,
    **recurrent.CONVERTERS,
    **repeat.CONVERTERS,
    **several.CONVERTERS,
    **windows.CONVERTERS,
}

FOLDED = ("Constant", "ConstantOfShape", "Shape")
"""Standard operators without a converter: their outputs are constants once shapes are fixed."""
