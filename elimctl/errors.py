"""Errors a user can act on.

The message is lower-case, without a full stop, says what was found and what was wanted, and names
the path. The hint is one imperative. Only `elimctl.cli.main` catches these.
"""


class Notice(UserWarning):
    """What a user should know although the work goes on: one line, shown once."""


class ElimctlError(Exception):
    """An error with a remedy.

    Args:
        message: what was found, what was wanted, and where.
        hint: what to do about it, as one imperative.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(ElimctlError, ValueError):
    """A recipe, option or setting that cannot be used."""


class MissingError(ElimctlError, FileNotFoundError):
    """Something that should exist on disk does not: a dataset, a run, a model file."""


class LayoutError(ElimctlError, ValueError):
    """A folder that does not have the layout of the dataset it should hold."""


class ImageError(ElimctlError, ValueError):
    """A file that is not a readable image."""


class StoreError(ElimctlError, ValueError):
    """A manifest or image store that cannot be read: damaged, or of another version."""


class DataError(ElimctlError, ValueError):
    """Data that is readable but cannot be used: an empty split, too few identities."""


class DownloadError(ElimctlError, ConnectionError):
    """Weights that had to be downloaded and could not be."""


class TrainingError(ElimctlError, ArithmeticError):
    """Training that cannot go on: a loss that is not finite."""


class RankError(ElimctlError, ConnectionError):
    """A process that trains together with others, and lost one of them."""


class ExportError(ElimctlError, ArithmeticError):
    """An exported model that does not agree with the model it came from."""
