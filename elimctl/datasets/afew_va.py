"""AFEW-VA: clips of films as folders of frames, with a JSON file of labels and landmarks per clip.

    NNN/NNN.json  NNN/00000.png  NNN/00001.png  ...

`NNN` is the number of the clip. Clip folders may lie at any depth, such as in parts `01` to `12`. A frame
belongs to the key with the same number, whatever the padding.
"""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from elimctl.config import Config
from elimctl.datasets.alignment import shifted
from elimctl.datasets.raw import files, json_once
from elimctl.datasets.raw.json_once import DISAGREEMENT, agreed
from elimctl.errors import LayoutError
from elimctl.manifest.names import known
from elimctl.manifest.row import Row
from elimctl.text import counted

LABEL_SCALE = 10  # shipped as whole numbers in [-10, 10]
IMAGES = (".png", ".jpg", ".jpeg")  # as shipped, and as repacked; the first that exists is used
CLIP = re.compile(r"[0-9]{3}")
FRAME = re.compile(r"([0-9]{1,9})(\.\w+)?")
LANDMARK_LIMIT_PX = 1e5  # larger than any frame: invalid


class Options(Config):
    """How AFEW-VA is read."""

    # clip: each clip is an identity, as in Kim & Song 2022. actor: the clips of one actor are one identity,
    # so that no actor is in two folds; a clip without an actor's name is dropped.
    identity: Literal["clip", "actor"] = "clip"
    # Stretch frames of 720 x 576 px, and their landmarks, to 960 x 576.
    anamorphic: bool = False


@dataclass(frozen=True, slots=True)
class _Clip:
    """A clip on disk."""

    name: str  # three digits
    folder: Path
    images: Mapping[int, str]  # file names by frame number


@dataclass(frozen=True, slots=True)
class _Annotation:
    """Content of the JSON file of a clip."""

    actor: str | None = None  # as shipped, None if missing
    frames: Mapping[int, Any] = field(default_factory=dict)  # entries by frame number
    reason: str | None = None  # drop reason of all frames of the clip, or None


def read(root: Path, options: Options) -> Iterator[Row]:
    """Read the frames of AFEW-VA, by clip and number.

    Args:
        root: a folder that holds the clip folders, at any depth, or a clip folder.
        options: what an identity is, and the shape of the pixels.

    Yields:
        One row per frame that has an image or an annotation; the clip is its folder's name.

    Raises:
        MissingError: the folder does not exist or cannot be listed.
        LayoutError: there is no `NNN/NNN.json`, or a clip occurs more than once.
    """
    for clip in _find_clips(root):
        yield from _read_clip(clip, root, options)


def _find_clips(root: Path) -> list[_Clip]:
    """Find the clips, sorted by name, and refuse duplicates."""
    annotated: dict[str, list[_Clip]] = defaultdict(list)
    bare: dict[str, list[_Clip]] = defaultdict(list)  # frames without a JSON file
    archives = 0
    for folder, names in files.walk(root, skip=_skip):
        clip = _Clip(folder.name or folder.resolve().name, folder, _images(names))  # the root may be `.`
        archives += sum(map(files.is_archive, names))
        if not CLIP.fullmatch(clip.name):
            continue
        if f"{clip.name}.json" in names:
            annotated[clip.name].append(clip)
        elif clip.images:
            bare[clip.name].append(clip)
    if not annotated:
        raise LayoutError(
            f"no NNN/NNN.json under {root}" + (f", but {counted(archives, 'archive')}" if archives else ""),
            hint="unpack the archives" if archives else "pass the folder that holds the clip folders",
        )
    found = {**bare, **annotated}
    repeated = sorted(name for name, clips in found.items() if len(clips) > 1)
    if repeated:
        where = ", ".join(str(clip.folder) for clip in found[repeated[0]])
        raise LayoutError(
            f"{counted(len(repeated), 'clip')} found more than once under {root}; "
            f"clip {repeated[0]} is in {where}",
            hint="pass the folder of one copy",
        )
    return [found[name][0] for name in sorted(found)]


def _skip(name: str) -> bool:
    """Whether to skip a name: junk, or crops that a repack puts beside the frames."""
    return files.is_junk(name) or name.endswith("_cropped")


def _images(names: list[str]) -> dict[int, str]:
    """Names of the frames by their number."""
    found: dict[int, str] = {}
    for suffix in reversed(IMAGES):
        for name in reversed(names):
            match = FRAME.fullmatch(name)
            if match and name.lower().endswith(suffix):
                found[int(match[1])] = name
    return found


def _read_clip(clip: _Clip, root: Path, options: Options) -> Iterator[Row]:
    """Rows of one clip, by number of the frame."""
    annotation = _read_annotation(clip.folder / f"{clip.name}.json")
    by_actor = options.identity == "actor"
    doubt = shifted(clip.images, annotation.frames)
    for number in sorted(clip.images.keys() | annotation.frames.keys()):
        file = clip.folder / clip.images.get(number, f"{number:05d}.png")
        entry = annotation.frames.get(number)
        disagreement = "labels disagree: the frame occurs twice" if entry is DISAGREEMENT else None
        entry = entry if isinstance(entry, dict) else {}
        labels, label_reason = _labels(entry)
        reasons = (
            annotation.reason,
            None if number in clip.images else "no image",
            None if number in annotation.frames else "no annotation",
            doubt,
            disagreement,
            label_reason,
            "no actor: --identity actor needs one" if by_actor and annotation.actor is None else None,
        )
        yield Row(
            path=file.relative_to(root).as_posix(),
            identity=annotation.actor or clip.name if by_actor else clip.name,
            clip=clip.name,
            frame=number,
            actor=annotation.actor,
            valence=labels[0],
            arousal=labels[1],
            landmarks=_landmarks(entry),
            pixel_aspect=pixel_aspect(file) if options.anamorphic and number in clip.images else 1.0,
            reason=next((reason for reason in reasons if reason), None),
        )


def _read_annotation(file: Path) -> _Annotation:
    """Read a JSON file; `reason` is set if it cannot be read."""
    try:
        content = json_once.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return _Annotation(reason=f"no annotation file: {file.name}")
    except OSError as error:
        return _Annotation(reason=f"unreadable annotation file: {file.name}: {error.strerror}")
    except (ValueError, RecursionError) as error:
        return _Annotation(reason=f"broken annotation file: {file.name}: {error}")
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, dict):
        return _Annotation(reason=f"broken annotation file: {file.name} has no table `frames`")
    actor = content.get("actor")
    # JSON may contain half of a surrogate pair (`\ud800`), which cannot be stored.
    actor = known(actor.encode("utf-8", "backslashreplace").decode()) if isinstance(actor, str) else None
    return _Annotation(actor=actor, frames=_by_number(frames))


def _by_number(frames: Mapping[str, Any]) -> dict[int, Any]:
    """Entries by frame number; two keys of one number (`1`, `00001`) must agree."""
    numbered: dict[int, Any] = {}
    for key, entry in frames.items():
        if match := FRAME.fullmatch(key):
            number = int(match[1])
            numbered[number] = agreed(numbered[number], entry) if number in numbered else entry
    return numbered


def _labels(entry: Mapping[str, Any]) -> tuple[tuple[float | None, float | None], str | None]:
    """Valence and arousal in [-1, 1], or the drop reason."""
    scaled = []
    for name in ("valence", "arousal"):
        value = entry.get(name)
        if value is None:
            return (None, None), f"no label: {name}"
        if value is DISAGREEMENT:
            return (None, None), f"labels disagree: {name} occurs twice"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return (None, None), f"label is not a number: {name} is {value!r:.40}"
        if not -LABEL_SCALE <= value <= LABEL_SCALE:  # also false for NaN
            return (None, None), f"label out of range: {name} is {value!r:.40}, expected -10 to 10"
        scaled.append(value / LABEL_SCALE)
    return (scaled[0], scaled[1]), None


def _landmarks(entry: Mapping[str, Any]) -> np.ndarray | None:
    """68 points of a frame, None if missing or malformed."""
    try:
        points = np.array(entry.get("landmarks"), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    usable = points.shape == (68, 2) and np.all(np.abs(points) <= LANDMARK_LIMIT_PX)  # false for NaN
    return points.astype(np.float32) if usable else None


STORED_PX = (720, 576)  # width and height of a PAL frame
SHOWN_WIDTH_PX = 960  # width with square pixels; as in EMOCA (Danecek et al. 2022)


def pixel_aspect(file: Path) -> float:
    """Pixel width divided by pixel height, from the size in an image's header.

    Args:
        file: an image.

    Returns:
        4/3 for an image of 720 x 576 px, else 1, also for an unreadable file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # too large for a PAL frame
            with Image.open(file) as image:
                return SHOWN_WIDTH_PX / STORED_PX[0] if image.size == STORED_PX else 1.0
    except (OSError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return 1.0  # prepare drops unreadable images with a reason
