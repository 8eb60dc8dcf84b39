"""What `prepare` can be told."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from elimctl.config import Config, Values
from elimctl.faces.align import CropOptions
from elimctl.faces.options import DetectorOptions
from elimctl.manifest.cluster import THRESHOLD
from elimctl.prepare import partition, split_file

# Where a detector runs, not what it finds; `models` is a path of this machine, and the model has a digest.
PLACE = frozenset({"models", "device", "threads"})
# Who does the work, and the path of a file whose content counts.
DEALING = frozenset({"workers", "executor", "splits"})


class PrepareSettings(Config):
    """How raw rows become a prepared dataset."""

    detector: DetectorOptions = DetectorOptions()
    crop: CropOptions = CropOptions()
    store: Literal["zarr", "hdf5"] = "zarr"
    # raw: the pixels, read fastest. blosc: the pixels, compressed. jpeg: quality 95, 4:4:4, a tenth as large.
    codec: Literal["raw", "blosc", "jpeg"] = "raw"
    shard_images: int = Field(default=256, ge=1, le=65_536)  # images in a shard, the unit of work: 50 MB
    # dataset: what the dataset's options say. cluster: faces that ArcFace finds alike.
    # estimated-age: groups of the ages that insightface's model estimates.
    identities: Literal["dataset", "cluster", "estimated-age"] = "dataset"
    cluster_threshold: float = Field(default=THRESHOLD, gt=-1, lt=1)  # mean cosine above which clips merge
    # Kim & Song 2022 split AFEW-VA 5:1. 1: no folds; where there are no splits either, every row is `test`.
    folds: int = Field(default=6, ge=1, le=127)
    seed: int = Field(default=0, ge=0)  # of the folds
    # official: the dataset's own splits; folds: none but the folds; else a CSV file (own_splits.py), or two
    # or three with commas between them (partition.py).
    splits: str = "official"
    workers: int = Field(default=0, ge=0)  # processes that find and crop faces; 0: one per core
    executor: Literal["local", "ray"] = "local"  # processes of this machine, or tasks on a Ray cluster


def recorded(settings: PrepareSettings) -> Values:
    """The settings that the result depends on, as values for JSON."""
    values = settings.model_dump(
        mode="json", exclude={"detector": set(PLACE), **dict.fromkeys(DEALING, True)}
    )
    if settings.splits in ("official", "folds"):
        return {**values, "splits": settings.splits}
    return {**values, "splits": partition.digest(split_file.files_of(settings.splits))}


def of_a_unit(settings: PrepareSettings) -> Values:
    """The settings that the bytes of a unit depend on, as values for JSON."""
    include = {"detector": True, "crop": True, "codec": True, "shard_images": True}
    return settings.model_dump(mode="json", include=include, exclude={"detector": set(PLACE)})


def recorded_options(options: Config) -> Values:
    """A dataset's options as values for JSON, without paths: what a file says is in the rows."""
    paths = {name for name, value in options if isinstance(value, Path)}
    return options.model_dump(mode="json", exclude=paths)
