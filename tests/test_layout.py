"""The shape of the project: who imports what, what loading costs, what the documents promise."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "zkinfer"
MODULES = sorted(PACKAGE.rglob("*.py"))

ALLOWED = {
    "onnx": ("onnx_import",),
    "onnxruntime": ("float_oracle.py",),
    "zkinfer._core": ("backends",),
    "zkinfer.onnx_import": ("onnx_import", "api.py"),
    "zkinfer.quantize": ("quantize.py", "quantize", "api.py", "report.py"),
    "zkinfer.cli": ("__main__.py",),
}
"""For a module: the files or folders of the package that alone may import it."""

LOWER_ROOMS = ("errors.py", "graph.py", "fixed.py", "container.py", "files.py", "ops", "circuit")
UPPER_ROOMS = ("zkinfer.api", "zkinfer.cli", "zkinfer.keys", "zkinfer.proof", "zkinfer.lower")
CHAIN = ("errors", "circuit", "ops", "fixed", "plan", "lower", "keys", "api", "cli")
"""Rooms of which each may import those before it, and none after it."""


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
