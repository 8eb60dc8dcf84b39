"""Find the annotations, crops and videos of any edition of Aff-Wild2."""

import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from elimctl.datasets import aff_wild2_multi_task as multi_task
from elimctl.datasets.aff_wild2_names import (
    SPLITS,
    TEST_LIST,
    TRIAL,
    Split,
    is_aligned,
    is_crops,
    split_of,
    task_of,
    video_of,
)
from elimctl.datasets.raw import files
from elimctl.errors import LayoutError, Notice
from elimctl.text import counted

Labels = Literal["auto", "va", "mtl"]

HEADER = "valence,arousal"
VIDEOS = (".mp4", ".avi", ".webm", ".mkv", ".mov")  # of two videos of one name, the first suffix is used
LISTED = re.compile(r"[\s\"']*([\w-]+)", re.ASCII)  # the name that a line of a test list starts with


@dataclass(frozen=True, slots=True)
class Layout:
    """Files of a copy of Aff-Wild2."""

    annotations: Mapping[str, Path]  # files of labels by trial
    splits: Mapping[str, Split]  # split of each trial that is annotated or in a test list
    # folder of each trial's crops; if any folder has aligned crops, only those
    crops: Mapping[str, Path]
    aligned: bool  # whether the crops are aligned
    videos: Mapping[str, Path]  # videos by stem
    # lists of the multi-task challenge by split, instead of annotations
    lists: Mapping[Split, Path] = field(default_factory=dict)

    @property
    def trials(self) -> set[str]:
        """Names of all trials, with and without annotation."""
        return {*self.splits, *self.crops}


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is not a folder of crops."""

    path: Path
    parts: tuple[str, ...]  # names from the root to this folder
    names: tuple[str, ...]  # label files and videos in it


def find(root: Path, labels: Labels = "auto") -> Layout:
    """Find the parts of a copy of Aff-Wild2.

    Args:
        root: a folder that holds them, at any depth.
        labels: those of the VA task or the multi-task challenge; auto: the latter if there are no others.

    Raises:
        MissingError: the folder does not exist, or one in it cannot be listed.
        LayoutError: there are no annotations of valence and arousal, or a trial or list occurs twice.
    """
    folders, archives = [], 0
    for path, names in files.walk(root, skip=lambda name: files.is_junk(name) or is_crops(name)):
        useful = tuple(name for name in names if name.lower().endswith((".txt", ".csv", *VIDEOS)))
        archives += sum(map(files.is_archive, names))
        folders.append(_Folder(path, _parts(path, root), useful))
    annotated = {} if labels == "mtl" else _once(_annotations(folders), root)
    lists = {} if annotated or labels == "va" else _lists(folders, root)
    if lists:
        if labels == "auto":
            text = (
                f"found no lists of the VA task; reading those of the multi-task challenge: {_named(lists)}"
            )
            warnings.warn(text, Notice, stacklevel=2)
        return _of_lists(folders, lists, root)
    if not annotated:
        raise _nothing(labels, archives, root)
    splits: dict[str, Split] = dict.fromkeys(_listed(folders), "test")
    for trial, file in annotated.items():
        if split := split_of(_parts(file.parent, root)):
            splits[trial] = split
    crops, aligned = _crops(folders, set(annotated), root)
    needed = {video_of(trial) for trial in annotated}
    return Layout(
        annotations=annotated,
        splits=splits,
        crops=crops,
        aligned=aligned,
        videos=_videos(folders, needed, root),
    )


def _nothing(labels: Labels, archives: int, root: Path) -> LayoutError:
    """Build the error for a copy without labels."""
    task = "VA task"
    wanted = f"VA_*/{{Train,Validation}}_Set/*.txt that starts with `{HEADER}`"
    if labels == "mtl":
        task, wanted = "multi-task challenge", "MTL_Challenge/{train_set,validation_set}.txt"
    return LayoutError(
        f"no {wanted} under {root}" + (f", but {counted(archives, 'archive')}" if archives else ""),
        hint="unpack the archives"
        if archives
        else f"pass the folder that holds the annotations of the {task} and the crops or videos",
    )


def _lists(folders: Iterable[_Folder], root: Path) -> dict[Split, Path]:
    """Lists of the multi-task challenge by split; files without a split hold predictions and are skipped."""
    found: list[tuple[str, Path]] = []
    for folder in folders:
        for file in map(folder.path.joinpath, folder.names):
            split = split_of((*folder.parts, file.stem))
            if split and file.suffix.lower() in (".txt", ".csv") and multi_task.is_list(file):
                found.append((split, file))
    once = _once(found, root, what="list")
    return {split: once[split] for split in SPLITS if split in once}


def _of_lists(folders: Sequence[_Folder], lists: Mapping[Split, Path], root: Path) -> Layout:
    """The layout of a copy whose labels come from lists."""
    splits = {trial: split for split, file in lists.items() for trial in multi_task.trials(file)}
    crops, aligned = _crops(folders, set(splits), root)
    videos = _videos(folders, set(map(video_of, splits)), root)
    return Layout(annotations={}, splits=splits, crops=crops, aligned=aligned, videos=videos, lists=lists)


def _named(lists: Mapping[Split, Path]) -> str:
    return ", ".join(map(str, lists.values()))


def _parts(folder: Path, root: Path) -> tuple[str, ...]:
    """Names of a folder and of those above it up to the root, the outermost first."""
    return (root.resolve().name, *folder.relative_to(root).parts)


def _annotations(folders: Iterable[_Folder]) -> Iterator[tuple[str, Path]]:
    """Trials of the VA task with their files; other tasks use the same names for other labels."""
    for folder in folders:
        if task_of(folder.parts) != "va" or not split_of(folder.parts):
            continue
        for name in folder.names:
            file = folder.path / name
            if file.suffix.lower() != ".txt" or TEST_LIST.fullmatch(name):
                continue
            if TRIAL.fullmatch(file.stem) or _has_header(file):
                yield file.stem, file


def _has_header(file: Path) -> bool:
    """Whether a file is an annotation, whatever its name."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            return is_header(lines.readline(200))
    except OSError:
        return False


def is_header(line: str) -> bool:
    """Whether a line is the first one of an annotation."""
    return "".join(line.lower().split()) == HEADER


def _listed(folders: Iterable[_Folder]) -> set[str]:
    """Trials named at the start of the lines in lists of test sets."""
    found: set[str] = set()
    for folder in folders:
        for name in filter(TEST_LIST.fullmatch, folder.names):
            with (folder.path / name).open(encoding="utf-8-sig", errors="replace") as lines:
                found.update(match[1] for line in lines if (match := LISTED.match(line)))
    return {name for name in found if TRIAL.fullmatch(name)}


def _crops(folders: Iterable[_Folder], annotated: set[str], root: Path) -> tuple[dict[str, Path], bool]:
    """Folders of crops by trial, and whether they hold aligned crops, which are preferred."""
    found: dict[bool, list[tuple[str, Path]]] = {True: [], False: []}
    for folder in folders:
        for top in _folders_in(folder.path):
            if is_crops(top.name):
                for trial in _trial_folders(top, annotated):
                    parts = trial.parent.relative_to(root).parts
                    found[any(map(is_aligned, parts))].append((trial.name, trial))
    aligned = bool(found[True])
    return _once(found[aligned], root), aligned


def _trial_folders(top: Path, annotated: set[str]) -> Iterator[Path]:
    """Folders of trials below a folder of crops; they hold millions of files and are not entered."""

    def is_trial(name: str) -> bool:
        return name in annotated or TRIAL.fullmatch(name) is not None

    for folder, _ in files.walk(top, skip=lambda name: files.is_junk(name) or is_trial(name)):
        yield from (path for path in _folders_in(folder) if is_trial(path.name))


def _folders_in(folder: Path) -> list[Path]:
    """Folders in a folder, by name."""
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if files.is_folder(entry))


def _videos(folders: Iterable[_Folder], needed: set[str], root: Path) -> dict[str, Path]:
    """Videos by stem.

    Several tasks may include the same video. A copy outside the folders of other tasks is preferred; of equal
    sizes the first is used.
    """
    found: dict[str, dict[tuple[bool, int], list[Path]]] = defaultdict(lambda: defaultdict(list))
    for folder in folders:
        elsewhere = task_of(folder.parts) == "other"
        for file in map(folder.path.joinpath, folder.names):
            suffix = file.suffix.lower()
            if suffix in VIDEOS and (file.stem in needed or TRIAL.fullmatch(file.stem)):
                found[file.stem][elsewhere, VIDEOS.index(suffix)].append(file)
    videos = []
    for stem, ranked in found.items():
        best = ranked[min(ranked)]
        alike = len({file.stat().st_size for file in best}) == 1
        videos += [(stem, file) for file in (best[:1] if alike else best)]
    return _once(videos, root)


def _once(found: Iterable[tuple[str, Path]], root: Path, *, what: str = "trial") -> dict[str, Path]:
    """Paths by name."""
    paths: dict[str, list[Path]] = defaultdict(list)
    for name, path in found:
        paths[name].append(path)
    repeated = sorted(name for name, candidates in paths.items() if len(candidates) > 1)
    if repeated:
        where = ", ".join(map(str, paths[repeated[0]]))
        raise LayoutError(
            f"found {counted(len(repeated), what)} more than once under {root}: {repeated[0]} is {where}",
            hint="pass a folder that holds one copy of one edition",
        )
    return {name: candidates[0] for name, candidates in paths.items()}
