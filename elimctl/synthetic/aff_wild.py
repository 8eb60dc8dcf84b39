"""A synthetic dataset of Aff-Wild: videos with labels, boxes and landmarks of every frame."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.datasets.raw.pts import write_points
from elimctl.synthetic.aff_wild_defects import spoil
from elimctl.synthetic.face.drawing import Drawing
from elimctl.synthetic.people import draw_clip, draw_people, require_clips, trajectory
from elimctl.synthetic.video_writing import write_video

ANNOTATED = ("annotations", "bboxes", "landmarks")  # the folders that one archive holds
ARCHIVE = "aff_wild_annotations_bboxes_landmarks_new.tar.gz"


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=12, ge=1)  # people; the dataset does not name them
    clips: int = Field(default=12, ge=1, le=198)  # all people together; half of them are AVI
    frames: int = Field(default=8, ge=1, le=100_000)  # in each clip
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=320, ge=72, multiple_of=2)  # even: colours are stored for pairs of pixels
    height_px: int = Field(default=240, ge=58, multiple_of=2)
    # train: as unpacked. doubled: bboxs/train/train/. packed: as shipped, archives within an archive.
    layout: Literal["train", "doubled", "packed"] = "train"
    defects: bool = False  # add the defects of real copies; see aff_wild_defects.py


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small tree in the layout of Aff-Wild, with synthetic faces.

    Raises:
        ConfigError: there are fewer clips than identities, or too few clips or frames to show all defects.
    """
    require_clips(options.clips, identities=options.people)
    root.mkdir(parents=True, exist_ok=True)
    if options.layout != "packed":
        _write_tree(root, rng, options)
        return
    with TemporaryDirectory() as folder:
        _write_tree(Path(folder), rng, options)
        _pack(Path(folder), root)


def _write_tree(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write the unpacked tree."""
    # Streams of their own: a face does not change with the number of clips or frames.
    faces, clips = rng.spawn(2)
    identities = draw_people(faces, identities=options.people, identity_shift=options.identity_shift)
    boxes = "bboxs" if options.layout == "doubled" else "bboxes"
    train = "train/train" if options.layout == "doubled" else "train"
    for number, clip in enumerate(clips.spawn(options.clips)):
        # To four decimals, so that what is drawn is what is written.
        labels = trajectory(clip, frames=options.frames).round(4)
        drawings = list(
            draw_clip(
                identities[number % options.people],
                labels,
                clip,
                width_px=options.width_px,
                height_px=options.height_px,
            )
        )
        name, suffix = clip_name(number)
        _write_labels(root / "annotations" / train, name, labels)
        _write_points(root / boxes / train / name, map(_corners, drawings))
        _write_points(root / "landmarks" / train / name, (drawing.landmarks.tolist() for drawing in drawings))
        _write_video(root / "videos" / train / f"{name}{suffix}", (drawing.image for drawing in drawings))
    if options.defects:
        spoil(root, [clip_name(number)[0] for number in range(options.clips)], boxes=boxes, train=train)


def clip_name(number: int) -> tuple[str, str]:
    """Name of a clip and suffix of its video: as in Aff-Wild, AVI from 102 on, else MP4."""
    return (f"{201 + number // 2}", ".mp4") if number % 2 == 0 else (f"{102 + number // 2}", ".avi")


def _write_labels(folder: Path, name: str, labels: np.ndarray) -> None:
    """Write the valence and the arousal of a clip."""
    for column, values in zip(("valence", "arousal"), labels.T.tolist(), strict=True):
        (folder / column).mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{value}\n" for value in values)
        (folder / column / f"{name}.txt").write_text(lines, encoding="utf-8")


def _corners(drawing: Drawing) -> list[tuple[float, float]]:
    """Corners of a face box in the order of Aff-Wild."""
    x0, y0, x1, y1 = drawing.box
    return [(x0, y0), (x0, y1), (x1, y1), (x1, y0)]


def _write_points(folder: Path, frames: Iterable[list[tuple[float, float]]]) -> None:
    """Write the points of the frames of a clip, counted from 1."""
    folder.mkdir(parents=True)
    for number, points in enumerate(frames, start=1):
        write_points(folder / f"{number}.pts", points)


def _write_video(path: Path, images: Iterator[np.ndarray]) -> None:
    """Write the video of a clip: 30 frames a second in AVI, 25 and frames out of order in MP4."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".avi":
        write_video(path, images, codec="mjpeg", rate=30)
    else:
        write_video(path, images, codec="h264", rate=25, b_frames=2)


def _pack(tree: Path, root: Path) -> None:
    """Pack a tree as it is shipped."""
    outer = {
        f"{kind}/{folder.name}.tar.gz": _tar_gz(_contents(folder))
        for kind in ANNOTATED
        for folder in sorted((tree / kind).iterdir())
    }
    (root / ARCHIVE).write_bytes(_tar_gz(outer.items()))
    (root / "videos").mkdir()
    for folder in sorted((tree / "videos").iterdir()):
        (root / "videos" / f"{folder.name}.tar.gz").write_bytes(_tar_gz(_contents(folder)))


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files of a folder with their names, which begin with its own."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder.parent).as_posix(), file.read_bytes()


def _tar_gz(members: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of files, with no time in it: the same files give the same bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
