"""Whole models with sample inputs: graphs of all operators (`graph`), plain networks (`mlp`)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.properties.choices import Choices, Rejected
from tests.properties.draw_attention import ATTENTION
from tests.properties.draw_bodies import BODIES
from tests.properties.draw_classical import CLASSICAL
from tests.properties.draw_computing import COMPUTING
from tests.properties.draw_deciding import DECIDING
from tests.properties.draw_moving import MOVING
from tests.properties.draw_normalizing import NORMALIZING
from tests.properties.draw_rewriting import REWRITING
from tests.properties.drawing import NEWEST, Array, Drawing, Tensor, finished, run, session

OPSETS = (17, *range(7, 17), *range(18, NEWEST + 1))
"""The most usual first. onnxruntime refuses every node of those that it does not know."""

OPERATORS = {
    **ATTENTION, **CLASSICAL, **COMPUTING, **MOVING, **NORMALIZING, **DECIDING, **REWRITING,
    **BODIES,
}  # fmt: skip
USUAL = ("linear", "gemm", "conv", "unary", "arithmetic", "concat")
"""Operators that are drawn more often."""


@dataclass(frozen=True, repr=False)
class Drawn:
    """A model and what to compile it with.

    samples: for each sample the inputs by name, as onnxruntime takes them. expected: the outputs
    that it gives, in label mode the scores behind them. fresh: a sample that calibration does not
    see. shapes: for the inputs with unknown extents, if any are given. input_range: instead of
    calibration. modes: of input, output and weights. stacked: by input, whether samples lie along
    its axis 0.
    """

    model: onnx.ModelProto
    samples: list[dict[str, Array]]
    expected: list[dict[str, Array]]
    fresh: dict[str, Array]
    shapes: dict[str, tuple[int, ...]] | None
    input_range: tuple[float, float] | None
    modes: dict[str, str]
    stacked: dict[str, bool]

    def __repr__(self) -> str:
        """The model as text, and what it is compiled with."""
        options = {"shapes": self.shapes, "input_range": self.input_range, **self.modes}
        first = {name: array.ravel()[:8] for name, array in self.samples[0].items()}
        text = onnx.printer.to_text(self.model)
        return f"{text}\n{options}\n{len(self.samples)} samples, the first: {first}"

    @property
    def calibration(self) -> dict[str, Array] | None:
        """The samples, along the batch axis of inputs that have one, else along a new one."""
        if self.input_range is not None:
            return None
        join = {True: np.concatenate, False: np.stack}
        return {
            name: join[along]([sample[name] for sample in self.samples])
            for name, along in self.stacked.items()
        }


@dataclass
class _Input:
    """An input under construction: its values' kind, its extents, and what the model says."""

    name: str
    dtype: Any
    shape: tuple[int, ...]
    declared: list[int | str | None]
    draw: Callable[[], Array]


def graph(choices: Choices, kind: str | None = None) -> Drawn:
    """A model of any operators, or of one kind. Raises Rejected when nothing is left of it."""
    c = choices
    d = Drawing(c, c.one(OPSETS), c.one((np.float32,) * 15 + (np.float64,)))
    modes = _modes(c)
    input_range = _input_range(c)
    inputs = [
        _indices(d) if kind == "embedding" or c.chance(4) else _input(d, input_range)
        for _ in range(c.one((1, 1, 1, 1, 2, 3)))
    ]
    for value in inputs:
        d.add_input(value.name, value.draw(), value.declared)
        _made_float(d, value)
    names = sorted(OPERATORS)
    for _ in range(c.integer(1, c.one((9, 9, 9, 9, 30)))):
        one = kind or (c.one(USUAL) if c.chance(40) else c.one(names))
        _attempt(d, OPERATORS[one])
    if c.chance(75) and not any(array.dtype == d.dtype for array in d.weights.values()):
        _attempt(d, OPERATORS["linear"])
    if modes["output"] == "label":
        scores = _scores(d)
        heads = [_head(d, scores) for _ in range(c.one((1, 1, 1, 2)))]
        label = next((head for head in heads if head.value.dtype == np.int64), heads[0])
        return _drawn(d, inputs, heads, {label.name: scores}, input_range, modes)
    outputs = _outputs(d)
    return _drawn(d, inputs, outputs, _by_name(outputs), input_range, modes)


PLACES = np.array([2, 0, 1])
"""What a model of one generator takes as integers."""


def single(choices: Choices, name: str) -> tuple[onnx.ModelProto, list[Tensor], float]:
    """A model of what one generator draws of the inputs x and places, its outputs, and the size of
    its largest constant. Raises Rejected.
    """
    c = choices
    d = Drawing(c, c.one(OPSETS))
    shape = tuple(c.integer(1, 6) for _ in range(c.one((4, 2, 3, 1, 5))))
    d.add_input("places", PLACES, PLACES.shape)
    d.add_input("x", d.uniform(shape, -2, 2), shape)
    OPERATORS[name](d)
    outputs = [tensor for tensor in d.floats() if tensor.name != "x"]
    if not outputs:
        raise Rejected("no output")
    infos = [_info(tensor, shown=False) for tensor in outputs]
    proto = helper.make_graph(d.nodes, "drawn", d.inputs, infos, d.initializers)
    known = [array for array in d.weights.values() if array.dtype == d.dtype]
    largest = max((float(np.abs(array).max(initial=0)) for array in known), default=0.0)
    return finished(proto, d.version), outputs, largest


def mlp(choices: Choices) -> Drawn:
    """Layers of widths 1 to 130 with activations between them."""
    c = choices
    d = Drawing(c, c.one((17, 9, 11, 13, 21)))
    modes = _modes(c)
    batch = c.one((1, 1, 1, 2, 3, 7, 16, 100, 127))
    depth = c.integer(1, 4)
    widths = [c.integer(1, 130) for _ in range(depth + 1)]
    if batch > 16:
        widths = [min(width, 16) for width in widths]
    if modes["output"] == "label":
        batch, widths[-1] = 1, max(widths[-1], 2)
    size = c.one((1.0, 1.0, 10.0, 0.1, 255.0))
    declared: list[int | str | None] = [c.one((batch, "batch")), widths[0]]
    value = _Input(
        "x", np.float32, (batch, widths[0]), declared, _distribution(d, (batch, widths[0]), size)
    )
    d.add_input("x", value.draw(), declared)
    activation = c.one(("Relu", "Relu", "LeakyRelu", "PRelu", "mixed"))
    product, bias = c.one(("Gemm", "MatMul", "transB")), c.chance(75)
    for layer in range(depth):
        _layer(d, product, widths[layer + 1], bias=bias)
        if layer < depth - 1 or c.chance(15):
            _activation(d, activation)
    last = [d.pool[-1]]
    return _drawn(d, [value], last, _by_name(last), None, modes)


def _layer(d: Drawing, product: str, width: int, *, bias: bool) -> None:
    x = d.pool[-1]
    depth = x.shape[1]
    shape = (width, depth) if product == "transB" else (depth, width)
    w = d.constant((d.numbers.normal(size=shape) / np.sqrt(depth)).astype(np.float32))
    offset = [d.constant(d.numbers.normal(size=width).astype(np.float32))] if bias else []
    if product == "MatMul":
        y = d.emit("MatMul", x.name, w)
        if offset:
            d.emit("Add", y.name, *offset)
        return
    if not offset and d.version < 11:
        offset = [d.constant(np.zeros(width, np.float32))]
    d.emit("Gemm", x.name, w, *offset, **({"transB": 1} if product == "transB" else {}))


def _activation(d: Drawing, kind: str) -> None:
    x = d.pool[-1]
    if kind == "mixed":
        kind = d.choices.one(("Relu", "LeakyRelu", "PRelu"))
    if kind == "PRelu":
        slope = d.constant(d.uniform((x.shape[1],), -0.2, 0.5))
        d.emit("PRelu", x.name, slope)
    else:
        d.emit(kind, x.name)


def _modes(c: Choices) -> dict[str, str]:
    return {
        "input": c.one(("hidden", "hidden", "public")),
        "output": c.one(("public", "public", "public", "label")),
        "weights": c.one(("hidden", "hidden", "public")),
    }


def _input_range(c: Choices) -> tuple[float, float] | None:
    """Instead of calibration, now and then."""
    if not c.chance(10):
        return None
    return c.one(((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-3.0, 5.0)))


def _input(d: Drawing, input_range: tuple[float, float] | None) -> _Input:
    c = d.choices
    rank = c.one((2, 2, 2, 3, 4, 4, 1, 0, 5))
    batch = c.one((1, 1, 1, 1, 2, 3, 8, 100, 1000)) if rank > 1 else d.extent()
    room = max(2000 // batch, 1)
    extents: list[int] = []
    for axis in range(1, rank):
        most = 130 if rank == 2 else (8 if axis == 1 else 14)
        extent = min(d.extent(), most, room)
        extents.append(extent)
        room = max(room // extent, 1)
    shape = (batch, *extents)[:rank]
    name = d.name("input")
    declared: list[int | str | None] = [
        n if c.chance(70) else c.one((f"N{name}", None, f"axis {axis} {name}"))
        for axis, n in enumerate(shape)
    ]
    if rank > 1 and c.chance(60):
        declared[1:] = shape[1:]
    dtype = c.one(
        (np.float32,) * 8
        + (np.float64, np.float16, np.int64, np.int32, np.uint8, np.int8, np.bool_)
    )
    size = c.one((1.0, 1.0, 1.0, 0.05, 10.0, 255.0, 1000.0))
    draw = _distribution(d, shape, size)
    if input_range is not None:
        low, high = input_range

        def draw() -> Array:
            return np.asarray(d.numbers.uniform(low, high, shape))

    bounds = {
        np.uint8: (0, 255),
        np.int8: (-128, 127),
        np.int32: (-(2**31), 2**31 - 1),
        np.float16: (-6e4, 6e4),
    }.get(dtype)

    def typed() -> Array:
        values = draw()
        if dtype == np.bool_:
            return values > 0
        if np.dtype(dtype).kind in "iu":
            values = np.rint(values)
        return np.asarray(np.clip(values, *bounds) if bounds else values, dtype)

    return _Input(name, dtype, shape, declared, typed)


def _indices(d: Drawing) -> _Input:
    """An input of small whole numbers, which none is below."""
    c = d.choices
    shape = c.one(((1, 4), (2, 3), (5,), (), (1, 9)))
    dtype, most, name = c.one((np.int64, np.int32)), c.one((1, 4, 20)), d.name("input")
    draw = partial(d.numbers.integers, 0, most + 1, shape, dtype)
    return _Input(name, dtype, shape, list(shape), lambda: np.asarray(draw()))


def _distribution(d: Drawing, shape: tuple[int, ...], size: float) -> Callable[[], Array]:
    """Draws values of an input."""
    numbers = d.numbers
    kind = d.choices.one(
        (
            "normal", "normal", "normal", "uniform", "positive", "negative", "whole", "one hot",
            "sparse", "constant", "zero", "shifted", "columns",
        )
    )  # fmt: skip
    columns = 10.0 ** numbers.integers(*d.choices.one(((-2, 3), (-4, 9))), shape[-1:])

    def draw() -> Array:
        values = np.asarray(numbers.normal(size=shape)) * size
        if kind == "uniform":
            values = numbers.uniform(0, size, shape)
        elif kind == "positive":
            values = np.abs(values)
        elif kind == "negative":
            values = -np.abs(values)
        elif kind == "whole":
            values = np.rint(3 * values)
        elif kind == "one hot":
            values = np.zeros(shape)
            values.flat[numbers.integers(values.size)] = 1
        elif kind == "sparse":
            values = values * (numbers.random(shape) < 0.1)
        elif kind == "constant":
            values = np.full(shape, size / 3)
        elif kind == "zero":
            values = np.zeros(shape)
        elif kind == "shifted":
            values = values * 0.01 + size
        elif kind == "columns":
            values = values * columns
        return np.asarray(values, dtype=np.float32)

    return draw


def _made_float(d: Drawing, value: _Input) -> None:
    """Casts the input to the floats that are computed with, at once or after it has been moved."""
    if value.dtype == d.dtype:
        return
    x = d.pool[-1]
    if x.rank > 1 and d.choices.chance(40):
        x = d.emit("Flatten", x.name)
    d.emit("Cast", x.name, to=helper.np_dtype_to_tensor_dtype(d.dtype))


def _attempt(d: Drawing, operator: Callable[[Drawing], None]) -> None:
    """Draws a node; takes back what a rejected one has left."""
    before = len(d.nodes), len(d.initializers), len(d.pool), dict(d.weights)
    try:
        operator(d)
    except Rejected:
        del d.nodes[before[0] :], d.initializers[before[1] :], d.pool[before[2] :]
        d.weights = before[3]


def _scores(d: Drawing) -> Tensor:
    """One vector of two scores or more."""
    c = d.choices
    x = d.any()
    flat = d.reshaped(x, c.one(([1, -1], [-1])))
    if flat.value.size < 2 or (flat.value.size < 600 and c.chance(70)):
        return d.emit("MatMul", flat.name, d.matrix((flat.shape[-1], c.integer(2, 12))))
    return flat


def _head(d: Drawing, scores: Tensor) -> Tensor:
    """What a classifier ends with, or the scores themselves."""
    op = d.choices.one(("", "Softmax", "ArgMax", "LogSoftmax", "Sigmoid"))
    if op in ("", "Sigmoid"):
        return d.emit(op, scores.name) if op else scores
    attrs = {"axis": scores.rank - 1}
    if op == "ArgMax" and d.choices.chance(50):
        attrs["keepdims"] = 0
    return d.emit(op, scores.name, **attrs)


def _outputs(d: Drawing) -> list[Tensor]:
    """The last tensor, and others, some of which are read inside too."""
    inputs = {value.name for value in d.inputs}
    computed = [tensor for tensor in d.floats() if tensor.name not in inputs]
    if not computed:
        raise Rejected("nothing is computed")
    outputs = [computed.pop()]
    while computed and d.choices.chance(30):
        outputs.append(computed.pop(d.choices.integer(0, len(computed) - 1)))
    if d.choices.chance(5):  # an input, a constant, one more time the same
        constants = [Tensor(name, array) for name, array in d.weights.items() if array.size]
        given = [tensor for tensor in d.pool if tensor.name in inputs]
        outputs.append(d.choices.one([outputs[0], *given, *constants]))
    return d.choices.shuffled(outputs)


def _by_name(tensors: list[Tensor]) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in tensors}


def _drawn(
    d: Drawing,
    inputs: list[_Input],
    outputs: list[Tensor],
    compared: dict[str, Tensor],
    input_range: tuple[float, float] | None,
    modes: dict[str, str],
) -> Drawn:
    """The model with its samples. Raises Rejected where onnxruntime cannot run it on one.

    compared: by output, the tensors whose values are expected.
    """
    c = d.choices
    shown = [not c.chance(30) for _ in outputs]
    infos = [_info(*pair) for pair in zip(outputs, shown, strict=True)]
    listed = list(d.inputs)
    if c.chance(15):  # as exporters did before IR version 4
        listed += [
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            for tensor in d.initializers
        ]
    proto = helper.make_graph(d.nodes, "drawn", listed, infos, d.initializers)
    model = finished(proto, d.version, c.one((8, 7, 9, 10)))
    count = c.one((8, 1, 2, 3, 24)) if input_range is None else 2
    samples = [{value.name: value.draw() for value in inputs} for _ in range(count + 1)]
    if c.chance(10):
        nodes = c.shuffled(d.nodes)
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(_info(tensor, shown=False) for tensor in compared.values())
    session(model, optimized=True)
    loaded = session(watched)
    expected = [dict(zip(compared, run(loaded, sample), strict=True)) for sample in samples]
    if not all(np.isfinite(array).all() for values in expected for array in values.values()):
        raise Rejected("NaN or infinity")
    return Drawn(
        model=model,
        samples=samples[:-1],
        expected=expected[:-1],
        fresh=samples[-1],
        shapes=_shapes(c, inputs),
        input_range=input_range,
        modes=modes,
        stacked={value.name: _has_batch_axis(value) for value in inputs},
    )


def _info(tensor: Tensor, shown: bool) -> onnx.ValueInfoProto:
    """A graph output, with its shape or without."""
    kind = helper.np_dtype_to_tensor_dtype(tensor.value.dtype)
    return helper.make_tensor_value_info(tensor.name, kind, tensor.shape if shown else None)


def _shapes(c: Choices, inputs: list[_Input]) -> dict[str, tuple[int, ...]] | None:
    """What compile must be told: all shapes if any extent is open that is not a batch of 1."""
    given = {}
    for value in inputs:
        unknown = [axis for axis, word in enumerate(value.declared) if word != value.shape[axis]]
        batch_of_one = unknown == [0] and value.shape[0] == 1
        if unknown and not (batch_of_one and c.chance(70)):
            given[value.name] = value.shape
    return given or None


def _has_batch_axis(value: _Input) -> bool:
    """As README.md says: an axis 0 that the model leaves open, or of extent 1 before others."""
    if not value.shape:
        return False
    return not isinstance(value.declared[0], int) or (len(value.shape) > 1 and value.shape[0] == 1)
