"""The plan of a preparation: rows in order, folds, settings, and a fingerprint of all of them."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elimctl import plugins
from elimctl.config import Config
from elimctl.errors import DataError, Notice
from elimctl.faces.face import Detector
from elimctl.manifest import parquet
from elimctl.manifest.row import Row, printable
from elimctl.prepare import row_index, split_file
from elimctl.prepare.executors import Task
from elimctl.prepare.partition import Partition
from elimctl.prepare.row_index import Numbered, Splitter, Spool
from elimctl.prepare.settings import PrepareSettings, recorded, recorded_options
from elimctl.prepare.split_file import SplitFile
from elimctl.text import counted

SYNTHETIC = ".synthetic"  # a file in the root of a synthetic dataset


@dataclass(frozen=True, slots=True)
class Plan:
    """A dataset to prepare."""

    dataset: str  # name of the dataset's plug-in
    options: Config  # options of the reader
    root: Path  # the raw root; paths of rows are relative to it
    rows: Spool  # all rows in the manifest's order, with their folds
    settings: PrepareSettings  # settings of `prepare`
    detector: Detector  # finds the faces
    fingerprint: str  # SHA-256 of all of these, with the sizes of the files instead of the root

    def tasks(self, folder: Path) -> Iterator[Task]:
        """Yield the units of work, one for each shard; `folder` receives the finished units."""
        size = self.settings.shard_images
        for start in range(0, len(self.rows), size):
            stop = min(start + size, len(self.rows))
            yield Task(self.rows, start, stop, self.root, folder, self.settings)


def arrange(
    rows: Iterable[Row],
    root: Path,
    settings: PrepareSettings,
    *,
    dataset: str,
    options: Config,
    scratch: Path,
) -> Plan:
    """Plan the preparation of a dataset; loads the detector.

    Args:
        rows: rows of the dataset's reader, in any order.
        root: the raw root of the reader.
        settings: settings of `prepare`.
        dataset: name of the dataset's plug-in.
        options: options of the reader.
        scratch: file for the rows, needed as long as the plan; all workers must see it.

    Raises:
        DataError: no row is usable, a split file names no row, or there are fewer identities than folds, and
            no splits.
    """
    with _split(rows, root, settings.splits) as (split_rows, splitter):
        spool = row_index.write(
            scratch,
            split_rows,
            root=root,
            folds=settings.folds,
            seed=settings.seed,
            splitter=splitter,
            provisional=settings.identities != "dataset",
        )
    _warn_of_case(spool)
    detector: Detector = plugins.find("faces", settings.detector.name).build(settings.detector)
    facts = [dataset, recorded_options(options), recorded(settings), detector.digest]
    return Plan(
        dataset=dataset,
        options=options,
        root=root,
        rows=spool,
        settings=settings,
        detector=detector,
        fingerprint=_fingerprint(spool, root, facts),
    )


def _warn_of_case(rows: Spool) -> None:
    """Give a notice about identities that may be one, written in two ways."""
    if groups := rows.same_but_case():
        count, first, second = groups
        more = f", and {count - 1} more such pairs" * (count > 1)
        warnings.warn(
            f"identities {first!r:.80} and {second!r:.80} differ only in the case of letters{more}; "
            "elimctl takes them as different identities",
            Notice,
            stacklevel=2,
        )


@contextmanager
def _split(rows: Iterable[Row], root: Path, name: str) -> Iterator[tuple[Iterable[Row], Splitter | None]]:
    """Return the rows, and a splitter if their splits must be replaced."""
    if name == "official":
        yield rows, None
    elif name == "folds":
        yield rows, lambda batch: [None] * len(batch)
    elif len(files := split_file.files_of(name)) == 1:
        with closing(SplitFile(files[0])) as split_by_file:
            yield rows, split_by_file
            split_by_file.check()
    else:
        with closing(Partition(root, files)) as partition:
            yield partition.apply(rows), None


def _fingerprint(rows: Spool, root: Path, facts: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps([parquet.FORMAT, *facts], sort_keys=True).encode())
    usable, first = False, ""
    path, size = "", None
    for numbered in rows:
        row = numbered.row
        if row.reason is None and row.path != path:  # the frames of a video share its file
            path, size = row.path, _size(root / row.path)
        digest.update(json.dumps([*_row_facts(numbered), size if row.reason is None else None]).encode())
        usable = usable or row.reason is None
        first = first or f"; the first: {printable(row.path)}: {row.reason}"
    if not usable:
        raise DataError(
            f"none of {counted(len(rows), 'sample')} under {root} is usable{first}",
            hint="compare the folder with the layout on the dataset's card",
        )
    return digest.hexdigest()


def _row_facts(numbered: Numbered) -> list[Any]:
    row = numbered.row
    return [
        numbered.fold,
        *(
            value.astype("<f4").tobytes().hex() if isinstance(value, np.ndarray) else value
            for value in (getattr(row, name) for name in Row.__slots__)
        ),
    ]


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
