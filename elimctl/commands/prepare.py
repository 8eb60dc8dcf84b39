"""From a raw folder to a prepared dataset, and from nothing to a raw folder of drawings."""

import hashlib
import os
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from elimctl import plugins
from elimctl.commands import identities
from elimctl.commands.features import Track
from elimctl.config import Values, validate
from elimctl.datasets.ages import GROUPS
from elimctl.datasets.raw import archives
from elimctl.errors import ConfigError, LayoutError
from elimctl.faces import age, embed
from elimctl.manifest import parquet
from elimctl.manifest.row import Row
from elimctl.prepare import build, lock, rewrite
from elimctl.prepare.plan import SYNTHETIC, Plan, arrange
from elimctl.prepare.settings import PrepareSettings


def settle(tables: Values) -> Values:
    """Move what a model must find out from the reader's settings to those of `prepare`.

    Args:
        tables: a recipe's values; `dataset.identity = "cluster"` and `dataset.ages = "model"` are not the
            reader's business.

    Raises:
        ConfigError: both were asked for, or ages for identities that are no groups of ages.
    """
    dataset, settings = dict(tables["dataset"]), dict(tables["prepare"])
    identity, by_model = dataset.get("identity"), dataset.get("ages") == "model"
    if by_model and identity not in (None, "age-group"):
        raise ConfigError(
            f"ages = model with identity = {identity}; a model's ages are for identity = age-group",
            hint="leave one of the two out",
        )
    if by_model or identity == "cluster":
        settings["identities"] = "estimated-age" if by_model else "cluster"
        dataset = {name: value for name, value in dataset.items() if name not in ("identity", "ages")}
    return {**tables, "dataset": dataset, "prepare": settings}


def identify(folder: Path, plan: Plan, *, track: Track) -> Values | None:
    """Give a dataset that was just prepared the identities that a model finds, unless it has them.

    Args:
        folder: the dataset's.
        plan: how it was prepared.
        track: wraps the batches of images.

    Returns:
        What was found; None where identities are the dataset's own.
    """
    settings = plan.settings
    known: Values | None = build.read_record(folder).get("identities")
    if known is not None or settings.identities == "dataset":
        return known
    models, device = settings.detector.models, settings.detector.device
    if settings.identities == "cluster":
        threshold = settings.cluster_threshold
        return asdict(
            identities.cluster_identities(
                folder, models=models, threshold=threshold, device=device, track=track
            )
        )
    bins = getattr(plan.options, "bins", GROUPS)
    return asdict(identities.estimate_ages(folder, models=models, bins=bins, device=device, track=track))


def open_raw(
    dataset: str,
    raw: Path,
    values: Values,
    *,
    cache: Path,
    force: bool = False,
    on_member: Callable[[str], None] = lambda _: None,
) -> tuple[Path, Iterator[Row]]:
    """Open a raw dataset, packed or not.

    Args:
        dataset: name of the dataset's plug-in.
        raw: the raw folder, or an archive of it.
        values: settings of the reader, the recipe's table `[dataset]`.
        cache: folder for what archives hold.
        force: unpack archives although the cache has what they hold.
        on_member: called with the path of each member of an archive before it is unpacked.

    Returns:
        The root that the rows' paths are below, and what the reader finds there.

    Raises:
        MissingError: there is no such folder.
        LayoutError: the folder is not the dataset, or holds archives that cannot be unpacked here. This may
            come while the rows are read.
    """
    plugin = plugins.find("datasets", dataset)
    if values.get("ages") is not None and "ages" not in plugin.Options.model_fields:
        raise ConfigError(
            f"{dataset} takes no file of ages",
            hint="put ages into a column `age` of the CSV, if the dataset has one, or use --ages model",
        )
    options = validate(plugin.Options, values, where="dataset")
    try:
        root = archives.mirror(raw, cache, force=force, on_member=on_member)
    except LayoutError as error:
        raise archives.explain(error, raw) from None
    return root, _explained(plugin.read(root, options), raw, root)


def _explained(rows: Iterable[Row], raw: Path, root: Path) -> Iterator[Row]:
    """Rows; where the layout is not recognised, the error tells what is still packed."""
    try:
        yield from rows
    except LayoutError as error:
        raise archives.explain(error, raw, read=root) from None


@contextmanager
def planned(
    dataset: str, root: Path, rows: Iterable[Row], tables: Values, out: Path, *, shared: bool = False
) -> Iterator[Plan]:
    """The plan of a preparation, while no other one writes to the same folder.

    Args:
        dataset: name of the dataset's plug-in.
        root: the root that the rows' paths are below.
        rows: what its reader found.
        tables: a recipe's values: `[dataset]` and `[prepare]`.
        out: folder of the prepared dataset.
        shared: whether other calls do other shares of the same preparation.

    Raises:
        ConfigError: another preparation is at work there, or a setting cannot be used.
    """
    options = validate(plugins.find("datasets", dataset).Options, tables["dataset"], where="dataset")
    settings = validate(PrepareSettings, tables["prepare"], where="prepare")
    model = _model(settings)  # one that is missing is noticed before hours of work
    scratch = out / f".rows.{socket.gethostname()}.{os.getpid()}.tmp"
    try:
        with lock.hold(out, shared=shared):
            try:
                if not shared:
                    rewrite.finish(out)
                plan = arrange(rows, root, settings, dataset=dataset, options=options, scratch=scratch)
                yield plan if model is None else _depending(plan, parquet.digest(model))
            finally:
                scratch.unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # nothing came of it
            out.rmdir()


def _model(settings: PrepareSettings) -> Path | None:
    """The file of the model that finds the identities, None where they are the dataset's own."""
    if settings.identities == "dataset":
        return None
    return {"cluster": embed, "estimated-age": age}[settings.identities].find(settings.detector.models)


def _depending(plan: Plan, digest: str) -> Plan:
    """A plan whose result depends on one more file: another model finds other identities."""
    facts = f"{plan.fingerprint} {digest}"
    return replace(plan, fingerprint=hashlib.sha256(facts.encode()).hexdigest())


def write_synthetic(dataset: str, folder: Path, values: Values, *, seed: int) -> None:
    """Write a synthetic dataset: drawn faces in a dataset's own layout.

    Args:
        dataset: name of the dataset's plug-in.
        folder: where it goes; it must not exist or be empty.
        values: settings of the drawing, the recipe's table `[synth]`.
        seed: same seed and settings, same bytes.

    Raises:
        ConfigError: the dataset cannot be drawn, the folder is a file or not empty, or the settings cannot
            be used.
        OSError: the synthetic dataset could not be written; nothing of it is left.
    """
    if dataset not in plugins.names("synthetic"):
        plugins.find("datasets", dataset)  # knows the near name of one that does not exist
        drawn = plugins.names("synthetic")
        raise ConfigError(
            f"elimctl cannot draw dataset {dataset}; it can draw: {', '.join(drawn)}",
            hint=f"elimctl synth {drawn[0]} {folder}",
        )
    plugin = plugins.find("synthetic", dataset)
    options = validate(plugin.Options, values, where="synth")
    with _complete_or_absent(folder) as beside:
        plugin.write(beside, np.random.default_rng(seed), options)
        (beside / SYNTHETIC).write_text("Drawn by elimctl: there is nobody's face, image or label in here.\n")


@contextmanager
def _complete_or_absent(folder: Path) -> Iterator[Path]:
    """A temporary folder whose content is put into `folder` when the block ends without an error.

    A folder that exists takes the content and stays itself: it may be where the caller stands, or a volume
    of its own, so the temporary folder is within it.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; wanted a folder to write", hint="name another folder")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty", hint="name a folder that does not exist yet")
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
        error.filename = str(folder)  # a disk that is full names no file
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
