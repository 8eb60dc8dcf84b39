"""Aff-Wild (challenge of 2017): videos from the web, valence and arousal of every frame.

    annotations/train/valence/NNN.txt  annotations/train/arousal/NNN.txt
    bboxes/train/NNN/1.pts ...  landmarks/train/NNN/1.pts ...
    videos/train/NNN.mp4 or .avi  videos/test/NNN.mp4 or .avi

`NNN` is the name of the clip. Line i of the labels, counted from 0, belongs to frame i of the video and to
`<i+1>.pts`. These folders may lie at any depth.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from elimctl.config import Config
from elimctl.datasets.aff_wild_layout import Clip, find
from elimctl.datasets.alignment import TOLERATED, require_fit
from elimctl.datasets.raw.pts import read_box, read_points
from elimctl.datasets.raw.video import VideoError, count_frames
from elimctl.manifest.row import Row

LABEL_SCALE = 1  # shipped in [-1, 1]
MISSING = ("no label: valence", "no label: arousal")
POINTS_FILE = re.compile(r"0*([0-9]{1,9})\.pts", re.IGNORECASE)

Label = tuple[float | None, float | None, str | None]  # valence, arousal, drop reason
Align = Literal["auto", "truncate"]


class Options(Config):
    """How Aff-Wild is read."""

    # Each clip is an identity, as in Kim & Song 2022: people are not named, and may appear in several clips.
    identity: Literal["clip"] = "clip"
    # auto: line i belongs to frame i. If a video and its labels differ in length by more than two, the lines
    # belong to the frames with a face box, if their numbers agree and the video has all these frames; else
    # the dataset is refused. truncate: line i belongs to frame i, up to the end of the shorter one.
    align: Align = "auto"


@dataclass(frozen=True, slots=True)
class _Fit:
    """How the labels of a clip fit its video."""

    n_frames: int = 0  # 0 without a readable video
    # numbers of the frames of the lines, in order; None: line i belongs to frame i
    boxed: tuple[int, ...] | None = None
    reason: str | None = None  # drop reason of all frames of the clip, or None
    misfit: str | None = None  # both lengths, if they do not match


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read the frames of Aff-Wild, by clip and number.

    Args:
        root: a folder that holds annotations and videos, at any depth.
        options: handling of labels and frames that differ in number.

    Yields:
        One row per frame of an annotated video or line of labels, and one per video without annotation.

    Raises:
        MissingError: the folder does not exist or cannot be listed.
        LayoutError: there are no annotations or no videos, files of a clip occur more than once, or labels
            and frames do not match.
    """
    clips = find(root)
    # Check all clips before reading the first, so that one message lists all problems.
    fits = [_fit(clip, options.align) for clip in clips]
    misfits = [f"{clip.name} has {fit.misfit}" for clip, fit in zip(clips, fits, strict=True) if fit.misfit]
    require_fit(misfits, root, what="clip", pictures="frames", files="videos")
    for clip, fit in zip(clips, fits, strict=True):
        yield from _read_clip(clip, fit, root)


def _fit(clip: Clip, align: Align) -> _Fit:
    """Determine which frames the labels of a clip belong to."""
    labels, reason = _read_labels(clip)
    if not labels:
        return _Fit(reason=reason)
    n_lines = len(labels)
    if clip.video is None:
        return _Fit(reason="no video")
    try:
        n_frames = count_frames(clip.video)
    except VideoError as error:
        return _Fit(reason=error.reason())
    if align == "truncate":
        return _Fit(n_frames)
    found = f"{n_lines} lines, {n_frames} frames"
    if TOLERATED < (alone := _unpaired(labels)) < n_lines:
        return _Fit(n_frames, misfit=f"{found}; the last {alone} lines have only one of the two labels")
    files, landmarks = _points_files(clip.boxes), _points_files(clip.landmarks)
    # A box beyond the end of the video: frames are missing, and it is unknown which.
    for name, points in (("face boxes", files), ("files of landmarks", landmarks)):
        if -1 in points and n_frames - 1 not in points:
            return _Fit(n_frames, misfit=f"{found} and {len(points)} {name}, which are numbered from 0")
        if (last := max(points, default=-1)) >= n_frames:
            return _Fit(n_frames, misfit=f"{found} and {len(points)} {name}, the last for frame {last + 1}")
    if abs(n_lines - n_frames) <= TOLERATED:
        return _Fit(n_frames)
    boxed = tuple(number for number, file in sorted(files.items()) if read_box(file) is not None)
    if len(boxed) == n_lines:
        return _Fit(n_frames, boxed)
    return _Fit(n_frames, misfit=f"{found} and {len(boxed)} face boxes")


def _unpaired(labels: list[Label]) -> int:
    """Number of lines at the end that have only one of the two labels."""
    reasons = [reason for *_, reason in labels]
    return len(labels) - max(
        (place + 1 for place, reason in enumerate(reasons) if reason not in MISSING), default=0
    )


def _read_clip(clip: Clip, fit: _Fit, root: Path) -> Iterator[Row]:
    """Rows of one clip, by number of the frame."""
    path = clip.video.relative_to(root).as_posix() if clip.video else f"videos/train/{clip.name}.mp4"
    labels, _ = _read_labels(clip)
    if not labels:
        yield Row(path=path, identity=clip.name, clip=clip.name, frame=0, video_frame=0, reason=fit.reason)
        return
    labelled = dict(zip(fit.boxed or range(len(labels)), labels, strict=True))
    boxes, landmarks = _points_files(clip.boxes), _points_files(clip.landmarks)
    for number in sorted(labelled.keys() | set(range(fit.n_frames))):
        valence, arousal, reason = labelled.get(
            number, (None, None, f"no annotation: the labels have {len(labels)} lines")
        )
        if number >= fit.n_frames:
            reason = f"no frame: the video has {fit.n_frames}"
        reason = fit.reason or reason
        usable = reason is None
        yield Row(
            path=path,
            identity=clip.name,
            clip=clip.name,
            frame=number,
            video_frame=number,
            valence=valence,
            arousal=arousal,
            box=read_box(boxes[number]) if usable and number in boxes else None,
            landmarks=read_points(landmarks[number], count=68) if usable and number in landmarks else None,
            reason=reason,
        )


def _points_files(folder: Path | None) -> dict[int, Path]:
    """The `.pts` files of a clip by number of the frame; their names count from 1."""
    if folder is None:
        return {}
    try:
        names = sorted(file.name for file in folder.iterdir())
    except OSError:  # boxes and landmarks are optional
        return {}
    matches = [match for match in map(POINTS_FILE.fullmatch, names) if match]
    return {int(match[1]) - 1: folder / match[0] for match in matches}


def _read_labels(clip: Clip) -> tuple[list[Label], str | None]:
    """Labels of a clip by line, or the drop reason."""
    columns: list[list[str]] = []
    for file in (clip.valence, clip.arousal):
        try:
            columns.append([] if file is None else _lines(file))
        except OSError as error:
            where = f"{file.parent.name}/{file.name}" if file else ""
            return [], f"unreadable annotation file: {where}: {error.strerror}"
    if not any(columns):
        return [], "no annotation: test video" if clip.test else "no annotation"
    return [_label(*texts) for texts in zip_longest(*columns, fillvalue="")], None


def _lines(file: Path) -> list[str]:
    """Lines of a text file without a header and without blank lines at the end."""
    lines = file.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()
    return lines[1:] if lines and lines[0].strip().lower() in ("valence", "arousal") else lines


def _label(valence: str, arousal: str) -> Label:
    """Labels of a frame, or the drop reason."""
    values = []
    for name, text in (("valence", valence.strip()), ("arousal", arousal.strip())):
        if not text:
            return None, None, f"no label: {name}"
        try:
            value = float(text)
        except ValueError:
            return None, None, f"label is not a number: {name} is {text!r:.40}"
        if not -1 <= value <= 1:  # also false for NaN
            return None, None, f"label out of range: {name} is {text:.40}, expected -1 to 1"
        values.append(value)
    return values[0], values[1], None
