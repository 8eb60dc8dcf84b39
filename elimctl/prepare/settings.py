"""What `prepare` can be told."""

from typing import Literal

from pydantic import Field

from elimctl.config import Config, Values
from elimctl.faces.align import CropOptions
from elimctl.faces.options import DetectorOptions

# Where a detector runs, not what it finds; `models` is a path of this machine, and the model has a digest.
PLACE = frozenset({"models", "device", "threads"})


class PrepareSettings(Config):
    """How raw rows become a prepared dataset."""

    detector: DetectorOptions = DetectorOptions()
    crop: CropOptions = CropOptions()
    store: Literal["zarr", "hdf5"] = "zarr"
    shard_images: int = Field(default=256, ge=1, le=65_536)  # images in a shard, the unit of work: 50 MB
    folds: int = Field(default=6, ge=2, le=127)  # Kim & Song 2022 split AFEW-VA 5:1
    seed: int = Field(default=0, ge=0)  # of the folds


def recorded(settings: PrepareSettings) -> Values:
    """The settings that the result depends on, as values for JSON."""
    return settings.model_dump(mode="json", exclude={"detector": set(PLACE)})
