"""Prepare a raw dataset, and write a synthetic one."""

import hashlib
import os
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from elimctl import plugins
from elimctl.commands import identities
from elimctl.commands.features import Track
from elimctl.config import Values, validate
from elimctl.datasets.ages import GROUPS
from elimctl.datasets.raw import archive_sets, archives
from elimctl.errors import ConfigError, LayoutError
from elimctl.faces.age import AGE
from elimctl.faces.embed import ARCFACE
from elimctl.manifest import parquet
from elimctl.manifest.row import Row
from elimctl.prepare import build, lock, rewrite
from elimctl.prepare.plan import SYNTHETIC, Plan, arrange
from elimctl.prepare.settings import PrepareSettings


def settle(tables: Values) -> Values:
    """Move `identity = "cluster"` and `ages = "model"`, which need a model, from `[dataset]` to `[prepare]`.

    Raises:
        ConfigError: ages by a model are combined with other identities than age groups.
    """
    dataset, settings = dict(tables["dataset"]), dict(tables["prepare"])
    identity, by_model = dataset.get("identity"), dataset.get("ages") == "model"
    if by_model and identity not in (None, "age-group"):
        raise ConfigError(
            f"ages = model cannot be combined with identity = {identity}; it needs identity = age-group",
            hint="remove one of the two",
        )
    if by_model or identity == "cluster":
        settings["identities"] = "estimated-age" if by_model else "cluster"
        dataset = {name: value for name, value in dataset.items() if name not in ("identity", "ages")}
    return {**tables, "dataset": dataset, "prepare": settings}


def identify(folder: Path, plan: Plan, *, track: Track) -> Values | None:
    """Find the identities of a prepared dataset with a model, if its settings request it.

    Returns:
        Facts about the identities; None if they are those of the dataset.
    """
    settings = plan.settings
    known: Values | None = build.read_record(folder).get("identities")
    if known is not None or settings.identities == "dataset":
        return known
    place: Any = {"models": settings.detector.models, "device": settings.detector.device, "track": track}
    if settings.identities == "cluster":
        threshold = settings.cluster_threshold
        return asdict(identities.cluster_identities(folder, threshold=threshold, **place))
    bins = getattr(plan.options, "bins", GROUPS)
    return asdict(identities.estimate_ages(folder, bins=bins, **place))


def open_raw(
    dataset: str,
    raw: Path,
    values: Values,
    *,
    cache: Path,
    force: bool = False,
    on_member: Callable[[str], None] = lambda _: None,
) -> tuple[Path, Iterator[Row]]:
    """Open a raw dataset: a folder or an archive.

    Args:
        dataset: name of the dataset's plug-in.
        raw: the raw folder, or an archive of it.
        values: settings of the reader, the recipe's table `[dataset]`.
        cache: folder for unpacked archives.
        force: unpack archives again.
        on_member: called with the path of each member of an archive before it is unpacked.

    Returns:
        The root that paths of rows are relative to, and the rows of the reader.

    Raises:
        MissingError: the folder does not exist.
        LayoutError: the folder is not the dataset, or an archive cannot be unpacked; also while reading rows.
    """
    plugin = plugins.find("datasets", dataset)
    if values.get("ages") is not None and "ages" not in plugin.Options.model_fields:
        raise ConfigError(
            f"{dataset} does not accept a file of ages",
            hint="put ages into a column `age` of the dataset's CSV, if it has one, or use --ages model",
        )
    options = validate(plugin.Options, values, where="dataset")
    try:
        root = archives.mirror(raw, cache, force=force, on_member=on_member)
    except LayoutError as error:
        raise archive_sets.explain(error, raw) from None
    return root, _explained(plugin.read(root, options), raw, root)


def _explained(rows: Iterable[Row], raw: Path, root: Path) -> Iterator[Row]:
    """Yield rows; an error about the layout then names archives that are still packed."""
    try:
        yield from rows
    except LayoutError as error:
        raise archive_sets.explain(error, raw, read=root) from None


@contextmanager
def planned(
    dataset: str, root: Path, rows: Iterable[Row], tables: Values, out: Path, *, shared: bool = False
) -> Iterator[Plan]:
    """Plan a preparation and hold the lock of its folder.

    Args:
        dataset: name of the dataset's plug-in.
        root: the root that paths of rows are relative to.
        rows: rows of the dataset's reader.
        tables: a recipe's values: `[dataset]` and `[prepare]`.
        out: folder of the prepared dataset.
        shared: allow other jobs of the same preparation.

    Raises:
        ConfigError: another preparation holds the lock, or a setting is invalid.
    """
    options = validate(plugins.find("datasets", dataset).Options, tables["dataset"], where="dataset")
    settings = validate(PrepareSettings, tables["prepare"], where="prepare")
    model = _model(settings)  # fails now rather than after hours of work
    scratch = out / f".rows.{socket.gethostname()}.{os.getpid()}.tmp"
    try:
        with lock.hold(out, shared=shared):
            try:
                if not shared:
                    rewrite.finish(out)
                plan = arrange(rows, root, settings, dataset=dataset, options=options, scratch=scratch)
                if model is not None:  # another model finds other identities
                    facts = f"{plan.fingerprint} {parquet.digest(model)}"
                    plan = replace(plan, fingerprint=hashlib.sha256(facts.encode()).hexdigest())
                yield plan
            finally:
                scratch.unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # the folder may be empty after an error
            out.rmdir()


def _model(settings: PrepareSettings) -> Path | None:
    """Find the file of the model for identities, None if they are those of the dataset."""
    if settings.identities == "dataset":
        return None
    return {"cluster": ARCFACE, "estimated-age": AGE}[settings.identities].find(settings.detector.models)


def write_synthetic(dataset: str, folder: Path, values: Values, *, seed: int) -> None:
    """Write a synthetic dataset in the layout of a real one, with settings of `[synth]`.

    The folder must not exist or be empty. The same seed and settings give the same bytes.

    Raises:
        ConfigError: there is no synthetic version, the folder is not empty, or a setting is invalid.
        OSError: the synthetic dataset could not be written; no file of it is left.
    """
    if dataset not in plugins.names("synthetic"):
        plugins.find("datasets", dataset)  # suggests a similar name if the dataset does not exist
        available = plugins.names("synthetic")
        raise ConfigError(
            f"no synthetic version of dataset {dataset}; available: {', '.join(available)}",
            hint=f"elimctl synth {available[0]} {folder}",
        )
    plugin = plugins.find("synthetic", dataset)
    options = validate(plugin.Options, values, where="synth")
    with _complete_or_absent(folder) as beside:
        plugin.write(beside, np.random.default_rng(seed), options)
        (beside / SYNTHETIC).write_text("Synthetic data, written by elimctl: it shows no real person.\n")


@contextmanager
def _complete_or_absent(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; its content moves to `folder` if the block ends without an error.

    An existing folder is kept, with the temporary folder inside: it may be the current folder or a volume.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; wanted a folder to write", hint="choose another folder")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty", hint="choose a folder that does not exist")
    existed = folder.exists()
    beside = (folder if existed else folder.parent) / f".synthetic.{os.getpid()}.tmp"
    try:
        beside.mkdir(parents=True)
        yield beside
        if existed:
            for entry in beside.iterdir():
                entry.rename(folder / entry.name)
        else:
            beside.rename(folder)
    except OSError as error:
        error.filename = str(folder)  # the error of a full disk names no file
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
