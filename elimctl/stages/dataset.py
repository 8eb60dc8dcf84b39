"""A prepared dataset, opened: its manifest, its images, and its splits as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from elimctl.errors import StoreError
from elimctl.evaluate.predict import labels
from elimctl.loader.batches import Samples
from elimctl.manifest import parquet, splits
from elimctl.prepare.build import read_record
from elimctl.store.images import Reader, open_images


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared dataset.

    Args:
        folder: `data/<name>`.
        table: its manifest.
        reader: its images.
    """

    folder: Path
    table: pa.Table
    reader: Reader

    @property
    def name(self) -> str:
        """The dataset's name in the workspace."""
        return self.folder.name

    @property
    def digest(self) -> str:
        """sha256 of the manifest."""
        return parquet.digest(self.folder / "manifest.parquet")

    def samples(self, split: str, *, fold: int) -> Samples:
        """The kept samples of a split.

        Raises:
            DataError: the split is empty or unknown, or a row has no label.
        """
        index = splits.select(self.table, split, fold=fold)
        names, identity = np.unique(
            self.table["identity"].take(pa.array(index)).to_numpy(zero_copy_only=False),
            return_inverse=True,
        )
        target = labels(self.table, index).astype(np.float32)
        return Samples(index, target, identity.astype(np.int64), tuple(str(name) for name in names))


def open_dataset(folder: Path) -> Dataset:
    """Open a prepared dataset.

    Raises:
        StoreError: its manifest or images are missing, damaged, or of a newer version, or a preparation was
            stopped before it gave the dataset the identities that were asked for.
    """
    record = read_record(folder)
    wanted = (record.get("settings") or {}).get("identities", "dataset")
    if wanted != "dataset" and not record.get("identities"):
        raise StoreError(
            f"{folder} has not got the identities yet that were asked for ({wanted})",
            hint="run the same elimctl prepare again to its end",
        )
    return Dataset(folder, parquet.read(folder / "manifest.parquet"), open_images(folder))
