"""Check that a prepared dataset is unchanged: hash every file and every image."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.prepare import assemble, stream
from elimctl.prepare.build import read_record
from elimctl.store import features
from elimctl.store.images import Images, open_images

COLUMNS = ("row", "path", "status", "image_sha256")


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged row or file."""

    what: str  # the present and the recorded state
    path: str  # path of the row's raw image, or of the damaged file in the dataset's folder
    row: int | None = None  # number of the row, None for a file


def verify(folder: Path) -> Iterator[Damage | None]:
    """Hash all files of the dataset in a folder; memory does not grow with their size.

    Yields:
        Each damage, and None for each row and each cache without damage.
    """
    damage = _manifest(folder)
    if damage is not None:
        yield damage
    try:
        yield from _images(folder)
    except StoreError as error:  # the manifest or the whole store
        yield Damage(error.message, folder.name)
        return
    for key in features.find(folder):
        yield _features(folder, key)


def _manifest(folder: Path) -> Damage | None:
    wanted = read_record(folder).get("manifest_sha256")
    if wanted is None:
        return Damage("it does not record the manifest's hash", assemble.RECORD)
    path = folder / parquet.NAME
    digest = parquet.digest(path) if path.exists() else None
    if digest != wanted:
        return Damage(f"sha256 is {digest}, {assemble.RECORD} says {wanted}", parquet.NAME)
    return None


def _images(folder: Path) -> Iterator[Damage | None]:
    """Check the image of every row, then the rest of the store."""
    reader = open_images(folder)
    rows = damaged = 0
    for batch in stream.batches(folder, COLUMNS):
        for row, path, status, wanted in zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True):
            problem = _image(reader, row, wanted) if status == "kept" else None
            rows, damaged = rows + 1, damaged + (problem is not None)
            yield None if problem is None else Damage(problem, path, row)
    if rows != reader.shape[0]:
        yield Damage(f"{reader.shape[0]} images, the manifest has {rows} rows", reader.path.name)
    try:
        reader.check()
    except StoreError as error:
        if not damaged:  # else reported with the rows
            yield Damage(error.message, reader.path.name)


def _image(reader: Images, row: int, wanted: str | None) -> str | None:
    """Check the image of a kept row; return the problem or None."""
    if row >= reader.shape[0]:
        return f"the store has {reader.shape[0]} images"
    try:
        [digest] = reader.digests([row])
    except StoreError as error:
        return error.message
    return None if digest == wanted else f"sha256 is {digest}, the manifest says {wanted}"


def _features(folder: Path, key: str) -> Damage | None:
    path = f"{features.FOLDER}/{key}.zarr"
    try:
        features.open(folder, key).check()
    except StoreError as error:
        return Damage(error.message, path)
    return None
