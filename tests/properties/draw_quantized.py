"""Quantized networks: integers from one end to the other, in either way of writing them.

Scales are often powers of two, so that ties happen, zero points lie at the ends of their types, and
values saturate. Every node is run by onnxruntime before it is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.properties.choices import Choices, Rejected
from tests.properties.drawing import NEWEST, Array, Drawing, Tensor, finished, run, session

MICROSOFT = "com.microsoft"
SAMPLES, FRESH = 6, 12


@dataclass(frozen=True)
class Step:
    """Integers and what they stand for: (q - zero) scale, by the names of constants."""

    q: Tensor
    scale: str
    zero: str


@dataclass(frozen=True, repr=False)
class Network:
    """A model with sample inputs. steps: by how many units of its last place an entry of an output
    may be off; 0 where onnxruntime's own rounding is specified. unit: what that is.
    optimized: whether onnxruntime is to optimize, so that it joins what stands between integers
    and rounds once, or either way, one of which is met.
    """

    model: onnx.ModelProto
    samples: list[dict[str, Array]]
    fresh: list[dict[str, Array]]
    steps: int
    unit: float
    optimized: tuple[bool, ...]

    def __repr__(self) -> str:
        """The model as text."""
        return f"{onnx.printer.to_text(self.model)}\n{self.steps} steps"


class _Net:
    """A network under construction. qdq: whether it is written with Quantize- and
    DequantizeLinear around floats. steps: as of a Network.
    """

    def __init__(self, choices: Choices) -> None:
        self.c = choices
        version = choices.one((17, 13, 21, 11, 10, 19, NEWEST - 1))
        self.d = Drawing(choices, version)
        self.d.domain = ""
        self.qdq = choices.chance(50)
        self.steps = 0

    def scale(self, wanted: float) -> str:
        """A constant near to a number, often a power of two."""
        wanted = max(wanted, 1e-6)
        power = 2.0 ** np.round(np.log2(wanted))
        value = self.c.one((power, wanted, wanted * 1.37))
        return self.d.constant(np.array(value, np.float32))

    def zero(self, dtype: Any) -> str:
        """A constant zero point, often at an end of its type."""
        ends = np.iinfo(dtype)
        middle = (int(ends.min) + int(ends.max) + 1) // 2
        value = self.c.one((middle, int(ends.min), int(ends.max), 0, middle + 7))
        return self.d.constant(np.array(value, dtype))

    def dtype(self) -> Any:
        """Of activations."""
        return self.c.one((np.uint8, np.int8))

    def to(self, largest: float) -> tuple[str, str]:
        """The scale and the zero point of what a node makes; some values saturate."""
        wanted = largest / self.c.one((127.0, 255.0, 64.0, 400.0))
        return self.scale(wanted), self.zero(self.dtype())

    def array(self, name: str) -> Array:
        """A constant's entries."""
        return self.d.weights[name]

    def real(self, x: Step) -> Tensor:
        """What integers stand for, by a node."""
        return self.d.emit("DequantizeLinear", x.q.name, x.scale, x.zero)

    def quantized(self, x: Tensor, ends: tuple[str, str] | None = None) -> Step:
        """The integers of floats, by a node."""
        to = ends or self.to(float(np.abs(x.value).max()))
        return Step(self.d.emit("QuantizeLinear", x.name, *to), *to)

    def weights(self, shape: tuple[int, ...], axis: int) -> tuple[str, str, str]:
        """Integers, their scale and zero point: one, or one an index of an axis."""
        c = self.c
        dtype = c.one((np.int8, np.int8, np.uint8))
        ends, numbers = np.iinfo(dtype), self.d.numbers
        low, high = c.one(((-127, 127), (-9, 9), (-128, 127), (-64, 63)))
        middle = 128 if dtype == np.uint8 else 0
        array = np.clip(numbers.integers(low, high + 1, shape) + middle, ends.min, ends.max)
        count = shape[axis] if c.chance(40) else 0
        if count:
            factors = 2.0 ** numbers.integers(-9, -5, count) if c.chance(40) else None
            scales = numbers.uniform(0.001, 0.02, count) if factors is None else factors
            scale = self.d.constant(scales.astype(np.float32))
            zero = self.d.constant(np.full(count, middle, dtype))
        else:
            scale = self.scale(float(numbers.uniform(0.001, 0.02)))
            extra = 0 if dtype == np.int8 else c.one((0, 3))
            zero = self.d.constant(np.array(middle - extra, dtype))
        return self.d.constant(array.astype(dtype)), scale, zero

    def bias(self, x: Step, scale: str, count: int) -> tuple[str, Array]:
        """Integers in steps of a product, and these steps."""
        steps = self.array(x.scale) * self.array(scale)
        array = self.d.numbers.integers(-3000, 3000, count).astype(np.int32)
        return self.d.constant(array), np.asarray(steps, np.float32)

    def float_bias(self, integers: str, steps: Array) -> str:
        """The floats of a bias, by a node."""
        inputs = [integers, self.d.constant(steps)]
        attrs = {"axis": 0} if steps.size > 1 else {}
        return self.constant_node(inputs, attrs)

    def constant_node(self, inputs: list[str], attrs: dict[str, Any]) -> str:
        """A DequantizeLinear of constants."""
        values = [self.d.weights[name] for name in inputs]
        zeros = values[2].astype(np.int64) if len(values) > 2 else np.int64(0)
        scales, axis = values[1], attrs.get("axis", 1)
        if scales.size > 1:
            rank = values[0].ndim - 1 - axis % values[0].ndim
            scales = scales.reshape(-1, *(1,) * rank)
            zeros = np.asarray(zeros).reshape(-1, *(1,) * rank) if np.ndim(zeros) else zeros
        array = ((values[0].astype(np.int64) - zeros) * scales).astype(np.float32)
        return self.d._constant_node("DequantizeLinear", inputs, array, **attrs)

    def kept(self, x: Step, q: Tensor) -> Step:
        """Entries of integers elsewhere."""
        return Step(q, x.scale, x.zero)


def conv(net: _Net, x: Step) -> Step:
    """QLinearConv, or Conv of floats."""
    c = net.c
    if x.q.rank != 4:
        raise Rejected("no image")
    channels = x.q.shape[1]
    groups = channels if c.chance(20) else 1
    count = groups * c.integer(1, 3)
    kernel = tuple(min(c.integer(1, 3), extent) for extent in x.q.shape[2:])
    w, ws, wz = net.weights((count, channels // groups, *kernel), 0)
    attrs: dict[str, Any] = {"group": groups}
    if c.chance(40):
        attrs["pads"] = [c.integer(0, 1) for _ in range(4)]
    if c.chance(30):
        attrs["strides"] = [c.integer(1, 2) for _ in range(2)]
    return _product(net, x, "Conv", (w, ws, wz), count, attrs, axis=0, biased=c.chance(60))


def matmul(net: _Net, x: Step) -> Step:
    """QLinearMatMul, or MatMul of floats."""
    if not x.q.rank:
        raise Rejected("a scalar")
    count = net.c.integer(1, 9)
    w = net.weights((x.q.shape[-1], count), 1)
    return _product(net, x, "MatMul", w, count, {}, axis=1, biased=False)


def gemm(net: _Net, x: Step) -> Step:
    """QGemm of com.microsoft, or Gemm of floats."""
    if x.q.rank != 2:
        raise Rejected("no matrix")
    count, transposed = net.c.integer(1, 9), net.c.chance(50)
    shape = (count, x.q.shape[1]) if transposed else (x.q.shape[1], count)
    w = net.weights(shape, 0 if transposed else 1)
    attrs = {"transB": int(transposed)}
    axis = 0 if transposed else 1
    return _product(net, x, "Gemm", w, count, attrs, axis=axis, biased=net.c.chance(60))


def _product(
    net: _Net, x: Step, op: str, w: tuple[str, str, str], count: int, attrs: dict[str, Any],
    *, axis: int, biased: bool,
) -> Step:  # fmt: skip
    d = net.d
    bias = net.bias(x, w[1], count) if biased else None
    single = net.array(w[1]).size == 1
    along = {} if single else {"axis": axis}
    if not single and d.version < 13:
        raise Rejected("an opset without axes")
    if net.qdq:
        operands = [net.real(x).name, net.constant_node(list(w), along)]
        operands += [net.float_bias(*bias)] if bias else []
        if op == "Gemm" and not bias and d.version < 11:
            raise Rejected("an opset where Gemm has a bias")
        y = d.emit(op, *operands, **attrs)
        if net.c.chance(30):
            y = d.emit("Relu", y.name)
        return net.quantized(y)
    # the size of the result, by floats
    real = net.array(w[0]).astype(np.float64).size ** 0.5 * 40 * float(net.array(w[1]).max())
    real *= 60 * float(net.array(x.scale))
    to = net.to(max(real, 1e-3))
    operands = [x.q.name, x.scale, x.zero, *w]
    if op == "Gemm":
        inputs = [*operands, bias[0] if bias else "", *to]
        return Step(d.emit("QGemm", *inputs, domain=MICROSOFT, **attrs), *to)
    inputs = [*operands, *to, *([bias[0]] if bias else [])]
    name = {"Conv": "QLinearConv", "MatMul": "QLinearMatMul"}[op]
    return Step(d.emit(name, *inputs, **attrs), *to)


def max_pool(net: _Net, x: Step) -> Step:
    """MaxPool of integers, or between both nodes."""
    if x.q.rank != 4 or min(x.q.shape[2:]) < 2 or net.d.version < 12:
        raise Rejected("no image, or an opset where it takes no integers")
    attrs = {"kernel_shape": [2, 2], "strides": [net.c.integer(1, 2)] * 2}
    if net.qdq:
        return net.quantized(net.d.emit("MaxPool", net.real(x).name, **attrs), (x.scale, x.zero))
    return net.kept(x, net.d.emit("MaxPool", x.q.name, **attrs))


def moved(net: _Net, x: Step) -> Step:
    """Flatten, Transpose or Reshape."""
    op = net.c.one(("Flatten", "Transpose", "Reshape"))
    rest: list[str] = [net.d.integers([1, -1])] if op == "Reshape" else []
    if op == "Flatten" and x.q.rank < 2:
        raise Rejected("nothing to flatten")
    if net.qdq and net.c.chance(50):
        return net.quantized(net.d.emit(op, net.real(x).name, *rest), (x.scale, x.zero))
    if op == "Flatten" and net.d.version < 9:
        raise Rejected("an opset where it takes no integers")
    return net.kept(x, net.d.emit(op, x.q.name, *rest))


def relu(net: _Net, x: Step) -> Step:
    """Relu of what integers stand for."""
    y = net.d.emit("Relu", net.real(x).name)
    return net.quantized(y, (x.scale, x.zero) if net.c.chance(70) else None)


def again(net: _Net, x: Step) -> Step:
    """What integers stand for, on another grid."""
    return net.quantized(net.real(x))


def pair(net: _Net, x: Step) -> Step:
    """QLinearAdd or QLinearMul of a tensor and itself, or a constant."""
    d, op = net.d, net.c.one(("QLinearAdd", "QLinearMul"))
    other = x
    if net.c.chance(40):
        dtype = net.array(x.zero).dtype
        array = d.numbers.integers(0, 101, x.q.shape)
        name = d.constant(array.astype(dtype))
        other = Step(Tensor(name, array), net.scale(0.03), x.zero)
    net.steps = 1
    largest = float(net.array(x.scale)) * 100
    largest = largest * float(net.array(other.scale)) * 100 if op == "QLinearMul" else 2 * largest
    if net.qdq and other is x:
        op = op.removeprefix("QLinear")
        return net.quantized(d.emit(op, net.real(x).name, net.real(x).name))
    to = net.to(largest)[0], net.zero(net.array(x.zero).dtype)
    inputs = (x.q.name, x.scale, x.zero, other.q.name, other.scale, other.zero, *to)
    return Step(d.emit(op, *inputs, domain=MICROSOFT), *to)


def single(net: _Net, x: Step) -> Step:
    """QLinear operators of com.microsoft of one operand."""
    d = net.d
    pooling = ("QLinearGlobalAveragePool", "QLinearAveragePool")
    others = ("QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax")
    op = net.c.one(pooling * 2 + others if x.q.rank == 4 else others)
    dtype = net.array(x.zero).dtype
    attrs: dict[str, Any] = {"alpha": 0.1} if op == "QLinearLeakyRelu" else {}
    if op == "QLinearAveragePool":
        attrs["kernel_shape"] = [min(2, extent) for extent in x.q.shape[2:]]
    if op == "QLinearSoftmax":
        attrs |= {"axis": -1, "opset": 13}
    net.steps = {"QLinearLeakyRelu": 0, "QLinearSigmoid": 0, "QLinearSoftmax": 3}.get(op, 1)
    largest = 1.0 if op in ("QLinearSigmoid", "QLinearSoftmax") else float(net.array(x.scale)) * 100
    to = net.to(largest)[0], net.zero(dtype)
    domain = {"domain": MICROSOFT}
    y = d.emit(op, x.q.name, x.scale, x.zero, *to, **domain, **attrs)
    return Step(y, *to)


def concat(net: _Net, x: Step) -> Step:
    """QLinearConcat of com.microsoft of a tensor and what is made of it."""
    if not x.q.rank:
        raise Rejected("a scalar")
    if net.qdq:
        y = net.d.emit("Concat", net.real(x).name, net.real(x).name, axis=x.q.rank - 1)
        return net.quantized(y, (x.scale, x.zero))
    net.steps = 1
    dtype = net.array(x.zero).dtype
    to = net.to(float(net.array(x.scale)) * 100)[0], net.zero(dtype)
    other = (x.q.name, net.scale(float(net.array(x.scale)) * 1.5), x.zero)
    inputs = (*to, x.q.name, x.scale, x.zero, *other)
    return Step(net.d.emit("QLinearConcat", *inputs, domain=MICROSOFT, axis=x.q.rank - 1), *to)


def integer_product(net: _Net, x: Step) -> Step:
    """MatMulInteger, ConvInteger or MatMulIntegerToFloat, and floats made of their sums."""
    d, c = net.d, net.c
    dtype = c.one((np.int8, np.uint8))
    op = c.one(("MatMulInteger", "ConvInteger", "MatMulIntegerToFloat"))
    if not x.q.rank or (op == "ConvInteger" and x.q.rank != 4) or (x.q.value.dtype != np.uint8):
        raise Rejected("other operands")
    if op == "MatMulIntegerToFloat" and x.q.rank != 2:
        raise Rejected("no matrix")
    shape = (x.q.shape[-1], c.integer(1, 6)) if op != "ConvInteger" else (2, x.q.shape[1], 1, 1)
    middle = 128 if dtype == np.uint8 else 0
    w = d.constant((d.numbers.integers(-90, 90, shape) + middle).astype(dtype))
    wz, ws = d.constant(np.array(middle, dtype)), net.scale(0.01)
    if op == "MatMulIntegerToFloat":
        inputs, net.steps = (x.q.name, w, x.scale, ws, x.zero, wz), 1
        return net.quantized(d.emit(op, *inputs, domain=MICROSOFT))
    sums = d.emit(op, x.q.name, w, x.zero, wz, most=1e9)
    real = d.emit("Cast", sums.name, to=TensorProto.FLOAT, most=1e9)
    scale = float(net.array(x.scale)) * 0.01
    net.steps = 1
    return net.quantized(d.emit("Mul", real.name, d.constant(np.array(scale, np.float32))))


def dynamic(net: _Net, x: Step) -> Step:
    """DynamicQuantizeLinear and a product with integers; or both in one."""
    d = net.d
    if x.q.rank != 2 or d.version < 11:
        raise Rejected("no matrix, or an old opset")
    real, count = net.real(x), net.c.integer(1, 6)
    w = d.constant(d.numbers.integers(-90, 90, (x.q.shape[1], count)).astype(np.int8))
    wz, ws = d.constant(np.array(0, np.int8)), net.scale(0.01)
    net.steps = 6
    if net.c.chance(50):
        y = d.emit("DynamicQuantizeMatMul", real.name, w, ws, wz, domain=MICROSOFT)
        return net.quantized(y)
    q, scale, zero = d.emit_many("DynamicQuantizeLinear", [real.name], 3)
    sums = d.emit("MatMulInteger", q.name, w, zero.name, wz, most=1e9)
    product = d.emit("Cast", sums.name, to=TensorProto.FLOAT, most=1e9)
    both = d.emit("Mul", scale.name, ws)
    return net.quantized(d.emit("Mul", product.name, both.name))


EXACT: tuple[Callable[[_Net, Step], Step], ...] = (
    conv, matmul, gemm, max_pool, moved, relu, conv, matmul,
)  # fmt: skip
LAST = (pair, single, concat, again, integer_product, dynamic)
"""Whose results may be off by a unit, so that nothing comes after them."""


def network(choices: Choices, last: int | None = None) -> Network:
    """A quantized network. last: the number of one of LAST that it ends with. Raises Rejected."""
    net, c = _Net(choices), choices
    d = net.d
    shape = c.one(((1, 2, 5, 6), (1, 7), (1, 1, 4, 4), (2, 3), (1, 3, 4)))
    dtype = c.one((np.float32, np.float32, np.uint8, np.int8))
    size = c.one((1.0, 3.0, 0.05))

    def value() -> Array:
        if dtype == np.float32:
            return np.asarray(d.numbers.uniform(-size, size, shape), np.float32)
        ends = np.iinfo(dtype)
        return np.asarray(d.numbers.integers(ends.min, ends.max + 1, shape), dtype)

    d.add_input("x", value(), shape)
    x = d.pool[-1]
    if dtype == np.float32:
        step = net.quantized(x)
    else:
        step = Step(x, net.scale(size / 128), net.zero(dtype))
    for _ in range(c.integer(1, 4)):
        operator = c.one(EXACT)
        before = len(d.nodes), len(d.initializers), len(d.pool), dict(d.weights)
        try:
            step = operator(net, step)
        except Rejected:
            del d.nodes[before[0] :], d.initializers[before[1] :], d.pool[before[2] :]
            d.weights = before[3]
    if last is not None:
        step = LAST[last](net, step)
    real = c.chance(60)
    output, unit = (net.real(step), float(net.array(step.scale).max())) if real else (step.q, 1.0)
    if not d.nodes or output is x:
        raise Rejected("nothing is computed")
    kind = helper.np_dtype_to_tensor_dtype(output.value.dtype)
    infos = [helper.make_tensor_value_info(output.name, kind, output.shape)]
    graph = helper.make_graph(d.nodes, "quantized", d.inputs, infos, d.initializers)
    model = finished(graph, d.version)
    loaded = session(model)
    samples = [{"x": value()} for _ in range(SAMPLES + FRESH)]
    for sample in samples:
        run(loaded, sample)
    if all(np.ptp(run(loaded, sample)[0]) == 0 for sample in samples):
        raise Rejected("an output that is always the same")
    steps, optimized = (max(net.steps, 1), (True, False)) if net.qdq else (net.steps, (False,))
    return Network(model, samples[:SAMPLES], samples[SAMPLES:], steps, unit, optimized)


def any_network(choices: Choices) -> Network:
    """A quantized network of any operators. Raises Rejected."""
    return network(choices, choices.one((None, None, *range(len(LAST)))))
