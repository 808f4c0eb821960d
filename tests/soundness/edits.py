"""The mutations of tamper.csv: small edits of bytes, of a graph's JSON and of containers."""

import json
from collections.abc import Sequence
from typing import Any

from artifacts import reseal
from networks import Net

from tests.reference.hand_circuit import integers
from tests.reference.hand_circuit import number as coded
from tests.soundness.fields import Field
from zkinfer import container
from zkinfer.reference import ristretto
from zkinfer.reference.field import ORDER

NAMED = {
    "U": int.from_bytes(ristretto.encode(ristretto.generators("U", 1)[0]), "little"),
    "l": ORDER,
    "l/2": ORDER // 2,
    "-l/2": -(ORDER // 2),
    "l/2 + 1": ORDER // 2 + 1,
    "-l/2 - 1": -(ORDER // 2) - 1,
    "2^257": 2**257,
    "-2^256": -(2**256),
}
DECLARATION = ("name", "shape", "scale", "low", "high")
"""What the members of a tensor's declaration in a graph are called in the table."""
COLUMNS = (*DECLARATION[:3], "axis", "scales", "lows", "bits")
"""The same of an input by column."""
QUANTIZED = (*DECLARATION, "quantization")
"""The same of a quantized input."""
OUTPUT = ("name", "shape", "scale", "kind", "low", "high")
"""The same of an output, which has the last two if it is committed to."""


def changed(data: bytes, fields: Sequence[Field], name: str, mutation: str) -> bytes:
    """The data with one field changed: the first of that name, or the one counted after `@`."""
    name, _, number = name.partition("@")
    field = [field for field in fields if field.name == name][int(number or 0)]
    old = data[field.start : field.start + field.size]
    new = edited(old, mutation, field.code)
    return data[: field.start] + new + data[field.start + field.size :]


def edited(old: bytes, mutation: str, code: str = "fixed") -> bytes:
    """A field's bytes after a mutation; `= N` writes a number as the field's code says, `text T`
    writes letters.
    """
    if mutation.startswith("= "):
        value = mutation.removeprefix("= ")
        number = NAMED[value] if value in NAMED else int(value)
        if code != "fixed":
            return {"number": coded, "integer": integers}[code](number)
        return number.to_bytes(len(old), "little", signed=number < 0)
    if mutation.startswith("text "):
        return mutation.removeprefix("text ").encode()
    number = int.from_bytes(old, "little")
    return {
        "flip": lambda: bytes([old[0] ^ 1]) + old[1:],
        "plus 1": lambda: (number + 1).to_bytes(len(old), "little"),
        "plus l": lambda: (number + ORDER).to_bytes(len(old), "little"),
        "delete": lambda: b"",
        "twice": lambda: old + old,
        "zeros": lambda: bytes(len(old)),
        "ones": lambda: b"\xff" * len(old),
        "longer": lambda: old + bytes(1),
        "shorter": lambda: old[:-1],
        "32 bytes fewer": lambda: old[:-32],
        "rotate": lambda: old[32:] + old[:32],
        "set": lambda: b"\x01",
        "superfluous byte": lambda: old[:-1] + bytes([old[-1] | 128, 0]),
        "38 bytes": lambda: b"\x80" * 37 + b"\x01",
        "no tensor": lambda: bytes(4),
        "every tensor twice": lambda: bytes([2 * old[0]]) + old[1:4] + 2 * old[4:],
        "other extents": lambda: old[:5] + old[9:13] + old[5:9] + old[13:],
    }[mutation]()


def joined(kind: container.Kind, parts: dict[str, bytes]) -> bytes:
    """The container of these sections, also where one exceeds its limit."""
    data = kind.magic + kind.version.to_bytes(2, "little")
    for section, part in zip(kind.sections, parts.values(), strict=True):
        if section.optional and not part:
            continue
        data += bytes([section.tag]) + len(part).to_bytes(8, "little") + part
    return reseal(data + bytes(32))


def damaged(kind: container.Kind, data: bytes, mutation: str) -> Any:
    """A file with an accident, or a whole other one."""
    other = next(known for known in container.KINDS if known is not kind)
    return {
        "flip": lambda: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        "cut to 20 bytes": lambda: data[:20],
        "cut to 60 bytes": lambda: reseal(data[:60]),
        "cut to 85 bytes": lambda: reseal(data[:85]),
        "longer": lambda: reseal(data[:-32] + bytes(33)),
        "empty": lambda: b"",
        "huge": lambda: data + bytes(kind.limit),
        "another kind": lambda: reseal(other.magic + data[8:]),
        "a bytearray": lambda: bytearray(data),
    }[mutation]()


def graph_edited(data: bytes, field: str, mutation: str) -> bytes:
    """A graph's JSON changed at a path, and canonical again; or what is not canonical."""
    if field == "json":
        return _other_json(data, mutation)
    document = json.loads(data)
    at: Any = document
    *steps, last = field.split("/")
    for step in steps:
        at = at[int(step) if isinstance(at, list) else step]
    members = OUTPUT if steps[:1] == ["outputs"] else DECLARATION
    if steps[:1] == ["inputs"] and isinstance(at, list):
        members = {len(listed): listed for listed in (COLUMNS, QUANTIZED)}.get(len(at), members)
    if isinstance(at, list) and last in members:
        last = str(members.index(last))
    _edit(at, int(last) if isinstance(at, list) else last, mutation)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def description_edited(data: bytes, field: str, mutation: str) -> bytes:
    """A data commitment's description changed at a path, and canonical again; or what is not."""
    if field == "json":
        return {
            "spaced": lambda: data.replace(b":", b": "),
            "cut": lambda: data[:-1],
            "a list": lambda: b"[]",
            "nested": lambda: b"[" * 100_000,
        }[mutation]()
    document = json.loads(data)
    at: Any = document
    *steps, last = field.split("/")
    for step in steps:
        at = at[int(step) if isinstance(at, list) else step]
    _edit(at, int(last) if isinstance(at, list) else last, mutation)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _edit(at: Any, step: Any, mutation: str) -> None:
    word, _, value = mutation.partition(" ")
    if word == "=":
        at[step] = _json(value)
    elif word == "repeat":
        at[step] += [at[step][-1]] * int(value or 1)
    elif word == "letters":
        at[step] = "x" * int(value)
    elif word == "delete":
        del at[step]
    else:
        raise ValueError(mutation)


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _other_json(data: bytes, mutation: str) -> bytes:
    net = Net()
    x = net.node("transpose", net.input(*(2,) * 8, low=0, high=1), perm=tuple(range(7, -1, -1)))
    pool = {"kernel": (2,) * 6, "strides": (1,) * 6, "dilations": (1,) * 6, "pads": (1,) * 12}
    return {
        "spaced": lambda: data.replace(b":", b": "),
        "cut": lambda: data[:-1],
        "not ASCII": lambda: data.replace(b"x0", b"\xc3\xa9"),
        "a list": lambda: b"[]",
        "nested": lambda: b"[" * 100_000,
        "a pool over eight axes": lambda: net.graph(net.node("max_pool", x, **pool)).to_json(),
    }[mutation]()
