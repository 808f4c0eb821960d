"""The places that an operator touches: few of them, and one that a new operator lacks is named.

Three sorts of operators have places that a person writes: those of ONNX that the importer rewrites,
float operators and fixed-point operators. Of the last, pages, rows and vectors are made by commands
besides. Lists of most operators of a sort, and folders with a file for most of them, are searched
for in the whole project: one that is no place counted here is an error too.
"""

import ast
import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from networks import cases

from tests import float_oracle
from tests.properties.big_integers import MEANINGS
from tests.properties.draw_fixed_nodes import DRAW
from zkinfer.layers import LAYERS
from zkinfer.onnx_import.table import CONVERTERS
from zkinfer.ops import OPS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("zkinfer", "tests", "bench", "docs", "circuits", "models")
IMPORT = "zkinfer/onnx_import/*.py"
DRAWING = "tests/properties/draw_*.py"
MOST = 0.5
"""The share of a sort's operators that a list or a folder names, if it is one of operators."""

FREE = {
    "zkinfer/onnx_import/constants.py": "operators that are folded, whoever converts them",
    "tests/fuzz/corpus/key": "seeds of the fuzzer, of all operators whenever they are written",
}
"""Other lists and folders, which a new operator need not be in."""


@dataclass(frozen=True)
class Place:
    """Something that every operator of a sort has.

    file: where, by a pattern in which {} stands for the operator. has: whether an operator has it.
    lack: what to say of an operator without it.
    """

    file: str
    has: Callable[[str], bool]
    lack: str


@dataclass(frozen=True)
class Sort:
    """A sort of operators.

    known: every operator that has one of the places that belong to operators alone. written: the
    places that a person writes, at most `bar` of them. made: those that a command makes of these.
    """

    name: str
    known: Callable[[], Collection[str]]
    bar: int
    written: tuple[Place, ...]
    made: tuple[Place, ...] = ()


# What there is.


@cache
def strings(pattern: str) -> frozenset[str]:
    """The string literals of the Python files that match."""
    trees = (ast.parse(path.read_text()) for path in ROOT.glob(pattern))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is str)


def stems(pattern: str) -> set[str]:
    """The names of the files that match, without suffix."""
    return {path.stem for path in ROOT.glob(pattern)}


def titled(folder: str, mark: str) -> set[str]:
    """The modules of a folder that say what an operator does: its name comes first, then a mark."""
    paths = (ROOT / folder).glob("*.py")
    return {p.stem for p in paths if p.read_text().startswith(f'"""{p.stem}{mark}')}


def vector(op: str) -> bool:
    """Whether a test vector has a node of the operator."""
    path = ROOT / f"tests/vectors/{op}.json"
    if not path.exists():
        return False
    return f'"op":"{op}"'.encode() in bytes.fromhex(json.loads(path.read_text())["key"])


def golden(op: str) -> bool:
    """Whether the costs of its case are on record."""
    with (ROOT / "circuits/stats.csv").open() as file:
        return op in {row["network"] for row in csv.DictReader(file)}


@cache
def said(file: str) -> dict[str, set[str]]:
    """By function of a module: its string literals, and those of the functions there it names."""
    functions = {n.name: n for n in ast.parse(Path(file).read_text()).body
                 if isinstance(n, ast.FunctionDef)}  # fmt: skip
    named = {
        name: {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} & functions.keys()
        for name, tree in functions.items()
    }

    def closed(name: str, seen: frozenset[str]) -> set[str]:
        own = {n.value for n in ast.walk(functions[name]) if isinstance(n, ast.Constant)}
        return own.union(*(closed(n, seen | {n}) for n in named[name] - seen))

    return {name: closed(name, frozenset({name})) for name in functions}


def makers(op: str) -> set[str]:
    """The ONNX operators whose converters make a float operator."""
    return {
        name
        for (_, name), function in CONVERTERS.items()
        if op in said(function.__code__.co_filename)[function.__name__]
    }


# The sorts.

FIXED = Sort(
    "fixed-point operator",
    lambda: {*OPS, *titled("zkinfer/ops", ": "), *stems("circuits/*.md"), *DRAW, *MEANINGS},
    7,
    (
        Place("zkinfer/ops/{}.py", lambda op: op in OPS, "makes no OP, an Operator"),
        Place(
            "circuits/{}.md",
            lambda op: op in stems("circuits/*.md"),
            "is missing, its page: equations, Count and Soundness",
        ),
        Place(
            "tests/networks.py",
            lambda op: op in cases() and op in cases()[op].ops,
            "has no case that is named like it and has a node of it",
        ),
        Place(
            "tests/properties/draw_fixed_nodes.py",
            lambda op: op in DRAW,
            "has no generator of its nodes in DRAW",
        ),
        Place(
            "tests/properties/big_integers.py",
            lambda op: op in MEANINGS,
            "does not say in MEANINGS what it computes",
        ),
    ),
    (
        Place(
            "docs/ops.md",
            lambda op: f"\n## {op}\n" in (ROOT / "docs/ops.md").read_text(),
            "has no entry of it; run: python docs/make_ops.py",
        ),
        Place(
            "circuits/stats.csv",
            golden,
            "has no row of its costs; run: python circuits/stats.py",
        ),
        Place(
            "tests/vectors/{}.json",
            vector,
            "is missing, its test vector; run: python -m tests.vectors.make_vectors",
        ),
    ),
)

FLOAT = Sort(
    "float operator",
    lambda: {*LAYERS, *titled("zkinfer/layers", "("), *float_oracle.OPS},
    5,
    (
        Place("zkinfer/layers/{}.py", lambda op: op in LAYERS, "makes no LAYER, a Layer"),
        Place(IMPORT, lambda op: makers(op) != set(), "has no converter that makes it"),
        Place(
            "tests/float_oracle.py",
            lambda op: op in float_oracle.OPS,
            "does not say in OPS what it computes",
        ),
        Place(
            DRAWING,
            lambda op: not makers(op).isdisjoint(strings(DRAWING)),
            "has no generator of models with it",
        ),
    ),
)

REWRITTEN = Sort(
    "ONNX operator",
    lambda: {name for _, name in CONVERTERS},
    3,
    (
        Place(
            IMPORT,
            lambda op: op in {name for _, name in CONVERTERS},
            "has no converter of it in CONVERTERS",
        ),
        Place(DRAWING, lambda op: op in strings(DRAWING), "has no generator of nodes of it"),
    ),
)

SORTS = (REWRITTEN, FLOAT, FIXED)


def missing(sort: Sort) -> list[str]:
    """What operators of a sort lack, a sentence each."""
    return [
        f"the {sort.name} {op}: {place.file.format(op)} {place.lack}"
        for op in sorted(sort.known())
        for place in (*sort.written, *sort.made)
        if not place.has(op)
    ]


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_no_operator_is_half_added(sort: Sort) -> None:
    lacking = missing(sort)
    if lacking:
        pytest.fail("\n".join(lacking), pytrace=False)


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_operators_have_few_places(sort: Sort) -> None:
    files = [place.file for place in sort.written]
    assert len(set(files)) == len(files) <= sort.bar, files


# Lists and folders that nobody has counted.


def literals(tree: ast.AST) -> Iterator[set[str]]:
    """The strings that a collection of a module consists of; those of a dict are its keys."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict | ast.Tuple | ast.List | ast.Set):
            parts = node.keys if isinstance(node, ast.Dict) else node.elts
            yield {p.value for p in parts if isinstance(p, ast.Constant) and type(p.value) is str}


def lists(path: Path) -> Iterator[set[str]]:
    """Names in one collection of a module, or of the files of a folder."""
    if path.is_dir():
        yield {file.stem for file in path.iterdir() if file.is_file()}
    elif path.suffix == ".py":
        yield from literals(ast.parse(path.read_text()))


def found(names: Mapping[str, Collection[str]], path: Path) -> set[str]:
    """The sorts, by name, of which this names most operators, each time no other sort's better."""
    sorts = set()
    for listed in lists(path):
        shares = {sort: len(listed & {*known}) / len(known) for sort, known in names.items()}
        best = max(shares, key=lambda sort: shares[sort])
        if shares[best] >= MOST:
            sorts.add(best)
    return sorts


def paths() -> Iterator[Path]:
    """The modules and folders of the project."""
    for source in SOURCES:
        yield ROOT / source
        yield from (p for p in (ROOT / source).rglob("*") if p.is_dir() or p.suffix == ".py")


def test_every_list_of_operators_is_a_place() -> None:
    names = {sort.name: sort.known() for sort in SORTS}
    places = {
        sort.name: {
            path
            for place in (*sort.written, *sort.made)
            for path in (str(Path(place.file).parent) if "{}" in place.file else place.file,)
        }
        for sort in SORTS
    }
    for path in paths():
        name = path.relative_to(ROOT).as_posix()
        for sort in found(names, path):
            counted = any(Path(name).match(place) for place in places[sort])
            assert counted or name in FREE, (
                f"{name} lists operators of the sort {sort}; make the list of the table instead, "
                "or count it among the places of the sort"
            )


# These tests can fail.


def lacks(sort: Sort, op: str) -> list[str]:
    """What one operator lacks."""
    return [line for line in missing(sort) if line.startswith(f"the {sort.name} {op}: ")]


def test_what_a_half_added_operator_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "half", OPS["slice"])
    monkeypatch.setitem(LAYERS, "half", LAYERS["relu"])
    monkeypatch.setitem(CONVERTERS, ("", "half"), CONVERTERS["", "Relu"])
    for sort in SORTS:
        assert lacks(sort, "half") == [
            f"the {sort.name} half: {place.file} {place.lack}".replace("{}", "half")
            for place in (*sort.written, *sort.made)[1:]
        ]


def test_what_is_there_without_its_operator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRAW, "half", DRAW["slice"])
    monkeypatch.setitem(float_oracle.OPS, "half", float_oracle.OPS["relu"])
    sentence = "the fixed-point operator half: zkinfer/ops/half.py makes no OP, an Operator"
    assert lacks(FIXED, "half")[0] == sentence
    sentence = "the float operator half: zkinfer/layers/half.py makes no LAYER, a Layer"
    assert lacks(FLOAT, "half")[0] == sentence


def test_a_list_of_operators_is_found(tmp_path: Path) -> None:
    names = {sort.name: sort.known() for sort in SORTS}
    path = tmp_path / "module.py"
    for sort in SORTS:
        path.write_text(f"kinds = {sorted(sort.known())[3:]}")
        assert found(names, path) == {sort.name}
    path.write_text("some = ('add', 'mul', 'requantize')")
    assert found(names, path) == set()
