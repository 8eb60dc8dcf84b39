"""The version of what `prepare` writes: manifest, image store, prepare.json."""

from pathlib import Path

from elimctl.errors import StoreError

FORMAT = 2


def check(found: object, path: Path) -> None:
    """Check that this elimctl reads a file or folder.

    Args:
        found: the format version noted in it.
        path: the file or folder, for the message.

    Raises:
        StoreError: it was written by a newer version, or notes no version.
    """
    if not isinstance(found, int):
        raise StoreError(f"{path} was not written by elimctl prepare", hint="run elimctl prepare again")
    refuse_newer(found, path)


def refuse_newer(found: object, path: Path) -> None:
    """Check that a file may be replaced by one of this elimctl; what is damaged may be.

    Args:
        found: what the file says its format version is.
        path: the file, for the message.

    Raises:
        StoreError: it was written by a newer version.
    """
    if isinstance(found, int) and found > FORMAT:
        raise StoreError(
            f"{path} has format {found}, written by a newer elimctl; this one reads formats up to {FORMAT}",
            hint="upgrade elimctl: pip install --upgrade elimctl",
        )
