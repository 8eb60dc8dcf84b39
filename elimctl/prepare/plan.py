"""What there is to do: the rows in order, their folds, and a fingerprint of everything that counts."""

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
from elimctl.prepare.split_file import OwnSplits
from elimctl.text import counted

SYNTHETIC = ".synthetic"  # a file in the root of raw data that elimctl has drawn


@dataclass(frozen=True, slots=True)
class Plan:
    """A dataset to prepare.

    Args:
        dataset: its name, as written on the command line.
        options: how it was read.
        root: the raw root that the rows' paths are below.
        rows: all rows found, in the manifest's order, with their folds.
        settings: how to prepare.
        detector: finds the faces.
        fingerprint: SHA-256 of all of these, with the files' sizes in the place of the root.
    """

    dataset: str
    options: Config
    root: Path
    rows: Spool
    settings: PrepareSettings
    detector: Detector
    fingerprint: str

    def tasks(self, folder: Path) -> Iterator[Task]:
        """The units of work: each has the rows whose images share a shard.

        Args:
            folder: where finished units go.
        """
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
    """Plan the preparation of a dataset.

    Args:
        rows: what the dataset's reader found, in any order.
        root: the raw root that the reader was given.
        settings: how to prepare.
        dataset: the dataset's name, as written on the command line.
        options: how it was read.
        scratch: file for the rows, needed as long as the plan is; seen by all workers.

    Returns:
        The plan, with the detector loaded.

    Raises:
        DataError: no row is usable, fewer identities than folds are, without splits, or a CSV file of splits
            names no row.
    """
    with _split(rows, root, settings.splits) as (given, splitter):
        found = row_index.write(
            scratch,
            given,
            root=root,
            folds=settings.folds,
            seed=settings.seed,
            splitter=splitter,
            provisional=settings.identities != "dataset",
        )
    _tell_alike(found)
    detector: Detector = plugins.find("faces", settings.detector.name).build(settings.detector)
    facts = [dataset, recorded_options(options), recorded(settings), detector.digest]
    return Plan(
        dataset=dataset,
        options=options,
        root=root,
        rows=found,
        settings=settings,
        detector=detector,
        fingerprint=_fingerprint(found, root, facts),
    )


def _tell_alike(rows: Spool) -> None:
    """Tell of identities that may be one, written in two ways."""
    if alike := rows.alike():
        count, first, second = alike
        more = f", and {count - 1} more such pairs" * (count > 1)
        warnings.warn(
            f"identities {first!r:.80} and {second!r:.80} differ only in the case of letters{more}; "
            "each is an identity of its own",
            Notice,
            stacklevel=2,
        )


@contextmanager
def _split(rows: Iterable[Row], root: Path, name: str) -> Iterator[tuple[Iterable[Row], Splitter | None]]:
    """The rows, and what gives them their splits, None where they have their own."""
    if name == "official":
        yield rows, None
    elif name == "folds":
        yield rows, lambda batch: [None] * len(batch)
    elif len(files := split_file.files_of(name)) == 1:
        with closing(OwnSplits(files[0])) as own:
            yield rows, own
            own.check()
    else:
        with closing(Partition(root, files)) as partition:
            yield partition.apply(rows), None


def _fingerprint(rows: Spool, root: Path, facts: list[Any]) -> str:
    """Hash of the rows and settings.

    Raises:
        DataError: no row is usable.
    """
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
            hint="check the folder against the layout on the dataset's card",
        )
    return digest.hexdigest()


def _row_facts(numbered: Numbered) -> list[Any]:
    """All that a row says, as values for JSON."""
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
