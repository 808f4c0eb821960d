"""The converter of Pad, in all of its modes."""

from collections.abc import Sequence

import numpy as np

from zkinfer.onnx_import.builder import Converters, Site, axes_in
from zkinfer.onnx_import.moves import cut, taken
from zkinfer.onnx_import.node import Refusal

MODES = ("constant", "reflect", "edge", "wrap")


def pad(site: Site) -> None:
    """Pad with a constant, or with entries of the input; negative pads cut entries off.

    Attributes before opset 11.
    """
    mode = site.attr("mode", "constant")
    if mode not in MODES:
        raise Refusal(f"expected one of the modes {', '.join(MODES)}, got {mode}")
    rank = len(site.shape(0))
    begins, ends = _pads(site, rank)
    x = site.any_operand(0)
    if mode != "constant":
        site.keep(_from_inside(site, x, mode, begins, ends))
        return
    value = float(site.attr("value", 0.0)) if site.version < 11 else site.scalar(2, "value") or 0.0
    if not np.isfinite(value):
        raise Refusal(
            f"expected a finite value, got {value}; before a MaxPool, use its pads instead"
        )
    x = cut(site, x, begins, ends)
    widened = tuple(max(amount, 0) for amount in (*begins, *ends))
    if any(widened):
        site.move("pad", x, pads=widened, value=value)
    else:
        site.keep(x)


def _pads(site: Site, rank: int) -> tuple[list[int], list[int]]:
    """For every axis the entries at its begin and at its end. Raises Refusal."""
    if site.version < 11:
        pads, given = site.ints("pads"), None
    else:
        pads, given = site.ints_at(1, "pads"), site.ints_at(3, "axes")
    axes = axes_in(given, rank) if given is not None else tuple(range(rank))
    if pads is None or len(pads) != 2 * len(axes):
        raise Refusal(f"expected {2 * len(axes)} pads for {len(axes)} axes, got {pads}")
    begins, ends = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        begins[axis], ends[axis] = pads[place], pads[place + len(axes)]
    return begins, ends


def _from_inside(site: Site, x: str, mode: str, begins: Sequence[int], ends: Sequence[int]) -> str:
    """x with its own entries around it: mirrored, its outermost, or from the other end.

    What negative pads cut off is not among them.
    """
    x = cut(site, x, begins, ends)
    for axis, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        extent = site.graph.shape(x)[axis]
        before, after = max(begin, 0), max(end, 0)
        site.graph.allowance.check((before + extent + after,), "its output")
        if not before and not after:
            continue
        if mode == "reflect" and max(before, after) >= extent:
            raise Refusal(
                f"expected at most {extent - 1} mirrored entries on axis {axis}, got "
                f"{max(before, after)}"
            )
        places = np.arange(-before, extent + after)
        if mode == "edge":
            places = places.clip(0, extent - 1)
        elif mode == "wrap":
            places %= extent
        else:
            places = np.abs(places)
            places = np.minimum(places, 2 * (extent - 1) - places)
        x = taken(site, x, axis, places.tolist())
    return x


CONVERTERS: Converters = {
    ("", "Pad"): pad,
}
