"""The exceptions that zkinfer raises. Each message is one plain sentence for the user."""


class ZkinferError(Exception):
    """The base of every error that zkinfer raises on purpose.

    A message is one line of printable text: names in it come from files and may hold anything.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else "?" for c in message))


class UsageError(ZkinferError, ValueError):
    """Wrong use: an option, an input or a model that does not fit."""


class UnsupportedModelError(UsageError):
    """A model that zkinfer cannot compile; the message lists what is in the way."""


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
