"""The identity-shift benchmark: methods on synthetic people who express the same feeling differently.

The identity shift says how much people differ: 0 not at all, 1 fully.
"""

import csv
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from elimctl import atomic
from elimctl import recipe as recipes
from elimctl.commands import crops
from elimctl.commands.prepare import open_raw, planned, write_synthetic
from elimctl.config import Values, merge, nested
from elimctl.errors import ConfigError
from elimctl.experiments import runs
from elimctl.experiments.driver import Driver, Step, drive
from elimctl.experiments.jobs import Job, difference, protocol
from elimctl.loader.dataset import open_dataset
from elimctl.metrics.invariance import Invariance, measure
from elimctl.prepare import build
from elimctl.prepare.executors import cores
from elimctl.train import hardware, run
from elimctl.workspace import Workspace

NAME, QUICK_NAME = "synthetic", "synthetic-quick"  # the recipes
DATASET, SPLIT = "afew-va", "test"
SHIFTS = (0.0, 0.5, 1.0)
QUICK_SHIFTS = (0.0, 1.0)
# The compared methods, as tables [method]; all other settings are equal.
METHODS: dict[str, Values] = {
    "erm": {"name": "erm"},
    "caf": {"name": "caf"},
    "elim": {"name": "elim"},
    "elim-attention": {"name": "elim-attention"},
    "elim-all-references": {"name": "elim", "references": "all"},
}
# Variants of ELIM without one of its parts; run only if named.
PARTS: dict[str, Values] = {
    "elim-unmatched": {"name": "elim", "lambda_main": 0.0},  # only its batches
    "elim-undivided": {"name": "elim", "divide_spread": False},
    "elim-warmup": {"name": "elim", "warmup": (200, 400)},
}
BASELINE = "erm"
# Number of identities in each split, of twenty in a row.
SHARES = {"train": 13, "val": 2, "test": 5}
DRAWING = "drawing.json"  # in a dataset's folder: the settings that it was made with
INVARIANCE = "invariance.json"  # in a run's folder
BATCH = 256  # images at once


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What the benchmark runs."""

    recipe: str  # its name; the names of datasets and runs begin with it
    tables: Values  # the recipe's values
    shifts: tuple[float, ...]  # identity shifts
    methods: dict[str, Values]  # the recipe with each method, by key of `METHODS` or `PARTS`
    skipped: dict[str, str]  # methods that cannot be run, and why

    def dataset(self, shift: float) -> str:
        """Name of the prepared dataset of a shift."""
        return f"{self.recipe}-shift{shift:g}"

    def jobs(self, shift: float, method: str) -> list[Job]:
        """The runs of a method at a shift, one per seed."""
        data = self.dataset(shift)
        jobs = []
        for seed in range(protocol(self.tables).seeds):
            tables = merge(self.methods[method], nested({"data.name": data, "train.seed": seed}))
            jobs.append(Job(f"{data}-{method}-s{seed}", method, seed, 0, tables))
        return jobs

    def all_jobs(self) -> list[Job]:
        """All runs, seed by seed: if the benchmark is stopped early, every method has results."""
        jobs = [job for shift in self.shifts for method in self.methods for job in self.jobs(shift, method)]
        return sorted(jobs, key=lambda job: job.seed)


def plan(
    *, quick: bool, device: str | None, methods: Sequence[str] | None, shifts: Sequence[float] | None
) -> Benchmark:
    """Choose what to run.

    Args:
        quick: whether to take the recipe for a quick look.
        device: where to train; None: as the recipe says.
        methods: keys of `METHODS` and `PARTS`; None: all of `METHODS`.
        shifts: identity shifts; None: the recipe's.

    Raises:
        ConfigError: the benchmark has no such method.
    """
    recipe = QUICK_NAME if quick else NAME
    tables = recipes.read(recipe, {"train": {"device": device}})
    shifts = tuple(shifts or (QUICK_SHIFTS if quick else SHIFTS))
    return Benchmark(recipe, tables, shifts, *available(tables, methods))


def available(
    tables: Values, methods: Sequence[str] | None = None
) -> tuple[dict[str, Values], dict[str, str]]:
    """The recipe of each method (default: all of `METHODS`) that can be run, and why the others cannot.

    Raises:
        ConfigError: the benchmark has no such method.
    """
    known = METHODS | PARTS
    for name in methods or ():
        if name not in known:
            raise ConfigError(f"no method {name!r} in the benchmark", hint=f"use one of {', '.join(known)}")
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


def prepare(workspace: Workspace, benchmark: Benchmark) -> Iterator[str]:
    """Draw and prepare the faces of each shift, unless they exist.

    Yields:
        What is done next.

    Raises:
        ConfigError: a dataset was drawn or prepared with other settings.
    """
    tables = benchmark.tables
    for shift in benchmark.shifts:
        out = workspace.new_dataset(benchmark.dataset(shift))
        drawing = merge(tables["synth"], {"identity_shift": shift})
        wanted = {"synth": drawing, "shares": SHARES} | {key: tables[key] for key in ("dataset", "prepare")}
        if build.read_record(out):
            _require_drawn(out, wanted)
            continue
        yield f"drawing faces with identity shift {shift:g}"
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent, prefix=".drawing.") as scratch:
            raw, splits = Path(scratch) / "raw", Path(scratch) / "splits.csv"
            write_synthetic(DATASET, raw, drawing, seed=0)
            _write_splits(splits, identities=drawing["people"])
            settings = merge(tables, {"prepare": {"splits": str(splits)}})
            root, rows = open_raw(DATASET, raw, settings["dataset"], cache=Path(scratch) / "unpacked")
            with planned(DATASET, root, rows, settings, out) as rows_plan:
                yield f"preparing {len(rows_plan.rows):,} frames"
                for _ in build.build(rows_plan, out):
                    pass
        atomic.write_text(out / DRAWING, json.dumps(wanted, indent=2) + "\n")


def train(workspace: Workspace, benchmark: Benchmark, *, workers: int | None) -> tuple[int, Iterator[Step]]:
    """Train, score and measure all runs that are not done; default: one worker per core, or one on a GPU.

    Returns:
        Number of runs to do, and their steps.
    """
    if workers is None:
        device = hardware.device(benchmark.tables["train"].get("device", "auto"))
        workers = cores() if device.type == "cpu" else 1
    left = [job for job in benchmark.all_jobs() if not is_done(workspace, job)]
    return len(left), drive(workspace, left, Driver(complete=complete, workers=workers, keep_going=True))


def complete(workspace: Workspace, job: Job, follow: runs.Follow) -> bool:
    """Train and score a run, and measure its features; False if that was done already."""
    if is_done(workspace, job):
        return False
    begun = (workspace.runs / job.name).exists()
    started = time.perf_counter()
    runs.complete(workspace, job, follow)
    invariance = measure_run(workspace, job.name)
    record = {**asdict(invariance), "seconds": None if begun else time.perf_counter() - started}
    atomic.write_text(workspace.runs / job.name / INVARIANCE, json.dumps(record, indent=2) + "\n")
    return True


def is_done(workspace: Workspace, job: Job) -> bool:
    """Whether a run is trained, scored and measured."""
    return runs.result(workspace, job) is not None and (workspace.runs / job.name / INVARIANCE).exists()


def measure_run(workspace: Workspace, name: str) -> Invariance:
    """The identity invariance of a run's features on the test identities."""
    trained = run.Run(workspace.run(name))
    config = trained.config()
    model, _ = run.load_model(trained)
    device = hardware.device(config.train.device)
    model.to(device)
    dataset = open_dataset(workspace.dataset(config.data.name))
    samples = dataset.samples(SPLIT, fold=config.data.fold)
    features, view = [], crops.view_of_run(trained)
    for start in range(0, len(samples), BATCH):
        images = dataset.pixels(samples.index[start : start + BATCH], view)
        with torch.inference_mode():
            features.append(model.encode(images.to(device)).flatten(1).float().cpu().numpy())  # type: ignore[operator]
    clip = dataset.table["clip"].take(samples.index).to_numpy(zero_copy_only=False).astype(str)
    return measure(np.concatenate(features), samples.target, samples.identity, clip)


def _require_drawn(dataset: Path, wanted: Values) -> None:
    """Refuse faces that were drawn or prepared with other settings."""
    file = dataset / DRAWING
    noted = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if differing := difference(wanted, noted, also_none=True):
        key, want, have = differing
        raise ConfigError(
            f"{dataset} was made with {key} = {have!r}, wanted {want!r}",
            hint=f"remove that folder, and the runs whose names begin with {dataset.name}",
        )


def _write_splits(file: Path, *, identities: int) -> None:
    """A CSV with the split of each identity; the same at every shift."""
    order = [split for split, share in SHARES.items() for _ in range(share)]
    splits = {f"Actor {number + 1:02d}": order[number % len(order)] for number in range(identities)}
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("identity", "split"))
        writer.writerows(splits.items())
