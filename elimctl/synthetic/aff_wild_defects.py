"""Defects of real copies of Aff-Wild, applied to a synthetic dataset."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from elimctl.datasets.raw.pts import write_points
from elimctl.synthetic.people import too_small

MIN_FRAMES = 8


@dataclass(frozen=True, slots=True)
class _Clip:
    """The files of a clip.

    Args:
        columns: its valence and its arousal.
        boxes: folder of its face boxes.
        landmarks: folder of its landmarks.
        video: its video.
    """

    columns: tuple[Path, Path]
    boxes: Path
    landmarks: Path
    video: Path


def spoil(root: Path, names: Sequence[str], *, boxes: str, train: str) -> None:
    """Spoil a clip in each of nine ways, add a video of the test set, and the junk of operating systems.

    Args:
        root: where the tree is.
        names: of the clips, 9 or more, of 8 frames or more.
        boxes: name of the folder of boxes.
        train: what lies between it and the clips.

    Raises:
        ConfigError: there are fewer clips, or fewer frames in them.
    """
    clips = [_locate(root, name, boxes=boxes, train=train) for name in names]
    frames = min(len(list(clip.boxes.iterdir())) for clip in clips)
    if len(clips) < len(WAYS) or frames < MIN_FRAMES:
        raise too_small(f"{len(clips)} clips of {frames} frames", f"{len(WAYS)} clips of {MIN_FRAMES} frames")
    test = root / "videos" / train.replace("train", "test")
    test.mkdir(parents=True)
    (test / f"450{clips[0].video.suffix}").write_bytes(clips[0].video.read_bytes())
    _junk(clips[0])
    for way, clip in zip(WAYS, clips, strict=False):
        way(clip)


def _locate(root: Path, name: str, *, boxes: str, train: str) -> _Clip:
    annotations = root / "annotations" / train
    return _Clip(
        columns=(annotations / "valence" / f"{name}.txt", annotations / "arousal" / f"{name}.txt"),
        boxes=root / boxes / train / name,
        landmarks=root / "landmarks" / train / name,
        video=next((root / "videos" / train).glob(f"{name}.*")),
    )


def _line_short(clip: _Clip) -> None:
    """One line fewer than frames, lines that end in CR LF, a frame without a face."""
    _rewrite(clip, lambda lines: lines[:-1], newline="\r\n")
    for folder in (clip.boxes, clip.landmarks):
        (folder / "3.pts").unlink()


def _line_long(clip: _Clip) -> None:
    """One line more than frames, blank lines at the end, a byte order mark."""
    _rewrite(clip, lambda lines: [*lines, lines[-1], "", ""], encoding="utf-8-sig")


def _line_per_box(clip: _Clip) -> None:
    """Lines for frames with a face only; the file of a box lacks points, is empty, or is missing."""
    (clip.boxes / "2.pts").write_text("version: 1\nn_points: 0\n{\n}\n", encoding="utf-8")
    (clip.boxes / "4.pts").write_bytes(b"")
    (clip.boxes / "5.pts").unlink()
    _rewrite(clip, lambda lines: [line for number, line in enumerate(lines) if number not in (1, 3, 4)])


def _bad_labels(clip: _Clip) -> None:
    """Labels that are out of range, not finite, text or missing; fewer of arousal than of valence."""
    valence, arousal = clip.columns
    _rewrite(clip, lambda lines: ["1.5", "nan", "high", "", *lines[4:]], columns=[valence])
    _rewrite(clip, lambda lines: lines[:-1], columns=[arousal])


def _bad_points(clip: _Clip) -> None:
    """Boxes that leave the image, are turned around, lack a corner or an area; bad landmarks."""
    write_points(clip.boxes / "1.pts", [(-40, -30), (-40, 200), (150, 200), (150, -30)])
    write_points(clip.boxes / "2.pts", [(150, 200), (150, 30), (40, 30), (40, 200)])
    write_points(clip.boxes / "3.pts", [(40, 30), (40, 200), (150, 200)])
    write_points(clip.boxes / "4.pts", [(40, 30)] * 4)
    landmarks = (clip.landmarks / "1.pts").read_text(encoding="utf-8")
    (clip.landmarks / "1.pts").write_text(landmarks.replace("{\n", "{\nx "), encoding="utf-8")
    (clip.landmarks / "2.pts").write_text(landmarks[: len(landmarks) // 2], encoding="utf-8")
    write_points(clip.landmarks / "3.pts", [(float("nan"), 0.0)] * 68)


def _no_points(clip: _Clip) -> None:
    """No boxes and no landmarks at all."""
    for folder in (clip.boxes, clip.landmarks):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def _empty_video(clip: _Clip) -> None:
    """A video of no bytes."""
    clip.video.write_bytes(b"")


def _no_video(clip: _Clip) -> None:
    """Labels without a video."""
    clip.video.unlink()


def _no_labels(clip: _Clip) -> None:
    """A video of the training set without labels."""
    for column in clip.columns:
        column.unlink()


WAYS: tuple[Callable[[_Clip], None], ...] = (
    _line_short,
    _line_long,
    _line_per_box,
    _bad_labels,
    _bad_points,
    _no_points,
    _empty_video,
    _no_video,
    _no_labels,
)


def _junk(clip: _Clip) -> None:
    """Files and folders that are no data, beside those of a clip."""
    valence = clip.columns[0]
    (valence.parent / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (valence.parent / f"._{valence.name}").write_bytes(b"\0\5\26\7")
    (clip.video.parent / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (clip.boxes / "._1.pts").write_bytes(b"\0\5\26\7")
    copy = clip.video.parent / "__MACOSX"
    copy.mkdir()
    (copy / clip.video.name).write_bytes(b"\0\5\26\7")


def _rewrite(
    clip: _Clip,
    change: Callable[[list[str]], list[str]],
    *,
    columns: Sequence[Path] | None = None,
    encoding: str = "utf-8",
    newline: str = "\n",
) -> None:
    """Change the lines of a clip's labels."""
    for file in columns or clip.columns:
        lines = change(file.read_text(encoding="utf-8").splitlines())
        file.write_text("".join(f"{line}\n" for line in lines), encoding=encoding, newline=newline)
