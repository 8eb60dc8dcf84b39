"""Find the files of Aff-Wild by the names of their folders."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elimctl.datasets.raw import files, video
from elimctl.errors import LayoutError
from elimctl.text import counted

NAME = re.compile(r"[0-9]{3}")  # of a clip
# Content of a folder by its name; the innermost name on a path counts.
KINDS = {
    "valence": "valence",
    "arousal": "arousal",
    "bboxes": "boxes",
    "bboxs": "boxes",  # spelling in one copy
    "landmarks": "landmarks",
    "videos": "video",
}
TITLES = {
    "video": "videos",
    "valence": "files of valence",
    "arousal": "files of arousal",
    "boxes": "folders of boxes",
    "landmarks": "folders of landmarks",
}


@dataclass(frozen=True, slots=True)
class Clip:
    """The files of a video; None for missing ones."""

    name: str  # three digits
    video: Path | None = None
    valence: Path | None = None  # file with a line per frame
    arousal: Path | None = None  # file with a line per frame
    boxes: Path | None = None  # folder of a `.pts` file per frame with the corners of the face box
    landmarks: Path | None = None  # folder of a `.pts` file per frame with 68 points
    test: bool = False  # in the test set, whose labels were not released


def find(root: Path) -> list[Clip]:
    """Find the clips of Aff-Wild, sorted by name.

    Args:
        root: a folder that holds annotations and videos, at any depth.

    Raises:
        MissingError: the folder does not exist or cannot be listed.
        LayoutError: there are no annotations or no videos, or files of a clip occur more than once.
    """
    found: dict[str, dict[str, list[Path]]] = {kind: defaultdict(list) for kind in TITLES}
    tests: set[str] = set()
    archives = 0
    for folder, names in files.walk(root):
        archives += sum(map(files.is_archive, names))
        # An unpacked archive is a folder of the same name: `train.tar.gz`.
        places = [part.partition(".")[0].lower() for part in folder.relative_to(root).parts]
        kind = next((KINDS[place] for place in reversed(places) if place in KINDS), "video")
        for name, path in _parts_of(kind, folder, names):
            found[kind][name].append(path)
            if kind == "video" and "test" in places:
                tests.add(name)
    _require(found, root, archives)
    clips = sorted(found["video"].keys() | found["valence"].keys() | found["arousal"].keys())
    return [
        Clip(
            name,
            **{kind: paths[name][0] for kind, paths in found.items() if name in paths},
            test=name in tests,
        )
        for name in clips
    ]


def _parts_of(kind: str, folder: Path, names: Iterable[str]) -> list[tuple[str, Path]]:
    """Files or folders of clips in a folder, with the names of the clips."""
    if kind in ("boxes", "landmarks"):
        return [(folder.name, folder)] if NAME.fullmatch(folder.name) else []
    suffixes = video.SUFFIXES if kind == "video" else (".txt",)
    paths = [folder / name for name in names]
    return [
        (path.stem, path) for path in paths if NAME.fullmatch(path.stem) and path.suffix.lower() in suffixes
    ]


def _require(found: dict[str, dict[str, list[Path]]], root: Path, archives: int) -> None:
    """Require annotations and videos, and refuse duplicates."""
    annotated = found["valence"].keys() | found["arousal"].keys()
    if not annotated or not found["video"]:
        lacking = (
            "no annotations/train/valence/NNN.txt" if not annotated else "no videos/train/NNN.mp4 or .avi"
        )
        raise LayoutError(
            f"{lacking} under {root}" + (f", but {counted(archives, 'archive')}" if archives else ""),
            hint="unpack the archives"
            if archives
            else "pass the folder that holds annotations, videos, bboxes and landmarks",
        )
    for kind, title in TITLES.items():
        repeated = sorted(name for name, paths in found[kind].items() if len(paths) > 1)
        if repeated:
            where = ", ".join(str(path) for path in found[kind][repeated[0]])
            raise LayoutError(
                f"{title} of {counted(len(repeated), 'clip')} found more than once under {root}; "
                f"those of {repeated[0]} are in {where}",
                hint="pass the folder of one copy",
            )
