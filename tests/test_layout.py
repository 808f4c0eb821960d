"""The shape of the project: who imports what, what loading costs, what the documents promise."""

import ast
import dataclasses
import importlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from zkinfer.layers import LAYERS
from zkinfer.layers.contract import Layer
from zkinfer.ops import OPS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "zkinfer"
MODULES = sorted(PACKAGE.rglob("*.py"))

ALLOWED = {
    "onnx": ("onnx_import",),
    "onnxruntime": ("float_oracle.py",),
    "zkinfer._core": ("backends",),
    "zkinfer.layers": ("layers", "onnx_import", "quantize"),
    "zkinfer.onnx_import": ("onnx_import", "source.py"),
    "zkinfer.quantize": ("quantize", "source.py", "report.py"),
    "zkinfer.cli": ("__main__.py",),
}
"""For a module: the files or folders of the package that alone may import it."""

LOWER_ROOMS = (
    "errors.py", "graph.py", "fixed.py", "container.py", "files.py", "ops", "layers", "circuit",
)  # fmt: skip
UPPER_ROOMS = ("zkinfer.api", "zkinfer.cli", "zkinfer.keys", "zkinfer.proof", "zkinfer.lower")
CHAIN = ("errors", "circuit", "ops", "fixed", "plan", "lower", "keys", "api", "cli")
"""Rooms of which each may import those before it, and none after it."""

KNOWING = ("layers", "ops", "onnx_import", "pairing/forest.py")
"""The rooms that know operators by name, and ask what a node's is."""

NAMELESS = ("quantize",)
"""The rooms that hold no operator's name at all."""


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a module imports anywhere in it; `from a import b` gives a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    """The file or folder of the package that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("module", ALLOWED)
def test_import_direction(module: str) -> None:
    for path in MODULES:
        if room(path) not in ALLOWED[module]:
            for name in imports(path):
                assert name != module, f"{path} imports {name}"
                assert not name.startswith(module + "."), f"{path} imports {name}"


def dotted(path: Path) -> str:
    """The name by which a module is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_circle_of_imports() -> None:
    """Nothing a file imports leads back to it, what only the type checker imports included."""
    files = {dotted(path): path for path in [*MODULES, PACKAGE / "_core.pyi"]}
    needs = {name: set[str]() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                needs[name].update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                needs[name].update(n if n in files else str(node.module) for n in inside)
    while free := {name for name, reads in needs.items() if not reads & needs.keys()}:
        needs = {name: reads for name, reads in needs.items() if name not in free}
    assert not needs, f"in a circle, or in need of one: {sorted(needs)}"


def test_nothing_flows_back() -> None:
    for path in MODULES:
        if room(path) in LOWER_ROOMS:
            assert not set(imports(path)) & set(UPPER_ROOMS), path


@pytest.mark.parametrize("number", range(len(CHAIN)), ids=CHAIN)
def test_the_chain_of_rooms(number: int) -> None:
    for path in MODULES:
        if room(path).removesuffix(".py") == CHAIN[number]:
            for later in CHAIN[number + 1 :]:
                assert not [
                    name for name in imports(path) if f"{name}.".startswith(f"zkinfer.{later}.")
                ]


def test_the_walk_and_the_reference_name_no_operator() -> None:
    """They read contracts and types; "label" is a kind of tensors too."""
    from zkinfer.ops import OPS

    names = set(OPS) - {"label"}
    for path in MODULES:
        if room(path) in ("fixed.py", "plan.py", "lower.py", "reference"):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            said = {node.value for node in nodes if isinstance(node, ast.Constant)}
            read = {name for name in imports(path) if name.startswith("zkinfer.ops.")}
            assert not names & said, path
            assert not names & {name.split(".")[2] for name in read}, path


def test_reference_stands_alone() -> None:
    for path in MODULES:
        if room(path) == "reference":
            for name in imports(path):
                assert not name.startswith("zkinfer") or name.startswith("zkinfer.reference"), path


MADE_OF_NETWORKS = ("costs.py", "forest.py", "keys.py", "wiring.py")
"""What the room of pairing proofs has besides the formats."""


def test_formats_of_pairing_proofs_stand_alone() -> None:
    """They are functions of integers and bytes, of which the rest of the package knows."""
    for path in MODULES:
        if room(path) == "pairing" and path.name not in MADE_OF_NETWORKS:
            for name in imports(path):
                inside = name.startswith(("zkinfer.errors", "zkinfer.pairing"))
                assert not name.startswith("zkinfer") or inside, path


def within(path: Path, places: Sequence[str]) -> bool:
    """Whether a module is one of these files of the package, or in one of these folders."""
    inside = path.relative_to(PACKAGE)
    return any(inside.is_relative_to(place) for place in places)


def names_of_operators(path: Path) -> Iterator[str]:
    """Operators' names among a module's string literals, but for a mode that is compared."""
    tree = ast.parse(path.read_text())
    modes = {
        literal
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("output_mode")
        for literal in node.comparators
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in {*LAYERS, *OPS} and node not in modes:
            yield f"{path.name}:{node.lineno}: {node.value}"


def comparisons_of_operators(path: Path) -> Iterator[str]:
    """Where a module compares an attribute `op` with string literals, or looks it up among them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            asked = any(isinstance(side, ast.Attribute) and side.attr == "op" for side in sides)
            inside = (part for side in sides for part in ast.walk(side))
            if asked and any(isinstance(part, ast.Constant) for part in inside):
                yield f"{path.name}:{node.lineno}"


def test_operators_are_known_by_name_in_their_rooms_only() -> None:
    for path in MODULES:
        if not within(path, KNOWING):
            assert list(comparisons_of_operators(path)) == []
            if within(path, NAMELESS):
                assert list(names_of_operators(path)) == []


def test_names_of_operators_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('mode = output_mode == "label"\nkept = node.op in (*VIEWS, "pad")\nf("mul")\n')
    assert set(names_of_operators(path)) == {"module.py:2: pad", "module.py:3: mul"}
    assert list(comparisons_of_operators(path)) == ["module.py:2"]


def test_one_float_operator_one_file() -> None:
    made = {
        path.stem: target.id
        for path in (PACKAGE / "layers").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == "LAYER"
    }
    assert set(made) == set(LAYERS)
    for name, layer in LAYERS.items():
        module = importlib.import_module(f"zkinfer.layers.{name}")
        assert layer is module.LAYER
        assert (module.__doc__ or "").startswith(f"{name}("), f"{name} says what it computes"
        assert "ttributes" in (module.__doc__ or ""), f"{name} says its attributes"


def test_every_layer_says_everything() -> None:
    """The contract has no default but for bounds, comparisons and quantizing of operands, and no
    layer leaves a rule out.
    """
    for member in dataclasses.fields(Layer):
        if member.name in ("within", "compared", "quantization", "step"):
            continue
        assert member.default is member.default_factory is dataclasses.MISSING, member.name
    for name, layer in LAYERS.items():
        for rule in ("shape", "value", "interval", "bounds", "products"):
            assert callable(getattr(layer, rule)), f"{name}: {rule}"
        assert layer.emit or layer.head, f"{name} is proved or a head"


def loaded(program: str) -> set[str]:
    """The modules that are loaded after a program has run in a fresh interpreter."""
    program += "; import sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_import_loads_nothing() -> None:
    assert loaded("import zkinfer") - loaded("pass") == {"zkinfer"}


def test_every_public_name_loads() -> None:
    import zkinfer

    for name in zkinfer.__all__:
        assert getattr(zkinfer, name) is not None
    assert set(dir(zkinfer)) == set(zkinfer.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = zkinfer.nonsense


def test_readme_commands_are_the_checked_ones() -> None:
    (command,) = (
        line for line in (ROOT / "README.md").read_text().splitlines() if line.endswith("pytest")
    )
    assert command.strip() in (ROOT / ".ci/run").read_text().splitlines()


def test_stub_agrees_with_the_native_module() -> None:
    from zkinfer import _core

    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            assert callable(getattr(_core, node.name))
        elif isinstance(node, ast.ClassDef):
            native = getattr(_core, node.name)
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    assert hasattr(native, member.name), f"{node.name}.{member.name}"
