"""Whether a prepared dataset is what it was: every file and every image is hashed again."""

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
    """Something that is not as it was written.

    Args:
        what: what was found, and what was wanted.
        path: of the raw image, where it is about a row; else of the damaged file, in the dataset's folder.
        row: number of the row, None where it is about another file.
    """

    what: str
    path: str
    row: int | None = None


def verify(folder: Path) -> Iterator[Damage | None]:
    """Hash all of a dataset again, in flat memory.

    Args:
        folder: the dataset's folder.

    Yields:
        Everything that is damaged, and None for each row and each cache that is not.
    """
    damage = _manifest(folder)
    if damage is not None:
        yield damage
    try:
        yield from _images(folder)
    except StoreError as error:  # the manifest, or the store as a whole
        yield Damage(error.message, folder.name)
        return
    for key in features.find(folder):
        yield _features(folder, key)


def _manifest(folder: Path) -> Damage | None:
    """Damage of the manifest as a whole, or of the record."""
    wanted = read_record(folder).get("manifest_sha256")
    if wanted is None:
        return Damage("it does not say what the manifest's hash is", assemble.RECORD)
    path = folder / parquet.NAME
    found = parquet.digest(path) if path.exists() else None
    if found != wanted:
        return Damage(f"sha256 is {found}, {assemble.RECORD} says {wanted}", parquet.NAME)
    return None


def _images(folder: Path) -> Iterator[Damage | None]:
    """Check the image of every row, and then that the store has no other damage."""
    reader = open_images(folder)
    rows = damaged = 0
    for batch in stream.batches(folder, COLUMNS):
        for row, path, status, wanted in zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True):
            found = _image(reader, row, wanted) if status == "kept" else None
            rows, damaged = rows + 1, damaged + (found is not None)
            yield None if found is None else Damage(found, path, row)
    if rows != reader.shape[0]:
        yield Damage(f"{reader.shape[0]} images, the manifest has {rows} rows", reader.path.name)
    try:
        reader.check()
    except StoreError as error:
        if not damaged:  # else the rows told it
            yield Damage(error.message, reader.path.name)


def _image(reader: Images, row: int, wanted: str | None) -> str | None:
    """What is wrong with the image of a kept row, None where nothing is."""
    if row >= reader.shape[0]:
        return f"the store has {reader.shape[0]} images"
    try:
        [found] = reader.digests([row])
    except StoreError as error:
        return error.message
    return None if found == wanted else f"sha256 is {found}, the manifest says {wanted}"


def _features(folder: Path, key: str) -> Damage | None:
    """Damage of cached features."""
    path = f"{features.FOLDER}/{key}.zarr"
    try:
        found = features.open(folder, key)
        found.check()
    except StoreError as error:
        return Damage(error.message, path)
    return None
