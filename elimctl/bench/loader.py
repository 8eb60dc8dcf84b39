"""How fast training batches are made, against the public reference's pipeline and what the memory allows.

One process on one core gathers batches of random images of 256 px, each cropped to 224 px at random and
flipped or not, in turn by

* ours, as training does, from stores of each kind: `ours` (zarr, raw), `hdf5` (raw) and `jpeg` (zarr);
* `reference`: JPEG files as Pillow writes them, Pillow, and torchvision's Resize, RandomCrop,
  RandomHorizontalFlip, ToTensor and Normalize, in torch's DataLoader; its batches are float32;
* `memmap`: the limit of raw images, one array in one file, cut by our own function into one buffer;
* `cv2_decode`: the limit of JPEG, the stored files decoded from memory, and nothing else.

All work in the thread that asks, and none waits, for the files are in the page cache. So seconds are those of
the processor, which other work on the machine does not take up.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.lib.format import open_memmap
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from elimctl.backbones.normalise import MEAN, STD
from elimctl.bench import drawn
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.loader.crop import cut, draw_crops
from elimctl.store import images as stores
from elimctl.store.codec import Codec
from elimctl.store.images import Images, Kind, open_images

IMAGE_PX, CROP_PX, FLIP = 256, 224, 0.5
SHARD_IMAGES = 256
ROUNDS, ROUND_S = 8, 0.5  # of all in turn; the fastest round of each counts

Make = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured, images a second of processor time."""

    ours: float
    reference: float
    memmap: float
    hdf5: float
    jpeg: float
    cv2_decode: float

    @property
    def ratios(self) -> dict[str, float]:
        """Ours against the reference, and each store against its limit."""
        return {
            "ours_to_reference": self.ours / self.reference,
            "ours_to_memmap": self.ours / self.memmap,
            "hdf5_to_memmap": self.hdf5 / self.memmap,
            "jpeg_to_cv2_decode": self.jpeg / self.cv2_decode,
        }


def measure(scratch: Path, *, images: int, batch_size: int) -> Iterator[str | Rates]:
    """Measure the making of batches.

    Args:
        scratch: an empty folder for the images.
        images: number of images.
        batch_size: images in a batch; all of them where there are fewer.

    Yields:
        What is being done, and last what was measured.
    """
    yield f"drawing {images:,} images"
    _write(scratch, images)
    batch_size = min(batch_size, images)  # as training does; others would have no batch at all
    with _one_core():
        makers: dict[str, Make] = {
            "ours": _ours(scratch / "zarr-raw", batch_size),
            "reference": _reference(scratch / "files", batch_size),
            "memmap": _memmap(scratch / "images.npy", batch_size),
            "hdf5": _ours(scratch / "hdf5-raw", batch_size),
            "jpeg": _ours(scratch / "zarr-jpeg", batch_size),
            "cv2_decode": _decode(open_images(scratch / "zarr-jpeg"), batch_size),
        }
        best = dict.fromkeys(makers, 0.0)
        for number in range(ROUNDS):
            yield f"round {number + 1} of {ROUNDS}"
            for name, make in makers.items():
                best[name] = max(best[name], batch_size * _batches_a_second(make))
    yield Rates(**best)


def _batches_a_second(make: Make) -> float:
    made, started = 0, time.thread_time()
    while (seconds := time.thread_time() - started) < ROUND_S:
        make()
        made += 1
    return made / seconds


def _ours(folder: Path, batch_size: int) -> Make:
    """Batches as training has them, made when asked for."""
    reader = open_images(folder)
    index = np.arange(reader.shape[0])
    samples = Samples(index, np.zeros((len(index), 2), np.float32), np.zeros_like(index), ("drawn",))
    plan = Plan(
        batch_size=batch_size,
        sampler="shuffle",
        identities_per_batch=10,
        min_samples=2,
        crop_px=CROP_PX,
        hflip=FLIP,
        seed=0,
    )
    batches, steps = Batches(reader, samples, plan, workers=0), count()
    return lambda: batches.batch(next(steps))


class _Files(Dataset):
    """Image files, transformed one by one."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.transform = transforms.Compose(
            [
                transforms.Resize(IMAGE_PX),
                transforms.RandomCrop(CROP_PX),
                transforms.RandomHorizontalFlip(FLIP),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> torch.Tensor:
        with Image.open(self.files[number]) as image:
            return self.transform(image.convert("RGB"))


def _reference(folder: Path, batch_size: int) -> Make:
    """Batches of the public reference's pipeline."""
    loader = DataLoader(_Files(sorted(folder.iterdir())), batch_size, shuffle=True, drop_last=True)
    batches = (batch for _ in count() for batch in loader)
    return lambda: next(batches)


def _memmap(file: Path, batch_size: int) -> Make:
    """The crops of random images of one array, copied into one buffer."""
    images = np.asarray(np.load(file, mmap_mode="r"))
    buffer = np.empty((batch_size, CROP_PX, CROP_PX, 3), np.uint8)
    rng = np.random.default_rng(0)

    def make() -> None:
        numbers = rng.integers(0, len(images), batch_size).tolist()
        crops = draw_crops(rng, batch_size, slack_px=IMAGE_PX - CROP_PX, hflip=FLIP)
        cut((images[number] for number in numbers), crops, out=buffer)

    return make


def _decode(reader: Images, batch_size: int) -> Make:
    """JPEG files decoded from memory."""
    chunks = reader.chunks(range(reader.shape[0]))
    files = [np.frombuffer(chunk, np.uint8) for chunk in chunks if chunk is not None]
    rng = np.random.default_rng(0)

    def make() -> None:
        for number in rng.integers(0, len(files), batch_size).tolist():
            cv2.imdecode(files[number], cv2.IMREAD_COLOR)

    return make


def _write(scratch: Path, total: int) -> None:
    """Write the same images as stores, as an array, and as files."""
    units: dict[Codec, list[Path]] = {"raw": [], "jpeg": []}
    shape = (total, IMAGE_PX, IMAGE_PX, 3)
    array = open_memmap(scratch / "images.npy", "w+", np.uint8, shape)
    (scratch / "files").mkdir()
    faces = drawn.faces(total, side_px=IMAGE_PX)
    for start in range(0, total, SHARD_IMAGES):
        numbers = range(start, min(start + SHARD_IMAGES, total))
        part = array[numbers.start : numbers.stop]
        for number, image in zip(numbers, part, strict=True):
            image[...] = next(faces)
            Image.fromarray(image).save(scratch / "files" / f"{number:06}.jpg")
        for codec, written in units.items():
            kept = np.ones(len(part), bool)
            encoded = stores.encode_unit(part, kept, codec=codec, shard_images=SHARD_IMAGES)
            written.append(scratch / f"{codec}-{start}")
            written[-1].write_bytes(encoded.content)
    wanted: list[tuple[Kind, Codec]] = [("zarr", "raw"), ("hdf5", "raw"), ("zarr", "jpeg")]
    for kind, codec in wanted:
        folder = scratch / f"{kind}-{codec}"
        folder.mkdir()
        stores.write_images(
            folder, shape, units[codec], kind=kind, codec=codec, shard_images=SHARD_IMAGES, attributes={}
        )


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep OpenCV and torch to one thread."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
