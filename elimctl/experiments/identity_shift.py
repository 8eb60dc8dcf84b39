"""The identity-shift benchmark: methods on drawn faces that differ more or less in how they show feelings."""

import csv
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import torch

from elimctl import atomic
from elimctl import recipe as recipes
from elimctl.commands import crops
from elimctl.commands.prepare import open_raw, planned, write_synthetic
from elimctl.config import Values, merge
from elimctl.errors import ConfigError
from elimctl.experiments import runs
from elimctl.experiments.jobs import Job, difference
from elimctl.experiments.seed_intervals import bootstrap, ccc_of
from elimctl.loader.dataset import open_dataset
from elimctl.metrics.intervals import Interval, interval
from elimctl.metrics.invariance import Invariance, measure
from elimctl.metrics.sums import sums
from elimctl.predict.table import read
from elimctl.prepare import build
from elimctl.train import hardware, run
from elimctl.train.hardware import device_name
from elimctl.workspace import Workspace

DATASET, SPLIT = "afew-va", "test"
SHIFTS = (0.0, 0.5, 1.0)
QUICK_SHIFTS = (0.0, 1.0)
# Tables [method] of what is compared; equal in all else.
METHODS: dict[str, Values] = {
    "erm": {"name": "erm"},
    "caf": {"name": "caf"},
    "elim": {"name": "elim"},
    "elim-attention": {"name": "elim-attention"},
    "elim-all-references": {"name": "elim", "references": "all"},
}
# What tells which part of ELIM does what; only where asked for by name.
PARTS: dict[str, Values] = {
    "elim-unmatched": {"name": "elim", "lambda_main": 0.0},  # its batches alone
    "elim-undivided": {"name": "elim", "divide_spread": False},
    "elim-warmup": {"name": "elim", "warmup": (200, 400)},
}
BASELINE = "erm"
# Of twenty identities in a row, so many are in train, in val, and in test.
SHARES = {"train": 13, "val": 2, "test": 5}
DRAWING = "drawing.json"  # in a dataset's folder: how its faces were drawn and prepared
INVARIANCE = "invariance.json"  # in a run's folder
BATCH = 256  # images at once


@dataclass(frozen=True, slots=True)
class Score:
    """What one method came to at one shift.

    Args:
        shift: identity shift of the drawings.
        method: key of `METHODS` or `PARTS`.
        seeds: number of seeds.
        ccc: mean over the seeds of the CCC (mean of both axes) on the test identities.
        by_seed: CCC of each seed.
        gain: CCC less that of the baseline; None for the baseline and where it was not run.
        invariance: mean over the seeds.
        seconds: that a run took, mean over the seeds; None if one was stopped and taken up again.
    """

    shift: float
    method: str
    seeds: int
    ccc: Interval
    by_seed: list[float]
    gain: Interval | None
    invariance: Invariance
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The benchmark's table.

    Args:
        scores: one per shift and method.
        skipped: methods that could not be run, and why.
        settings: the recipe's values.
        machine: that the last call ran on.
    """

    scores: list[Score]
    skipped: dict[str, str]
    settings: Values
    machine: str


def available(
    tables: Values, methods: Sequence[str] | None = None
) -> tuple[dict[str, Values], dict[str, str]]:
    """The methods that can be run, as recipes, and why others cannot.

    Args:
        tables: the benchmark's recipe.
        methods: keys of `METHODS` and `PARTS`; None for all of `METHODS`.

    Raises:
        ConfigError: there is no such method in the benchmark.
    """
    known = METHODS | PARTS
    for name in methods or ():
        if name not in known:
            raise ConfigError(
                f"no method {name!r} in the benchmark; there are: {', '.join(known)}",
                hint="choose one of these",
            )
    ready: dict[str, Values] = {}
    skipped: dict[str, str] = {}
    for name in methods or METHODS:
        values = merge(tables, {"method": known[name]})
        try:
            recipes.run_config(values)
        except ConfigError as error:
            skipped[name] = error.message
        else:
            ready[name] = values
    return ready, skipped


def prepare(workspace: Workspace, name: str, tables: Values, shift: float) -> Iterator[str]:
    """Draw and prepare the faces of one shift, unless they are there.

    Args:
        workspace: where the dataset goes.
        name: of the prepared dataset.
        tables: the benchmark's recipe.
        shift: identity shift of the drawings.

    Yields:
        What is being done.

    Raises:
        ConfigError: those that are there were drawn or prepared with other settings.
    """
    out = workspace.new_dataset(name)
    drawing = merge(tables["synth"], {"identity_shift": shift})
    wanted = {"synth": drawing, "shares": SHARES} | {key: tables[key] for key in ("dataset", "prepare")}
    if build.read_record(out):
        _require_drawn(out, wanted)
        return
    yield f"drawing faces with identity shift {shift:g}"
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".drawing.") as scratch:
        raw = Path(scratch) / "raw"
        write_synthetic(DATASET, raw, drawing, seed=0)
        splits = Path(scratch) / "splits.csv"
        _write_splits(splits, identities=drawing["people"])
        asked = merge(tables, {"prepare": {"splits": str(splits)}})
        root, rows = open_raw(DATASET, raw, asked["dataset"], cache=Path(scratch) / "unpacked")
        with planned(DATASET, root, rows, asked, out) as plan:
            yield f"preparing {len(plan.rows):,} frames"
            for _ in build.build(plan, out):
                pass
    atomic.write_text(out / DRAWING, json.dumps(wanted, indent=2) + "\n")


def _require_drawn(dataset: Path, wanted: Values) -> None:
    """Refuse faces that were drawn or prepared with other settings."""
    file = dataset / DRAWING
    noted = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if found := difference(wanted, noted, also_none=True):
        key, want, have = found
        raise ConfigError(
            f"{dataset} was made with {key} = {have!r}, wanted {want!r}",
            hint="remove that folder, and its runs with it",
        )


def jobs(name: str, recipe: str, shift: float, method: str, tables: Values, seeds: int) -> list[Job]:
    """The runs of one method at one shift.

    Args:
        name: of the prepared dataset.
        recipe: name of the benchmark's recipe; runs are called after it.
        shift: identity shift of the drawings.
        method: key of `METHODS` or `PARTS`.
        tables: the recipe with this method.
        seeds: number of runs.
    """
    return [
        Job(
            f"{recipe}-shift{shift:g}-{method}-s{seed}",
            method,
            seed,
            0,
            merge(tables, {"data": {"name": name}, "train": {"seed": seed}}),
        )
        for seed in range(seeds)
    ]


def complete(workspace: Workspace, job: Job, follow: runs.Follow) -> bool:
    """Bring a run to its end, score it, and measure its features; what is done is not done again.

    Returns:
        Whether there was anything to do.
    """
    if is_done(workspace, job):
        return False
    begun = (workspace.runs / job.name).exists()
    started = time.perf_counter()
    runs.complete(workspace, job, follow)
    found = measure_run(workspace, job.name)
    record = {**asdict(found), "seconds": None if begun else time.perf_counter() - started}
    atomic.write_text(workspace.runs / job.name / INVARIANCE, json.dumps(record, indent=2) + "\n")
    return True


def measure_run(workspace: Workspace, name: str) -> Invariance:
    """The identity invariance of a run's features on the test identities."""
    found = run.Run(workspace.run(name))
    config = found.config()
    model, _ = run.load_model(found)
    device = hardware.device(config.train.device)
    model.to(device)
    dataset = open_dataset(workspace.dataset(config.data.name))
    samples = dataset.samples(SPLIT, fold=config.data.fold)
    features, view = [], crops.view_of_run(found)
    for start in range(0, len(samples), BATCH):
        images = dataset.pixels(samples.index[start : start + BATCH], view)
        with torch.inference_mode():
            features.append(model.encode(images.to(device)).flatten(1).float().cpu().numpy())  # type: ignore[operator]
    clip = dataset.table["clip"].take(samples.index).to_numpy(zero_copy_only=False).astype(str)
    return measure(np.concatenate(features), samples.target, samples.identity, clip)


def report(
    workspace: Workspace, of: dict[float, dict[str, list[Job]]], tables: Values, skipped: dict[str, str]
) -> Report:
    """The table of the runs that are finished.

    Args:
        workspace: where they are.
        of: runs by shift and method.
        tables: the benchmark's recipe.
        skipped: methods that could not be run, and why.
    """
    scores = []
    for shift, methods in of.items():
        done = {
            method: [job for job in found if is_done(workspace, job)] for method, found in methods.items()
        }
        added = {method: _sums(workspace, found) for method, found in done.items() if found}
        base = {job.seed for job in done.get(BASELINE, [])}
        for method, found in done.items():
            if found:
                paired = method != BASELINE and base == {job.seed for job in found}
                against = added[BASELINE] if paired else None
                scores.append(_score(workspace, shift, method, found, added[method], against))
    return Report(
        scores, skipped, tables, device_name(hardware.device(tables["train"].get("device", "auto")))
    )


def is_done(workspace: Workspace, job: Job) -> bool:
    """Whether a run is trained, scored, and its features measured."""
    return runs.result(workspace, job) is not None and (workspace.runs / job.name / INVARIANCE).exists()


def _score(
    workspace: Workspace,
    shift: float,
    method: str,
    found: list[Job],
    added: np.ndarray,
    base: np.ndarray | None,
) -> Score:
    by_seed, resampled = ccc_of(added.sum(axis=1)), bootstrap(added)
    gain = None
    if base is not None:
        apart = by_seed.mean() - ccc_of(base.sum(axis=1)).mean()
        gain = interval(apart, resampled - bootstrap(base))
    records = [json.loads((workspace.runs / job.name / INVARIANCE).read_text()) for job in found]
    names = Invariance.__dataclass_fields__
    seconds = [record["seconds"] for record in records]
    return Score(
        shift=shift,
        method=method,
        seeds=len(found),
        ccc=interval(by_seed.mean(), resampled),
        by_seed=by_seed.tolist(),
        gain=gain,
        invariance=Invariance(**{name: mean(record[name] for record in records) for name in names}),
        seconds=None if None in seconds else mean(seconds),
    )


def _sums(workspace: Workspace, found: list[Job]) -> np.ndarray:
    """Sums of the predictions of each run, by identity: (runs, identities, 11, 2)."""
    made = []
    for job in found:
        table = read(run.Run(workspace.runs / job.name).predictions(SPLIT))
        made.append(sums(table.preds, table.target, table.identities.code, groups=len(table.identities)))
    return np.stack(made)


def _write_splits(file: Path, *, identities: int) -> None:
    """A CSV that deals identities to train, val and test, in the same way at every shift."""
    order = [split for split, share in SHARES.items() for _ in range(share)]
    dealt = {f"Actor {number + 1:02d}": order[number % len(order)] for number in range(identities)}
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("identity", "split"))
        writer.writerows(dealt.items())
