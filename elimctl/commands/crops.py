"""How the crops of a store were made, and whether a run knows such crops."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from elimctl.config import Values
from elimctl.errors import ElimctlError
from elimctl.loader.view import View
from elimctl.manifest import parquet
from elimctl.prepare.build import read_record
from elimctl.store.images import open_images
from elimctl.train.run import Run
from elimctl.workspace import Workspace

ANNOTATION = "annotation"  # the detector that looks nowhere: the dataset's own boxes or landmarks
UNKNOWN = "how the crops of training were made is unknown"
# Facts of a recipe that change what a crop shows, and what they are called.
SHOWN = {
    "faces": "faces from",
    "detector": "version of the detector",
    "min_score": "least score of a face",
    "longer_side_px": "side of the images that faces are sought in",
    "align": "alignment by",
    "margin": "margin",
    "room": "room",
}


def recipe(folder: Path) -> Values:
    """How the crops of a prepared dataset were made.

    Args:
        folder: the dataset's.

    Returns:
        `size_px`, the side of the crops; `faces`, who says where a face is; and, unless all images were crops
        already, `detector` (its digest), its settings `min_score` and `longer_side_px`, `align`, and `margin`
        or `room`, whichever counts. What is not recorded is left out.

    Raises:
        StoreError: its manifest or images are missing or damaged.
    """
    reader, record = open_images(folder), read_record(folder)
    settings = record.get("settings") or {}
    detector, options = settings.get("detector") or {}, reader.attributes.get("crop") or {}
    of, name = record.get("dataset", "unknown"), detector.get("name", "unknown")
    sought, given = _found(parquet.read(folder, only=("status", "faces")))
    by = f"{name} of {of}" if name == ANNOTATION else name
    faces = [by] * sought + [f"crops of {of}"] * given
    found: Values = {"size_px": reader.shape[1], "faces": " and ".join(faces)}
    if not sought:
        return found
    found |= {"detector": record.get("detector"), "align": options.get("align")}
    if name != ANNOTATION:  # it has no settings
        found |= {key: detector.get(key) for key in ("min_score", "longer_side_px")}
    around = "room" if options.get("align") == "points" else "margin"
    found[around] = options.get(around)
    return {key: value for key, value in found.items() if value is not None}


def _found(table: pa.Table) -> tuple[bool, bool]:
    """Whether faces were sought in kept rows, and whether some kept rows were crops already."""
    faces = table["faces"].filter(pc.equal(table["status"], "kept"))
    return faces.null_count < len(faces), faces.null_count > 0


def recipe_of_run(run: Run) -> Values | None:
    """How the crops were made that a run was trained on.

    Args:
        run: a run; one that did not record it has it of its dataset, if that is still the same.

    Returns:
        As `recipe`; None where nobody knows.
    """
    facts = run.facts()
    noted = facts.get("crop")
    if isinstance(noted, dict):
        return noted
    folder = Workspace(run.folder.parents[1]).data / str(run.config().data.name)
    try:
        same = parquet.digest(folder / parquet.NAME) == facts.get("manifest")
        return recipe(folder) if same else None
    except (OSError, ElimctlError):
        return None


def view_of_run(run: Run) -> View:
    """What the network of a run sees of a crop."""
    return view(run, recipe_of_run(run))


def view(run: Run, trained: Mapping[str, Any] | None) -> View:
    """The same, where it is known how the crops of training were made."""
    return View(run.config().model.image_px, None if trained is None else int(trained["size_px"]))


def differences(trained: Mapping[str, Any] | None, shown: Mapping[str, Any]) -> list[str]:
    """What crops show otherwise than those that a run was trained on; another size alone changes little.

    Args:
        trained: how the crops of training were made, None where nobody knows.
        shown: how these were.

    Returns:
        A line for each difference, none where there is none: who says where a face is, alignment, margin, or
        fewer pixels than there were.
    """
    if trained is None:
        return [UNKNOWN]
    found = [
        f"{what} {_said(shown, key)} here, {_said(trained, key)} in training"
        for key, what in SHOWN.items()
        if trained.get(key) != shown.get(key) and _counts(key, trained, shown)
    ]
    if shown["size_px"] < trained["size_px"]:
        found.append(f"crops of {shown['size_px']} px here, enlarged to {trained['size_px']} px of training")
    return found


def _counts(key: str, trained: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    """Whether a difference says more than that of who finds the faces, or of the alignment."""
    if key in ("detector", "min_score", "longer_side_px"):
        return trained.get("faces") == shown.get("faces")
    if key in ("margin", "room"):
        return trained.get("align") == shown.get("align")
    return True


def _said(recipe: Mapping[str, Any], key: str) -> str:
    value = recipe.get(key)
    if value is None:
        return "none"
    return str(value)[:12] if key == "detector" else str(value)
