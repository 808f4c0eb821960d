"""Converters of the operators with weights: Gemm, MatMul, FusedMatMul,
BatchNormalization, Scaler.
"""

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, finite
from zkinfer.onnx_import.moves import permuted
from zkinfer.onnx_import.node import MICROSOFT_DOMAIN, ML_DOMAIN, Refusal
from zkinfer.onnx_import.shapes import broadcasts_to


def matmul(site: Site) -> None:
    """MatMul: numpy's matmul."""
    site.finish("matmul", site.operand(0), site.operand(1))


def gemm(site: Site) -> None:
    """Gemm: alpha A' B' + beta C, where ' transposes if transA or transB says so.

    Constant operands take in their transpose and factor.
    """
    alpha, beta = float(site.attr("alpha", 1.0)), float(site.attr("beta", 1.0))
    scaled = 1 if site.is_constant(1) else 0
    factors = [1.0, 1.0]
    if site.is_constant(scaled):
        factors[scaled], alpha = alpha, 1.0
    a = _gemm_operand(site, 0, "transA", factors[0])
    b = _gemm_operand(site, 1, "transB", factors[1])
    with_c = site.has(2) and beta != 0
    if alpha == 1 and not with_c:
        site.finish("matmul", a, b)
    elif alpha == 1 and site.is_constant(2):
        site.finish("matmul", a, b, _scaled_bias(site, beta))
    else:
        y = site.step("matmul", "product", a, b)
        if alpha != 1:
            factor = site.weight("alpha", np.array(alpha))
            if not with_c:
                site.finish("mul", y, factor)
                return
            y = site.step("mul", "alpha", y, factor)
        site.finish("add", y, _gemm_c(site, y, beta))


def fused_matmul(site: Site) -> None:
    """FusedMatMul: alpha A' B', where ' transposes as transA, transB and so on say.

    A batch is transposed by moving the first axis behind the others of the batch.
    """
    operands = [_fused_operand(site, 0, "A"), _fused_operand(site, 1, "B")]
    alpha = float(site.attr("alpha", 1.0))
    if alpha == 1:
        site.finish("matmul", *operands)
        return
    product = site.step("matmul", "product", *operands)
    site.finish("mul", product, site.weight("alpha", np.array(alpha)))


def _fused_operand(site: Site, index: int, letter: str) -> str:
    """A or B, transposed as its attributes say."""
    perm = list(range(len(site.shape(index))))
    if len(perm) > 1 and site.attr(f"transBatch{letter}", 0):
        perm = [*perm[1:-1], 0, perm[-1]]
    if len(perm) > 1 and site.attr(f"trans{letter}", 0):
        perm[-2:] = perm[-2:][::-1]
    return permuted(site, site.operand(index), perm)


def _gemm_operand(site: Site, index: int, flag: str, factor: float) -> str:
    """A or B with two axes, transposed if the attribute says so, times the factor if constant."""
    if len(site.shape(index)) != 2:
        raise Refusal(f"expected a matrix as input {index}, got the shape {site.shape(index)}")
    transposed = bool(site.attr(flag, 0))
    x = site.operand(index)
    if not site.is_constant(index):
        return site.step("transpose", flag, x, perm=(1, 0)) if transposed else x
    if not transposed and factor == 1:
        return x
    array = site.floats(index, "weights") * factor
    suffix = ("transposed" if transposed else "") + ("scaled" if factor != 1 else "")
    return site.weight(suffix, array.T if transposed else array, index)


def _scaled_bias(site: Site, beta: float) -> str:
    """A constant C, times beta."""
    if beta == 1:
        return site.operand(2)
    return site.weight("scaled", beta * site.floats(2, "C"), 2)


def _gemm_c(site: Site, product: str, beta: float) -> str:
    """C times beta, constant or not, which must broadcast to the product."""
    if not broadcasts_to(site.shape(2), site.graph.shape(product)):
        raise Refusal(
            f"expected a C that broadcasts to {site.graph.shape(product)}, got {site.shape(2)}"
        )
    if site.is_constant(2):
        return _scaled_bias(site, beta)
    c = site.operand(2)
    return c if beta == 1 else site.step("mul", "beta", c, site.weight("beta", np.array(beta)))


def batch_normalization(site: Site) -> None:
    """BatchNormalization in inference form: x times a factor plus a shift per channel.

    factor = scale / sqrt(variance + epsilon), shift = bias - mean * factor.
    """
    if site.attr("training_mode", 0) or any(site.uses_output(i) for i in range(1, 5)):
        raise Refusal("expected inference form, got training mode; export the model after eval()")
    x_shape = site.shape(0)
    # before opset 9, spatial = 0 means a parameter for every entry of a sample
    spatial = site.attr("spatial", 1)
    shape = (x_shape[1:2] or (1,)) if spatial else x_shape[1:]
    words = ("a scale", "a bias", "a mean", "a variance")
    scale, bias, mean, variance = (
        site.floats(index, word) for index, word in enumerate(words, start=1)
    )
    for word, array in zip(words, (scale, bias, mean, variance), strict=True):
        if array.shape != shape:
            raise Refusal(f"expected {word} of shape {shape}, got {array.shape}")
    deviation = variance + float(site.attr("epsilon", 1e-5))
    if np.any(deviation <= 0):
        raise Refusal("expected variances that are positive with epsilon, got smaller ones")
    factor = scale / np.sqrt(deviation)
    shift = bias - mean * factor
    if spatial:
        columns = (-1,) + (1,) * (len(x_shape) - 2)
        factor, shift = factor.reshape(columns), shift.reshape(columns)
    y = site.step("mul", "factor", site.operand(0), site.weight("factor", factor))
    site.finish("add", y, site.weight("shift", shift))


def scaler(site: Site) -> None:
    """Scaler of ai.onnx.ml: (x - offset) * scale, one of each or one per feature."""
    x = site.any_operand(0)
    features = site.shape(0)[-1:] or (1,)
    parts = []
    for name, neutral in (("offset", 0.0), ("scale", 1.0)):
        array = np.array(site.attr(name, [neutral]), dtype=np.float64)
        if array.shape not in {(1,), features}:
            raise Refusal(f"expected 1 or {features[0]} numbers as {name}, got {array.size}")
        parts.append(finite(array, name))
    offset, scale = parts
    if np.any(offset):
        x = site.step("sub", "offset", x, site.weight("offset", offset))
    site.finish("mul", x, site.weight("scale", scale))


CONVERTERS: Converters = {
    ("", "BatchNormalization"): batch_normalization,
    ("", "Gemm"): gemm,
    ("", "MatMul"): matmul,
    (ML_DOMAIN, "Scaler"): scaler,
    (MICROSOFT_DOMAIN, "FusedMatMul"): fused_matmul,
}
