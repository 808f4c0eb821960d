"""function(x): one of the functions of one number in zkinfer.layers.functions, by a table.

Attributes: function, its name.
"""

from collections.abc import Callable, Sequence

import numpy as np

from zkinfer.layers import rules, shapes
from zkinfer.layers.contract import Attrs, Entries, Floats, Interval, Layer
from zkinfer.layers.functions import FUNCTIONS, Function
from zkinfer.layers.tabulated import tabulated
from zkinfer.ops import lift


def tabled(of: Callable[[Attrs], Function]) -> Layer:
    """The layer of the functions that attributes name."""

    def value(attrs: Attrs, x: Floats) -> Floats:
        with np.errstate(all="ignore"):
            # What is not finite is refused with the samples that lead there.
            return of(attrs).value(x)

    def interval(attrs: Attrs, operands: Sequence[Interval]) -> tuple[Interval, ...]:
        (x,), function = operands, of(attrs)
        if function.turning is None:
            return (Interval(*(np.full_like(x.low, end) for end in function.bounds)),)
        ends = [np.clip(end, *function.domain) for end in x]
        turning = [np.clip(place, *ends) for place in function.turning]
        return rules.hull([value(attrs, place) for place in (*ends, *turning)])

    return Layer(
        shape=shapes.same,
        value=rules.lifted(lift.entrywise, value),
        interval=interval,
        bounds=lambda attrs: (of(attrs).bounds,),
        entries=Entries.COMPUTED,
        constants=(),
        factors=(),
        products=rules.one,
        reads_raw=False,
        head=None,
        weighted=None,
        emit=tabulated(lambda node: of(node.attrs).value),
        fold=rules.whole,
    )


LAYER = tabled(lambda attrs: FUNCTIONS[attrs["function"]])
