"""A synthetic dataset of a user's own folder: synthetic faces, and one CSV."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.synthetic.face.drawing import Drawing
from elimctl.synthetic.folder_defects import spoil
from elimctl.synthetic.people import draw_clip, draw_people, require_clips, trajectory, write_image
from elimctl.synthetic.video_writing import write_video

AGES = (18, 85)  # years, drawn evenly between them


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=8, ge=1)
    clips: int = Field(default=16, ge=1, le=9999)  # in all, dealt to the identities in turn
    frames: int = Field(default=6, ge=1, le=100_000)  # in each clip
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=240, ge=72, multiple_of=2)  # even, as videos want it
    height_px: int = Field(default=200, ge=72, multiple_of=2)
    # images: a line per image, with further columns. videos: a line per frame of a video. elim: what the
    # published code of ELIM reads: path, valence and arousal, an identity per folder.
    layout: Literal["images", "videos", "elim"] = "images"
    defects: bool = False  # adds what is found amiss in such files; see folder_defects.py


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small folder of synthetic faces with a CSV.

    Args:
        root: folder to write to, made if it does not exist.
        rng: chooses faces, places and labels.
        options: size and layout of the folder.

    Raises:
        ConfigError: there are fewer clips than identities, or too few images to show all defects.
    """
    require_clips(options.clips, identities=options.people)
    # Streams of their own: a face does not change with the number of clips or frames.
    faces, clips, years = rng.spawn(3)
    identities = draw_people(faces, identities=options.people, identity_shift=options.identity_shift)
    age = [int(stream.integers(*AGES)) for stream in years.spawn(options.people)]
    records: list[dict[str, Any]] = []
    for number, clip in enumerate(clips.spawn(options.clips)):
        who = number % options.people
        labels = trajectory(clip, frames=options.frames).round(3)
        drawings = draw_clip(
            identities[who], labels, clip, width_px=options.width_px, height_px=options.height_px
        )
        name = f"identity {who + 1:02d}/{number + 1:04d}"
        for frame, (path, box) in enumerate(_write_clip(root, name, drawings, options.layout)):
            valence, arousal = labels[frame].tolist()
            x0, y0, x1, y1 = np.rint(box).astype(int).tolist()
            records.append(
                {
                    "path": path,
                    "valence": valence,
                    "arousal": arousal,
                    "identity": f"identity {who + 1:02d}",
                    "clip": f"{number + 1:04d}",
                    "frame": frame,
                    "age": age[who],
                    **{"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0},
                }
            )
    _write_table(root / "labels.csv", records, options.layout)
    if options.defects:
        spoil(root)


def _write_clip(
    root: Path, name: str, drawings: Iterator[Drawing], layout: str
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Write a clip; gives the path of each of its frames, and the face's box."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    if layout == "videos":
        clip = list(drawings)
        write_video(root / f"{name}.mp4", (drawing.image for drawing in clip))
        yield from ((f"{name}.mp4", drawing.box) for drawing in clip)
        return
    for frame, drawing in enumerate(drawings):
        path = f"{name}_{frame:05d}.jpg"
        write_image(root / path, drawing.image)
        yield path, drawing.box


def _write_table(file: Path, records: list[dict[str, Any]], layout: str) -> None:
    """Write the CSV."""
    names = {name: name for name in records[0]}
    if layout == "elim":
        names = {"path": "subDirectory_filePath", "valence": "valence", "arousal": "arousal"}
    with file.open("w", encoding="utf-8", newline="") as lines:
        quoting: Literal[0, 1] = csv.QUOTE_ALL if layout == "elim" else csv.QUOTE_MINIMAL
        writer = csv.writer(lines, quoting=quoting, lineterminator="\n")
        writer.writerow(names.values())
        writer.writerows([record[name] for name in names] for record in records)
