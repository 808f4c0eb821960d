"""The exceptions that zkinfer raises. Each message is one plain sentence for the user."""


class ZkinferError(Exception):
    """The base of every error that zkinfer raises on purpose."""


class UsageError(ZkinferError, ValueError):
    """Wrong use: an option, an input or a model that does not fit."""


class UnsupportedModelError(UsageError):
    """A model that zkinfer cannot compile; the message lists what is in the way."""


class FormatError(ZkinferError):
    """A file or byte string that is no artifact of zkinfer, or a damaged one."""


class VerificationError(ZkinferError):
    """The proof does not verify."""
