"""Errors that a user can act on. Only `elimctl.cli.main` catches them."""


class Notice(UserWarning):
    """A warning for the user: one line, shown once."""


class ElimctlError(Exception):
    """An error with a hint.

    Args:
        message: what was found, where, and what was expected; lower case, no full stop.
        hint: one command or action that solves the problem.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(ElimctlError, ValueError):
    """An invalid recipe, option or setting."""


class MissingError(ElimctlError, FileNotFoundError):
    """A missing file: a dataset, a run, a model."""


class LayoutError(ElimctlError, ValueError):
    """A folder without the layout of its dataset."""


class ImageError(ElimctlError, ValueError):
    """An unreadable image file."""


class StoreError(ElimctlError, ValueError):
    """A damaged file, or a file of another version of elimctl."""


class DataError(ElimctlError, ValueError):
    """Readable data that cannot be used: an empty split, too few identities."""


class DownloadError(ElimctlError, ConnectionError):
    """A failed download of weights."""


class TrainingError(ElimctlError, ArithmeticError):
    """A diverged run: a loss is not finite."""


class RankError(ElimctlError, ConnectionError):
    """A rank that lost the connection to another rank."""


class ExportError(ElimctlError, ArithmeticError):
    """An exported model that differs from its source."""
