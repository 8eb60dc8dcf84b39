"""A prepared dataset, opened: its manifest, its images, and its splits as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from elimctl.errors import DataError, StoreError
from elimctl.loader.batches import Samples
from elimctl.loader.view import View
from elimctl.manifest import parquet, splits
from elimctl.manifest.grouping import at_rows, grouped
from elimctl.prepare.build import read_record
from elimctl.store.images import Reader, open_images

# What training and evaluation read of a manifest: who and when, labels, where a row belongs. Boxes, points
# and hashes are three quarters of its memory.
SCORED = (
    *("path", "identity", "clip", "frame", "age", "valence", "arousal"),
    *("expression", "status", "fold", "split"),
)
COLUMNS = (*SCORED, "actor", "age_group", "gender", "race")  # and what a method may need of a person


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared dataset.

    Args:
        folder: `data/<name>`.
        table: columns of its manifest, `COLUMNS` if not told otherwise.
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

    def samples(self, split: str, *, fold: int, classes: Sequence[str] = ()) -> Samples:
        """The kept samples of a split.

        Args:
            split: as `manifest.splits.select` takes it.
            fold: likewise.
            classes: names of the classes of expression that are learned, in the order of their codes; samples
                of others are left out. None of them: valence and arousal are learned.

        Raises:
            DataError: the split is empty or unknown, or a row has no label.
        """
        index = splits.select(self.table, split, fold=fold)
        codes = None
        if classes:
            code = {name: number for number, name in enumerate(classes)}
            codes = np.array([code.get(name, -1) for name in self._taken("expression", index)])
            if not (codes >= 0).any():
                raise DataError(
                    f"no sample of split {split!r} of {self.name} is one of {', '.join(classes)}",
                    hint="choose another split or dataset",
                )
            index, codes = index[codes >= 0], codes[codes >= 0].astype(np.int64)
        identities = grouped(self.table["identity"].take(pa.array(index)))
        target = labels(self.table, index) if codes is None else np.zeros((len(index), 2))
        ages = self._taken("age", index).astype(np.float32)
        return Samples(
            index,
            target.astype(np.float32),
            identities.code,
            identities.names,
            classes=codes,
            class_names=tuple(classes),
            age=None if np.isnan(ages).all() else ages,
        )

    def pixels(self, rows: np.ndarray, view: View) -> Tensor:
        """Images as networks take them.

        Args:
            rows: (n,) rows of the manifest.
            view: what a network sees of them.

        Returns:
            (n, 3, S, S) uint8, channels last in memory.

        Raises:
            ConfigError: the view does not fit the images.
            StoreError: an image is missing or damaged.
        """
        crops = view.apply(self.reader.read(rows))
        return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2)

    def _taken(self, column: str, index: np.ndarray) -> np.ndarray:
        """A column of some rows."""
        return self.table[column].take(pa.array(index)).to_numpy(zero_copy_only=False)


def open_dataset(folder: Path, *, only: Sequence[str] = COLUMNS) -> Dataset:
    """Open a prepared dataset.

    Args:
        folder: `data/<name>`.
        only: the columns of its manifest that are wanted.

    Raises:
        StoreError: its manifest or images are missing, damaged, or of a newer version, or a preparation was
            stopped before it gave the dataset the identities that were asked for.
    """
    record = read_record(folder)
    wanted = (record.get("settings") or {}).get("identities", "dataset")
    if wanted != "dataset" and not record.get("identities"):
        raise StoreError(
            f"{folder} has unfinished identities ({wanted})",
            hint="run the same elimctl prepare again",
        )
    return Dataset(folder, parquet.read(folder, only=only), open_images(folder))


def labels(table: pa.Table, indices: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
    """Labels (valence, arousal) of some rows of a manifest.

    Args:
        table: a manifest.
        indices: row numbers.

    Returns:
        float64, in the order of `indices`.

    Raises:
        DataError: some of these rows have no label; the message names the first.
    """
    rows = table.select(["valence", "arousal"]).take(indices)
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float64) for column in rows.columns]
    target = np.stack(columns, axis=1)
    missing = indices[~np.isfinite(target).all(axis=1)]
    if len(missing):
        raise DataError(
            f"{len(missing)} of {len(indices)} rows have no valence or arousal, {at_rows(missing)}",
            hint="choose a dataset and a split whose rows all have valence and arousal",
        )
    return target
