"""A unit of work: it turns the rows of one shard into the shard file and a record of outcomes.

The hash of everything that a unit depends on is its name; labels and identities do not count. The shard is
written first, then the record, which marks the unit as finished.
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
    """Run a unit of work, the rows of one shard, unless `folder` has it finished.

    Yields:
        The outcome of each row, in order; only the unit's record has the hash of its crop.

    Returns:
        The name of the unit, for `read_record` and `shard_file`.

    Raises:
        DataError: a raw file changed while it was read.
        OSError: the unit could not be written; no file of it is left.
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
    images = source.images(rows, sources, root)
    for row, raw_file, image, out in zip(rows, sources, images, crops, strict=True):
        outcome = replace(extract(image, row, out), source_sha256=raw_file.sha256)
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
    """Convert an outcome to values for JSON; `dataclasses.asdict` would copy every list."""
    return {field.name: getattr(outcome, field.name) for field in fields(outcome)}


def read_record(folder: Path, name: str) -> list[Outcome]:
    """Read the outcome of each row of a finished unit."""
    return [Outcome(**values) for values in json.loads(record_file(folder, name).read_text(encoding="utf-8"))]


def record_file(folder: Path, name: str) -> Path:
    """Return the path of a unit's record; the file exists if the unit is finished."""
    return folder / f"{name}.json"


def shard_file(folder: Path, name: str) -> Path:
    """Return the path of a unit's shard; the file is empty if no row was kept."""
    return folder / f"{name}.shard"


def name_of(rows: Sequence[Row], root: Path, *, settings: PrepareSettings, model: str) -> str:
    """Compute the name of a unit from its rows, settings and the detector's digest; hashes the raw files."""
    return _name(rows, [source.examine(row, root) for row in rows], settings, model)


def _name(rows: Sequence[Row], sources: Sequence[Source], settings: PrepareSettings, model: str) -> str:
    facts: list[Any] = [parquet.FORMAT, of_a_unit(settings), model]
    for row, raw_file in zip(rows, sources, strict=True):
        annotated = [
            None if xy is None else xy.astype("<f4").tobytes().hex() for xy in (row.landmarks, row.points)
        ]
        place = [row.path, row.video_frame, row.box, row.pixel_aspect, row.side, row.turned, row.cropped]
        # in a video, the chosen face depends on the earlier frames of the clip
        clip = row.clip if row.video_frame is not None else None
        facts.append([*place, clip, *annotated, raw_file.sha256, raw_file.reason])
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
