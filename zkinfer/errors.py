"""The exceptions that zkinfer raises. Each message is one plain sentence for the user."""

from collections.abc import Sequence


class ZkinferError(Exception):
    """The base of every error that zkinfer raises on purpose.

    A message is one line of printable text: names in it come from files and may hold anything.
    Below it may stand lines that list things.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


class UsageError(ZkinferError, ValueError):
    """Wrong use: an option, an input or a model that does not fit."""


class UnsupportedModelError(UsageError):
    """A model that zkinfer cannot compile; the message lists what is in the way.

    listed: what stands on lines of its own below the sentence.
    """

    def __init__(self, message: str, listed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.listed = tuple(map(_printable, listed))

    def __str__(self) -> str:
        return "\n  ".join((super().__str__(), *self.listed))


class FormatError(ZkinferError):
    """A file or byte string that is no artifact of zkinfer, or a damaged one."""


class VerificationError(ZkinferError):
    """The proof does not verify."""


class InternalError(ZkinferError):
    """A defect of zkinfer: something failed that no argument and no file may make fail.

    what: what failed and where. It says nothing about the proof, key or model at hand.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"this is a defect of zkinfer, please report it: {what}")


def flat(error: BaseException) -> str:
    """What another library says of an error, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _printable(text: str) -> str:
    """The text on one line, without what a terminal would act on."""
    return "".join(c if c.isprintable() else "?" for c in text)
