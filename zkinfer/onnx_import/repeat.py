"""Converters of the operators that repeat entries: Expand and Tile."""

from zkinfer.onnx_import.builder import Converters, Site
from zkinfer.onnx_import.moves import expanded, tiled
from zkinfer.onnx_import.node import Refusal
from zkinfer.onnx_import.shapes import broadcast


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


CONVERTERS: Converters = {
    ("", "Expand"): expand,
    ("", "Tile"): tile,
}
