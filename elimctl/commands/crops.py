"""How the crops of a store were made, and how they differ from the training crops of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from elimctl.config import Values
from elimctl.errors import ElimctlError
from elimctl.loader.view import View
from elimctl.manifest import parquet
from elimctl.prepare.build import read_record
from elimctl.store.images import open_images
from elimctl.train.run import Run
from elimctl.workspace import Workspace

ANNOTATION = "annotation"  # the detector that uses the dataset's boxes or landmarks
UNKNOWN = "the run does not record how the training crops were made"
# Facts of a recipe that change the content of a crop, with their names in messages.
SHOWN = {
    "faces": "faces from",
    "detector": "version of the detector",
    "min_score": "lowest score of a face",
    "longer_side_px": "longer side of images for the detector",
    "align": "alignment by",
    "margin": "margin",
    "room": "room",
}


def recipe(folder: Path) -> Values:
    """Read how the crops of the dataset in a folder were made.

    Returns:
        `size_px`, the side of the crops, and `faces`, the source of the faces. If a detector ran:
        `detector` (its digest), its settings `min_score` and `longer_side_px`, `align`, and `margin` (box) or
        `room` (points). Facts that are not recorded are left out.

    Raises:
        StoreError: the manifest or the images are missing or damaged.
    """
    reader, record = open_images(folder), read_record(folder)
    settings = record.get("settings") or {}
    detector, options = settings.get("detector") or {}, reader.attributes.get("crop") or {}
    dataset, name = record.get("dataset", "unknown"), detector.get("name", "unknown")
    table = parquet.read(folder, only=("status", "faces"))
    found_faces = table["faces"].filter(pc.equal(table["status"], "kept"))  # null: the image was a crop
    detected, shipped = found_faces.null_count < len(found_faces), found_faces.null_count > 0
    source = f"{name} of {dataset}" if name == ANNOTATION else name
    faces = [source] * detected + [f"crops of {dataset}"] * shipped
    facts: Values = {"size_px": reader.shape[1], "faces": " and ".join(faces)}
    if not detected:
        return facts
    facts |= {"detector": record.get("detector"), "align": options.get("align")}
    if name != ANNOTATION:  # it has no settings
        facts |= {key: detector.get(key) for key in ("min_score", "longer_side_px")}
    around = "room" if options.get("align") == "points" else "margin"
    facts[around] = options.get(around)
    return {key: value for key, value in facts.items() if value is not None}


def recipe_of_run(run: Run) -> Values | None:
    """Read how the training crops of a run were made, as `recipe`; None if unknown.

    Without a record in the run, the facts come from its dataset, if that is unchanged.
    """
    facts = run.facts()
    crop = facts.get("crop")
    if isinstance(crop, dict):
        return crop
    folder = Workspace(run.folder.parents[1]).data / str(run.config().data.name)
    try:
        same = parquet.digest(folder / parquet.NAME) == facts.get("manifest")
        return recipe(folder) if same else None
    except (OSError, ElimctlError):
        return None


def view_of_run(run: Run) -> View:
    """Return the part of a crop that the network of a run sees."""
    return view(run, recipe_of_run(run))


def view(run: Run, trained: Mapping[str, Any] | None) -> View:
    """Return the same, for given facts about the training crops."""
    return View(run.config().model.image_px, None if trained is None else int(trained["size_px"]))


def differences(trained: Mapping[str, Any] | None, shown: Mapping[str, Any]) -> list[str]:
    """List how crops differ from the training crops of a run, a line each; see `recipe` for the facts.

    Lines concern the source of the faces, detector, alignment, margin, or fewer pixels. None for the training
    crops means unknown.
    """
    if trained is None:
        return [UNKNOWN]
    lines = [
        f"{title} {_text(shown, key)} here, {_text(trained, key)} in training"
        for key, title in SHOWN.items()
        if trained.get(key) != shown.get(key) and _counts(key, trained, shown)
    ]
    if shown["size_px"] < trained["size_px"]:
        lines.append(f"crops of {shown['size_px']} px here, enlarged to {trained['size_px']} px of training")
    return lines


def _counts(key: str, trained: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    """Whether a difference is more than a consequence of another detector or alignment."""
    if key in ("detector", "min_score", "longer_side_px"):
        return trained.get("faces") == shown.get("faces")
    if key in ("margin", "room"):
        return trained.get("align") == shown.get("align")
    return True


def _text(recipe: Mapping[str, Any], key: str) -> str:
    value = recipe.get(key)
    if value is None:
        return "none"
    return str(value)[:12] if key == "detector" else str(value)
