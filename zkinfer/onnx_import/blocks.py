"""Converters of DepthToSpace and SpaceToDepth: channels for blocks of neighbouring places."""

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import permuted, reshaped
from zkinfer.onnx_import.node import Refusal

ORDERS = {"DCR": ((0, 3, 4, 1, 5, 2), False), "CRD": ((0, 1, 4, 2, 5, 3), True)}
"""By mode, the axes of [N, C', b, b, H, W] (or [N, b, b, C', H, W]) as [N, C', H, b, W, b], and
whether the channels come first.
"""


def depth_to_space(site: Site) -> None:
    """DepthToSpace: [N, C b b, H, W] to [N, C, H b, W b]."""
    batch, channels, height, width = _extents(site)
    block, (perm, first) = _block(site), _order(site)
    if channels % (block * block):
        raise Refusal(f"expected channels in blocks of {block * block}, got {channels} of them")
    deep = channels // (block * block)
    split = (deep, block, block) if first else (block, block, deep)
    x = reshaped(site, site.any_operand(0), (batch, *split, height, width))
    x = permuted(site, x, perm)
    site.keep(reshaped(site, x, (batch, deep, height * block, width * block)))


def space_to_depth(site: Site) -> None:
    """SpaceToDepth: [N, C, H b, W b] to [N, C b b, H, W]."""
    batch, channels, height, width = _extents(site)
    block, (perm, _) = _block(site), _order(site)
    if height % block or width % block:
        raise Refusal(f"expected blocks of {block} x {block}, got the extents {height} x {width}")
    wide = (batch, channels, height // block, block, width // block, block)
    back = sorted(range(6), key=lambda axis: perm[axis])
    x = permuted(site, reshaped(site, site.any_operand(0), wide), back)
    deep = (batch, channels * block * block, height // block, width // block)
    site.keep(reshaped(site, x, deep))


def _extents(site: Site) -> tuple[int, int, int, int]:
    shape = site.shape(0)
    if len(shape) != 4:
        raise Refusal(f"expected an input [N, C, H, W], got the shape {shape}")
    batch, channels, height, width = shape
    return batch, channels, height, width


def _block(site: Site) -> int:
    block = int(site.attr("blocksize", 0))
    if block < 1:
        raise Refusal(f"expected a positive blocksize, got {block}")
    return block


def _order(site: Site) -> tuple[tuple[int, ...], bool]:
    mode = site.attr("mode", "DCR")
    if mode not in ORDERS:
        raise Refusal(f"expected the mode {' or '.join(ORDERS)}, got {mode}")
    return ORDERS[mode]


CONVERTERS: Converters = {
    ("", "DepthToSpace"): depth_to_space,
    ("", "SpaceToDepth"): space_to_depth,
}
