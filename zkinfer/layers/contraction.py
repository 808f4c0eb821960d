"""Sums of products of two operands, and a constant bias: what conv and matmul share."""

from collections.abc import Callable

from zkinfer.graph import Node
from zkinfer.layers.contract import Emitted, Emitter, Floats, Interval
from zkinfer.layers.emitting import FEWEST_BITS, Emit, narrowing


def ball(product: Callable[[Floats, Floats], Floats], x: Interval, y: Interval) -> Interval:
    """What the product can be, by centers and radii: |xy - x'y'| <= |x'| r_y + r_x (|y'| + r_y)."""
    (a, a_radius), (b, b_radius) = _ball(x), _ball(y)
    center = product(a, b)
    radius = product(abs(a), b_radius) + product(a_radius, abs(b) + b_radius)
    return Interval(center - radius, center + radius)


def _ball(x: Interval) -> tuple[Floats, Floats]:
    """Center and radius."""
    return (x.low + x.high) / 2, (x.high - x.low) / 2


def emitting(op: str) -> Emit:
    """The operator itself; constants among its factors have a width of their own."""

    def emit(b: Emitter, node: Node) -> tuple[Emitted, ...]:
        constant = [name for name in node.inputs[:2] if b.is_constant(name)]
        operands = [name if b.is_constant(name) else b.fixed(name) for name in node.inputs[:2]]
        output = b.raw(node.outputs[0])

        def attempt(bits: int) -> None:
            inputs = list(operands)
            for name in constant:
                inputs[node.inputs.index(name)] = b.factor(name, bits)
            if len(node.inputs) == 3:
                total = sum(b.tensor(name).scale for name in inputs)
                inputs.append(b.constant(node.inputs[2], total))
            b.emit(node.name, op, inputs, output, **node.attrs)

        bits = b.factor_bits(constant[0]) if constant else 0
        narrowing(b, bits, FEWEST_BITS, attempt)
        return (Emitted(output, raw=True),)

    return emit
