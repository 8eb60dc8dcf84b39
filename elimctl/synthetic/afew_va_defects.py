"""Defects of real copies of AFEW-VA, applied to a synthetic dataset."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2

from elimctl.synthetic.people import too_small

MIN_FRAMES = 6


def spoil(clips: Sequence[Path]) -> None:
    """Spoil a clip in each of seven ways, and leave the junk of operating systems and repacks.

    Args:
        clips: folders of the clips, 7 or more, of 6 frames or more.

    Raises:
        ConfigError: there are fewer clips, or fewer frames in them.
    """
    ways = (_extremes, _lost_files, _damaged_images, _base_one, _repacked, _bad_labels, _broken_json)
    frames = min(len(list(clip.glob("*.png"))) for clip in clips)
    if len(clips) < len(ways) or frames < MIN_FRAMES:
        raise too_small(f"{len(clips)} clips of {frames} frames", f"{len(ways)} clips of {MIN_FRAMES} frames")
    for way, clip in zip(ways, clips, strict=False):
        way(clip)
    _junk(clips[0])


def _extremes(clip: Path) -> None:
    """Labels at the ends of the range, and landmarks that leave the image."""

    def change(content: dict[str, Any]) -> None:
        for entry, value in zip(content["frames"].values(), (-10, 0, 10), strict=False):
            entry |= {"valence": value, "arousal": -value}
        content["frames"]["00000"]["landmarks"][:3] = [[-4.5, 60.0], [-3.0, 70.25], [1e3, 80.0]]

    _rewrite(clip, change)


def _lost_files(clip: Path) -> None:
    """An annotation without an image, and an image without an annotation."""
    (clip / "00002.png").unlink()
    _rewrite(clip, lambda content: content["frames"].pop("00003"))


def _damaged_images(clip: Path) -> None:
    """Images that are empty, cut short, and no image."""
    whole = (clip / "00002.png").read_bytes()
    (clip / "00001.png").write_bytes(b"")
    (clip / "00002.png").write_bytes(whole[: len(whole) // 2])
    (clip / "00003.png").write_text("<html>404 Not Found</html>", encoding="utf-8")


def _base_one(clip: Path) -> None:
    """Frames counted from 1, in no order, with a gap."""
    for file in sorted(clip.glob("*.png"), reverse=True):
        file.rename(clip / f"{int(file.stem) + 1:05d}.png")
    (clip / "00003.png").unlink()

    def change(content: dict[str, Any]) -> None:
        entries = {f"{int(key) + 1:05d}": entry for key, entry in content["frames"].items()}
        del entries["00003"]
        content["frames"] = dict(sorted(entries.items(), key=lambda item: item[0][::-1], reverse=True))

    _rewrite(clip, change)


def _repacked(clip: Path) -> None:
    """Images as JPEG, labels as floats, keys of the annotation tool, a byte order mark."""
    for file in clip.glob("*.png"):
        cv2.imwrite(str(file.with_suffix(".jpg")), cv2.imread(str(file)))
        file.unlink()

    def change(content: dict[str, Any]) -> None:
        content |= {"emotion": "none", "subset": "train"}
        for entry in content["frames"].values():
            entry |= {"valence": float(entry["valence"]), "arousal": float(entry["arousal"])}

    _rewrite(clip, change, encoding="utf-8-sig")


def _bad_labels(clip: Path) -> None:
    """Labels that are missing, out of range, not finite, or text; landmarks that are missing or cut short."""

    def change(content: dict[str, Any]) -> None:
        frames = content["frames"]
        frames["00000"] = {}
        frames["00001"]["valence"] = 11
        frames["00002"]["arousal"] = float("nan")
        frames["00003"]["valence"] = "high"
        del frames["00004"]["landmarks"]
        frames["00005"]["landmarks"].pop()

    _rewrite(clip, change)


def _broken_json(clip: Path) -> None:
    """A JSON file that ends early."""
    file = clip / f"{clip.name}.json"
    file.write_bytes(file.read_bytes()[:100])


def _junk(clip: Path) -> None:
    """Files and folders that are no data, beside and in a clip."""
    (clip / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (clip / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (clip / "._00000.png").write_bytes(b"\0\5\26\7")
    for copy in (clip.with_name(f"{clip.name}_cropped"), clip.parent / "__MACOSX" / clip.name):
        copy.mkdir(parents=True)
        for name in ("00000.png", f"{clip.name}.json"):
            (copy / name).write_bytes((clip / name).read_bytes())


def _rewrite(clip: Path, change: Callable[[dict[str, Any]], object], *, encoding: str = "utf-8") -> None:
    """Change the content of a clip's JSON file."""
    file = clip / f"{clip.name}.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding=encoding)
