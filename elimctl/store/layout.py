"""What every store notes about itself: the shape of its images, and how they are coded and grouped."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store.codec import JPEG, Codec

Shape = tuple[int, int, int, int]  # (N, S, S, 3)
OURS = frozenset({"format", "shape", "codec", "shard_images", "jpeg", "empty_shards"})


@dataclass(frozen=True, slots=True)
class Layout:
    """How the images of a store are laid out.

    Args:
        shape: (N, S, S, 3).
        codec: how each image is coded.
        shard_images: images a unit of work has, and a shard file of a zarr array.
    """

    shape: Shape
    codec: Codec
    shard_images: int

    @property
    def image_bytes(self) -> int:
        """Size of an image's pixels."""
        return math.prod(self.shape[1:])


def note(layout: Layout, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a store notes, as values for JSON: attributes of the caller, the format version, its layout.

    The attributes may be those of another store; what it noted of its own layout is not taken over.
    """
    noted = {
        **{name: value for name, value in attributes.items() if name not in OURS},
        "format": parquet.FORMAT,
        "shape": list(layout.shape),
        "codec": layout.codec,
        "shard_images": layout.shard_images,
    }
    return noted | ({"jpeg": JPEG} if layout.codec == "jpeg" else {})


def read(noted: object, path: Path) -> tuple[Layout, dict[str, Any]]:
    """The layout of a store, and all that it notes.

    Args:
        noted: what was found under the store's attribute `elimctl`.
        path: the store, for the message.

    Raises:
        StoreError: elimctl did not write it, a newer one did, or the notes are damaged.
    """
    values: dict[str, Any] = noted if isinstance(noted, dict) else {}
    parquet.check(values.get("format"), path)
    shape, codec, shard_images = (values.get(name) for name in ("shape", "codec", "shard_images"))
    numbers = [*shape, shard_images] if isinstance(shape, list) else []
    sound = len(numbers) == 5 and all(isinstance(number, int) and number > 0 for number in numbers)
    if not sound or codec not in get_args(Codec):
        raise StoreError(
            f"{path} notes shape {shape}, codec {codec} and {shard_images} images a shard; "
            f"wanted (N, S, S, 3), one of {', '.join(get_args(Codec))}, and a number",
            hint="run elimctl prepare again",
        )
    return Layout(tuple(numbers[:4]), codec, numbers[4]), values  # type: ignore[arg-type]
