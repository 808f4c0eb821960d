"""Changes to inputs that keep their form: sections of containers, JSON, ONNX.

    mutate(target, data, rng, scramble) -> bytes

scramble changes bytes without knowing what they are, as libFuzzer does.
"""

import hashlib
import json
import random
import struct
from collections.abc import Callable
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto

from tests.artifacts import declared
from zkinfer import container
from zkinfer.onnx_import.table import CONVERTERS, FOLDED
from zkinfer.ops import OPS

Scramble = Callable[[bytes], bytes]

_HEAD = container.MAGIC_SIZE + 2
_SECTION = struct.Struct("<BQ")
_ATTRIBUTES = [
    "allowzero",
    "alpha",
    "auto_pad",
    "axes",
    "axis",
    "beta",
    "ceil_mode",
    "count_include_pad",
    "dilations",
    "end",
    "ends",
    "epsilon",
    "group",
    "keepdims",
    "kernel_shape",
    "max",
    "min",
    "mode",
    "noop_with_empty_axes",
    "offset",
    "pads",
    "perm",
    "scale",
    "spatial",
    "split",
    "start",
    "starts",
    "steps",
    "storage_order",
    "strides",
    "to",
    "training_mode",
    "transA",
    "transB",
    "value",
    "value_float",
    "value_floats",
    "value_int",
    "value_ints",
    "sparse_value",
]


def mutate(target: str, data: bytes, rng: random.Random, scramble: Scramble) -> bytes:
    """A changed input; sometimes by `scramble` alone, always where the input has no known form."""
    if rng.random() < 0.1:
        return scramble(data)
    try:
        return _MUTATORS[target](data, rng, scramble)
    except Exception:  # an input without the form that the change is for
        return scramble(data)


def _integer(rng: random.Random, old: int = 0) -> int:
    """A number at which something may happen."""
    near = rng.choice((0, 0, 1, -1, 2, -2))
    return rng.choice(
        (
            near,
            old + near,
            old * 2 + near,
            -old,
            old // 2,
            rng.randrange(16),
            rng.choice((1, -1)) * (1 << rng.randrange(64)) + near,
        )
    )


def _sections(kind: container.Kind, data: bytes) -> list[bytes]:
    """The sections of a container, as far as they are there."""
    parts, position = [], _HEAD
    for _ in kind.sections:
        length = 0
        if position + _SECTION.size <= len(data):
            _, length = _SECTION.unpack_from(data, position)
        position += _SECTION.size
        parts.append(data[position : position + length])
        position += length
    return parts


def _joined(kind: container.Kind, parts: list[bytes]) -> bytes:
    body = container.prefix(kind, parts)
    return body + hashlib.sha3_256(body).digest()


GRAPH = [section.name for section in container.VERIFYING_KEY.sections].index("graph")


def _key(data: bytes, rng: random.Random, scramble: Scramble) -> bytes:
    parts = _sections(container.VERIFYING_KEY, data)
    if rng.random() < 0.1:
        place = rng.randrange(1, len(parts))
        parts[place] = scramble(parts[place])
        return _joined(container.VERIFYING_KEY, parts)
    graph = json.loads(parts[GRAPH])
    for _ in range(rng.choice((1, 1, 2, 4))):
        if rng.random() < 0.4:
            _grow(graph, rng)
        else:
            graph = _edited(graph, rng)
    if rng.random() < 0.9:
        graph = declared(graph)
    text = json.dumps(graph, sort_keys=True, separators=(",", ":"))
    parts[GRAPH] = text.encode("ascii", "replace")
    return _joined(container.VERIFYING_KEY, parts)


def _grow(graph: dict[str, Any], rng: random.Random) -> None:
    """Adds a node, a chain of them, a weight or an input of a node; or shows another output."""
    nodes, declared = graph["nodes"], graph["inputs"] + graph["weights"]
    made = [name for node in nodes for name in node["outputs"]]
    known = [entry[0] for entry in declared] + made
    kind = rng.randrange(5)
    if kind == 0:
        scale, low, high = rng.choice(((0, -8, 7), (3, 0, 255), (0, -(1 << 20), (1 << 20) - 1)))
        shape = [rng.choice((1, 2, 3, 8, 1 << rng.randrange(20))) for _ in range(rng.randrange(5))]
        graph["weights"].append([f"w{len(declared)}", shape, scale, low, high])
    elif kind == 1:
        rng.choice(nodes)["inputs"].append(rng.choice(known))
    elif kind == 2:
        graph["outputs"] = [_shown(rng.choice(made))]
    elif kind == 3:
        _chain(graph, rng.choice(nodes), rng.choice((2, 8, 64, 256)))
    else:
        op = rng.choice(sorted(OPS))
        fewest, most = OPS[op].inputs
        reads = rng.randint(fewest, min(most, 3))
        name = f"n{len(nodes)}"
        nodes.append(
            {
                "name": name,
                "op": op,
                "inputs": [rng.choice((known[-1], rng.choice(known))) for _ in range(reads)],
                "outputs": [f"{name}_out"],
                "attrs": {key: _attribute(kind, rng) for key, kind in OPS[op].attrs.items()},
            }
        )
        graph["outputs"] = [_shown(f"{name}_out")]
        graph["output_mode"] = "label" if op == "label" else "public"


def _chain(graph: dict[str, Any], node: dict[str, Any], count: int) -> None:
    """Repeats a node, each reading the output of the one before wherever the node reads its first
    input.
    """
    first, last = node["inputs"][0], node["outputs"][0]
    for number in range(len(graph["nodes"]), len(graph["nodes"]) + count):
        inputs = [last if name == first else name for name in node["inputs"]]
        last = f"n{number}_out"
        graph["nodes"].append(node | {"name": f"n{number}", "inputs": inputs, "outputs": [last]})
    graph["outputs"] = [_shown(last)]


def _shown(name: str) -> list[Any]:
    """An output, whatever it is."""
    return [name, [], 0, "real"]


def _attribute(kind: str, rng: random.Random) -> Any:
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "int":
        return _integer(rng, 4)
    inner = "int" if kind == "ints" else "ints"
    return [_attribute(inner, rng) for _ in range(rng.choice((1, 2, 2, 3, 4)))]


def _edited(value: Any, rng: random.Random) -> Any:
    """A JSON value with one change somewhere in it."""
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        return value | {name: _edited(value[name], rng)}
    if isinstance(value, list) and value:
        place, changed = rng.randrange(len(value)), list(value)
        kind = rng.random()
        if kind < 0.7:
            changed[place] = _edited(value[place], rng)
        elif kind < 0.8:
            changed.insert(place, rng.choice(value))
        elif kind < 0.9:
            del changed[place]
        else:
            changed[place] = rng.choice(value)
        return changed
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return _integer(rng, value)
    if isinstance(value, str) and rng.random() < 0.5:
        return rng.choice((*OPS, "public", "hidden", "label", "", value + "x", "é"))
    return rng.choice((value, [], 0, {}, "", [0], [1, 1]))


def _proof(data: bytes, rng: random.Random, scramble: Scramble) -> bytes:
    parts = _sections(container.PROOF, data)
    place = rng.choice((0, 1, 2, 2, 2, 3, 3, 3))
    part = bytearray(parts[place])
    if place == 2 and rng.random() < 0.5:
        at = rng.randrange(len(part))
        layout, bits = rng.choice((("<B", 8), ("<I", 32), ("<q", 63)))
        struct.pack_into(layout, part, at, _integer(rng) % (1 << bits))
    elif place == 3 and rng.random() < 0.7:
        at, other = (32 * rng.randrange(len(part) // 32) for _ in range(2))
        part[at : at + 32] = rng.choice((bytes(32), part[other : other + 32], b"\xff" * 32))
    else:
        part = bytearray(scramble(bytes(part)))
    parts[place] = bytes(part)
    return _joined(container.PROOF, parts)


def _data(data: bytes, rng: random.Random, scramble: Scramble) -> bytes:
    """A file about data: its description, or any section."""
    kind = container.identify(data)
    if kind is None:
        return scramble(data)
    parts = _sections(kind, data)
    place = rng.randrange(len(parts))
    if kind is container.DATA_COMMITMENT and rng.random() < 0.7:
        text = json.dumps(_edited(json.loads(parts[0]), rng), sort_keys=True, separators=(",", ":"))
        parts[0] = text.encode("ascii", "replace")
    elif kind is container.DATA_OPENING and place == 0 and rng.random() < 0.7:
        parts[0] = _data(parts[0], rng, scramble)
    else:
        parts[place] = scramble(parts[place])
    return _joined(kind, parts)


def _model(data: bytes, rng: random.Random, scramble: Scramble) -> bytes:
    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    for _ in range(rng.choice((1, 1, 2, 4))):
        edit = rng.choice(_EDITS)
        edit(model, rng)
    if graph.node and rng.random() < 0.5:
        _match_output(graph, rng)
    return model.SerializeToString()


def _match_output(graph: onnx.GraphProto, rng: random.Random) -> None:
    """Makes an output of the last node one of the model."""
    names = [name for name in graph.node[-1].output if name]
    if names and graph.output:
        graph.output[rng.randrange(len(graph.output))].name = rng.choice(names)


def _names(graph: onnx.GraphProto) -> list[str]:
    names = [value.name for value in (*graph.input, *graph.initializer)]
    return [*names, *(name for node in graph.node for name in node.output)]


def _edit_attribute(model: onnx.ModelProto, rng: random.Random) -> None:
    node = rng.choice(model.graph.node)
    if not node.attribute or rng.random() < 0.3:
        node.attribute.add().name = rng.choice(_ATTRIBUTES)
        attribute = node.attribute[-1]
        attribute.type = rng.choice((AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT))
        attribute.ints.extend(_integer(rng, 2) % (1 << 63) for _ in range(rng.randrange(5)))
    attribute = rng.choice(node.attribute)
    kind = rng.randrange(8)
    if kind == 0:
        attribute.type = rng.randrange(16)
    elif kind == 1:
        attribute.name = rng.choice(_ATTRIBUTES)
    elif kind == 2:
        node.attribute.remove(attribute)
    elif kind == 3:
        attribute.ints.append(_integer(rng))
    elif kind == 4:
        attribute.f = rng.choice((0.0, -1.0, float("nan"), float("inf"), 1e38, 1e-45))
    elif kind == 5:
        attribute.s = rng.choice((b"", b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"\xff", b"edge"))
    elif attribute.ints:
        place = rng.randrange(len(attribute.ints))
        attribute.ints[place] = _long(rng, attribute.ints[place])
    else:
        attribute.i = _long(rng, attribute.i)


def _long(rng: random.Random, old: int) -> int:
    return (_integer(rng, old) + (1 << 63)) % (1 << 64) - (1 << 63)


def _edit_tensor(model: onnx.ModelProto, rng: random.Random) -> None:
    """Changes an initial tensor's type, shape or entries."""
    tensors = list(model.graph.initializer)
    tensors += [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    tensor = rng.choice(tensors)
    kind = rng.randrange(6)
    if kind == 0:
        tensor.data_type = rng.randrange(27)
    elif kind == 1 and tensor.dims:
        place = rng.randrange(len(tensor.dims))
        tensor.dims[place] = _long(rng, tensor.dims[place])
    elif kind == 2:
        tensor.dims.append(_long(rng, 0))
    elif kind == 3:
        values = [_long(rng, 3) for _ in range(rng.randrange(5))]
        tensor.ClearField("float_data")
        tensor.data_type, tensor.raw_data = (
            TensorProto.INT64,
            struct.pack(f"<{len(values)}q", *values),
        )
        tensor.dims[:] = [len(values)]
    elif kind == 4 and len(tensor.raw_data) >= 8:
        raw = bytearray(tensor.raw_data)
        struct.pack_into("<q", raw, 8 * rng.randrange(len(raw) // 8), _long(rng, 1))
        tensor.raw_data = bytes(raw)
    else:
        tensor.dims[:] = rng.choice(([], [0], [1], [1] * 3, [len(tensor.raw_data) // 4]))


def _edit_shape(model: onnx.ModelProto, rng: random.Random) -> None:
    """Changes the type or the shape of an input or an output."""
    graph = model.graph
    value = rng.choice([*graph.input, *graph.input, *graph.output])
    tensor = value.type.tensor_type
    kind = rng.randrange(6)
    if kind == 0:
        tensor.elem_type = rng.randrange(27)
    elif kind == 1:
        tensor.shape.dim.add().dim_value = _long(rng, 1)
    elif kind == 2 and tensor.shape.dim:
        del tensor.shape.dim[rng.randrange(len(tensor.shape.dim))]
    elif kind == 3:
        value.type.ClearField("tensor_type")
        value.type.sequence_type.SetInParent()
    elif tensor.shape.dim:
        dim = rng.choice(tensor.shape.dim)
        dim.dim_value = _long(rng, dim.dim_value)


def _edit_node(model: onnx.ModelProto, rng: random.Random) -> None:
    """Adds, repeats, removes or rewires a node, or makes it another operator."""
    graph = model.graph
    domain, op = rng.choice((*CONVERTERS, *(("", name) for name in FOLDED)))
    kind = rng.randrange(7)
    if kind == 0 or not graph.node:
        node = graph.node.add(op_type=op, domain=domain, output=[f"t{len(graph.node)}"])
        node.input.extend(rng.choice(_names(graph)) for _ in range(rng.randrange(4)))
    elif kind == 1:
        graph.node.append(rng.choice(graph.node))
        graph.node[-1].output[:] = [f"t{len(graph.node)}"]
    elif kind == 2:
        del graph.node[rng.randrange(len(graph.node))]
    elif kind == 3:
        node = rng.choice(graph.node)
        node.op_type, node.domain = op, domain
    elif kind == 4:
        node = rng.choice(graph.node)
        node.input.append(rng.choice((*_names(graph), "")))
    elif kind == 5:
        node = rng.choice(graph.node)
        node.output.append(rng.choice((*_names(graph), "", "more")))
    else:
        node = rng.choice([node for node in graph.node if node.input])
        node.input[rng.randrange(len(node.input))] = rng.choice((*_names(graph), ""))


def _edit_rest(model: onnx.ModelProto, rng: random.Random) -> None:
    """Changes opsets, outputs, sparse tensors and names."""
    graph, kind = model.graph, rng.randrange(5)
    if kind == 0:
        rng.choice(model.opset_import).version = rng.choice((*range(6, 27), _long(rng, 1)))
    elif kind == 1:
        graph.output.append(rng.choice(graph.output))
        graph.output[-1].name = rng.choice(_names(graph))
    elif kind == 2:
        sparse = graph.sparse_initializer.add()
        sparse.values.CopyFrom(rng.choice(graph.initializer))
        sparse.indices.CopyFrom(rng.choice(graph.initializer))
        sparse.values.name = rng.choice((sparse.values.name, "sparse"))
        sparse.dims.extend(_long(rng, 4) for _ in range(rng.randrange(3)))
    elif kind == 3:
        rng.choice(graph.initializer).name = rng.choice(_names(graph))
    else:
        rng.choice(graph.input).name = rng.choice(_names(graph))


_EDITS = (
    _edit_attribute,
    _edit_attribute,
    _edit_tensor,
    _edit_tensor,
    _edit_shape,
    _edit_node,
    _edit_node,
    _edit_rest,
)
_MUTATORS: dict[str, Callable[[bytes, random.Random, Scramble], bytes]] = {
    "key": _key,
    "proof": _proof,
    "data": _data,
    "model": _model,
}
