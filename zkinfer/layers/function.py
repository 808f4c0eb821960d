"""function(x): one of the functions of one number in zkinfer.layers.functions, by a table.

Attributes: function, its name.
"""

from collections.abc import Sequence

import numpy as np

from zkinfer.graph import Node
from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Bounds, Entries, Floats, Interval, Layer
from zkinfer.layers.functions import FUNCTIONS
from zkinfer.layers.tabulated import Value, tabulated
from zkinfer.ops import lift


def _function(attrs: Attrs, x: Floats) -> Floats:
    with np.errstate(
        all="ignore"
    ):  # what is not finite is refused with the samples that lead there
        return FUNCTIONS[attrs["function"]].value(x)


def _interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
    (x,), function = operands, FUNCTIONS[attrs["function"]]
    if function.turning is None:
        return (Interval(*(np.full_like(x.low, end) for end in function.bounds)),)
    ends = [np.clip(end, *function.domain) for end in x]
    turning = [np.clip(place, *ends) for place in function.turning]
    return rules.hull([_function(attrs, place) for place in (*ends, *turning)])


def _bounds(attrs: Attrs) -> tuple[Bounds, ...]:
    return (FUNCTIONS[attrs["function"]].bounds,)


def _value(node: Node) -> Value:
    return FUNCTIONS[node.attrs["function"]].value


LAYER = Layer(
    shape=shapes.same,
    value=rules.lifted(lift.entrywise, _function),
    interval=_interval,
    bounds=_bounds,
    entries=Entries.COMPUTED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=tabulated(_value),
    fold=rules.whole,
)
