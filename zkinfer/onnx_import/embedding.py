"""The converter of EmbedLayerNormalization of com.microsoft: tokens, positions and segments."""

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.gather import indices
from zkinfer.onnx_import.moves import reshaped, sliced, taken
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal
from zkinfer.onnx_import.normalization import over_last


def embed_layer_normalization(site: Site) -> None:
    """The normalized sum of a token's three rows, which is output 2; output 1 counts a mask's ones.

    Where no positions are given they are those from 0 on.
    """
    shape = site.shape(0)
    if len(shape) != 2:
        raise Refusal(f"expected tokens of the shape [batch, length], got {shape}")
    x = _rows(site, 2, 0)
    if site.has(8):
        positions = _rows(site, 3, 8)
    else:
        table = site.shape(3)
        if len(table) != 2 or table[0] < shape[1]:
            raise Refusal(f"expected rows for {shape[1]} positions, got the shape {table}")
        positions = sliced(site, site.operand(3), {0: (0, shape[1], 1)})
    x = site.step("add", "positioned", x, positions)
    if site.has(1) and site.has(4):
        x = site.step("add", "segmented", x, _rows(site, 4, 1))
    site.graph.alias(site.node.outputs[0], over_last(site, x, 5, 6, 1e-12))
    if site.uses_output(1):
        _count(site, shape[0])
    if site.uses_output(2):
        site.graph.alias(site.node.outputs[2], x)


def _rows(site: Site, table: int, index: int) -> str:
    """The rows of the table at one place, by the index at another, [index..., length]."""
    shape, rows = site.shape(table), site.operand(table)
    if len(shape) != 2:
        raise Refusal(f"expected a table of rows, got the shape {shape}")
    if not site.is_constant(index):
        return site.step("gather", "rows", rows, site.source(index), extent=shape[0])
    places = indices(site, index, shape[0])
    chosen = taken(site, rows, 0, places.reshape(-1).tolist())
    return reshaped(site, chosen, (*places.shape, shape[1]))


def _count(site: Site, batch: int) -> None:
    """How many ones the mask at place 7 has for each sample; none where there is no mask."""
    output = site.node.outputs[1]
    if not site.has(7):
        site.graph.arrays[output] = np.zeros(batch, np.int32)
    elif site.is_constant(7):
        site.graph.arrays[output] = (site.array(7, "mask") == 1).sum(axis=1, dtype=np.int32)
    else:
        mask, one = site.any_operand(7), site.weight("one", np.ones(()))
        others = [site.step("less", "other", *pair) for pair in ((mask, one), (one, mask))]
        ones = site.step("sub", "ones", one, site.step("add", "others", *others))
        site.finish("reduce_sum", ones, index=1, axes=(1,), keepdims=False)
        site.graph.integral.add(output)


CONVERTERS: Converters = {
    (MICROSOFT_DOMAIN, "EmbedLayerNormalization"): embed_layer_normalization,
}
