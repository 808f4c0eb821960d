"""Every check that verifiers make, found in their sources as the message of its refusal.

A message is a pattern: what the source fills in matches anything.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGE = ("container", "fixed", "keys", "certificate", "proof", "api", "backends/transparent")
RUST = ("circuit", "group", "matrix", "proof", "reader", "verify")

NOT_CHECKS = {
    ("container", "prefix"): "of a writer",
    ("fixed", "_quantize"): "of a prover's input",
    ("fixed", "quantize_input"): "of a prover's input",
    ("api", "compile"): "of a model's owner",
    ("api", "prove"): "of a prover",
    ("api", "save"): "of a model's owner",
    ("api", "check_folder"): "of a model's owner",
    ("api", "_check_mode"): "of a model's owner",
    ("proof", "check_output"): "of a prover",
    ("backends/transparent", "commit_weights"): "of a model's owner",
    ("backends/transparent", "prove"): "of a prover",
}
"""Refusals in the same files that have nothing to do with keys, proofs and statements."""


def package_checks() -> dict[str, str]:
    """By pattern: where the package checks it."""
    found = {}
    for module in PACKAGE:
        path = ROOT / "zkinfer" / f"{module}.py"
        for function, message in _messages(path, _refusal_of_package):
            if (module, function) not in NOT_CHECKS:
                found[message] = f"{module}.{function}"
    return found


def reference_checks() -> dict[str, str]:
    """By pattern: where the reference verifier checks it."""
    found = {}
    for path in sorted((ROOT / "zkinfer" / "reference").glob("*.py")):
        for function, message in _messages(path, _refusal_of_reference):
            found[message] = f"reference.{path.stem}.{function}"
    return found


def native_checks() -> dict[str, str]:
    """By pattern: where the native verifier checks it."""
    found = {}
    for module in RUST:
        source = (ROOT / f"rust/zkinfer-verify/src/{module}.rs").read_text()
        source = source.partition("#[cfg(test)]")[0]
        for match in _REFUSAL.finditer(source):
            text = re.sub(r"\\\n\s*", "", match["text"])
            pieces = re.split(r"\{[^}]*\}", text)
            found[".*".join(map(re.escape, pieces))] = f"{module}.rs"
    return found


_REFUSAL = re.compile(
    r"""(?: \bErr\( | \bfail\( | \bError::\w+\( | \bok_or\( | \bok_or_else\(\|\| | \|why\| )
        \s* (?: Error::\w+\( \s* )? (?: format!\( \s* )? "(?P<text>(?:[^"\\]|\\.)*)" """,
    re.VERBOSE | re.DOTALL,
)


def _messages(path: Path, refusal: object) -> Iterator[tuple[str, str]]:
    """The functions of a module and the messages that they refuse with."""
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                message = refusal(node)
                pattern = message and _pattern(message)
                if pattern:
                    yield function.name, pattern


def _refusal_of_package(node: ast.AST) -> ast.expr | None:
    """`raise FormatError(message)` and the like, `_check(condition, message)`."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return node.exc.args[0]
    if isinstance(node, ast.Call) and _name(node) == "_check":
        return node.args[1]
    return None


def _refusal_of_reference(node: ast.AST) -> ast.expr | None:
    """`raise FormatError(message)`, `demand(condition, message)`."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return node.exc.args[0]
    if isinstance(node, ast.Call) and _name(node) == "demand":
        return node.args[1]
    return None


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _pattern(message: ast.expr) -> str:
    """A regular expression; empty where the source says nothing itself."""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
    if not any(texts):
        return ""
    return ".*".join(re.escape(text) for text in _joined(texts))


def _joined(texts: list[str | None]) -> list[str]:
    """The literal texts; an empty one at each end that is filled in."""
    ends = [[""] if texts[end] is None else [] for end in (0, -1)]
    return [*ends[0], *(text for text in texts if text is not None), *ends[1]]
