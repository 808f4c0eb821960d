"""Converters of DFT and STFT with constant lengths: products with constant waves.

A wave of frequency k is exp(-2 pi i k t / n), or exp(2 pi i k t / n) / n for the inverse. Complex
numbers are pairs on the last axis.
"""

import numpy as np

from zkinfer.onnx_import.builder import Converters, Floats, Site, axis_in
from zkinfer.onnx_import.moves import cut, mixed, permuted, reshaped
from zkinfer.onnx_import.node import Refusal


def dft(site: Site) -> None:
    """DFT along one axis; the axis is an attribute before opset 20."""
    shape = site.shape(0)
    if len(shape) < 2 or shape[-1] not in (1, 2):
        raise Refusal(f"expected real numbers or pairs on the last axis, got the shape {shape}")
    axis = int(site.attr("axis", 1))
    if site.version >= 20:
        given = site.ints_at(2, "axis")
        axis = given[0] if given else -2
    rank = len(shape)
    axis = axis_in(axis, rank)
    if axis == rank - 1:
        raise Refusal(f"expected an axis before the last one, got {axis}")
    given = site.ints_at(1, "dft_length")
    inverse, onesided = bool(site.attr("inverse", 0)), bool(site.attr("onesided", 0))
    extent, parts = shape[axis], shape[-1]
    halved = inverse and onesided
    length = given[0] if given else (2 * (extent - 1) if halved else extent)
    if length < 1:
        raise Refusal(f"expected a positive dft_length, got {length}")
    x = site.operand(0)
    read = min(extent, length // 2 + 1 if halved else length)
    ends = [0] * rank
    ends[axis] = read - extent
    x = cut(site, x, [0] * rank, ends)
    site.graph.allowance.check((length, 2, read, parts), "its matrix")
    matrix = _real(length) if halved else _waves(length, onesided=onesided, inverse=inverse)
    matrix = matrix[:, :, :read, :parts]  # what the input lacks is zero
    outputs, planes = matrix.shape[:2]
    # [..., extent, ..., parts] -> [..., ..., extent parts] -> [..., ..., outputs planes]
    others = [place for place in range(rank - 1) if place != axis]
    x = permuted(site, x, (*others, axis, rank - 1))
    lead = tuple(shape[place] for place in others)
    x = reshaped(site, x, (*lead, read * parts))
    y = mixed(site, x, len(lead), matrix.reshape(outputs * planes, read * parts))
    y = reshaped(site, y, (*lead, outputs, planes))
    back = list(range(len(lead)))
    back.insert(axis, len(lead))
    site.keep(permuted(site, y, (*back, rank - 1)))


def _waves(length: int, *, onesided: bool, inverse: bool) -> Floats:
    """A transform [frequencies, 2, length, 2] of pairs; the first half of them if onesided."""
    count = length // 2 + 1 if onesided else length
    angles = 2 * np.pi * (np.outer(np.arange(count), np.arange(length)) % length) / length
    angles = angles if inverse else -angles
    real, imaginary = np.cos(angles), np.sin(angles)
    pairs = np.array([[real, -imaginary], [imaginary, real]])  # [2, 2, frequencies, length]
    return pairs.transpose(2, 0, 3, 1) / (length if inverse else 1)


def _real(length: int) -> Floats:
    """The inverse [length, 1, frequencies, 2] of a onesided transform of real numbers."""
    count = length // 2 + 1
    whole = _waves(length, onesided=False, inverse=True)[:, :1]
    half = whole[:, :, :count].copy()
    mirrored = length - np.arange(1, (length + 1) // 2)  # conjugates of the frequencies before
    half[:, :, 1 : len(mirrored) + 1] += whole[:, :, mirrored] * np.array([1.0, -1.0])
    return half


def stft(site: Site) -> None:
    """STFT: a convolution whose filters are the window's waves, cosines and sines."""
    shape = site.shape(0)
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 2):
        raise Refusal(f"expected a signal [N, L, 1 or 2], got the shape {site.shape(0)}")
    steps = site.ints_at(1, "frame_step")
    lengths = site.ints_at(3, "frame_length") if site.has(3) else None
    window = site.floats(2, "window").reshape(-1) if site.has(2) else None
    if lengths is None:
        lengths = (shape[1],) if window is None else (window.size,)
    if not steps or len(steps) != 1 or len(lengths) != 1:
        raise Refusal(f"expected one frame_step and frame_length, got {steps} and {lengths}")
    (step,), (length,) = steps, lengths
    if step < 1 or not 1 <= length <= shape[1]:
        raise Refusal(f"expected a positive frame_step and 1 to {shape[1]} entries a frame, got "
                      f"{step} and {length}")  # fmt: skip
    window = np.ones(length) if window is None else window
    if window.size != length:
        raise Refusal(f"expected a window of {length} numbers, got {window.size}")
    onesided = bool(site.attr("onesided", 1))
    site.graph.allowance.check((length, 2, length, shape[2]), "its matrix")
    waves = _waves(length, onesided=onesided, inverse=False)[..., : shape[2]]
    count = len(waves)
    filters = (waves * window[:, None]).transpose(0, 1, 3, 2).reshape(2 * count, shape[2], length)
    x = reshaped(site, site.operand(0), shape)
    x = permuted(site, x, (0, 2, 1))
    attrs = {"strides": (step,), "pads": (0, 0), "dilations": (1,), "groups": 1}
    y = site.step("conv", "frames", x, site.weight("waves", filters), **attrs)
    frames = site.graph.shape(y)[2]
    y = reshaped(site, y, (shape[0], count, 2, frames))
    site.keep(permuted(site, y, (0, 3, 1, 2)))


CONVERTERS: Converters = {
    ("", "DFT"): dft,
    ("", "STFT"): stft,
}
