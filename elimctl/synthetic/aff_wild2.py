"""A synthetic dataset of Aff-Wild2: synthetic faces in the folders of one of its editions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from elimctl.config import Config
from elimctl.synthetic.aff_wild2_defects import Made, spoil
from elimctl.synthetic.face.drawing import Drawing, Identity
from elimctl.synthetic.people import draw_clip, draw_people, require_clips, trajectory, write_image
from elimctl.synthetic.video_writing import write_video

CROP_PX = 112
MARGIN = 1.3  # side of a crop over the longer side of the face's box
# What a person's trials are, in turn. `right` and `added` are in the videos of the person before, who is the
# one on the left, or the main person, whose trial has no side in its name.
KINDS = ("numbered", "sized", "batch", "left", "right", "main", "added")

OLD_TASKS = ("VA_Set", "EXPR_Set", "AU_Set")
TASKS = ("VA_Estimation_Challenge", "EXPR_Classification_Challenge", "AU_Detection_Challenge")
OTHER_HEADERS = ("Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other", "AU1,AU2,AU4,AU6,AU7,AU10")


class Options(Config):
    """What a synthetic dataset holds."""

    people: int = Field(default=12, ge=1)  # a quarter of them are in `val`, and nobody in both splits
    clips: int = Field(default=16, ge=1, le=300)  # trials in all, dealt to the identities in turn
    frames: int = Field(default=6, ge=1, le=99_999)  # of each trial; five digits
    identity_shift: float = Field(default=0.5, ge=0, le=1)  # how much resting faces and expressiveness differ
    width_px: int = Field(default=320, ge=144, multiple_of=4)  # of the videos; the crops have 112 x 112
    height_px: int = Field(default=240, ge=72, multiple_of=2)
    # The folders as of the N-th challenge (1 in 2020, 2 in 2021, 3 in 2022, 6 in 2024, 8 in 2025); deep:
    # within the folders that a user packed, and those of an archive.
    layout: Literal["abaw1", "abaw2", "abaw3", "abaw6", "abaw8", "deep"] = "abaw6"
    source: Literal["crops", "videos", "both"] = "crops"  # what there is of each frame
    defects: bool = False  # add the defects of real copies; see aff_wild2_defects.py


@dataclass(frozen=True, slots=True)
class _Edition:
    """Folders of an edition; `{task}` and `{split}` are names of folders.

    Args:
        annotations: of a task's labels in a split.
        crops: of the trials' crops, and of those that a later edition added.
        videos: in turn.
        tasks: names of the tasks' folders, VA first.
        train: name of the folder of the training set; `val` likewise.
    """

    annotations: str
    crops: tuple[str, str]
    videos: tuple[str, ...]
    tasks: tuple[str, ...] = TASKS
    train: str = "Train_Set"
    val: str = "Validation_Set"

    def folder(self, pattern: str, split: str, *, task: int = 0) -> str:
        """Path of a folder below the root."""
        return pattern.format(task=self.tasks[task], split=self.train if split == "train" else self.val)


EDITIONS = {
    "abaw1": _Edition(
        annotations="annotations-20200917T112933Z-001/annotations/{task}/{split}",
        crops=("cropped_aligned", "cropped_aligned"),
        videos=("{task}/videos/{split}",),
        tasks=OLD_TASKS,
        train="Training_Set",
    ),
    "abaw2": _Edition(
        annotations="annotations/{task}/{split}",
        crops=("cropped_aligned", "cropped_aligned"),
        videos=("batch1", "batch2"),
        tasks=OLD_TASKS,
    ),
    "abaw3": _Edition(
        annotations="Third ABAW Annotations/{task}/{split}",
        crops=("batch1 (1)/cropped_aligned", "batch2/cropped_aligned_new_50_vids"),
        videos=("batch1 (1)", "batch2"),
    ),
    "abaw6": _Edition(
        annotations="6th_ABAW_Annotations/{task}/{split}",
        crops=("cropped_aligned/cropped_aligned", "cropped_aligned/cropped_aligned_new_50_vids"),
        videos=("batch1", "batch2", "new_vids"),
    ),
    "abaw8": _Edition(
        annotations="ABAW Annotations/{task}/{split}",
        crops=("cropped_aligned", "cropped_aligned_new_50_vids"),
        videos=("batch1", "batch2", "new_vids"),
    ),
    "deep": _Edition(
        annotations="wild/Aff-Wild2_ready/{task}/annotations/{split}",
        crops=("cropped_aligned.zip/cropped_aligned", "cropped_aligned_new_50_vids.zip/content"),
        videos=("Train_Set/wild/Aff-Wild2_ready/{task}/videos/{split}",),
        tasks=OLD_TASKS,
        train="Train_set",
        val="Validation_set",
    ),
}


@dataclass(frozen=True, slots=True)
class _Film:
    """A video and who is in it.

    Args:
        stem: of its name.
        trials: names of the trials, from left to right.
        people: number of each trial's person.
        clips: number of each trial.
        split: `train` or `val`.
    """

    stem: str
    trials: tuple[str, ...]
    people: tuple[int, ...]
    clips: tuple[int, ...]
    split: str


def write(root: Path, rng: np.random.Generator, options: Options) -> None:
    """Write a small tree in the layout of Aff-Wild2, with synthetic faces.

    Raises:
        ConfigError: there are fewer clips than identities, or too few clips or frames to show all defects.
    """
    require_clips(options.clips, identities=options.people)
    # Streams of their own: a face does not change with the number of clips or frames.
    faces, clips = rng.spawn(2)
    people = draw_people(faces, identities=options.people, identity_shift=options.identity_shift)
    streams = clips.spawn(options.clips)
    made: list[Made] = []
    for number, film in enumerate(_films(options)):
        made += _make(root, film, people, streams, options, number=number)
    _write_other_tasks(root, made[0], options)
    if options.defects:
        spoil(sorted(made, key=lambda trial: trial.split))  # `train` comes first


def _films(options: Options) -> Iterator[_Film]:
    """The videos, by clip; people after the first three quarters are in `val`."""
    first_val = options.people - max(1, options.people // 4)
    if KINDS[first_val % len(KINDS)] in ("right", "added"):
        first_val -= 1  # whoever is in the same video is in the same split
    in_parts = options.clips > options.people
    for clip in range(options.clips):
        part, person = divmod(clip, options.people)
        kind = KINDS[person % len(KINDS)]
        if kind in ("right", "added"):
            continue  # in the video of the person before
        ending = f"{part + 1}" if in_parts else ""
        stem = {
            "numbered": f"{102 + clip}",
            "sized": f"{7 + person}-30-{options.width_px}x{options.height_px}" + (ending and f"-{ending}"),
        }.get(kind, f"video{3 + person}" + (ending and f"_{ending}"))
        paired = kind in ("left", "main") and person + 1 < options.people and clip + 1 < options.clips
        main = f"{stem}_left" if kind == "left" and paired else stem
        yield _Film(
            stem=stem,
            trials=(main, f"{stem}_right") if paired else (main,),
            people=(person, person + 1) if paired else (person,),
            clips=(clip, clip + 1) if paired else (clip,),
            split="train" if person < max(first_val, 1) else "val",
        )


def _make(
    root: Path,
    film: _Film,
    people: Sequence[Identity],
    streams: Sequence[np.random.Generator],
    options: Options,
    *,
    number: int,
) -> list[Made]:
    """Write the labels, crops and video of a film; returns where each trial is."""
    edition = EDITIONS[options.layout]
    labels_folder = root / edition.folder(edition.annotations, film.split)
    crops_folder = root / edition.crops[number % 3 == 2]
    videos_folder = root / edition.folder(edition.videos[number % len(edition.videos)], film.split)
    video = videos_folder / f"{film.stem}{'.avi' if film.stem.isdigit() else '.mp4'}"
    made, clips = [], []
    for trial, person, clip in zip(film.trials, film.people, film.clips, strict=True):
        labels = trajectory(streams[clip], frames=options.frames).round(3)
        trial_made = Made(
            split=film.split,
            annotation=labels_folder / f"{trial}.txt",
            crops=None if options.source == "videos" else crops_folder / trial,
            video=None if options.source == "crops" else video,
        )
        _write_labels(trial_made.annotation, labels)
        width_px = options.width_px // len(film.trials)
        clips.append(
            draw_clip(people[person], labels, streams[clip], width_px=width_px, height_px=options.height_px)
        )
        made.append(trial_made)
    frames = _shoot(clips, [trial.crops for trial in made])
    if options.source == "crops":
        for _ in frames:  # the crops are written on the way
            pass
    else:
        videos_folder.mkdir(parents=True, exist_ok=True)
        is_avi = video.suffix == ".avi"
        write_video(video, frames, codec="mjpeg" if is_avi else "h264", rate=25 if is_avi else 30)
    return made


def _write_labels(file: Path, labels: np.ndarray) -> None:
    """Write the labels (frames, 2) of a trial."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{valence:.3f},{arousal:.3f}\n" for valence, arousal in labels.tolist()]
    file.write_text("valence,arousal\n" + "".join(lines), encoding="utf-8")


def _shoot(clips: Sequence[Iterator[Drawing]], folders: Sequence[Path | None]) -> Iterator[np.ndarray]:
    """The frames of a video of several people beside each other, whose crops are written on the way."""
    for number, drawings in enumerate(zip(*clips, strict=True), start=1):
        for drawing, folder in zip(drawings, folders, strict=True):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                write_image(folder / f"{number:05d}.jpg", _crop(drawing))
        yield np.hstack([drawing.image for drawing in drawings])


def _crop(drawing: Drawing) -> np.ndarray:
    """The face of a drawing in the middle of a square of 112 px."""
    x0, y0, x1, y1 = drawing.box
    side = MARGIN * max(x1 - x0, y1 - y0)
    scale = CROP_PX / side
    shift_x, shift_y = (scale * ((side - low - high) / 2) for low, high in ((x0, x1), (y0, y1)))
    place = np.array([[scale, 0, shift_x], [0, scale, shift_y]])
    return cv2.warpAffine(
        drawing.image, place, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _write_other_tasks(root: Path, made: Made, options: Options) -> None:
    """Files of the tasks beside VA: labels of the first trial, and in the oldest edition its video again."""
    edition = EDITIONS[options.layout]
    for task, header in enumerate(OTHER_HEADERS, start=1):
        folder = root / edition.folder(edition.annotations, made.split, task=task)
        folder.mkdir(parents=True)
        lines = ["0,1,0,0,1,1" if "AU1" in header else "4"] * options.frames
        (folder / made.annotation.name).write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    if edition.tasks is TASKS:
        table = root / edition.annotations.partition("/")[0] / "MTL_Challenge" / "train_set.txt"
        table.parent.mkdir()
        line = f"{made.annotation.stem}/00001.jpg,0.5,0.5,4,0,1,0\n"
        table.write_text(f"image,valence,arousal,expression,AU1,AU2,AU4\n{line}", encoding="utf-8")
    if made.video and "{task}" in edition.videos[0]:
        again = root / edition.folder(edition.videos[0], made.split, task=1) / made.video.name
        again.parent.mkdir(parents=True)
        again.write_bytes(made.video.read_bytes())
