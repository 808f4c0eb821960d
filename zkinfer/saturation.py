"""Which values saturate: leave the range that calibration gave their tensor, and are cut to it.

What is then proved is about numbers that the float network does not have.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from zkinfer.errors import UsageError
from zkinfer.fixed import FixedGraph, FixedNode
from zkinfer.ops import OPS
from zkinfer.ops.tensor import Integers


def excesses(
    graph: FixedGraph, arrays: Mapping[str, Integers]
) -> Iterator[tuple[FixedNode, npt.NDArray[np.float64]]]:
    """The nodes with calibrated ranges, and how many times its range each of their values is.

    arrays: every tensor, of one sample or [samples, ...]. What saturates is above 1.
    """
    for node in graph.nodes:
        excess = OPS[node.op].excess
        if excess is not None:
            yield node, excess(node.attrs, arrays[node.inputs[0]])


def check_saturation(saturated: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """Raises UsageError, naming the first node and by how much, when values saturate.

    saturated: by node, for each of its values that do, how many times their range they are.
    """
    if not saturated:
        return
    (name, times), *later = saturated.items()
    values = "1 value" if times.size == 1 else f"{times.size} values"
    verb = "saturates" if times.size == 1 else "saturate"
    more = f", and values of {len(later)} later nodes" if later else ""
    raise UsageError(
        f"{values} of {name} {verb} (up to {times.max():.3g} times its range){more}: this input is "
        "unlike the calibration data; compile with data like it, or allow saturation "
        "(--allow-saturation), and the proof is about values cut to their ranges"
    )
