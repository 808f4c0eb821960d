"""Zero-knowledge proofs of the predictions of ONNX models.

    compiled = zkinfer.compile("model.onnx", calibration=samples)
    proof = zkinfer.prove(compiled.proving_key, x)
    result = zkinfer.verify(compiled.verifying_key, proof)     # or VerificationError

Importing this package loads nothing else; each name is loaded when it is first used.
"""

TYPE_CHECKING = False  # true for type checkers, which know this name without its module too
if TYPE_CHECKING:
    from typing import Any

    from zkinfer.api import Compiled, Drafted, compile, draft, estimate, prove
    from zkinfer.committing import commit
    from zkinfer.data import DataCommitment, DataOpening, RevealedRecord
    from zkinfer.drafts import Draft
    from zkinfer.errors import (
        FormatError,
        InternalError,
        UnsupportedModelError,
        UsageError,
        VerificationError,
        ZkinferError,
    )
    from zkinfer.estimates import Estimate
    from zkinfer.evaluation import Evaluated, evaluate, verify_evaluation
    from zkinfer.keys import ProvingKey, VerifyingKey
    from zkinfer.proof import Proof
    from zkinfer.verdict import Verified, verify

    __version__: str

__all__ = [
    "Compiled",
    "DataCommitment",
    "DataOpening",
    "Draft",
    "Drafted",
    "Estimate",
    "Evaluated",
    "FormatError",
    "InternalError",
    "Proof",
    "ProvingKey",
    "RevealedRecord",
    "UnsupportedModelError",
    "UsageError",
    "VerificationError",
    "Verified",
    "VerifyingKey",
    "ZkinferError",
    "__version__",
    "commit",
    "compile",
    "draft",
    "estimate",
    "evaluate",
    "prove",
    "prove_committed",
    "verify",
    "verify_evaluation",
]

_HOMES = {
    "Compiled": "zkinfer.api",
    "DataCommitment": "zkinfer.data",
    "DataOpening": "zkinfer.data",
    "Draft": "zkinfer.drafts",
    "Drafted": "zkinfer.api",
    "Estimate": "zkinfer.estimates",
    "Evaluated": "zkinfer.evaluation",
    "FormatError": "zkinfer.errors",
    "InternalError": "zkinfer.errors",
    "Proof": "zkinfer.proof",
    "ProvingKey": "zkinfer.keys",
    "RevealedRecord": "zkinfer.data",
    "UnsupportedModelError": "zkinfer.errors",
    "UsageError": "zkinfer.errors",
    "VerificationError": "zkinfer.errors",
    "Verified": "zkinfer.verdict",
    "VerifyingKey": "zkinfer.keys",
    "ZkinferError": "zkinfer.errors",
    "commit": "zkinfer.committing",
    "compile": "zkinfer.api",
    "draft": "zkinfer.api",
    "estimate": "zkinfer.api",
    "evaluate": "zkinfer.evaluation",
    "prove": "zkinfer.api",
    "prove_committed": "zkinfer.api",
    "verify": "zkinfer.verdict",
    "verify_evaluation": "zkinfer.evaluation",
}


def __getattr__(name: str) -> "Any":
    """Loads a public name from its module on first use."""
    import importlib

    value: Any
    if name == "__version__":
        from importlib import metadata

        value = metadata.version("zkinfer")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'zkinfer' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
