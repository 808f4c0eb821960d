"""What the reference verifier raises."""


class FormatError(Exception):
    """Bytes that the specification does not allow."""


class VerificationError(Exception):
    """A proof that does not prove its statement."""


def demand(condition: bool, reason: str) -> None:
    """Raises FormatError with the reason unless the condition holds."""
    if not condition:
        raise FormatError(reason)
