"""Compute, cache and list the features of a prepared dataset."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.config import Values, validate
from elimctl.errors import ConfigError, DataError, MissingError, StoreError
from elimctl.faces.align import CropOptions
from elimctl.faces.embed import FaceModel
from elimctl.faces.options import Device
from elimctl.loader.view import View
from elimctl.manifest import parquet
from elimctl.prepare import lock
from elimctl.store import features as cache
from elimctl.store.images import Images, open_images

BATCH = 64  # images in a batch of a model

# Features (B, d) float32 from crops of the store (B, S, S, 3) uint8 and five points or None for each.
Embed = Callable[[np.ndarray, Sequence[np.ndarray | None]], np.ndarray]
# Passes batches through and may show progress; the second argument is their number.
Track = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that computes features; it is loaded when it is needed."""

    name: str  # name of the run, or `arcface` or `age`
    digest: str  # sha256 of the model file
    preprocessing: str  # version of the model's input
    load: Callable[[], Embed]  # returns the function from crops to features
    # lists how crops of a dataset (its folder) differ from the training crops
    differences: Callable[[Path], Sequence[str]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """Features of a dataset."""

    model: str  # name of the model
    key: str  # key in the cache
    rows: int  # number of rows of the manifest
    kept: int  # number of rows with features; other rows are NaN
    width: int  # number of features of a row
    computed: bool  # False if the features were cached already
    path: Path  # folder of the array
    # how the crops differ from the training crops of the model, a line each
    crop_differences: tuple[str, ...] = ()


def face_model(folder: Path, kind: FaceModel, *, models: Path | None, device: Device = "auto") -> Model:
    """Find a model of insightface's packs, for the dataset in a folder.

    Without a folder `models`, insightface's cache is searched.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
    """
    file = kind.find(models)
    crop = validate(CropOptions, open_images(folder).attributes["crop"], where="crop")
    return Model(
        kind.name,
        parquet.digest(file),
        kind.version,
        lambda: kind.load(file, crop=crop, device=device).embed,
    )


def run_model(folder: Path, *, device: str = "auto") -> Model:
    """Return the model that computes the features z of the run in a folder.

    Raises:
        MissingError: the run has no checkpoint yet.
    """
    from elimctl.commands import crops
    from elimctl.train.run import Run  # torch loads here

    run = Run(folder)
    trained = crops.recipe_of_run(run)
    view = crops.view(run, trained)
    if not run.kept.exists():
        raise MissingError(f"run {run.name} has no checkpoint yet", hint="train it with elimctl train")
    return Model(
        run.name,
        parquet.digest(run.kept),
        view.name,
        lambda: _encoder(folder, view=view, device=device),
        lambda dataset: crops.differences(trained, crops.recipe(dataset)),
    )


def _encoder(folder: Path, *, view: View, device: str) -> Embed:
    import torch

    from elimctl.train import hardware, run

    torch_device = hardware.device(device)
    model, _ = run.load_model(run.Run(folder))
    encode = getattr(model.to(torch_device), "encode", None)
    if encode is None:
        raise ConfigError(
            f"the method of run {folder.name} has no encode(images), which computes the features",
            hint="choose another run",
        )

    def features(images: np.ndarray, points: Sequence[np.ndarray | None]) -> np.ndarray:  # noqa: ARG001
        crops = torch.from_numpy(np.ascontiguousarray(view.apply(images)))
        with torch.inference_mode(), torch.autocast(torch_device.type, enabled=False):
            return encode(crops.to(torch_device).permute(0, 3, 1, 2)).float().cpu().numpy()

    return features


def extract(
    folder: Path,
    model: Model,
    *,
    batch_size: int = BATCH,
    reserve: bool = False,
    track: Track = lambda batches, _: batches,
) -> Extraction:
    """Compute and cache the features of a dataset, unless an undamaged cache has them.

    Args:
        folder: the dataset's folder.
        model: computes the features.
        batch_size: images in a batch, >= 1.
        reserve: take the dataset's lock (shared) while the model runs; False if the caller holds it.
        track: wraps the batches.

    Raises:
        ConfigError: another process is changing the dataset.
        DataError: features are not finite.
        StoreError: the manifest or images are missing, damaged, or of a newer version.
    """
    table, reader = parquet.read(folder), open_images(folder)
    kept = pc.equal(table["status"], "kept").to_numpy()
    facts = dataset_facts(table, reader.attributes)
    facts |= {"model": model.digest, "preprocessing": model.preprocessing}
    key = cache.key(facts)
    computed = not _is_cached(folder, key)
    if computed:
        with lock.hold(folder, shared=True) if reserve else nullcontext():
            batches = _batches(table, kept, reader, model.load(), batch_size)
            attributes = {"facts": facts, "model": model.name}
            tracked = track(batches, -(-table.num_rows // batch_size))
            cache.write(folder, key, tracked, attributes=attributes)
    features = cache.open(folder, key)
    return Extraction(
        model=model.name,
        key=key,
        rows=table.num_rows,
        kept=int(kept.sum()),
        width=features.shape[1],
        computed=computed,
        path=features.path,
        crop_differences=tuple(model.differences(folder)),
    )


def _is_cached(folder: Path, key: str) -> bool:
    """Whether undamaged features are cached under a key."""
    try:
        cache.open(folder, key).check()
    except StoreError:
        return False
    return True


def dataset_facts(table: pa.Table, attributes: Mapping[str, Any]) -> Values:
    """Collect the facts of a dataset that its features depend on, from its manifest and image store."""
    points = hashlib.sha256()
    for chunk in table["crop_points"].chunks:
        points.update(pc.fill_null(pc.list_value_length(chunk), -1).to_numpy().astype("<i4").tobytes())
        points.update(pc.list_flatten(chunk).to_numpy(zero_copy_only=False).astype("<f4").tobytes())
    digests = table.select(["image_sha256"]).to_batches(max_chunksize=4096)
    return {
        "content": cache.content(digest for batch in digests for digest in batch.column(0).to_pylist()),
        "crop": attributes["crop"],
        "points": points.hexdigest(),
    }


def _batches(
    table: pa.Table, kept: np.ndarray, reader: Images, embedding: Embed, batch_size: int
) -> Iterator[np.ndarray]:
    """Compute the features of all rows; NaN for dropped rows."""
    first = np.flatnonzero(kept)[:1]
    width = embedding(_images(table, reader, first), _points(table, first)).shape[1]
    for start in range(0, len(kept), batch_size):
        features = np.full((min(batch_size, len(kept) - start), width), np.nan, np.float32)
        rows = start + np.flatnonzero(kept[start : start + batch_size])
        if len(rows):
            embedded = embedding(_images(table, reader, rows), _points(table, rows))
            features[rows - start] = _finite(embedded, rows)
        yield features


def _images(table: pa.Table, reader: Images, rows: np.ndarray) -> np.ndarray:
    """Read the images of rows and compare their hashes with the manifest."""
    expected_digests = table["image_sha256"].take(pa.array(rows)).to_pylist()
    for row, digest, expected in zip(rows.tolist(), reader.digests(rows), expected_digests, strict=True):
        if digest != expected:
            raise StoreError(
                f"image {row} of {reader.path} has sha256 {digest}, the manifest says {expected}",
                hint="run elimctl data verify",
            )
    return reader.read(rows)


def _finite(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    bad = rows[~np.isfinite(features).all(axis=1)]
    if len(bad):
        raise DataError(
            f"features of {len(bad)} of {len(rows)} images are not finite, first at manifest row {bad[0]}",
            hint="choose another run or checkpoint",
        )
    return features


def _points(table: pa.Table, rows: np.ndarray) -> list[np.ndarray | None]:
    values = table["crop_points"].take(pa.array(rows)).to_pylist()
    return [None if value is None else np.reshape(value, (-1, 2)) for value in values]


def listing(folder: Path) -> list[Values]:
    """List the cached features of the dataset in a folder.

    Returns:
        For each `key`, `model`, `rows`, `width`, `size_mb` (10^6 bytes), and `current`: whether they belong
        to the present state of the dataset.
    """
    facts = dataset_facts(parquet.read(folder), open_images(folder).attributes)
    cached = ((key, cache.open(folder, key)) for key in cache.find(folder))
    return [
        {
            "key": key,
            "model": features.attributes["model"],
            "rows": features.shape[0],
            "width": features.shape[1],
            "size_mb": 4 * math.prod(features.shape) / 1e6,
            "current": matches(features.attributes["facts"], facts),
        }
        for key, features in cached
    ]


def matches(feature_facts: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether features were computed from a dataset with the given facts."""
    return all(feature_facts.get(name) == value for name, value in facts.items())


def current(folder: Path, table: pa.Table, model: str) -> cache.Features | None:
    """Open the features of a model for the present state of a dataset; None if there are none.

    Of several versions of the model, the first key counts.
    """
    facts = dataset_facts(table, open_images(folder).attributes)
    for key in cache.find(folder):
        with suppress(StoreError):
            features = cache.open(folder, key)
            if features.attributes["model"] == model and matches(features.attributes["facts"], facts):
                return features
    return None
