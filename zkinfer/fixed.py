"""The fixed-point graph: the network in exact integers, as keys carry it.

An integer v of a tensor with scale s stands for v / 2^s. Shapes, scales and bounds of all tensors
follow from the inputs' and weights' by the operators' own rules, so a graph read from a hostile
key cannot claim others.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zkinfer import summary
from zkinfer.encoding import (
    EXPONENTS,
    LIMIT,
    MANTISSA_BITS,
    MAX_BITS,
    MAX_COLUMNS,
    MAX_QUANTIZED,
    Columns,
    Encoding,
    Quantization,
)
from zkinfer.errors import FormatError, UsageError
from zkinfer.ops import OPS
from zkinfer.ops.contract import TABLE
from zkinfer.ops.tensor import KINDS, FixedTensor, Integers, ShapeError

__all__ = ["FixedGraph", "FixedNode", "FixedTensor", "evaluate", "quantize_input"]

MAX_TENSORS = 8192
MAX_NAME = 4096
MAX_RANK = 8
MAX_ENTRIES = 2**31
MAX_SCALE = 256
MAX_BATCH = 2**14

LABELLED = ("accuracy", "confusion")
"""Output modes that show how labels are related to those of records, and no outputs."""

STATISTICS = (*LABELLED, "summary", "error")
"""Those, and the ones that show how outputs, or outputs less targets, are spread."""

COUNTED, RIGHT, CONFUSION = "counted", "right", "confusion"
"""What they show: which records count; how many of them are labelled right, or how many have one
label and get another one; of the others what summary.py says.
"""

MAX_CLASSES = 256
"""Of a confusion matrix."""

MODES = {
    "input_mode": ("hidden", "public", "committed"),
    "output_mode": ("public", "label", "committed", *STATISTICS),
    "weights_mode": ("hidden", "public"),
}

RECORD_MODES = ("public", "hidden")

OPTIONAL = {"batch", "classes", "record_mode", "tables", "target"}
"""Members of a graph that are there only where they say something."""


@dataclass(frozen=True)
class FixedNode:
    """One operator of zkinfer.ops, and the names of what it reads and makes.

    attrs: integers, tuples of them, tuples of tuples, booleans.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class FixedGraph:
    """A network: declared inputs and weights, nodes in topological order.

    weights: names, in the order of their tensors in the circuit. tensors: every tensor by name;
    those that nodes make are derived. columns: the inputs that have a scale and a domain by column.
    quantized: the inputs that are what a QuantizeLinear makes of numbers. classes: of outputs that
    are numbers of classes, from 0 on, what these are called. batch: how many inputs a proof is
    about; tensors are those of one. record_mode: whether a proof says which records of committed
    data its inputs are. target: in output mode "error" what each record's target, another number
    that is committed to, is like.
    Raises FormatError when the parts do not fit together.
    """

    inputs: tuple[str, ...]
    weights: tuple[str, ...]
    nodes: tuple[FixedNode, ...]
    outputs: tuple[str, ...]
    declared: Mapping[str, FixedTensor]
    input_mode: str
    output_mode: str
    weights_mode: str
    columns: Mapping[str, Columns] = field(default_factory=dict)
    quantized: Mapping[str, Quantization] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    batch: int = 1
    record_mode: str = "public"
    target: FixedTensor | None = None
    tensors: Mapping[str, FixedTensor] = field(init=False)

    def __post_init__(self) -> None:
        """Derives the tensors, checking everything."""
        for mode, words in MODES.items():
            _check(getattr(self, mode) in words, f"{mode} {getattr(self, mode)!r} does not exist")
        _check(self.record_mode in RECORD_MODES, f"record_mode {self.record_mode!r} does not exist")
        fits = self.input_mode == "committed" and not self.counts
        _check(fits or self.record_mode == "public", "hidden records of no data, or counted ones")
        fits = _is_kind(self.batch, "int") and 1 <= self.batch <= MAX_BATCH
        _check(fits, f"a batch of {self.batch} inputs; at most {MAX_BATCH}")
        names = (*self.inputs, *self.weights)
        made = [name for node in self.nodes for name in node.outputs]
        count = len(names) + max(len(made), len(self.nodes))
        _check(count <= MAX_TENSORS, f"{count} tensors; at most {MAX_TENSORS}")
        for name in (*names, *made, *self.outputs, *(node.name for node in self.nodes)):
            _check_name(name)
        _check(len(set(names)) == len(names), "a name stands for two tensors")
        distinct = {node.name for node in self.nodes}
        _check(len(distinct) == len(self.nodes), "two nodes have one name")
        _check(set(names) == set(self.declared), "declared tensors are not inputs and weights")
        _check(bool(self.inputs) and bool(self.outputs), "it has no input or no output")
        _check(set(self.columns) <= set(self.inputs), "columns of what is no input")
        for name, columns in self.columns.items():
            _check_columns(name, columns, self.declared[name])
        fits = set(self.quantized) <= set(self.inputs) - set(self.columns)
        fits = fits and not (self.quantized and self.input_mode == "committed")
        _check(fits, "a quantization of what is no input, or one by column, or committed")
        for name, quantization in self.quantized.items():
            _check_quantization(name, quantization, self.declared[name])
        tensors: dict[str, FixedTensor] = {}
        for name in names:
            tensors[name] = _checked(f"tensor {name}", self.declared[name])
        for node in self.nodes:
            for name, tensor in zip(node.outputs, _infer(node, tensors), strict=True):
                _check(name not in tensors, f"tensor {name} is made twice")
                tensors[name] = tensor
        known = tensors.keys() - set(self.weights)
        for name in self.outputs:
            _check(name in known, f"output {name} is not made by the graph")
        _check(len(set(self.outputs)) == len(self.outputs), "an output is named twice")
        labels = {name for name, tensor in tensors.items() if tensor.kind == "label"}
        labelled = self.output_mode == "label" or self.counts_labels
        expected = set(self.outputs) if labelled else set()
        _check(labels == expected, f"output_mode {self.output_mode!r} for the labels {labels}")
        if self.counts:
            fits = self.input_mode == "committed" and len(self.outputs) == 1
            what = self.output_mode
            _check(fits, f"the {what} of several outputs, or of inputs that are not committed")
            few = self.output_mode != "confusion" or tensors[self.outputs[0]].high < MAX_CLASSES
            _check(few, f"a confusion matrix of more than {MAX_CLASSES} classes")
        needed = self.output_mode == "error"
        _check(needed == (self.target is not None), "a target where there is no error, or none")
        if self.target is not None:
            _checked("the target", self.target)
        if self.output_mode == "committed" or (self.counts and not self.counts_labels):
            for name in self.outputs:
                _check(name not in self.columns, f"output {name} is an input by column")
        for name, classes in self.classes.items():
            _check(name in self.outputs, f"classes of {name}, which is no output")
            _check_classes(name, classes, tensors[name])
        object.__setattr__(self, "tensors", tensors)
        if self.counts and not self.counts_labels:
            most = self.batch * max(-self.summed.low, self.summed.high)
            _check(most < LIMIT, f"a sum of {self.batch} numbers could reach {most}, beyond 2^62")

    def stacked(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor of all inputs that a proof is about: with a first axis of them,
        unless there is no batch.
        """
        shape = self.tensors[name].shape
        return shape if self.batch == 1 else (self.batch, *shape)

    @property
    def counts(self) -> bool:
        """Whether a proof is about records that count, and shows what they have in all."""
        return self.output_mode in STATISTICS

    @property
    def counts_labels(self) -> bool:
        """Whether it says how labels are related to those of the records."""
        return self.output_mode in LABELLED

    @property
    def compares(self) -> bool:
        """Whether it is about labels or targets of records, which other data have."""
        return self.counts_labels or self.target is not None

    @property
    def counted(self) -> tuple[int, ...]:
        """The shape of what says which inputs of a proof count."""
        return (self.batch,) if self.batch > 1 else ()

    @property
    def summed(self) -> FixedTensor:
        """What is summed up of each record: the output, or the output less the target."""
        output = replace(self.tensors[self.outputs[0]], shape=())
        return output if self.target is None else summary.difference(output, self.target)

    @property
    def shown(self) -> tuple[tuple[str, FixedTensor], ...]:
        """What a proof shows, by name, in the order of the circuit's public tensors."""
        if self.counts:
            counts = COUNTED, FixedTensor(self.counted, 0, 0, 1)
            if self.output_mode == "accuracy":
                return counts, (RIGHT, FixedTensor((), 0, 0, self.batch))
            if not self.counts_labels:
                return counts, *summary.shown(self.summed, self.batch)
            classes = self.tensors[self.outputs[0]].high + 1
            return counts, (CONFUSION, FixedTensor((classes, classes), 0, 0, self.batch))
        names = self.inputs if self.input_mode == "public" else ()
        names += () if self.output_mode == "committed" else self.outputs
        stacked = (replace(self.tensors[name], shape=self.stacked(name)) for name in names)
        return tuple(zip(names, stacked, strict=True))

    def encoding(self, name: str) -> Encoding:
        """What the integers of a tensor stand for."""
        return Encoding.of(self.tensors[name], self.columns.get(name), self.quantized.get(name))

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, ASCII."""

        def listed(names: Sequence[str]) -> list[list[Any]]:
            tensors = [(name, self.declared[name]) for name in names]
            return [[name, list(t.shape), t.scale, *_members(self, name)] for name, t in tensors]

        t, tables = self.target, dict[Any, int]()
        nodes = [
            {
                "name": node.name,
                "op": node.op,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "attrs": {
                    name: tables.setdefault(value, len(tables))
                    if OPS[node.op].attrs[name] == TABLE
                    else value
                    for name, value in node.attrs.items()
                },
            }
            for node in self.nodes
        ]
        document = {
            **({"batch": self.batch} if self.batch > 1 else {}),
            **({"record_mode": self.record_mode} if self.record_mode != "public" else {}),
            **({"tables": list(tables)} if tables else {}),
            **({"classes": {n: list(c) for n, c in self.classes.items()}} if self.classes else {}),
            **({} if t is None else {"target": [t.scale, t.low, t.high]}),
            "inputs": listed(self.inputs),
            "weights": listed(self.weights),
            "nodes": nodes,
            "outputs": [[name, *_type(self, name)] for name in self.outputs],
            **{mode: getattr(self, mode) for mode in MODES},
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes) -> "FixedGraph":
        """Reads canonical JSON. Raises FormatError with the reason for anything else."""
        try:
            document = json.loads(data.decode("ascii"))
        except (ValueError, RecursionError) as error:
            raise FormatError("the fixed-point graph is not JSON") from error
        graph = _graph(document)
        outputs = dict(_output(entry) for entry in document["outputs"])
        for name, said in outputs.items():
            made = _type(graph, name)
            _check(said == made, f"output {name} is said to be {said}; its operators make {made}")
        _check(graph.to_json() == data, "its JSON is not canonical")
        return graph


@contextmanager
def refusing() -> Iterator[None]:
    """A hostile graph may break any step of reading and lowering: each ends in FormatError."""
    try:
        yield
    except (FormatError, MemoryError):
        raise
    except Exception as error:
        raise FormatError(f"this key's graph has no circuit: {error}") from error


def evaluate(
    graph: FixedGraph, weights: Mapping[str, Integers], inputs: Mapping[str, Integers]
) -> dict[str, Integers]:
    """Every tensor of the network for quantized inputs: the integer oracle."""
    arrays: dict[str, Integers] = {**weights, **inputs}
    with np.errstate(over="ignore"):  # sums on the way to a tensor may wrap around 2^64 and back
        for node in graph.nodes:
            operands = (arrays[name] for name in node.inputs)
            made = OPS[node.op].forward(node.attrs, *operands)
            arrays.update(zip(node.outputs, made, strict=True))
    return arrays


def quantize_input(
    graph: FixedGraph, inputs: Mapping[str, npt.NDArray[Any]]
) -> dict[str, Integers]:
    """Rounds inputs to the graph's scales, half to even; those of a batch are stacked.

    Raises UsageError for a wrong name, shape or dtype, NaN or infinity, and for a value outside of
    the declared domain, naming its index.
    """
    if set(inputs) != set(graph.inputs):
        raise UsageError(f"the inputs are {_names(inputs)}; the model takes {_names(graph.inputs)}")
    return {
        name: graph.encoding(name).integers(name, graph.stacked(name), _stack(graph, name, array))
        for name, array in ((name, np.asarray(inputs[name])) for name in graph.inputs)
    }


def _stack(graph: FixedGraph, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The inputs of a batch along a first axis of their own, or in place of one of extent 1."""
    shape = graph.tensors[name].shape
    along = graph.batch > 1 and shape[:1] == (1,) and array.shape == (graph.batch, *shape[1:])
    return array.reshape(graph.stacked(name)) if along else array


def _names(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"the fixed-point graph is refused: {message}")


def _check_name(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise FormatError("the fixed-point graph is refused: a name is no text") from error
    _check(0 < size <= MAX_NAME, f"a name has {size} bytes; expected 1 to {MAX_NAME}")


def _checked(what: str, tensor: FixedTensor) -> FixedTensor:
    """The tensor. Raises FormatError, saying what it is, unless it is within the limits."""
    shape = tensor.shape
    fits = len(shape) <= MAX_RANK and all(0 < extent for extent in shape)
    _check(fits and math.prod(shape) <= MAX_ENTRIES, f"{what} has shape {shape}")
    _check(abs(tensor.scale) <= MAX_SCALE, f"{what} has scale {tensor.scale}")
    _check(tensor.low <= tensor.high, f"{what} has bounds {tensor.low} to {tensor.high}")
    _check(
        -LIMIT < tensor.low and tensor.high < LIMIT,
        f"{what} could reach {max(-tensor.low, tensor.high)}, beyond 2^62",
    )
    return tensor


def _check_columns(name: str, columns: Columns, tensor: FixedTensor) -> None:
    _check(0 <= columns.axis < len(tensor.shape), f"input {name}: columns on no axis of it")
    extent = tensor.shape[columns.axis]
    fits = len(columns.scales) == len(columns.lows) == extent <= MAX_COLUMNS
    _check(fits, f"input {name}: columns for another number than {extent}, or too many")
    fits = all(abs(scale) <= MAX_SCALE for scale in columns.scales)
    fits = fits and all(abs(low) < LIMIT for low in columns.lows) and 1 <= columns.bits <= MAX_BITS
    _check(fits, f"input {name}: columns beyond the limits")
    fits = columns.tensor(tensor.shape, tensor.scale) == tensor
    _check(fits, f"input {name}: columns with other bounds than it has")


def _check_quantization(name: str, quantization: Quantization, tensor: FixedTensor) -> None:
    numbers = (quantization.zero_point, tensor.low, tensor.high)
    fits = tensor.scale == 0 and max(map(abs, numbers)) <= MAX_QUANTIZED
    _check(fits, f"input {name}: quantized integers beyond the limits, or of a scale")
    mantissa, exponent = quantization.mantissa, quantization.exponent
    fits = mantissa > 0 and mantissa.bit_length() == MANTISSA_BITS and exponent in EXPONENTS
    fits = fits and float(quantization.scale) == math.ldexp(mantissa, -exponent)
    _check(fits, f"input {name}: quantized by no scale of float32")


def _check_classes(name: str, classes: Sequence[str], tensor: FixedTensor) -> None:
    for text in classes:
        _check_name(text)
    fits = not tensor.scale and 0 <= tensor.low and tensor.high < len(classes)
    _check(fits, f"output {name}: names of {len(classes)} classes, or numbers that are no classes")


def _infer(node: FixedNode, tensors: Mapping[str, FixedTensor]) -> list[FixedTensor]:
    _check(node.op in OPS, f"node {node.name}: operator {node.op} does not exist")
    op = OPS[node.op]
    _check(set(node.attrs) == set(op.attrs), f"node {node.name}: attributes {set(node.attrs)}")
    for name, kind in op.attrs.items():
        _check(_is_kind(node.attrs[name], kind), f"node {node.name}: attribute {name}")
    fewest, most = op.inputs
    _check(fewest <= len(node.inputs) <= most, f"node {node.name}: {len(node.inputs)} inputs")
    for name in node.inputs:
        _check(name in tensors, f"node {node.name} reads {name} before it is made")
        _check(tensors[name].kind == "real", f"node {node.name} reads {name}, a label")
    try:
        made = op.infer(node.attrs, *(tensors[name] for name in node.inputs))
    except ShapeError as error:
        raise FormatError(f"the fixed-point graph is refused: node {node.name}: {error}") from error
    _check(len(node.outputs) == len(made), f"node {node.name}: {len(node.outputs)} outputs")
    pairs = zip(node.outputs, made, strict=True)
    return [_checked(f"node {node.name}: tensor {name}", tensor) for name, tensor in pairs]


def _is_kind(value: Any, kind: str) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if not isinstance(value, tuple):
        return False
    if kind in ("ints", TABLE):
        whole = set(map(type, value)) <= {int}
        return whole and all(abs(end(value, default=0)) < 2**63 for end in (min, max))
    return all(_is_kind(item, "ints") for item in value)


def _graph(document: Any) -> FixedGraph:
    """The graph of a document; what that says of outputs is still to be checked."""
    keys = {"inputs", "weights", "nodes", "outputs", *MODES}
    known = isinstance(document, dict) and set(document) - OPTIONAL == keys
    _check(known, "its members are not known")
    classes = document.get("classes", {})
    _check(isinstance(classes, dict), "its classes are no object")
    tables = [_tuple(entry) for entry in _list(document.get("tables", []))]
    inputs = [_input(entry) for entry in _list(document["inputs"])]
    weights = [_declaration(_list(entry)) for entry in _list(document["weights"])]
    declared = [(name, tensor) for name, tensor, _ in inputs] + weights
    coded = {name: coding for name, _, coding in inputs if coding is not None}
    return FixedGraph(
        inputs=tuple(name for name, _, _ in inputs),
        weights=tuple(name for name, _ in weights),
        nodes=tuple(_node(entry, tables) for entry in _list(document["nodes"])),
        outputs=tuple(_output(entry)[0] for entry in _list(document["outputs"])),
        declared=dict(declared),
        columns={name: c for name, c in coded.items() if isinstance(c, Columns)},
        quantized={name: c for name, c in coded.items() if isinstance(c, Quantization)},
        classes={name: tuple(map(_text, _list(listed))) for name, listed in classes.items()},
        batch=document.get("batch", 1),
        record_mode=_text(document.get("record_mode", "public")),
        target=_target(document["target"]) if "target" in document else None,
        **{mode: _text(document[mode]) for mode in MODES},
    )


def _list(value: Any) -> list[Any]:
    _check(isinstance(value, list), "a list is missing")
    items: list[Any] = value
    return items


def _text(value: Any) -> str:
    _check(isinstance(value, str), "a name is missing")
    return str(value)


def _declaration(fields: list[Any]) -> tuple[str, FixedTensor]:
    _check(len(fields) == 5, "a tensor's declaration has five members")
    name, shape, *numbers = fields
    whole = _is_kind(_tuple(shape), "ints") and all(_is_kind(n, "int") for n in numbers)
    _check(whole, f"tensor {name} is not declared by integers")
    return _text(name), FixedTensor(_tuple(shape), *numbers)


def _target(entry: Any) -> FixedTensor:
    """Scale and bounds of a number."""
    fits = len(_list(entry)) == 3 and _is_kind(tuple(entry), "ints")
    _check(fits, "the target is not declared by three integers")
    return FixedTensor((), *entry)


def _input(entry: Any) -> tuple[str, FixedTensor, Columns | Quantization | None]:
    """An input of one scale, a quantized one, of six members, or one by column, of seven."""
    fields = _list(entry)
    if len(fields) == 6:
        *declaration, quantization = fields
        name, tensor = _declaration(declaration)
        fits = len(_list(quantization)) == 3 and _is_kind(tuple(quantization), "ints")
        _check(fits, f"input {name} is not quantized by three integers")
        return name, tensor, Quantization(*quantization)
    if len(fields) != 7:
        return *_declaration(fields), None
    name, shape, scale, axis, *lists, bits = fields
    whole = all(_is_kind(_tuple(numbers), "ints") for numbers in (shape, *lists))
    whole = whole and all(_is_kind(n, "int") for n in (scale, axis, bits))
    _check(whole, f"input {name} is not declared by integers")
    _check(1 <= bits <= MAX_BITS, f"input {name} has columns of {bits} bits")
    scales, lows = map(_tuple, lists)
    columns = Columns(axis, scales, lows, bits)
    _check(bool(columns.lows), f"input {name} has no columns")
    return _text(name), columns.tensor(_tuple(shape), scale), columns


def _members(graph: FixedGraph, name: str) -> list[Any]:
    """What a declaration says after the scale."""
    if name in graph.columns:
        columns = graph.columns[name]
        return [columns.axis, list(columns.scales), list(columns.lows), columns.bits]
    bounds = [graph.declared[name].low, graph.declared[name].high]
    return [*bounds, *([list(astuple(q))] if (q := graph.quantized.get(name)) else [])]


def _type(graph: FixedGraph, name: str) -> list[Any]:
    """What a graph says of an output; of a committed one its bounds too."""
    tensor = graph.tensors[name]
    bounds = (tensor.low, tensor.high) if graph.output_mode == "committed" else ()
    return [list(tensor.shape), tensor.scale, tensor.kind, *bounds]


def _output(entry: Any) -> tuple[str, list[Any]]:
    fields = _list(entry)
    _check(len(fields) in (4, 6), "an output has four members, or six")
    name, *said = fields
    _check(said[2] in KINDS, f"output {name} is of the kind {said[2]!r}, which does not exist")
    return _text(name), said


def _node(entry: Any, tables: Sequence[Any]) -> FixedNode:
    """A node; an attribute that is a table is the number of one."""
    members = {"name", "op", "inputs", "outputs", "attrs"}
    _check(isinstance(entry, dict) and set(entry) == members, "a node's members are not known")
    _check(isinstance(entry["attrs"], dict), "a node's attributes are no object")
    op, attrs = _text(entry["op"]), {name: _tuple(v) for name, v in entry["attrs"].items()}
    for name, kind in OPS[op].attrs.items() if op in OPS else ():
        if kind == TABLE and name in attrs:
            place = attrs[name]
            fits = _is_kind(place, "int") and 0 <= place < len(tables)
            _check(fits, f"node {entry['name']}: no table {place}")
            attrs[name] = tables[place]
    return FixedNode(
        name=_text(entry["name"]),
        op=op,
        inputs=tuple(_text(name) for name in _list(entry["inputs"])),
        outputs=tuple(_text(name) for name in _list(entry["outputs"])),
        attrs=attrs,
    )


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
