"""Read a user's own images or videos, labelled by one CSV.

The CSV has a line per image, per video, or per frame of a video; its columns are found by their names
(`folder_columns.NAMES`) or by the configuration: path, valence, arousal, and optionally identity, clip,
frame, split, expression, age, box and segment. It is read record by record, so it may have any length.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from elimctl.config import Config
from elimctl.datasets import ages
from elimctl.datasets.folder_columns import ColumnNames
from elimctl.datasets.folder_identity import Mode, Pattern, choose
from elimctl.datasets.folder_range import LabelRange
from elimctl.datasets.folder_record import Record, parse
from elimctl.datasets.folder_segments import labelled_frames
from elimctl.datasets.folder_source import Source, is_video, locate, open_source
from elimctl.manifest.row import NO_GROUP, OUT_OF_RANGE, Row

LABEL_SCALE = 1  # for labels in [-1, 1]; `label_range` rescales others


class Options(Config):
    """How a user's own folder is read."""

    # auto: the column `identity`, unless it differs in every line; else the first level of folders in which
    # the paths differ and that does not name classes, splits or parts; else each file. column: the column
    # `identity`. folder: the first folder of the path, as in the published code of ELIM. clip: the column
    # `clip`, or the file without one. image: the file. age-group: the age group of the column `age`.
    identity: Mode = "auto"
    # Regular expression searched in each path; its group (or the one named `identity`) is the identity.
    identity_pattern: Pattern | None = None
    csv: Path | None = (
        None  # relative to the folder, or anywhere; None: the only CSV with the required columns
    )
    columns: ColumnNames = ColumnNames()  # names of columns that are not recognised by default
    # lowest and highest label, such as [1, 9] for both axes, or a table by axis
    label_range: LabelRange = LabelRange()
    frame_base: Literal[0, 1] = 0  # number of a video's first frame in the CSV
    bins: ages.Bins = ages.GROUPS  # ascending boundaries of the age groups, years

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.identity_pattern is not None and self.identity != "auto":
            raise ValueError(
                f"identity_pattern cannot be combined with identity {self.identity}; set only one"
            )
        return self


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read a user's own folder, in the order of its CSV.

    Args:
        root: the folder that the images or videos are in.
        options: the CSV, the meaning of its numbers, and the identities.

    Yields:
        One row per record. A record of a video without a frame number gives one row per native frame of the
        video or its segment. Without a column `clip`, each file and each segment is a clip.

    Raises:
        MissingError: the folder or the CSV does not exist or cannot be read.
        LayoutError: there is no CSV with the columns needed, or more than one.
        DataError: a record is broken.
    """
    source = open_source(root, options.csv, options.columns)
    source, identities = choose(source, options.identity, options.identity_pattern)
    for number, fields in enumerate(source.records(), start=1):
        record = parse(fields, source.columns, options.label_range)
        path, reason = locate(record.path, source) if record.path else (source.file.name, None)
        clip, frame = _place(path, record, number)
        age_group = ages.group(record.age, options.bins)
        identity = identities.of(record, path, clip, age_group=age_group or NO_GROUP)
        row = Row(
            path=path,
            identity=clip if identity is None else identity,
            clip=clip,
            frame=frame,
            turned=True,
            actor=record.identity if identities.actor else None,
            valence=record.valence,
            arousal=record.arousal,
            expression=record.expression,
            age=record.age,
            age_group=age_group,
            box=record.box,
            split=record.split,
            identity_from=identities.title,
            reason=record.reason or reason or ("no identity" if identity is None else None),
        )
        yield from _frames(row, record, source, options)


def _place(path: str, record: Record, number: int) -> tuple[str, int]:
    """The clip of a record, and the number of its frame in it."""
    if record.frame is not None:
        return record.clip or path, record.frame
    if record.reason is not None:  # it may lack a path; the number keeps rows apart
        return f"{path} record {number}", 0
    return (record.clip, number) if record.clip else (path, 0)


def _frames(row: Row, record: Record, source: Source, options: Options) -> Iterator[Row]:
    """The rows of a record: one, or one per labelled frame of its video."""
    base = options.frame_base
    if not is_video(row.path):
        yield row
    elif record.frame is not None and record.frame < base:
        early = f"{OUT_OF_RANGE}: {record.frame}, counted from {base} (option frame_base)"
        yield replace(row, reason=row.reason or early)
    elif record.frame is not None:
        yield replace(row, video_frame=record.frame - base)
    elif row.reason is not None:
        yield row
    else:
        file = source.root / row.path
        yield from labelled_frames(row, record.times, file, base=base, own_clip=record.clip is not None)
