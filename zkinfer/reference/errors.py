"""What the reference verifier raises."""


class ReferenceError_(Exception):  # noqa: N801, N818 - the builtin has the name without underscore
    """A key or a proof that the reference verifier does not accept."""


class FormatError(ReferenceError_):
    """Bytes that the specification does not allow."""


class VerificationError(ReferenceError_):
    """A proof that does not prove its statement."""


def demand(condition: bool, reason: str) -> None:
    """Raises FormatError with the reason unless the condition holds."""
    if not condition:
        raise FormatError(reason)
