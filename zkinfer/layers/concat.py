"""concat(x...): tensors end to end along an axis.

Attributes: axis, not negative.
"""

from collections.abc import Sequence

from zkinfer.graph import Node
from zkinfer.layers import emitting, rules
from zkinfer.layers.contract import Attrs, Emitted, Emitter, Entries, Floats, Layer, Refusal, Shape
from zkinfer.ops import concat, lift

WIDE = 32
"""The most bits that an operand is refined to."""


def _shape(attrs: Attrs, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    axis, first = attrs["axis"], shapes[0]
    rests = {(*part[:axis], *part[axis + 1 :]) for part in shapes}
    if len(rests) > 1 or len({len(part) for part in shapes}) > 1:
        listed = ", ".join(map(str, shapes))
        raise Refusal(f"expected parts that agree on all axes but {axis}, got {listed}")
    return ((*first[:axis], sum(part[axis] for part in shapes), *first[axis + 1 :]),)


def _concat(attrs: Attrs, *parts: Floats) -> Floats:
    return concat.joined(attrs["axis"], parts)


def _emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
    """The operands are brought to one scale."""
    fixed = {name: b.fixed(name) for name in node.inputs if not b.is_constant(name)}
    scale = _scale(b, list(fixed.values()), [name for name in node.inputs if b.is_constant(name)])
    inputs = [
        b.constant(name, scale) if b.is_constant(name) else fixed[name] for name in node.inputs
    ]
    for position, name in enumerate(inputs):
        x = b.tensor(name)
        shift = x.scale - scale
        if shift < 0:
            new = b.derived(node.name, f"/refined/{position}")
            inputs[position] = emitting.refined(b, new, name, scale)
        elif shift:
            aligned = b.derived(node.name, f"/aligned/{position}")
            emitting.coarser(b, aligned, name, aligned, shift)
            inputs[position] = aligned
    output = b.own(node.outputs[0])
    b.emit(node.name, "concat", inputs, output, axis=node.attrs["axis"])
    return (Emitted(output, raw=False),)


def _scale(b: Emitter, computed: Sequence[str], constants: Sequence[str]) -> int:
    """The finest of the operands' scales at which all of them fit WIDE bits.

    It is not below the coarsest of what is computed.
    """
    tensors = [b.tensor(name) for name in computed]
    finest = max(x.scale for x in tensors)
    wanted = max([finest, *(b.needed(name, finest) for name in constants)])
    widths = [(x.scale, max(-x.low, x.high).bit_length()) for x in tensors]
    widths += [(0, max(b.exponent(name), 0)) for name in constants]
    fitting = min(scale + WIDE - width for scale, width in widths)
    return max(min(wanted, fitting), min(x.scale for x in tensors))


LAYER = Layer(
    shape=_shape,
    value=rules.lifted(lift.joined, _concat),
    interval=rules.increasing(_concat),
    bounds=rules.unbounded,
    entries=Entries.MOVED,
    constants=(),
    factors=(),
    products=rules.one,
    reads_raw=False,
    head=None,
    weighted=None,
    emit=_emit,
    fold=rules.moving(rules.lifted(lift.joined, _concat)),
)
