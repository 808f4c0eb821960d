"""Everything that is in the way of compiling a model, gathered into one error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from zkinfer.errors import UnsupportedModelError, ZkinferError, flat
from zkinfer.onnx_import.node import OnnxNode

_SIZED = "whose output's shape depends on the data, while that of a proof is fixed"
_RANDOM = "whose output is random, while a proof is about one that follows from the input"
WHY = {
    **dict.fromkeys(("NonMaxSuppression", "NonZero", "Unique"), _SIZED),
    **dict.fromkeys(
        (
            "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
            "RandomUniformLike",
        ),
        _RANDOM,
    ),
}  # fmt: skip
"""Of standard operators that no network of fixed shapes can have: why."""


@dataclass
class Problems:
    """unsupported: nodes of operators that have no converter. refused: what else, in words."""

    unsupported: list[OnnxNode] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.unsupported or self.refused)

    def error(self) -> UnsupportedModelError:
        """One sentence; below it a line for each unsupported operator, with how many nodes have it
        and the first of them, and then for all else.
        """
        kinds: dict[str, list[OnnxNode]] = {}
        for node in self.unsupported:
            kinds.setdefault(node.op + (node.domain and f" (domain {node.domain})"), []).append(
                node
            )
        if not kinds:
            return UnsupportedModelError(
                f"zkinfer cannot compile this model: {'; '.join(self.refused)}"
            )
        lines = [
            f"{kind} x{len(nodes)}, first: node {nodes[0].name}"
            + (f", {WHY[kind]}" if kind in WHY else "")
            for kind, nodes in kinds.items()
        ]
        several = "operators that are" if len(kinds) > 1 else "an operator that is"
        return UnsupportedModelError(
            f"zkinfer cannot compile this model, which has {several} not supported:",
            [*lines, *self.refused],
        )


@contextmanager
def reading() -> Iterator[None]:
    """What no exporter writes may break any step: each ends in UnsupportedModelError."""
    try:
        yield
    except (ZkinferError, MemoryError):
        raise
    except Exception as error:
        raise Problems(refused=[malformed(error)]).error() from error


def malformed(error: Exception) -> str:
    """Why a part of a model makes no sense."""
    return f"what it says does not fit together ({type(error).__name__}: {flat(error)})"
