"""Converters of RNN, GRU and LSTM: every step written out with other operators.

A step adds the products of its inputs and of the state with their weights. What all steps do with
one matrix is one product again in the circuit (zkinfer.repeats). Tensors of a step are
[1, batch, ...].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from zkinfer.onnx_import.builder import Converters, Floats, Site, finite
from zkinfer.onnx_import.moves import end_to_end
from zkinfer.onnx_import.node import Refusal

MOST_STEPS = 512

Step = Callable[..., tuple[str, ...]]
"""From the step's inputs, the state, and for LSTM the cell, to the next state and cell."""


@dataclass(frozen=True)
class Direction:
    """One direction of a node.

    inputs, states: weights [inputs or hidden, gates * hidden], for each gate in order. state_bias:
    of the state where it is apart. activations: their ONNX names, with alpha and beta. peephole: of
    the gates i, o and f, or nothing. clip: of what activations take. number: 0 or 1. name: what
    nodes and weights are named after.
    """

    site: Site
    number: int
    name: str
    reverse: bool
    hidden: int
    inputs: Floats
    states: Floats
    input_bias: Floats
    state_bias: Floats
    activations: tuple[tuple[str, float, float], ...]
    peephole: Floats | None
    clip: float | None

    def step(self, op: str, suffix: str, *inputs: str, **attrs: object) -> str:
        """A node named after the direction, whose output is like those of all of its suffix."""
        output = self.site.step(op, f"{self.name}/{suffix}", *inputs, **attrs)
        self.site.graph.alike[output] = f"{self.site.node.name}/{self.name}/{suffix}"
        return output

    def weight(self, suffix: str, array: Floats) -> str:
        """A constant named after the direction."""
        return self.site.weight(f"{self.name}.{suffix}", array)

    def gate(self, x: str, place: int, count: int = 1) -> str:
        """Some neighbouring gates of the last axis."""
        bounds = {"starts": (place * self.hidden,), "stops": ((place + count) * self.hidden,)}
        return self.step("slice", f"gate{place}", x, **bounds, axes=(2,), steps=(1,))

    def part(self, first: int, last: int) -> "Direction":
        """Some neighbouring gates of it."""
        columns = slice(first * self.hidden, last * self.hidden)
        return replace(
            self,
            name=f"{self.name}.{first}",
            inputs=self.inputs[:, columns],
            states=self.states[:, columns],
            input_bias=self.input_bias[columns],
        )

    @cached_property
    def _constants(self) -> tuple[str, str, str]:
        """The weights and the bias of the inputs, and the weights of the state."""
        w, b = self.weight("W", self.inputs), self.weight("b", self.input_bias)
        return w, b, self.weight("R", self.states)

    def of_inputs(self, x: str) -> str:
        """A step's inputs times their weights."""
        return self.step("matmul", "inputs", x, *self._constants[:2])

    def of_state(self, h: str, *bias: str) -> str:
        """The state times its weights."""
        return self.step("matmul", "state", h, self._constants[2], *bias)

    def total(self, x: str, h: str) -> str:
        """Both together."""
        return self.step("add", "total", self.of_inputs(x), self.of_state(h))

    def activate(self, which: int, x: str) -> str:
        """An activation of clipped numbers."""
        if self.clip is not None:
            x = self.step("clip", "clip", x, low=-self.clip, high=self.clip)
        name, alpha, beta = self.activations[which]
        return ACTIVATIONS[name](self, x, alpha, beta)

    def affine(self, x: str, alpha: float, beta: float) -> str:
        """alpha x + beta."""
        if alpha != 1:
            x = self.step("mul", "alpha", x, self.weight("alpha", np.array(alpha)))
        return self.step("add", "beta", x, self.weight("beta", np.array(beta))) if beta else x

    def complement(self, x: str) -> str:
        """1 - x."""
        return self.step("sub", "complement", self.weight("one", np.array(1.0)), x)


def _named(function: str) -> Callable[[Direction, str, float, float], str]:
    return lambda d, x, alpha, beta: d.step("function", function, x, function=function)


def _scaled_tanh(d: Direction, x: str, alpha: float, beta: float) -> str:
    inner = d.step("function", "tanh", d.affine(x, beta, 0.0), function="tanh")
    return d.affine(inner, alpha, 0.0)


def _hard_sigmoid(d: Direction, x: str, alpha: float, beta: float) -> str:
    return d.step("clip", "hard", d.affine(x, alpha, beta), low=0.0, high=1.0)


ACTIVATIONS: dict[str, Callable[[Direction, str, float, float], str]] = {
    "affine": lambda d, x, alpha, beta: d.affine(x, alpha, beta),
    "hardsigmoid": _hard_sigmoid,
    "leakyrelu": lambda d, x, alpha, beta: d.step("leaky_relu", "leaky", x, alpha=alpha),
    "relu": lambda d, x, alpha, beta: d.step("relu", "relu", x),
    "scaledtanh": _scaled_tanh,
    "sigmoid": lambda d, x, alpha, beta: d.step("sigmoid", "sigmoid", x),
    "softplus": _named("softplus"),
    "softsign": _named("softsign"),
    "tanh": _named("tanh"),
}

DEFAULTS = {
    "affine": (1.0, 0.0),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01, 0.0),
    "scaledtanh": (1.0, 1.0),
}
"""Alpha and beta of activations that have them, where the node has none."""


def rnn(site: Site) -> None:
    """RNN."""

    def steps(d: Direction) -> Step:
        def step(x: str, h: str) -> tuple[str, ...]:
            return (d.activate(0, d.total(x, h)),)

        return step

    _recurrent(site, 1, ("tanh",), steps)


def gru(site: Site) -> None:
    """GRU, whose reset gate is applied before the product with the weights or after it."""
    after = bool(site.attr("linear_before_reset", 0))

    def steps(d: Direction) -> Step:
        gates, inner = d.part(0, 2), d.part(2, 3)

        def step(x: str, h: str) -> tuple[str, ...]:
            both = d.activate(0, gates.total(x, h))
            z = d.gate(both, 0)
            if after:
                r = d.gate(both, 1)
                bias = d.weight("reset bias", d.state_bias)
                part = d.step("mul", "reset", r, inner.of_state(h, bias))
                new = d.activate(1, d.step("add", "inner", inner.of_inputs(x), part))
            else:
                kept = d.step("mul", "reset", d.gate(both, 1), h)
                new = d.activate(1, inner.total(x, kept))
            moved = d.step("mul", "new", d.complement(z), new)
            return (d.step("add", "state", moved, d.step("mul", "old", z, h)),)

        return step

    _recurrent(site, 3, ("sigmoid", "tanh"), steps, apart=after)


def lstm(site: Site) -> None:
    """LSTM, with peepholes and coupled gates if it has them; cells are not clipped."""
    coupled = bool(site.attr("input_forget", 0))

    def steps(d: Direction) -> Step:
        free = replace(d, clip=None)

        def seen(x: str, cell: str, gate: int) -> str:
            """What a gate sees, with its peephole."""
            if d.peephole is None:
                return x
            weights = d.peephole[gate * d.hidden : (gate + 1) * d.hidden]
            peep = d.step("mul", f"peep{gate}", cell, d.weight(f"P{gate}", weights))
            return d.step("add", f"seen{gate}", x, peep)

        def step(x: str, h: str, c: str) -> tuple[str, ...]:
            total = d.total(x, h)
            if d.peephole is None:
                three = d.activate(0, d.gate(total, 0, 3))
                i, o, f = (d.gate(three, gate) for gate in range(3))
            else:
                i = d.activate(0, seen(d.gate(total, 0), c, 0))
                o, f = "", d.activate(0, seen(d.gate(total, 2), c, 2))
            f = d.complement(i) if coupled else f
            new = d.step("mul", "new", i, d.activate(1, d.gate(total, 3)))
            cell = d.step("add", "cell", new, d.step("mul", "old", f, c))
            if d.peephole is not None:
                o = d.activate(0, seen(d.gate(total, 1), cell, 1))
            return d.step("mul", "output", o, free.activate(2, cell)), cell

        return step

    _recurrent(site, 4, ("sigmoid", "tanh", "tanh"), steps)


def _recurrent(
    site: Site,
    gates: int,
    usual: Sequence[str],
    steps: Callable[[Direction], Step],
    *,
    apart: bool = False,
) -> None:
    """All directions and outputs.

    usual: activations of a direction. apart: whether the last gate's bias of the state is not added
    to that of the inputs.
    """
    batch_first = bool(site.attr("layout", 0))
    x = site.operand(0)
    if batch_first:
        x = site.step("transpose", "steps first", x, perm=(1, 0, 2))
    length, batch, _ = site.graph.shape(x)
    lengths = _lengths(site, length, batch)
    if max(lengths) > MOST_STEPS:
        raise Refusal(f"expected at most {MOST_STEPS} steps, got {max(lengths)}; shorten the input")
    made = [
        _run(site, d, steps(d), x, lengths, lstm=gates == 4)
        for d in _directions(site, gates, usual, apart=apart)
    ]
    hidden = made[0][1][0]
    size = site.graph.shape(hidden)[-1]
    if site.uses_output(0):
        parts = [
            site.step("reshape", "direction", y, shape=(length, 1, batch, size)) for y, _ in made
        ]
        y = end_to_end(site, parts, 1)
        site.finish("transpose", y, perm=(2, 0, 1, 3) if batch_first else (0, 1, 2, 3))
    for index in range(1, 3 if gates == 4 else 2):
        if site.uses_output(index):
            y = end_to_end(site, [state[index - 1] for _, state in made], 0)
            perm = (1, 0, 2) if batch_first else (0, 1, 2)
            site.finish("transpose", y, index=index, perm=perm)


def _lengths(site: Site, length: int, batch: int) -> tuple[int, ...]:
    """The steps of each sequence."""
    lengths = site.ints_at(4, "sequence_lens") or (length,) * batch
    if len(lengths) != batch or not all(0 < n <= length for n in lengths):
        raise Refusal(f"expected {batch} sequence_lens from 1 to {length}, got {lengths}")
    return lengths


def _directions(site: Site, gates: int, usual: Sequence[str], *, apart: bool) -> list[Direction]:
    """What the node says of each direction."""
    word = str(site.attr("direction", "forward"))
    reverse = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(word)
    if reverse is None:
        raise Refusal(f"expected direction to be forward, reverse or bidirectional, got {word}")
    w, r = site.floats(1, "weights"), site.floats(2, "weights")
    count, hidden = len(reverse), r.shape[-1]
    b = site.floats(3, "bias") if site.has(3) else np.zeros((count, 2 * gates * hidden))
    peephole = site.floats(7, "peepholes") if gates == 4 and site.has(7) else None
    shapes = (w.shape[:2], r.shape, b.shape)
    rows = gates * hidden
    expected = ((count, rows), (count, rows, hidden), (count, 2 * rows))
    if shapes != expected:
        raise Refusal(f"expected W, R and B of the shapes {expected}, got {shapes}")
    clip = site.attr("clip", None)
    names = _activations(site, usual, count)
    found = []
    for number, backwards in enumerate(reverse):
        own = (gates - 1) * hidden if apart else rows
        bias = np.array(b[number, :rows])
        bias[:own] += b[number, rows : rows + own]
        found.append(
            Direction(
                site=site,
                number=number,
                name=str(number),
                reverse=backwards,
                hidden=hidden,
                inputs=w[number].T,
                states=r[number].T,
                input_bias=bias,
                state_bias=b[number, rows + own :],
                activations=names[number * len(usual) : (number + 1) * len(usual)],
                peephole=None if peephole is None else peephole[number],
                clip=None if clip is None or clip <= 0 else float(clip),
            )
        )
    return found


def _activations(
    site: Site, usual: Sequence[str], count: int
) -> tuple[tuple[str, float, float], ...]:
    """Names, alphas and betas, of all directions."""
    given = site.attr("activations", None) or list(usual) * count
    names = [str(name).lower() for name in given]
    unknown = [name for name in names if name not in ACTIVATIONS]
    if unknown or len(names) != len(usual) * count:
        raise Refusal(
            f"expected {len(usual) * count} activations of {', '.join(ACTIVATIONS)}, got "
            f"{', '.join(names)}"
        )
    alphas = list(site.attr("activation_alpha", None) or [])
    betas = list(site.attr("activation_beta", None) or [])
    found = []
    for name in names:
        alpha, beta = DEFAULTS.get(name, (1.0, 0.0))
        if name in DEFAULTS and alphas:
            alpha = float(alphas.pop(0))
        if name in DEFAULTS and name != "leakyrelu" and betas:
            beta = float(betas.pop(0))
        finite(np.array([alpha, beta]), "activation_alpha")
        found.append((name, alpha, beta))
    return tuple(found)


def _run(
    site: Site, d: Direction, step: Step, x: str, lengths: Sequence[int], *, lstm: bool
) -> tuple[str, list[str]]:
    """One direction: all its outputs [steps, batch, hidden], and its last state and cell."""
    length, batch, _ = site.graph.shape(x)
    groups = [range(batch)] if len(set(lengths)) == 1 else [range(i, i + 1) for i in range(batch)]
    outputs, states = [], []
    for group in groups:
        first, steps = group[0], lengths[group[0]]
        state = tuple(_initial(d, x, place, group) for place in ((5, 6) if lstm else (5,)))
        own = _part(d, x, 1, first, len(group))
        known = []
        for t in reversed(range(steps)) if d.reverse else range(steps):
            state = step(_part(d, own, 0, t, 1), *state)
            known.append(state[0])
        if d.reverse:
            known.reverse()
        y = end_to_end(site, known, 0)
        if steps < length:
            pads = (0, 0, 0, length - steps, 0, 0)
            y = d.step("pad", "padded", y, pads=pads, value=0.0)
        outputs.append(y)
        states.append(state)
    joined = [end_to_end(site, parts, 1) for parts in zip(*states, strict=True)]
    return end_to_end(site, outputs, 1), joined


def _part(d: Direction, x: str, axis: int, start: int, count: int) -> str:
    """Some positions of an axis."""
    if count == d.site.graph.shape(x)[axis]:
        return x
    bounds = {"starts": (start,), "stops": (start + count,), "axes": (axis,), "steps": (1,)}
    return d.step("slice", "part", x, **bounds)


def _initial(d: Direction, x: str, place: int, group: range) -> str:
    """The first state, or cell, of some sequences: [1, sequences, hidden].

    Constants are added to zeros made of x, so that they are computed like those after them.
    """
    site = d.site
    if site.has(place) and not site.is_constant(place):
        name = site.operand(place)
        if site.attr("layout", 0):
            name = d.step("transpose", "initial", name, perm=(1, 0, 2))
        return _part(d, _part(d, name, 0, d.number, 1), 1, group[0], len(group))
    first = x
    for axis, start, count in ((0, 0, 1), (1, group[0], len(group)), (2, 0, 1)):
        first = _part(d, first, axis, start, count)
    zero = d.step("clip", "zero", first, low=0.0, high=0.0)
    array = np.zeros((1, 1, d.hidden))
    if site.has(place):
        array = site.floats(place, "initial states")
        array = array.transpose(1, 0, 2) if site.attr("layout", 0) else array
        array = array[d.number : d.number + 1, group[0] : group[-1] + 1]
    return d.step("add", "initial", zero, d.weight(f"initial {place} {group[0]}", array))


CONVERTERS: Converters = {
    ("", "GRU"): gru,
    ("", "LSTM"): lstm,
    ("", "RNN"): rnn,
}
