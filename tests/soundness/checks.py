"""Every check that verifiers make, found in their sources as the message of its refusal.

A message has an ellipsis where the source fills something in.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGE = (
    *("container", "fixed", "keys", "certified_keys", "certificate", "proof", "verdict"),
    *(
        "backends/transparent",
        "committed_input",
        "committed_output",
        "data",
        "description",
        "evaluation",
    ),
)
RUST = (
    *(f"zkinfer-verify/src/{name}.rs" for name in ("group", "matrix", "membership")),
    *(f"zkinfer-verify/src/{name}.rs" for name in ("parse", "proof")),
    *("zkinfer-verify/src/reader.rs", "zkinfer-verify/src/verify.rs"),
    "zkinfer-python/src/lib.rs",
)

PAIRING = ("groth16", "pairing")
"""Files of the reference whose checks tests/pairing has: those of pairing proofs."""

NOT_CHECKS = {
    ("keys", "make_pairing_keys"): "of a model's owner",
    ("certified_keys", "prover"): "of a prover",
    ("container", "prefix"): "of a writer",
    ("container", "write"): "of a writer",
    ("fixed", "_quantize"): "of a prover's input",
    ("fixed", "quantize_input"): "of a prover's input",
    ("committed_input", "read_records"): "of a prover",
    ("committed_input", "_inside"): "of a prover",
    ("committed_input", "_labels"): "of a prover",
    ("committed_input", "check_given"): "of a prover",
    ("committed_output", "description_of"): "of a model's owner",
    ("evaluation", "evaluate"): "of a prover",
    ("evaluation", "part_starts"): "of a prover",
    ("evaluation", "parts_in"): "of who names a folder",
    ("evaluation", "_check_others"): "of a prover",
    ("evaluation", "_check_part"): "of a prover",
    ("data", "check_number"): "of a prover",
    ("description", "integers"): "of a data owner",
    ("description", "target"): "of a model's owner",
    ("proof", "check_output"): "of a prover",
    ("backends/transparent", "commit"): "of a model's owner",
    ("backends/transparent", "prove"): "of a prover",
}
"""Refusals in the same files that have nothing to do with keys, proofs and statements."""


def package_checks() -> dict[str, str]:
    """By message: where the package checks it."""
    found = {}
    for module in PACKAGE:
        path = ROOT / "zkinfer" / f"{module}.py"
        for function, message in _messages(path):
            if (module, function) not in NOT_CHECKS:
                found[message] = f"{module}.{function}"
    return found


def reference_checks() -> dict[str, str]:
    """By message: where the reference verifier checks it."""
    found = {}
    for path in sorted((ROOT / "zkinfer" / "reference").glob("*.py")):
        if path.stem in PAIRING:
            continue
        for function, message in _messages(path):
            found[message] = f"reference.{path.stem}.{function}"
    return found


def native_checks() -> dict[str, str]:
    """By message: where the native verifier checks it."""
    found = {}
    for name in RUST:
        source = (ROOT / "rust" / name).read_text()
        source = source.partition("#[cfg(test)]")[0]
        for match in _REFUSAL.finditer(source):
            text = re.sub(r"\\\n\s*", "", match["text"])
            found[re.sub(r"\{[^}]*\}", "…", text)] = name
    return found


_REFUSAL = re.compile(
    r"""\b (?: Err\( | fail\( | Error::\w+\( | ok_or\(
        | ok_or_else\(\|\| | map_err\(\|\w+\| | refused\( )
        \s* (?: Error::\w+\( \s* )? (?: format!\( \s* )? "(?P<text>(?:[^"\\]|\\.)*)" """,
    re.VERBOSE | re.DOTALL,
)


def says(message: str, check: str) -> bool:
    """Whether a refusal contains the message of a check."""
    return re.search(".+".join(map(re.escape, check.split("…"))), message, re.DOTALL) is not None


def _messages(path: Path) -> Iterator[tuple[str, str]]:
    """The functions of a module and the messages that they refuse with."""
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                text = _text(node)
                if text.strip("…"):
                    yield function.name, text


def _text(node: ast.AST) -> str:
    """Of `raise Error(message)`, `demand(condition, message)`, `_check(condition, message)`."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
        message = node.exc.args[0]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id not in ("demand", "_check"):
            return ""
        message = node.args[1]
    else:
        return ""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)
