"""From a prepared dataset and a model to cached features, and what is cached."""

import hashlib
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
from elimctl.faces import age, embed
from elimctl.faces.align import CropOptions
from elimctl.faces.options import Device
from elimctl.loader.view import View
from elimctl.manifest import parquet
from elimctl.prepare import lock
from elimctl.store import features as cache
from elimctl.store.images import Images, Reader, open_images

BATCH = 64  # images a model sees at once
ARCFACE, AGE = "arcface", "age"  # names of models that are no runs

# Crops of the store (B, S, S, 3) uint8, and for each its five points or None, to features (B, d) float32.
Embed = Callable[[np.ndarray, Sequence[np.ndarray | None]], np.ndarray]
# Passes batches on, and may count them on the way; told their number.
Track = Callable[[Iterable[np.ndarray], int], Iterable[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that gives features, not loaded until it is needed.

    Args:
        name: of the run, or `arcface` or `age`.
        digest: sha256 of its file.
        preprocessing: version of what it sees of a crop.
        load: gives the function from crops to features.
        differences: what crops of a prepared dataset, by its folder, show otherwise than those of training.
    """

    name: str
    digest: str
    preprocessing: str
    load: Callable[[], Embed]
    differences: Callable[[Path], Sequence[str]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """Features of a dataset.

    Args:
        model: name of the model.
        key: what they are cached under.
        rows: rows of the manifest.
        kept: rows that have features; those of the others are NaN.
        width: d.
        computed: whether the model had to run.
        path: their array.
        crop_differences: what the crops show otherwise than those that the model was trained on, a line each.
    """

    model: str
    key: str
    rows: int
    kept: int
    width: int
    computed: bool
    path: Path
    crop_differences: tuple[str, ...] = ()


def arcface(folder: Path, *, models: Path | None, device: Device = "auto") -> Model:
    """ArcFace, for a prepared dataset.

    Args:
        folder: the dataset's.
        models: folder of insightface models; None stands for insightface's cache.
        device: where it runs.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
    """
    file, crop = embed.find(models), _crop(open_images(folder))
    return Model(
        ARCFACE,
        parquet.digest(file),
        embed.PREPROCESSING,
        lambda: embed.load(file, crop=crop, device=device).embed,
    )


def ages(folder: Path, *, models: Path | None, device: Device = "auto") -> Model:
    """The age model, for a prepared dataset; `arcface` explains the rest."""
    file, crop = age.find(models), _crop(open_images(folder))
    return Model(
        AGE,
        parquet.digest(file),
        age.PREPROCESSING,
        lambda: age.load(file, crop=crop, device=device).embed,
    )


def run_model(folder: Path, *, device: str = "auto") -> Model:
    """The features z of a run, on what it sees of the crops.

    Args:
        folder: the run's.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

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
    """The function from crops to features of a run."""
    import torch

    from elimctl.train import hardware, run

    on = hardware.device(device)
    model, _ = run.load_model(run.Run(folder))
    encode = getattr(model.to(on), "encode", None)
    if encode is None:
        raise ConfigError(
            f"the method of run {folder.name} has no encode(images), which gives the features",
            hint="choose another run",
        )

    def features(images: np.ndarray, points: Sequence[np.ndarray | None]) -> np.ndarray:  # noqa: ARG001
        crops = torch.from_numpy(np.ascontiguousarray(view.apply(images)))
        with torch.inference_mode(), torch.autocast(on.type, enabled=False):
            return encode(crops.to(on).permute(0, 3, 1, 2)).float().cpu().numpy()

    return features


def extract(
    folder: Path,
    model: Model,
    *,
    batch_size: int = BATCH,
    reserve: bool = False,
    track: Track = lambda batches, _: batches,
) -> Extraction:
    """Cache the features of a dataset, unless they are cached already and whole.

    Args:
        folder: the dataset's.
        model: gives the features.
        batch_size: images it sees at once, >= 1.
        reserve: share the dataset's lock while the model runs; not for who holds it alone.
        track: wraps the batches.

    Raises:
        ConfigError: another process is changing the dataset.
        DataError: features are not finite.
        StoreError: the manifest or images are missing, damaged, or of a newer version.
    """
    table, reader = parquet.read(folder), open_images(folder)
    kept = pc.equal(table["status"], "kept").to_numpy()
    facts = dataset_facts(table, reader.attributes) | {
        "model": model.digest,
        "preprocessing": model.preprocessing,
    }
    key = cache.key(facts)
    computed = not _is_whole(folder, key)
    if computed:
        with lock.hold(folder, shared=True) if reserve else nullcontext():
            batches = _batches(table, kept, reader, model.load(), batch_size)
            attributes = {"facts": facts, "model": model.name}
            tracked = track(batches, -(-table.num_rows // batch_size))
            cache.write(folder, key, tracked, attributes=attributes)
    found = cache.open(folder, key)
    return Extraction(
        model=model.name,
        key=key,
        rows=table.num_rows,
        kept=int(kept.sum()),
        width=found.shape[1],
        computed=computed,
        path=found.path,
        crop_differences=tuple(model.differences(folder)),
    )


def _is_whole(folder: Path, key: str) -> bool:
    """Whether features are cached under a key, every value as it was written."""
    try:
        cache.open(folder, key).check()
    except StoreError:
        return False
    return True


def dataset_facts(table: pa.Table, attributes: Mapping[str, Any]) -> Values:
    """What the features of a dataset depend on, apart from the model.

    Args:
        table: the manifest.
        attributes: what the image store notes.
    """
    points = hashlib.sha256()
    for chunk in table["crop_points"].chunks:
        points.update(pc.fill_null(pc.list_value_length(chunk), -1).to_numpy().astype("<i4").tobytes())
        points.update(pc.list_flatten(chunk).to_numpy(zero_copy_only=False).astype("<f4").tobytes())
    return {
        "content": cache.content(_digests(table)),
        "crop": attributes["crop"],
        "points": points.hexdigest(),
    }


def _digests(table: pa.Table) -> Iterator[str | None]:
    """The column `image_sha256`, little of it at a time."""
    for batch in table.select(["image_sha256"]).to_batches(max_chunksize=4096):
        yield from batch.column(0).to_pylist()


def _batches(
    table: pa.Table, kept: np.ndarray, reader: Images, embedding: Embed, batch_size: int
) -> Iterator[np.ndarray]:
    """Features of all rows, NaN for those that are dropped."""
    first = np.flatnonzero(kept)[:1]
    width = embedding(_images(table, reader, first), _points(table, first)).shape[1]
    for start in range(0, len(kept), batch_size):
        features = np.full((min(batch_size, len(kept) - start), width), np.nan, np.float32)
        rows = start + np.flatnonzero(kept[start : start + batch_size])
        if len(rows):
            found = embedding(_images(table, reader, rows), _points(table, rows))
            features[rows - start] = _finite(found, rows)
        yield features


def _images(table: pa.Table, reader: Images, rows: np.ndarray) -> np.ndarray:
    """Images of rows, after checking that they are those that the manifest, and so the key, names."""
    known = table["image_sha256"].take(pa.array(rows)).to_pylist()
    for row, found, wanted in zip(rows.tolist(), reader.digests(rows), known, strict=True):
        if found != wanted:
            raise StoreError(
                f"image {row} of {reader.path} has sha256 {found}, the manifest says {wanted}",
                hint="run elimctl data verify, which tells what to do",
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
    """The five points of each row in its crop."""
    values = table["crop_points"].take(pa.array(rows)).to_pylist()
    return [None if value is None else np.reshape(value, (-1, 2)) for value in values]


def _crop(reader: Reader) -> CropOptions:
    return validate(CropOptions, reader.attributes["crop"], where="crop")


def listing(folder: Path) -> list[Values]:
    """The features that a dataset has.

    Args:
        folder: the dataset's.

    Returns:
        For each `key`, `model`, `rows`, `width`, `size_mb` (10^6 bytes) and `current`, whether they are of
        the dataset as it is now.
    """
    facts = dataset_facts(parquet.read(folder), open_images(folder).attributes)
    found = []
    for key in cache.find(folder):
        features = cache.open(folder, key)
        rows, width = features.shape
        noted = features.attributes
        found.append(
            {
                "key": key,
                "model": noted["model"],
                "rows": rows,
                "width": width,
                "size_mb": 4 * rows * width / 1e6,
                "current": is_of(noted["facts"], facts),
            }
        )
    return found


def is_of(noted: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether the facts that features note are those of a dataset."""
    return all(noted.get(name) == value for name, value in facts.items())


def current(folder: Path, table: pa.Table, model: str) -> cache.Features | None:
    """The features of a model that a dataset has now, None if it has none that can be opened.

    Args:
        folder: the dataset's.
        table: its manifest.
        model: name of the model; of several versions the first key counts.
    """
    facts = dataset_facts(table, open_images(folder).attributes)
    for key in cache.find(folder):
        with suppress(StoreError):
            features = cache.open(folder, key)
            if features.attributes["model"] == model and is_of(features.attributes["facts"], facts):
                return features
    return None
