"""Names of trials, videos and folders in the editions of Aff-Wild2."""

import re
from typing import Literal

from elimctl.datasets.raw import files

Split = Literal["train", "val", "test"]
Side = Literal["left", "right"]

# A video of the first database, one named after rate and size (a part of it: `-1`), or one of a later batch
# (a part of it: `_1`). For two people in one video, the side is added.
TRIAL = re.compile(r"(?:\d+(?:-\d+-\d+x\d+(?:-\d+)?)?|video\d+(?:_\d+)?)(?:_(?:left|right))?", re.ASCII)
SIDE = re.compile(r"_(left|right)\Z")
PART = re.compile(r"(\d+-\d+-\d+x\d+|video\d+)[-_]\d+((?:_left|_right)?)", re.ASCII)

# Suffixes added by browsers and Google Drive: ` (1)`, `-20200917T112933Z-001`, `-20200917T112933Z-1-001`.
ADDED = re.compile(r"(\s*\(\d+\)|-\d{8}t\d{6}z(-\d+)*)+$", re.ASCII)
TASK = re.compile(
    r"(?P<va>(va|valence_arousal)(_set|_estimation(_challenge)?)?)|(expr|au|mtl)(_.+)?", re.ASCII
)
SPLITS: dict[Split, re.Pattern[str]] = {
    "train": re.compile(r"train(ing)?(_set)?"),
    "val": re.compile(r"val(id(ation|ate)?)?(_set)?"),
    "test": re.compile(r"test(ing)?(_set)?"),
}
TEST_LIST = re.compile(
    r"(.*_)?(va|valence_arousal)_.*(test_set|total_number_of_frames).*\.(txt|csv)", re.IGNORECASE
)


def video_of(trial: str) -> str:
    """Stem of a trial's video: the trial's name without its side."""
    return SIDE.sub("", trial)


def base_of(trial: str) -> str:
    """Common name of the parts of one recording; left and right stay separate."""
    return PART.sub(r"\1\2", trial) if PART.fullmatch(trial) else trial


def side_of(trial: str, trials: set[str]) -> Side | None:
    """Which of two people in its video a trial is about.

    Args:
        trial: its name.
        trials: names of all trials.

    Returns:
        The side in its name. A trial without a side gets the other side, if its video has one trial with a
        side.
    """
    if match := SIDE.search(trial):
        return "left" if match[1] == "left" else "right"
    left, right = f"{trial}_left" in trials, f"{trial}_right" in trials
    if left == right:
        return None
    return "right" if left else "left"


def task_of(parts: tuple[str, ...]) -> str | None:
    """The task named by the folders of a path: `va`, `other`, or None.

    Args:
        parts: names of the folders, the outermost first; the innermost that names a task counts.
    """
    for name in reversed(parts):
        if match := TASK.fullmatch(_plain(name)):
            return "va" if match["va"] else "other"
    return None


def split_of(parts: tuple[str, ...]) -> Split | None:
    """The split named by the folders of a path; the innermost one counts."""
    for name in reversed(parts):
        for split, pattern in SPLITS.items():
            if pattern.fullmatch(_plain(name)):
                return split
    return None


def is_crops(name: str) -> bool:
    """Whether a folder of this name holds crops, aligned or not."""
    return _plain(name).startswith("cropped")


def is_aligned(name: str) -> bool:
    """Whether a folder of this name holds aligned crops."""
    return _plain(name).startswith("cropped_aligned")


def _plain(name: str) -> str:
    """A folder's name in lower case, without additions and archive suffix."""
    name = name.lower()
    while files.is_archive(name):
        name = name.rpartition(".")[0]
    return re.sub(r"[\s_-]+", "_", ADDED.sub("", name))
