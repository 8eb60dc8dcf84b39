"""Settings of `prepare`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from elimctl.config import Config, Values
from elimctl.faces.align import CropOptions
from elimctl.faces.options import DetectorOptions
from elimctl.manifest.cluster import THRESHOLD
from elimctl.prepare import partition, split_file

# Detector settings that do not change its result; the model's digest stands for `models`.
DETECTOR_PLACE = frozenset({"models", "device", "threads"})
# Settings that do not change the result; the digest of the files stands for `splits`.
UNRECORDED = frozenset({"workers", "executor", "splits"})


class PrepareSettings(Config):
    """Settings that turn raw rows into a prepared dataset."""

    detector: DetectorOptions = DetectorOptions()
    crop: CropOptions = CropOptions()
    store: Literal["zarr", "hdf5"] = "zarr"
    # raw: pixels, read fastest. blosc: compressed pixels. jpeg: quality 95, 4:4:4, a tenth of the size.
    codec: Literal["raw", "blosc", "jpeg"] = "raw"
    shard_images: int = Field(default=256, ge=1, le=65_536)  # images in a shard, the unit of work; 50 MB
    # dataset: from the dataset's options. cluster: clusters of ArcFace features.
    # estimated-age: groups of ages that insightface's model estimates.
    identities: Literal["dataset", "cluster", "estimated-age"] = "dataset"
    cluster_threshold: float = Field(
        default=THRESHOLD, gt=-1, lt=1
    )  # mean cosine similarity above which clips merge
    # Kim & Song 2022 split AFEW-VA 5:1. 1: no folds; without splits, every row is then `test`.
    folds: int = Field(default=6, ge=1, le=127)
    seed: int = Field(default=0, ge=0)  # of the folds
    # official: the dataset's splits; folds: only the folds; else a CSV file (split_file.py), or two or three
    # CSV files separated by commas (partition.py).
    splits: str = "official"
    workers: int = Field(default=0, ge=0)  # processes; 0: one per core
    executor: Literal["local", "ray"] = "local"  # processes of this machine, or tasks on a Ray cluster


def recorded(settings: PrepareSettings) -> Values:
    """Return the settings that the result depends on, as values for JSON."""
    values = settings.model_dump(
        mode="json", exclude={"detector": set(DETECTOR_PLACE), **dict.fromkeys(UNRECORDED, True)}
    )
    if settings.splits in ("official", "folds"):
        return {**values, "splits": settings.splits}
    return {**values, "splits": partition.digest(split_file.files_of(settings.splits))}


def of_a_unit(settings: PrepareSettings) -> Values:
    """Return the settings that the bytes of a unit depend on, as values for JSON."""
    include = {"detector": True, "crop": True, "codec": True, "shard_images": True}
    return settings.model_dump(mode="json", include=include, exclude={"detector": set(DETECTOR_PLACE)})


def recorded_options(options: Config) -> Values:
    """Return a dataset's options as values for JSON, without paths: the rows hold the content of files."""
    paths = {name for name, value in options if isinstance(value, Path)}
    return options.model_dump(mode="json", exclude=paths)
