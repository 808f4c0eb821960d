"""Fixed-point graphs from hostile bytes, and inputs that a graph must refuse."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkinfer.encoding import Columns
from zkinfer.errors import FormatError, UsageError
from zkinfer.fixed import FixedGraph, FixedNode, FixedTensor, evaluate, quantize_input

GRAPH = FixedGraph(
    inputs=("x",),
    weights=("w",),
    nodes=(
        FixedNode("product", "matmul", ("x", "w"), ("h",), {}),
        FixedNode(
            "relu",
            "requantize",
            ("h",),
            ("y",),
            {"shift": 3, "low": 0, "high": 255, "low_saturates": False, "high_saturates": True},
        ),
    ),
    outputs=("y",),
    declared={"x": FixedTensor((1, 3), 4, -16, 15), "w": FixedTensor((3, 2), 5, -64, 63)},
    input_mode="hidden",
    output_mode="public",
    weights_mode="hidden",
)


COLUMNS = {"x": Columns(1, (4, 0, -9), (-8, 0, 2), 4)}
TABLE = replace(
    GRAPH, columns=COLUMNS, declared={**GRAPH.declared, "x": FixedTensor((1, 3), 4, -8, 17)}
)


def encoded(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("graph", [GRAPH, TABLE])
def test_round_trip(graph: FixedGraph) -> None:
    assert FixedGraph.from_json(graph.to_json()) == graph


def set_to(*path: Any) -> Callable[[Any], None]:
    """Puts the last of the arguments where the others lead."""
    *keys, last, value = path

    def change(document: Any) -> None:
        for key in keys:
            document = document[key]
        document[last] = value

    return change


def both(*changes: Callable[[Any], None]) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for one in changes:
            one(document)

    return change


HOSTILE = {
    "member missing": lambda d: d.pop("nodes"),
    "member unknown": set_to("more", 1),
    "mode unknown": set_to("input_mode", "secret"),
    "label without a label": set_to("output_mode", "label"),
    "operator unknown": set_to("nodes", 0, "op", "frobnicate"),
    "operator of Python": set_to("nodes", 0, "op", "__class__"),
    "attribute missing": set_to("nodes", 1, "attrs", {"shift": 3, "low": 0}),
    "attribute unknown": set_to("nodes", 0, "attrs", {"fast": True}),
    "attribute of another kind": set_to("nodes", 1, "attrs", "shift", True),
    "attribute no integer": set_to("nodes", 1, "attrs", "shift", 3.0),
    "attribute null": set_to("nodes", 1, "attrs", "low", None),
    "attribute nested": set_to("nodes", 1, "attrs", "low", {"a": 1}),
    "shift negative": set_to("nodes", 1, "attrs", "shift", -1),
    "shift huge": set_to("nodes", 1, "attrs", "shift", 10**6),
    "bounds reversed": set_to("nodes", 1, "attrs", "low", 256),
    "order": lambda d: d["nodes"].reverse(),
    "cycle": set_to("nodes", 0, "inputs", ["y", "w"]),
    "input unknown": set_to("nodes", 0, "inputs", ["x", "v"]),
    "too few inputs": set_to("nodes", 0, "inputs", ["x"]),
    "tensor made twice": set_to("nodes", 1, "outputs", ["h"]),
    "input made again": set_to("nodes", 0, "outputs", ["x"]),
    "node without outputs": set_to("nodes", 1, "outputs", []),
    "node of too many outputs": set_to("nodes", 1, "outputs", ["y", "z"]),
    "node of two outputs of one name": set_to("nodes", 1, "outputs", ["y", "y"]),
    "nodes of one name": set_to("nodes", 1, "name", "product"),
    "name empty": set_to("nodes", 0, "name", ""),
    "name long": set_to("nodes", 0, "name", "n" * 5000),
    "name no text": set_to("nodes", 0, "name", "\ud800"),
    "name a number": set_to("nodes", 0, "name", 7),
    "output unknown": set_to("outputs", 0, 0, "z"),
    "output a weight": set_to("outputs", [["w", [3, 2], 5, "real"]]),
    "output twice": lambda d: d["outputs"].extend(d["outputs"]),
    "output of another shape": set_to("outputs", 0, 1, [1, 3]),
    "output of another scale": set_to("outputs", 0, 2, 0),
    "output of another kind": set_to("outputs", 0, 3, "label"),
    "output of an unknown kind": set_to("outputs", 0, 3, "boolean"),
    "output without a kind": lambda d: d["outputs"][0].pop(),
    "output no list": set_to("outputs", ["y"]),
    "no output": set_to("outputs", []),
    "no input": set_to("inputs", []),
    "name for two": both(set_to("weights", 0, 0, "x"), set_to("nodes", 0, "inputs", ["x", "x"])),
    "shapes do not fit": set_to("weights", 0, 1, [4, 2]),
    "extent zero": set_to("inputs", 0, 1, [0, 3]),
    "extent negative": set_to("inputs", 0, 1, [-1, 3]),
    "extent true": set_to("inputs", 0, 1, [True, 3]),
    "extent huge": set_to("inputs", 0, 1, [2**62, 3]),
    "entries too many": set_to("inputs", 0, 1, [2**31, 3]),
    "axes too many": set_to("inputs", 0, 1, [1] * 9),
    "scale huge": set_to("inputs", 0, 2, 10**9),
    "bounds crossed": set_to("inputs", 0, 3, 16),
    "bounds beyond 62 bits": set_to("inputs", 0, 4, 2**62),
    "bounds beyond 63 bits": set_to("inputs", 0, 4, 2**70),
    "sum beyond 62 bits": both(set_to("inputs", 0, 4, 2**40), set_to("weights", 0, 4, 2**40)),
    "declaration short": set_to("inputs", 0, ["x", [1, 3], 4]),
    "declaration no list": set_to("inputs", 0, "x"),
    "nodes no list": set_to("nodes", {}),
    "node no object": set_to("nodes", 0, []),
    "nodes too many": lambda d: d["nodes"].extend(d["nodes"] * 6000),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents(change: Callable[[Any], None]) -> None:
    document = json.loads(GRAPH.to_json())
    change(document)
    with pytest.raises(FormatError):
        FixedGraph.from_json(encoded(document))


HOSTILE_COLUMNS = {
    "axis of another rank": set_to(3, 2),
    "axis negative": set_to(3, -1),
    "axis no integer": set_to(3, "1"),
    "too few scales": set_to(4, [4, 0]),
    "too many lows": set_to(5, [-8, 0, 2, 2]),
    "no columns": both(set_to(4, []), set_to(5, [])),
    "another axis": set_to(3, 0),
    "scales no list": set_to(4, 7),
    "lows of halves": set_to(5, [-8, 0.5, 2]),
    "scale huge": set_to(4, [4, 0, 257]),
    "low huge": set_to(5, [-8, 0, 2**62]),
    "no bits": set_to(6, 0),
    "too many bits": set_to(6, 62),
    "bits without end": set_to(6, 10**9),
    "bits true": set_to(6, True),
    "declaration short": lambda entry: entry.pop(),
    "declaration long": lambda entry: entry.append(1),
}


@pytest.mark.parametrize("change", HOSTILE_COLUMNS.values(), ids=HOSTILE_COLUMNS)
def test_hostile_columns(change: Callable[[Any], None]) -> None:
    document = json.loads(TABLE.to_json())
    change(document["inputs"][0])
    with pytest.raises(FormatError):
        FixedGraph.from_json(encoded(document))


def test_columns_of_no_input_are_refused() -> None:
    with pytest.raises(FormatError, match="columns of what is no input"):
        replace(GRAPH, columns={"w": COLUMNS["x"]})
    with pytest.raises(FormatError, match="columns with other bounds"):
        replace(GRAPH, columns=COLUMNS)


NOT_CANONICAL = {
    "spaces": lambda data: data.replace(b":", b": ", 1),
    "trailing": lambda data: data + b"\n",
    "member twice": lambda data: data[:-1] + b',"input_mode":"hidden"}',
    "number written otherwise": lambda data: data.replace(b"-16", b"-16.0"),
    "minus zero": lambda data: data.replace(b'"low":0', b'"low":-0'),
    "escape": lambda data: data.replace(b'"relu"', b'"r\\u0065lu"'),
    "not a number": lambda data: data.replace(b'"low":0', b'"low":NaN'),
    "no JSON": lambda data: data[:-1],
    "nothing": lambda data: b"",
    "no ASCII": lambda data: data.replace(b"relu", "relü".encode()),
    "deep": lambda data: b"[" * 100_000,
    "long number": lambda data: data.replace(b"255", b"9" * 5000),
}


@pytest.mark.parametrize("change", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_one_encoding_only(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(FormatError):
        FixedGraph.from_json(change(GRAPH.to_json()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bytes_end_in_a_graph_or_a_format_error(data: st.DataObject) -> None:
    raw = bytearray(GRAPH.to_json())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        graph = FixedGraph.from_json(bytes(raw))
    except FormatError:
        return
    assert graph.to_json() == bytes(raw)


def test_evaluate() -> None:
    w = np.array([[1, -2], [3, 4], [-5, 6]])
    arrays = evaluate(GRAPH, {"w": w}, {"x": np.array([[15, -16, 7]])})
    assert arrays["h"].tolist() == [[15 - 48 - 35, -30 - 64 + 42]]
    assert arrays["y"].tolist() == [[0, 0]]
    arrays = evaluate(GRAPH, {"w": -w}, {"x": np.array([[15, -16, 7]])})
    assert arrays["y"].tolist() == [[(68 + 4) // 8, (52 + 4) // 8]]


def test_inputs_round_half_to_even() -> None:
    x = np.array([[1 / 32, 3 / 32, -1.0]])
    assert quantize_input(GRAPH, {"x": x})["x"].tolist() == [[0, 2, -16]]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[0.0, np.nan, 0.0]], ("x", "(0, 1)", "nan")),
        ([[0.0, 0.0, np.inf]], ("x", "(0, 2)", "inf")),
        ([[0.0, 0.0, 1.0]], ("x", "(0, 2)", "is 1,", "-1 to 0.9375")),
        ([[-1.1, 0.0, 0.0]], ("x", "(0, 0)", "-1.1", "-1 to 0.9375")),
        ([[1e300, 0.0, 0.0]], ("x", "(0, 0)", "1e+300")),
        ([0.0, 0.0, 0.0], ("x", "(3,)", "(1, 3)")),
        ([["a", "b", "c"]], ("x", "dtype")),
        ([[1j, 0, 0]], ("x", "dtype")),
    ],
)
def test_refused_inputs(x: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        quantize_input(GRAPH, {"x": np.array(x)})
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("x", [-(2.0**62), 2.0**62, 2.0**60, 2.0**60 - 2**8])
def test_a_domain_finer_than_floats_is_kept(x: float) -> None:
    """As floats, its bounds are the powers of two next to them."""
    domain = FixedTensor((1, 3), 0, 1 - 2**62, 2**60 - 2**8 - 1)
    graph = replace(GRAPH, declared={**GRAPH.declared, "x": domain}, nodes=(), outputs=("x",))
    with pytest.raises(UsageError, match=r"at index \(0, 0\) .* outside of the model's domain"):
        quantize_input(graph, {"x": np.array([[x, 0, 0]])})


@pytest.mark.parametrize("names", [(), ("y",), ("x", "y")])
def test_refused_names(names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="the model takes x"):
        quantize_input(GRAPH, {name: np.zeros((1, 3)) for name in names})
