"""Synthetic AFEW-VA: synthetic faces in the layout of the dataset."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.datasets.afew_va import LABEL_SCALE
from elimctl.synthetic.afew_va_defects import spoil
from elimctl.synthetic.face.drawing import Drawing
from elimctl.synthetic.people import draw_clip, draw_people, require_clips, trajectory, write_image


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=12, ge=1)  # actors
    clips: int = Field(default=12, ge=1, le=999)  # all actors together; three digits
    frames: int = Field(default=10, ge=1, le=100_000)  # in each clip; five digits
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=360, ge=72)  # half the size of the real frames
    height_px: int = Field(default=288, ge=58)
    layout: Literal["parts", "flat", "doubled"] = "parts"  # 01/001/, 001/ or AFEW-VA/AFEW-VA/01/001/
    defects: bool = False  # add the defects of real copies; see afew_va_defects.py


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small tree in the layout of AFEW-VA, with synthetic faces.

    Raises:
        ConfigError: there are fewer clips than identities, or too few clips or frames to show all defects.
    """
    require_clips(options.clips, identities=options.people)
    # Streams of their own: a face does not change with the number of clips or frames.
    faces, clips = rng.spawn(2)
    identities = draw_people(faces, identities=options.people, identity_shift=options.identity_shift)
    folders = [root / _place(number, options.layout) for number in range(options.clips)]
    for number, clip in enumerate(clips.spawn(options.clips)):
        actor = number % options.people
        labels = np.rint(LABEL_SCALE * trajectory(clip, frames=options.frames)).astype(int)
        drawings = draw_clip(
            identities[actor],
            labels / LABEL_SCALE,
            clip,
            width_px=options.width_px,
            height_px=options.height_px,
        )
        _write_clip(folders[number], f"Actor {actor + 1:02d}", labels, drawings)
    if options.defects:
        spoil(folders)


def _place(number: int, layout: str) -> str:
    """Path of a clip below the root; a part holds 50 clips."""
    clip = f"{number + 1:03d}"
    part = f"{number // 50 + 1:02d}"
    return {"parts": f"{part}/{clip}", "flat": clip, "doubled": f"AFEW-VA/AFEW-VA/{part}/{clip}"}[layout]


def _write_clip(folder: Path, actor: str, labels: np.ndarray, drawings: Iterator[Drawing]) -> None:
    """Write the frames and the JSON file of one clip."""
    folder.mkdir(parents=True)
    frames = {}
    for number, ((valence, arousal), drawing) in enumerate(zip(labels.tolist(), drawings, strict=True)):
        write_image(folder / f"{number:05d}.png", drawing.image)
        frames[f"{number:05d}"] = {
            "valence": valence,
            "arousal": arousal,
            "landmarks": drawing.landmarks.astype(float).round(2).tolist(),
        }
    content = {"actor": actor, "video_id": folder.name, "frames": frames}
    (folder / f"{folder.name}.json").write_text(json.dumps(content), encoding="utf-8")
