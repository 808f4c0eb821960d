"""ONNX models: the only part of zkinfer that imports onnx.

    exported(model, example)             a fitted model of another package, by its converter
    read(source) -> onnx.ModelProto      the model with all of its weights
    upgraded(model) -> onnx.ModelProto   its nodes in order, its opset one that is supported
    load(source, shapes) -> Graph        what it computes, in the operators of zkinfer.graph

Half precision becomes single, the model is checked, its own functions are inlined, dead nodes are
dropped, dimensions fixed, constants folded; each node goes through its converter in `table`, or is
replaced by the function that ONNX defines it by; at last multiplications and additions of constants
(batch normalization) are folded into the products before them.
"""

from zkinfer.onnx_import.doors import exported
from zkinfer.onnx_import.importer import load
from zkinfer.onnx_import.read import read
from zkinfer.onnx_import.upgrade import upgraded

__all__ = ["exported", "load", "read", "upgraded"]
