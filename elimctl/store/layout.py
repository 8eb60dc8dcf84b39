"""The layout that every store records in its attributes: image shape, codec, and images per shard."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store.codec import JPEG, Codec
from elimctl.store.file import Span

Shape = tuple[int, int, int, int]  # (N, S, S, 3)
LAYOUT_KEYS = frozenset({"format", "shape", "codec", "shard_images", "jpeg", "empty_shards"})


@dataclass(frozen=True, slots=True)
class Layout:
    """How the images of a store are laid out."""

    shape: Shape  # (N, S, S, 3)
    codec: Codec  # how each image is encoded
    shard_images: int  # images in a unit of work, and in a shard file of a zarr array

    @property
    def image_bytes(self) -> int:
        """Size of an image's pixels."""
        return math.prod(self.shape[1:])

    def attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes to record, as values for JSON: those of the caller, format version, layout.

        The caller may pass the attributes of another store; its layout is replaced.
        """
        return {
            **{name: value for name, value in attributes.items() if name not in LAYOUT_KEYS},
            "format": parquet.FORMAT,
            "shape": list(self.shape),
            "codec": self.codec,
            "shard_images": self.shard_images,
            **({"jpeg": JPEG} if self.codec == "jpeg" else {}),
        }


class Source(Protocol):
    """Interface of a store: the encoded bytes of its images.

    Its methods raise StoreError if a file of the store is missing, truncated or damaged.
    """

    layout: Layout
    attributes: dict[str, Any]

    def fetch(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """Read an image's bytes, into `out` (contiguous uint8 of their size) if given; None if not kept."""
        place = self.place(number)
        return None if place is None else place.read(out)

    def place(self, number: int) -> Span | None:
        """Return the place of an image's bytes; None for an image that is not kept."""
        ...

    def check(self) -> None:
        """Check the place of every image without reading it."""
        ...


def read(recorded: object, path: Path) -> tuple[Layout, dict[str, Any]]:
    """Return the layout of the store at a path, and all attributes that it records under `elimctl`.

    Raises:
        StoreError: elimctl did not write the store, a newer version did, or the attributes are damaged.
    """
    values: dict[str, Any] = recorded if isinstance(recorded, dict) else {}
    parquet.check(values.get("format"), path)
    shape, codec, shard_images = (values.get(name) for name in ("shape", "codec", "shard_images"))
    numbers = [*shape, shard_images] if isinstance(shape, list) else []
    sound = len(numbers) == 5 and all(isinstance(number, int) and number > 0 for number in numbers)
    if not sound or codec not in get_args(Codec):
        raise StoreError(
            f"{path} records shape {shape}, codec {codec} and {shard_images} images a shard; "
            f"wanted (N, S, S, 3), one of {', '.join(get_args(Codec))}, and a number",
            hint="run elimctl prepare again",
        )
    return Layout(tuple(numbers[:4]), codec, numbers[4]), values  # type: ignore[arg-type]
