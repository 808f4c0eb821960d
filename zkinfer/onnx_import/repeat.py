"""Converters of the operators that repeat entries: Expand and Tile.

A tensor takes a wider shape by the sum with zeros, which have one entry a repetition.
"""

from math import prod

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import Shape, broadcast


def expand(site: Site) -> None:
    """Expand to the common shape of the input and a constant one."""
    given = site.ints_at(1, "shape")
    if given is None or min(given, default=1) < 1:
        raise Refusal(f"expected a shape of positive extents as input 1, got {given}")
    site.keep(expanded(site, site.any_operand(0), broadcast(site.shape(0), given)))


def tile(site: Site) -> None:
    """Tile: so many copies along each axis."""
    shape, repeats = site.shape(0), site.ints_at(1, "repeats")
    if repeats is None or len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise Refusal(f"expected {len(shape)} positive repeats as input 1, got {repeats}")
    site.keep(tiled(site, site.any_operand(0), repeats))


def tiled(site: Site, x: str, repeats: tuple[int, ...]) -> str:
    """x end to end with itself along each axis, so many times."""
    shape = site.graph.shape(x)
    parts: list[tuple[int, int]] = []  # extents of the input and of the output, none of them one
    for extent, count in zip(shape, repeats, strict=True):
        parts += [(n, m) for n, m in ((1, count), (extent, extent)) if m != 1]
    narrow, wide = zip(*parts, strict=True) if parts else ((), ())
    x = expanded(site, reshaped(site, x, narrow), wide)
    target = tuple(extent * count for extent, count in zip(shape, repeats, strict=True))
    return reshaped(site, x, target)


def expanded(site: Site, x: str, shape: Shape) -> str:
    """x broadcast to a shape."""
    own = site.graph.shape(x)
    own = (1,) * (len(shape) - len(own)) + own
    zeros = tuple(1 if a == b else b for a, b in zip(own, shape, strict=True))
    if prod(zeros) == 1:
        return reshaped(site, x, shape)
    return site.step("add", "expanded", x, site.weight("zeros", np.broadcast_to(0.0, zeros)))


def reshaped(site: Site, x: str, shape: Shape) -> str:
    """x in a shape of as many entries."""
    return x if site.graph.shape(x) == shape else site.step("reshape", "reshaped", x, shape=shape)


CONVERTERS: Converters = {
    ("", "Expand"): expand,
    ("", "Tile"): tile,
}
