"""Which converter handles which operator: what each file says. Any other operator is refused."""

from zkinfer.onnx_import import (
    attention,
    blocks,
    classical,
    control,
    convolution,
    distances,
    division,
    einsum,
    elementwise,
    embedding,
    functions,
    fused,
    gather,
    heads,
    linear,
    logic,
    movement,
    normalization,
    padding,
    places,
    powers,
    quantized,
    quantized_entries,
    recurrent,
    reductions,
    repeat,
    resize,
    scatter,
    sequences,
    several,
    spectra,
    tables,
    trees,
    triangles,
    windows,
)
from zkinfer.onnx_import.builder import Converters
from zkinfer.onnx_import.constants import OF_SHAPE

CONVERTERS: Converters = {
    **attention.CONVERTERS,
    **blocks.CONVERTERS,
    **classical.CONVERTERS,
    **control.CONVERTERS,
    **convolution.CONVERTERS,
    **distances.CONVERTERS,
    **division.CONVERTERS,
    **einsum.CONVERTERS,
    **elementwise.CONVERTERS,
    **embedding.CONVERTERS,
    **functions.CONVERTERS,
    **fused.CONVERTERS,
    **gather.CONVERTERS,
    **heads.CONVERTERS,
    **linear.CONVERTERS,
    **logic.CONVERTERS,
    **movement.CONVERTERS,
    **normalization.CONVERTERS,
    **padding.CONVERTERS,
    **places.CONVERTERS,
    **powers.CONVERTERS,
    **quantized.CONVERTERS,
    **quantized_entries.CONVERTERS,
    **recurrent.CONVERTERS,
    **reductions.CONVERTERS,
    **repeat.CONVERTERS,
    **resize.CONVERTERS,
    **scatter.CONVERTERS,
    **sequences.CONVERTERS,
    **several.CONVERTERS,
    **spectra.CONVERTERS,
    **tables.CONVERTERS,
    **trees.CONVERTERS,
    **triangles.CONVERTERS,
    **windows.CONVERTERS,
}

FOLDED = ("Constant", "ConstantOfShape", *sorted(OF_SHAPE))
"""Standard operators without a converter: their outputs are constants once shapes are fixed."""

WHOLE = frozenset(
    (
        "Abs", "Add", "Clip", "CumSum", "Div", "Max", "Min", "Mod", "Mul", "Neg", "ReduceMax",
        "ReduceMin", "ReduceSum", "Relu", "Sign", "Sub",
    )
)  # fmt: skip
"""Standard operators that take integers too: what they compute of whole numbers is whole."""
