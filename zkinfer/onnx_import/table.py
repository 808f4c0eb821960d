"""Which converter handles which operator: what each file says. Any other operator is refused."""

from zkinfer.onnx_import import (
    elementwise,
    gather,
    heads,
    linear,
    movement,
    normalization,
    repeat,
    several,
    windows,
)
from zkinfer.onnx_import.builder import Converters

CONVERTERS: Converters = {
    **elementwise.CONVERTERS,
    **gather.CONVERTERS,
    **heads.CONVERTERS,
    **linear.CONVERTERS,
    **movement.CONVERTERS,
    **normalization.CONVERTERS,
    **repeat.CONVERTERS,
    **several.CONVERTERS,
    **windows.CONVERTERS,
}

FOLDED = ("Constant", "ConstantOfShape", "Shape")
"""Standard operators without a converter: their outputs are constants once shapes are fixed."""
