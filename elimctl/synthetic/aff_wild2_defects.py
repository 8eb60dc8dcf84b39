"""Defects of real copies of Aff-Wild2, applied to a synthetic dataset."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from elimctl.synthetic.people import too_small

MIN_FRAMES = 6
TEST_LIST = "names_of_videos_in_each_test_set/Valence_Arousal_Estimation_Challenge_test_set_release.txt"


@dataclass(frozen=True, slots=True)
class Made:
    """Where a trial of a synthetic dataset is.

    Args:
        split: `train` or `val`.
        annotation: its file of labels.
        crops: folder of its crops, None where there are none.
        video: its video, None where there is none; two people may share one.
    """

    split: str
    annotation: Path
    crops: Path | None
    video: Path | None


def spoil(trials: Sequence[Made]) -> None:
    """Spoil a trial in each of eight ways, and leave junk, placeholders of test labels and a test list.

    Args:
        trials: 8 or more, of 6 frames or more; those in `train` first.

    Raises:
        ConfigError: there are fewer trials, or fewer frames in them.
    """
    ways = (_unlabelled, _lost_crops, _no_crops, _nowhere, _short, _bad_lines, _other_task, _damaged)
    frames = min(len(_lines(trial.annotation)) - 1 for trial in trials)
    if len(trials) < len(ways) or frames < MIN_FRAMES:
        found = f"{len(trials)} clips of {frames} frames"
        raise too_small(found, f"{len(ways)} clips of {MIN_FRAMES} frames")
    for way, trial in zip(ways, trials, strict=False):
        way(trial)
    _hidden(trials[0])
    _junk(trials[0])


def _unlabelled(trial: Made) -> None:
    """Frames without labels at the start, in the middle and at the end, and half a label."""

    def change(lines: list[str]) -> None:
        lines[1] = lines[3] = lines[-1] = "-5,-5"
        lines[4] = "-5,0.2"

    _rewrite(trial.annotation, change)


def _lost_crops(trial: Made) -> None:
    """No crop at the start, in the middle and at the end, and a line of labels more than frames."""
    if trial.crops:
        crops = sorted(trial.crops.iterdir())
        for crop in (crops[0], crops[2], crops[-1]):
            crop.unlink()
    _rewrite(trial.annotation, lambda lines: lines.append("0.25,-0.25"))


def _no_crops(trial: Made) -> None:
    """No crop at all; a video that holds nothing."""
    if trial.crops:
        for crop in trial.crops.iterdir():
            crop.unlink()
    if trial.video:
        trial.video.write_bytes(b"")


def _nowhere(trial: Made) -> None:
    """No folder of crops and no video."""
    if trial.crops:
        shutil.rmtree(trial.crops)
    if trial.video:
        trial.video.unlink()


def _short(trial: Made) -> None:
    """A line of labels fewer than frames, line ends of another system, a byte order mark."""
    _rewrite(trial.annotation, lambda lines: lines.pop(), end="\r\n", encoding="utf-8-sig")


def _bad_lines(trial: Made) -> None:
    """Lines that are blank, not finite, out of range, no numbers, too few; spaces; blank lines at the end."""

    def change(lines: list[str]) -> None:
        lines[1:7] = ["", "nan,0.1", "0.1,1.5", "high,low", "0.5", " 0.125 , -0.5 "]
        lines.extend(["", "  "])

    _rewrite(trial.annotation, change)


def _other_task(trial: Made) -> None:
    """Labels of another task in the place of these."""

    def change(lines: list[str]) -> None:
        lines[:] = ["Neutral,Anger,Disgust", *("2" for _ in lines[1:])]

    _rewrite(trial.annotation, change)


def _damaged(trial: Made) -> None:
    """Crops that are empty, cut short, no image, and of another suffix; a video that ends early."""
    if trial.crops:
        first, second, third, fourth = sorted(trial.crops.iterdir())[:4]
        first.write_bytes(b"")
        second.write_bytes(second.read_bytes()[:500])
        third.write_text("<html>404 Not Found</html>", encoding="utf-8")
        fourth.rename(fourth.with_suffix(".JPG"))
    if trial.video:
        whole = trial.video.read_bytes()
        trial.video.write_bytes(whole[: len(whole) * 3 // 4])


def _hidden(trial: Made) -> None:
    """A trial with placeholders of test labels, and one that only a test list names."""
    placeholders = trial.annotation.parent.with_name("Test_Set")
    placeholders.mkdir()
    (placeholders / "500.txt").write_text("valence,arousal\n" + "0.5,-0.5\n" * 3, encoding="utf-8")
    names = trial.annotation.parent.parent / TEST_LIST
    names.parent.mkdir()
    names.write_text("500\nvideo90_left\n", encoding="utf-8")
    if trial.crops:
        shutil.copytree(trial.crops, trial.crops.with_name("video90_left"))
    if trial.video:
        shutil.copy(trial.video, trial.video.with_name(f"video90{trial.video.suffix}"))


def _junk(trial: Made) -> None:
    """Files and folders of operating systems."""
    annotations = trial.annotation.parent
    (annotations / f"._{trial.annotation.name}").write_bytes(b"\0\5\26\7")
    copy = annotations.parent / "__MACOSX" / "Train_Set"
    copy.mkdir(parents=True)
    shutil.copy(trial.annotation, copy)
    if trial.crops:
        (trial.crops.parent / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (trial.crops / "._00001.jpg").write_bytes(b"\0\5\26\7")


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _rewrite(
    file: Path, change: Callable[[list[str]], object], *, end: str = "\n", encoding: str = "utf-8"
) -> None:
    """Change the lines of an annotation; the first is its header."""
    lines = _lines(file)
    change(lines)
    file.write_text("".join(line + end for line in lines), encoding=encoding, newline="")
