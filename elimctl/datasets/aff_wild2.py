"""Aff-Wild2 (ABAW challenges): videos from the web, valence and arousal of every frame.

    VA_Estimation_Challenge/{Train_Set,Validation_Set}/<trial>.txt
    cropped_aligned/<trial>/00001.jpg  00002.jpg  ...
    batch1/<video>.mp4  ...

A trial is a video, or one of two people in it (`<video>_left`, `<video>_right`). Folders are found by name,
at any depth and of any edition; see aff_wild2_names.py. The k-th line of labels belongs to crop k and to the
k-th frame of the video, both counted from 1.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elimctl.config import Config
from elimctl.datasets import aff_wild2_multi_task as multi_task
from elimctl.datasets.aff_wild2_labels import Label, checked
from elimctl.datasets.aff_wild2_layout import HEADER, Labels, Layout, find, is_header
from elimctl.datasets.aff_wild2_names import Side, base_of, side_of, video_of
from elimctl.datasets.alignment import TOLERATED, require_fit
from elimctl.datasets.raw.video import VideoError, count_frames
from elimctl.errors import LayoutError
from elimctl.manifest.row import Row

LABEL_SCALE = 1  # shipped in [-1, 1]
NOTE = (
    "the lists of the multi-task challenge are read where there are none of the VA task, or with "
    "--set dataset.labels=mtl"
)
IMAGES = ("jpg", "jpeg", "png")  # as shipped, and as repacked; the first that exists is used
CROP = re.compile(r"([0-9]{1,9})\.(jpg|jpeg|png)", re.IGNORECASE)
HIDDEN = "no label: test labels are hidden"  # files in a folder of test labels are placeholders

Source = Literal["crops", "videos"]


class Options(Config):
    """How Aff-Wild2 is read."""

    # trial: each trial is an identity, as in Kim & Song 2022. base: the parts of one recording are one
    # identity; left and right stay separate.
    identity: Literal["trial", "base"] = "trial"
    # crops: as shipped, used whole; aligned ones if there are any. videos: faces are detected in the
    # frames. auto: aligned crops, else videos, else other crops.
    source: Literal["auto", "crops", "videos"] = "auto"
    # auto: line k belongs to frame k and to crop k. The dataset is refused if a video differs from its
    # labels in length by more than two, or if crop numbers exceed the lines by more than two: it is then
    # unknown which frame a line belongs to. truncate: up to the end of the shorter one.
    align: Literal["auto", "truncate"] = "auto"
    # va: the annotations of the VA task. mtl: the lists of the multi-task challenge, see
    # aff_wild2_multi_task.py. auto: the VA task if present, else mtl.
    labels: Labels = "auto"


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The pictures of a trial."""

    place: str  # folder of the crops, or the video, below the root
    numbers: Collection[int]  # existing numbers, from 1
    missing: str  # drop reason of a frame that is not among them
    crops: Mapping[int, str] | None = None  # names of the crops by number, None for a video
    side: Side | None = None  # which of two people in the video

    def path(self, number: int) -> str:
        """Expected file of a picture."""
        if self.crops is None:
            return self.place
        return f"{self.place}/{self.crops.get(number) or f'{number:05d}.jpg'}"


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read the frames of Aff-Wild2, by trial and number.

    Args:
        root: a folder that holds annotations of the VA task and crops or videos, at any depth.
        options: what an identity is, and where the pictures come from.

    Yields:
        One row per frame that has a line of labels or a picture; trials without annotation are dropped.

    Raises:
        MissingError: the folder does not exist or cannot be listed.
        LayoutError: there are no annotations or no pictures, a trial occurs more than once, or (after the
            last row) labels and pictures do not match.
    """
    layout = find(root, options.labels)
    source = _source(layout, root, options.source)

    def pictures_of(trial: str) -> _Pictures:
        return _crops(trial, layout, root) if source == "crops" else _frames(trial, layout, root)

    if layout.lists:
        by_base = options.identity == "base"
        yield from multi_task.read(layout.lists, pictures_of, by_base=by_base, hidden=HIDDEN)
        return
    trials = layout.trials
    if source == "videos":
        trials |= layout.videos.keys() - set(map(video_of, trials))
    misfits = []
    for trial in sorted(trials):
        pictures = pictures_of(trial)
        labels, reason = _labels(trial, layout)
        if reason is None and options.align == "auto" and (misfit := _misfit(len(labels), pictures)):
            misfits.append(f"{trial} has {misfit}")
        yield from _rows(trial, pictures, labels, reason, layout, identity=options.identity)
    require_fit(misfits, root, what="trial", pictures=source, files=source)


def _misfit(n_lines: int, pictures: _Pictures) -> str | None:
    """Describe both lengths if the labels of a trial cannot match its pictures."""
    last = max(pictures.numbers, default=0)
    if not (n_lines and last):  # each frame is dropped with a reason
        return None
    if pictures.crops is None:
        return None if abs(n_lines - last) <= TOLERATED else f"{n_lines} lines and {last} frames"
    if 0 in pictures.numbers:
        return f"{n_lines} lines, but its crops are numbered from 0"
    # Frames without a face have no crop, so only numbers beyond the lines show a mismatch.
    return None if last - n_lines <= TOLERATED else f"{n_lines} lines, and crops up to number {last}"


def _source(layout: Layout, root: Path, wanted: Literal["auto", "crops", "videos"]) -> Source:
    """Choose between crops and videos."""
    if wanted == "auto":
        source: Source = "crops" if layout.aligned or not layout.videos else "videos"
    else:
        source = wanted
    if layout.crops if source == "crops" else layout.videos:
        return source
    lacking = {"auto": "neither cropped_aligned/<trial>/ nor videos", "crops": "no cropped_aligned/<trial>/"}
    raise LayoutError(
        f"found labels of {len(layout.annotations or layout.splits)} trials under {root}, "
        f"but {lacking.get(wanted, 'no videos')}",
        hint="use --set dataset.source=auto"
        if layout.crops or layout.videos
        else "pass a folder that holds the labels and the crops or videos",
    )


def _crops(trial: str, layout: Layout, root: Path) -> _Pictures:
    """The crops of a trial."""
    folder = layout.crops.get(trial)
    if folder is None:
        beside = min(layout.crops.values()).parent / trial
        return _Pictures(_relative(beside, root), (), "no crop: the trial has no folder of crops", {})
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError as error:
        return _Pictures(
            _relative(folder, root), (), f"no crop: cannot list the folder: {error.strerror}", {}
        )
    crops = _by_number(names)
    return _Pictures(_relative(folder, root), crops.keys(), "no crop", crops)


def _by_number(names: list[str]) -> dict[int, str]:
    """Names of the crops by number; of `1` and `00001` of one kind the longer name is used."""
    matches = [match for match in map(CROP.fullmatch, names) if match]
    matches.sort(key=lambda match: (-IMAGES.index(match[2].lower()), len(match[1]), match[0]))
    return {int(match[1]): match[0] for match in matches}


def _frames(trial: str, layout: Layout, root: Path) -> _Pictures:
    """The frames of a trial's video."""
    stem = video_of(trial)
    video = layout.videos.get(stem)
    side = side_of(trial, layout.trials)
    if video is None:
        beside = min(layout.videos.values()).with_name(f"{stem}.mp4")
        return _Pictures(_relative(beside, root), (), "no video", side=side)
    try:
        count = count_frames(video)
    except VideoError as error:
        return _Pictures(_relative(video, root), (), error.reason(), side=side)
    missing = f"no frame: the video has {count}"
    return _Pictures(_relative(video, root), range(1, count + 1), missing, side=side)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _labels(trial: str, layout: Layout) -> tuple[list[Label], str | None]:
    """Labels of a trial by line, and the drop reason of all its frames, if any."""
    labels, reason = _read_labels(layout.annotations.get(trial))
    if layout.splits.get(trial) == "test":
        return [(None, None, HIDDEN)] * len(labels), HIDDEN
    return labels, reason


def _rows(
    trial: str,
    pictures: _Pictures,
    labels: list[Label],
    reason: str | None,
    layout: Layout,
    *,
    identity: Literal["trial", "base"],
) -> Iterator[Row]:
    """Rows of one trial, by number."""
    for number in sorted({*range(1, len(labels) + 1), *pictures.numbers}):
        valence, arousal, unlabelled = _label_of(number, labels)
        missing = None if number in pictures.numbers else pictures.missing
        yield Row(
            path=pictures.path(number),
            identity=base_of(trial) if identity == "base" else trial,
            clip=trial,
            frame=number,
            video_frame=number - 1 if pictures.crops is None else None,
            side=pictures.side,
            cropped=pictures.crops is not None,
            valence=valence,
            arousal=arousal,
            split=layout.splits.get(trial),
            reason=reason or (unlabelled or missing if pictures.crops is not None else missing or unlabelled),
        )


def _label_of(number: int, labels: Sequence[Label]) -> Label:
    """Label of a picture, counted from 1."""
    if 1 <= number <= len(labels):
        return labels[number - 1]
    return None, None, f"no annotation: the labels have {len(labels)} lines"


def _read_labels(file: Path | None) -> tuple[list[Label], str | None]:
    """Labels of a trial by line, and the drop reason of all its frames, if any."""
    if file is None:
        return [], "no annotation"
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            header, *shipped = _undoubled([line.strip() for line in lines]) or [""]
    except OSError as error:
        return [], f"unreadable annotation file: {file.name}: {error.strerror}"
    while shipped and not shipped[-1]:
        shipped.pop()
    if not is_header(header):
        nothing: Label = (None, None, None)
        return (
            [nothing] * len(shipped),
            f"broken annotation file: {file.name} starts with {header!r:.40}, expected {HEADER!r}",
        )
    return list(map(_parse, shipped)), None


def _undoubled(lines: list[str]) -> list[str]:
    """Remove the blank line after each line that a conversion of line ends adds."""
    return lines if any(lines[1::2]) or len(lines) < 4 else lines[::2]


def _parse(line: str) -> Label:
    """Parse a line; both labels are required."""
    fields = line.split(",")
    if len(fields) != 2:
        return (
            None,
            None,
            f"broken label: {line!r:.40}, expected {HEADER}" if line else "no label: blank line",
        )
    try:
        valence, arousal = map(float, fields)
    except ValueError:
        return None, None, f"label is not a number: {line!r:.40}"
    return checked(valence, arousal)
