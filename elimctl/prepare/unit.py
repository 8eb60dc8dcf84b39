"""A unit of work: the rows of one shard, from raw files to the bytes of the shard and what was found.

A unit is named by the hash of all that it depends on, and written atomically: the shard first, then the
record, which marks the unit as finished. Labels and identities do not take part.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from elimctl import atomic
from elimctl.faces.face import Detector
from elimctl.manifest import parquet
from elimctl.manifest.row import Row
from elimctl.prepare import source
from elimctl.prepare.extract import Extractor, Outcome
from elimctl.prepare.settings import PrepareSettings, of_a_unit
from elimctl.prepare.source import Source
from elimctl.store.images import encode_unit


def run(
    rows: Sequence[Row], root: Path, folder: Path, *, settings: PrepareSettings, detector: Detector
) -> Generator[Outcome, None, str]:
    """Do a unit of work, unless it is done already.

    Args:
        rows: rows of one shard.
        root: the raw root.
        folder: where finished units are.
        settings: how to prepare.
        detector: finds the faces.

    Yields:
        What became of each row, in order; the hash of its crop is in the unit's record only.

    Returns:
        The name of the unit, for `read_record` and `shard_file`.

    Raises:
        DataError: a raw file changed while it was read.
        OSError: the unit could not be written; nothing of it is left.
    """
    sources = [source.examine(row, root) for row in rows]
    name = _name(rows, sources, settings, detector.digest)
    if record_file(folder, name).exists():
        yield from read_record(folder, name)
        return name
    size_px = settings.crop.size_px
    crops = np.zeros((len(rows), size_px, size_px, 3), np.uint8)
    extract = Extractor(settings, detector)
    outcomes = []
    for row, found, image, out in zip(rows, sources, source.images(rows, sources, root), crops, strict=True):
        outcome = replace(extract(image, row, out), source_sha256=found.sha256)
        outcomes.append(outcome)
        yield outcome
    kept = np.array([outcome.reason is None for outcome in outcomes])
    encoded = encode_unit(crops, kept, codec=settings.codec, shard_images=settings.shard_images)
    outcomes = [
        replace(outcome, image_sha256=sha256)
        for outcome, sha256 in zip(outcomes, encoded.sha256, strict=True)
    ]
    atomic.write_bytes(shard_file(folder, name), encoded.content)
    atomic.write_text(record_file(folder, name), json.dumps([_values(outcome) for outcome in outcomes]))
    return name


def _values(outcome: Outcome) -> dict[str, Any]:
    """An outcome as values for JSON; `dataclasses.asdict` would copy every list in it."""
    return {field.name: getattr(outcome, field.name) for field in fields(outcome)}


def read_record(folder: Path, name: str) -> list[Outcome]:
    """What became of each row of a finished unit."""
    return [Outcome(**values) for values in json.loads(record_file(folder, name).read_text(encoding="utf-8"))]


def record_file(folder: Path, name: str) -> Path:
    """The file that says what became of the rows of a unit; it exists when the unit is finished."""
    return folder / f"{name}.json"


def shard_file(folder: Path, name: str) -> Path:
    """The shard of a unit, empty where no row was kept."""
    return folder / f"{name}.shard"


def name_of(rows: Sequence[Row], root: Path, *, settings: PrepareSettings, model: str) -> str:
    """The name that a unit has, or will have; its raw files are hashed.

    Args:
        rows: rows of one shard.
        root: the raw root.
        settings: how to prepare.
        model: the detector's digest.
    """
    return _name(rows, [source.examine(row, root) for row in rows], settings, model)


def _name(rows: Sequence[Row], sources: Sequence[Source], settings: PrepareSettings, model: str) -> str:
    """Hash of all that a unit depends on."""
    facts: list[Any] = [parquet.FORMAT, of_a_unit(settings), model]
    for row, found in zip(rows, sources, strict=True):
        annotated = [
            None if xy is None else xy.astype("<f4").tobytes().hex() for xy in (row.landmarks, row.points)
        ]
        place = [row.path, row.video_frame, row.box, row.pixel_aspect, row.side, row.turned, row.cropped]
        follows = row.clip if row.video_frame is not None else None  # a face is followed through a clip
        facts.append([*place, follows, *annotated, found.sha256, found.reason])
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
