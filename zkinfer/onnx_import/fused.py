"""Converters of com.microsoft's operators that onnxruntime writes for several: a convolution or a
product with its activation, and a product with weights of a few bits.
"""

import numpy as np
import onnx
from onnx import helper

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.constants import Array
from zkinfer.onnx_import.grids import by_nodes
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, Refusal

PARAMETERS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}
"""Activations, and what their numbers are called."""


def fused_conv(site: Site) -> None:
    """FusedConv: Conv, plus Z, and an activation."""
    nodes = [_inactive(site, "Conv", ["x", "w", "b"])]
    if site.has(3):
        nodes[0].output[0] = "conv"
        nodes.append(helper.make_node("Add", ["conv", "z"], ["y"], name="sum"))
    numbers = list(site.attr("activation_params", []))
    by_nodes(site, _activated(site, nodes, numbers), ("x", "w", "b", "z"))


def fused_gemm(site: Site) -> None:
    """FusedGemm: Gemm, and an activation."""
    nodes = [_inactive(site, "Gemm", ["a", "b", "c"])]
    names = (f"activation_{name}" for name in ("alpha", "beta"))
    numbers = [float(site.attr(name, 0.0)) for name in names if name in site.node.attrs]
    by_nodes(site, _activated(site, nodes, numbers), ("a", "b", "c"))


def _inactive(site: Site, op: str, names: list[str]) -> onnx.NodeProto:
    """What comes before the activation, with its attributes; the third input may be left out."""
    read = names if site.has(2) else [*names[:2], ""]
    node = helper.make_node(op, read, ["y"], name=op.lower())
    own = (a for a in site.node.proto.attribute if not a.name.startswith("activation"))
    node.attribute.extend(own)
    return node


def _activated(
    site: Site, nodes: list[onnx.NodeProto], numbers: list[float]
) -> list[onnx.NodeProto]:
    """Nodes with an activation behind the last. Raises Refusal for one that is not known."""
    op = site.attr("activation", "")
    if not op:
        return nodes
    names = PARAMETERS.get(op)
    if names is None:
        raise Refusal(f"expected an activation among {', '.join(PARAMETERS)}, got {op}")
    if len(numbers) != len(names) and (numbers or op == "Clip"):
        raise Refusal(f"expected {len(names)} numbers for {op}, got {len(numbers)}")
    given = dict(zip(names, numbers, strict=False))
    nodes[-1].output[0] = "inactive"
    active = helper.make_node(op, ["inactive"], ["y"], name="activation")
    for name, number in given.items():
        if op == "Clip":
            nodes.append(helper.make_node("Constant", [], [name], value_float=number))
            active.input.append(name)
        else:
            active.attribute.append(helper.make_attribute(name, number))
    return [*nodes, active]


def matmul_n_bits(site: Site) -> None:
    """MatMulNBits: A times constant weights of 2, 4 or 8 bits, which have a scale and a zero point
    for each block along their rows; plus a bias.
    """
    weights = site.weight("unpacked", _unpacked(site).T, 1)
    if site.has(5):
        product = site.step("matmul", "product", site.operand(0), weights)
        site.finish("add", product, site.operand(5))
    else:
        site.finish("matmul", site.operand(0), weights)


def _unpacked(site: Site) -> Array:
    """The weights, [N, K]."""
    bits, block = int(site.attr("bits", 4)), int(site.attr("block_size", 0))
    count, depth = int(site.attr("N", 0)), int(site.attr("K", 0))
    if bits not in (2, 4, 8):
        raise Refusal(f"expected weights of 2, 4 or 8 bits, got {bits}")
    if block < 16 or block & (block - 1) or min(count, depth) < 1:
        raise Refusal(f"expected blocks of 16, 32, ... weights of N x K, got {block}")
    if site.attr("weight_prepacked", 0):
        raise Refusal("expected weights as the standard lays them out, got prepacked ones")
    blocks = -(-depth // block)
    whole = _fields(site, 1, bits, (count, blocks * block))
    scales = _numbers(site, 2, (count, blocks), "scales")
    if not site.has(3):
        zeros: Array = np.full((count, blocks), 1 << (bits - 1))
    elif site.array(3, "zero points").dtype == np.uint8:
        zeros = _fields(site, 3, bits, (count, blocks))
    else:
        zeros = _numbers(site, 3, (count, blocks), "zero points")
    groups = np.arange(depth) // block
    if site.has(4):
        groups = site.array(4, "g_idx").astype(np.int64).ravel()
        if groups.shape != (depth,) or groups.min() < 0 or groups.max() >= blocks:
            raise Refusal(f"expected a g_idx of {depth} blocks below {blocks}")
    made: Array = (whole[:, :depth] - zeros[:, groups]) * scales[:, groups]
    return made


def _fields(site: Site, index: int, bits: int, shape: tuple[int, int]) -> Array:
    """Bytes as rows of unsigned fields, the low bits first. Raises Refusal."""
    array = site.array(index, "packed integers")
    size = -(-shape[1] * bits // 8)
    if array.dtype != np.uint8 or array.size != shape[0] * size:
        raise Refusal(
            f"expected {shape[0]} x {size} bytes as input {index}, got {array.size} {array.dtype}"
        )
    rows = np.unpackbits(array.reshape(shape[0], size), axis=1, bitorder="little")
    fields = rows[:, : shape[1] * bits].reshape(*shape, bits).astype(np.int64)
    made: Array = fields @ (1 << np.arange(bits))
    return made


def _numbers(site: Site, index: int, shape: tuple[int, int], word: str) -> Array:
    array = site.floats(index, word)
    if array.size != shape[0] * shape[1]:
        raise Refusal(f"expected {shape[0]} x {shape[1]} {word}, got {array.size}")
    return array.reshape(shape)


CONVERTERS: Converters = {
    (MICROSOFT_DOMAIN, "FusedConv"): fused_conv,
    (MICROSOFT_DOMAIN, "FusedGemm"): fused_gemm,
    (MICROSOFT_DOMAIN, "MatMulNBits"): matmul_n_bits,
}
