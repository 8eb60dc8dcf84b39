"""What there is to do: the rows in order, their folds, and a fingerprint of everything that counts."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elimctl import plugins
from elimctl.config import Config
from elimctl.errors import DataError
from elimctl.faces.face import Detector
from elimctl.manifest import splits, version
from elimctl.manifest.row import Row
from elimctl.prepare.settings import PrepareSettings, recorded


@dataclass(frozen=True, slots=True)
class Plan:
    """A dataset to prepare.

    Args:
        dataset: its name, as written on the command line.
        options: how it was read.
        root: the raw root that the rows' paths are below.
        rows: all rows found, in the manifest's order.
        folds: fold of each row, None where its identity has no usable row.
        settings: how to prepare.
        detector: finds the faces.
        fingerprint: SHA-256 of all of these, with the files' sizes in the place of the root.
    """

    dataset: str
    options: Config
    root: Path
    rows: tuple[Row, ...]
    folds: tuple[int | None, ...]
    settings: PrepareSettings
    detector: Detector
    fingerprint: str

    def units(self) -> Iterator[tuple[Row, ...]]:
        """The rows of each unit of work: those whose images share a shard."""
        for start in range(0, len(self.rows), self.settings.shard_images):
            yield self.rows[start : start + self.settings.shard_images]


def arrange(
    rows: Iterable[Row], root: Path, settings: PrepareSettings, *, dataset: str, options: Config
) -> Plan:
    """Plan the preparation of a dataset.

    Args:
        rows: what the dataset's reader found, in any order.
        root: the raw root that the reader was given.
        settings: how to prepare.
        dataset: the dataset's name, as written on the command line.
        options: how it was read.

    Returns:
        The plan, with the detector loaded.

    Raises:
        DataError: no row is usable, or fewer identities than folds are.
    """
    ordered = tuple(sorted(rows, key=lambda row: (row.identity, row.clip, row.frame, row.path)))
    if all(row.reason for row in ordered):
        raise DataError(
            f"none of {len(ordered)} samples under {root} is usable{_first_reason(ordered)}",
            hint="check the folder against the layout on the dataset's card",
        )
    detector: Detector = plugins.find("faces", settings.detector.name).build(settings.detector)
    facts = [dataset, options.model_dump(mode="json"), recorded(settings), detector.digest]
    return Plan(
        dataset=dataset,
        options=options,
        root=root,
        rows=ordered,
        folds=_folds(ordered, settings),
        settings=settings,
        detector=detector,
        fingerprint=_fingerprint(ordered, root, facts),
    )


def _first_reason(rows: tuple[Row, ...]) -> str:
    return f"; the first: {rows[0].reason}" if rows else ""


def _folds(rows: tuple[Row, ...], settings: PrepareSettings) -> tuple[int | None, ...]:
    """Fold of each row; identities without a usable row take no place in a fold."""
    usable = sorted({row.identity for row in rows if row.reason is None})
    numbers = splits.k_fold(usable, folds=settings.folds, seed=settings.seed).tolist()
    fold = dict(zip(usable, numbers, strict=True))
    return tuple(fold.get(row.identity) for row in rows)


def _fingerprint(rows: tuple[Row, ...], root: Path, facts: list) -> str:
    digest = hashlib.sha256(json.dumps([version.FORMAT, *facts], sort_keys=True).encode())
    for row in rows:
        digest.update(json.dumps([*_row_facts(row), _size(root / row.path)]).encode())
    return digest.hexdigest()


def _row_facts(row: Row) -> list:
    """All that a row says, as values for JSON."""
    return [
        row.path,
        row.identity,
        row.clip,
        row.frame,
        row.actor,
        row.valence,
        row.arousal,
        None if row.landmarks is None else np.asarray(row.landmarks, "<f4").tobytes().hex(),
        row.box,
        row.pixel_aspect,
        row.split,
        row.reason,
    ]


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
