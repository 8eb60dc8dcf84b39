"""Find the identities of a prepared dataset with a model: by face, or by apparent age."""

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.commands import features as stage
from elimctl.commands.features import BATCH, Track
from elimctl.config import Values
from elimctl.datasets.ages import GROUPS, group
from elimctl.errors import DataError, Notice
from elimctl.faces.age import AGE
from elimctl.faces.embed import ARCFACE
from elimctl.faces.options import Device
from elimctl.manifest import parquet, splits
from elimctl.manifest.audit import codes
from elimctl.manifest.cluster import THRESHOLD, cluster
from elimctl.manifest.row import NO_GROUP
from elimctl.prepare.assemble import RECORD
from elimctl.prepare.rewrite import rewrite
from elimctl.store import features as cache
from elimctl.store.images import open_images

ORDER = ("identity", "clip", "frame", "path", "row")  # of the manifest's rows


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """Identities found by face."""

    mode: str  # `cluster`
    model: str  # sha256 of the recognition model
    threshold: float  # mean cosine similarity above which groups of clips were merged
    identities: int  # number of clusters
    single: int  # number of clusters with one image
    median: float  # median number of images in a cluster
    largest: int  # number of images in the largest cluster
    sizes: dict[int, int]  # number of clusters by number of images, ascending
    silhouette: float | None  # mean silhouette coefficient, by cosine; None if it is undefined
    split: int  # number of clusters with images in two official splits


@dataclass(frozen=True, slots=True)
class AgeReport:
    """Groups of apparent ages."""

    mode: str  # `age-group`
    model: str  # sha256 of the age model
    bins: tuple[int, ...]  # limits of the groups, years
    groups: dict[str, int]  # number of kept rows by group
    outside: int  # number of kept rows in no group
    min: float  # lowest age, years; also `median` and `max`
    median: float
    max: float


def cluster_identities(
    folder: Path,
    *,
    models: Path | None = None,
    threshold: float = THRESHOLD,
    device: Device = "auto",
    track: Track = lambda batches, _: batches,
) -> ClusterReport:
    """Replace the identities of a prepared dataset by clusters of ArcFace features, in place.

    All frames of a clip get one identity. Dropped rows get the identity of their clip's kept rows, if any.
    Groups of clips with a mean cosine similarity above the threshold, in (-1, 1), are merged.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
        DataError: there are fewer clusters than folds, and no official splits.
    """
    model = stage.face_model(folder, ARCFACE, models=models, device=device)
    extraction = stage.extract(folder, model, track=track)
    table = parquet.read(folder)
    kept = np.flatnonzero(pc.equal(table["status"], "kept").to_numpy())
    clips = codes(table["clip"])
    features = cache.open(folder, extraction.key).read(kept)
    clusters = cluster(features, threshold=threshold, clips=clips[kept])
    sizes = clusters.sizes
    digits = len(str(len(sizes)))
    names = np.array([f"cluster-{number:0{digits}d}" for number in range(1, len(sizes) + 1)])
    of_clip = np.full(clips.max() + 1, NO_GROUP, dtype=object)
    of_clip[clips[kept]] = names[clusters.labels]
    report = ClusterReport(
        mode="cluster",
        model=model.digest,
        threshold=threshold,
        identities=len(sizes),
        single=int((sizes == 1).sum()),
        median=float(np.median(sizes)),
        largest=int(sizes.max()),
        sizes=dict(sorted(Counter(sizes.tolist()).items())),
        silhouette=clusters.silhouette,
        split=_in_two_splits(clusters.labels, codes(table["split"])[kept]),
    )
    try:
        regroup(folder, _with(table, identity=of_clip[clips]), identities=asdict(report))
    except DataError as error:
        raise DataError(
            f"clustering at threshold {threshold}: {error.message}",
            hint=f"raise prepare.cluster_threshold, or {error.hint}",
        ) from None
    return report


def _in_two_splits(labels: np.ndarray, parts: np.ndarray) -> int:
    """Count labels that occur in two parts; part -1 does not count."""
    pairs = np.unique(np.stack([labels, parts], axis=1)[parts >= 0], axis=0)
    return int((np.bincount(pairs[:, 0]) > 1).sum()) if len(pairs) else 0


def estimate_ages(
    folder: Path,
    *,
    models: Path | None = None,
    bins: Sequence[int] = GROUPS,
    device: Device = "auto",
    track: Track = lambda batches, _: batches,
) -> AgeReport:
    """Estimate the age of each kept row with a model and use age groups as identities, in place.

    `bins` are ascending limits of the groups, years; a group includes its lower limit, not its upper one.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
        DataError: there are fewer groups than folds, and no official splits.
    """
    model = stage.face_model(folder, AGE, models=models, device=device)
    extraction = stage.extract(folder, model, track=track)
    table = parquet.read(folder)
    kept = np.flatnonzero(pc.equal(table["status"], "kept").to_numpy())
    years = cache.open(folder, extraction.key).read(kept)[:, 0]
    ages, groups = np.full((2, table.num_rows), None, dtype=object)
    ages[kept] = years
    groups[kept] = [group(age, bins) for age in years.tolist()]
    identity = [NO_GROUP if name is None else name for name in groups]
    counts = Counter(groups[kept].tolist())
    outside = counts.pop(None, 0)
    report = AgeReport(
        mode="age-group",
        model=model.digest,
        bins=tuple(bins),
        groups=dict(sorted(counts.items())),
        outside=outside,
        min=float(years.min()),
        median=float(np.median(years)),
        max=float(years.max()),
    )
    changed = _with(table, age=ages, age_group=groups, identity=identity)
    regroup(folder, changed, identities=asdict(report))
    return report


def regroup(folder: Path, table: pa.Table, *, identities: Values) -> None:
    """Rewrite a prepared dataset with new identities: sort and number its rows and assign folds again.

    `table` is the manifest with the new identities; `identities` are facts about them for prepare.json.
    Cached features of the present images are carried over.

    Raises:
        DataError: there are fewer identities than folds, and no official splits; the dataset is unchanged.
    """
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    reader = open_images(folder)
    before = stage.dataset_facts(parquet.read(folder), reader.attributes)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in ORDER]).to_numpy()
    changed = table.take(pa.array(order))
    settings = record["settings"]
    fold, split = _assigned(changed, settings["folds"], settings["seed"])
    changed = _with(changed, row=range(len(order)), fold=fold, split=split)
    record = {**record, "identities": identities}
    for _ in rewrite(folder, folder, changed, order, kind=reader.kind, codec=reader.codec, record=record):
        pass  # no progress is shown
    _carry_over(folder, order, before=before)


def _assigned(table: pa.Table, folds: int, seed: int) -> tuple[list[int | None], list[str | None]]:
    """Assign fold and split of each row as `prepare` does; identities without a kept row have no fold."""
    split: list[str | None] = table["split"].to_pylist()
    no_fold: list[int | None] = [None] * table.num_rows
    usable = pc.unique(table["identity"].filter(pc.equal(table["status"], "kept"))).to_pylist()
    if folds == 1 or (len(usable) < folds and table["split"].null_count < table.num_rows):
        return no_fold, split
    if len(usable) == 1:
        warnings.warn(splits.only_scored(table.num_rows), Notice, stacklevel=2)
        return no_fold, ["test" for _ in split]
    fold = dict(zip(usable, splits.k_fold(usable, folds=folds, seed=seed).tolist(), strict=True))
    return [fold.get(identity) for identity in table["identity"].to_pylist()], split


def _carry_over(folder: Path, order: np.ndarray, *, before: Values) -> None:
    """Cache the features of the earlier dataset in the new order of its rows."""
    now = stage.dataset_facts(parquet.read(folder), open_images(folder).attributes)
    for key in cache.find(folder):
        features = cache.open(folder, key)
        facts = features.attributes["facts"]
        if stage.matches(facts, before) and now != before:
            batches = (features.read(order[start : start + BATCH]) for start in range(0, len(order), BATCH))
            attributes = {"facts": {**facts, **now}, "model": features.attributes["model"]}
            cache.write(folder, cache.key(attributes["facts"]), batches, attributes=attributes)


def _with(table: pa.Table, **values: Sequence) -> pa.Table:
    """Return a table with new values in some columns."""
    for name, column in values.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(list(column), type=field.type))
    return table
