"""Results of the identity-shift benchmark: CCC with intervals, gain over the baseline, invariance."""

import json
from dataclasses import dataclass
from statistics import mean

import numpy as np

from elimctl import atomic
from elimctl.config import Values
from elimctl.experiments.identity_shift import BASELINE, INVARIANCE, SPLIT, Benchmark, is_done
from elimctl.experiments.jobs import Job
from elimctl.experiments.seed_intervals import bootstrap, ccc_of
from elimctl.metrics.intervals import Interval, interval
from elimctl.metrics.invariance import Invariance
from elimctl.metrics.sums import sums
from elimctl.predict.table import read
from elimctl.train import hardware
from elimctl.train.run import Run
from elimctl.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Score:
    """Result of one method at one shift."""

    shift: float  # identity shift
    method: str  # key of `METHODS` or `PARTS`
    seeds: int  # number of seeds
    ccc: Interval  # mean over the seeds of the CCC (mean of both axes) on the test identities
    by_seed: list[float]  # CCC of each seed
    gain: Interval | None  # CCC minus that of the baseline; None for the baseline, or if its seeds differ
    invariance: Invariance  # mean over the seeds
    seconds: float | None  # duration of a run, mean over the seeds; None if a run was stopped and continued


@dataclass(frozen=True, slots=True)
class Report:
    """Results of the benchmark."""

    scores: list[Score]  # one per shift and method with finished runs
    skipped: dict[str, str]  # methods that could not be run, and why
    settings: Values  # the recipe's values
    machine: str  # name of the device of this call


def report(workspace: Workspace, benchmark: Benchmark) -> Report:
    """Scores of the finished runs."""
    scores = []
    for shift in benchmark.shifts:
        planned = {method: benchmark.jobs(shift, method) for method in benchmark.methods}
        done = {method: [job for job in jobs if is_done(workspace, job)] for method, jobs in planned.items()}
        done = {method: jobs for method, jobs in done.items() if jobs}
        added = {method: _sums(workspace, jobs) for method, jobs in done.items()}
        seeds = {job.seed for job in done.get(BASELINE, [])}
        for method, jobs in done.items():
            paired = method != BASELINE and seeds == {job.seed for job in jobs}
            base = added[BASELINE] if paired else None
            scores.append(_score(workspace, shift, method, jobs, added=added[method], base=base))
    device = hardware.device(benchmark.tables["train"].get("device", "auto"))
    return Report(scores, benchmark.skipped, benchmark.tables, hardware.device_name(device))


def write(workspace: Workspace, benchmark: Benchmark, values: Values) -> str:
    """Write the values of a report to `runs/<recipe>.json`; returns that path."""
    file = workspace.runs / f"{benchmark.recipe}.json"
    atomic.write_text(file, json.dumps(values, indent=2) + "\n")
    return str(file)


def _score(
    workspace: Workspace,
    shift: float,
    method: str,
    jobs: list[Job],
    *,
    added: np.ndarray,
    base: np.ndarray | None,
) -> Score:
    by_seed, resampled = ccc_of(added.sum(axis=1)), bootstrap(added)
    gain = None
    if base is not None:
        apart = by_seed.mean() - ccc_of(base.sum(axis=1)).mean()
        gain = interval(apart, resampled - bootstrap(base))
    records = [json.loads((workspace.runs / job.name / INVARIANCE).read_text()) for job in jobs]
    names = Invariance.__dataclass_fields__
    seconds = [record["seconds"] for record in records]
    return Score(
        shift=shift,
        method=method,
        seeds=len(jobs),
        ccc=interval(by_seed.mean(), resampled),
        by_seed=by_seed.tolist(),
        gain=gain,
        invariance=Invariance(**{name: mean(record[name] for record in records) for name in names}),
        seconds=None if None in seconds else mean(seconds),
    )


def _sums(workspace: Workspace, jobs: list[Job]) -> np.ndarray:
    """Sums over the predictions of each run, by identity: (runs, identities, 11, 2)."""
    tables = [read(Run(workspace.runs / job.name).predictions(SPLIT)) for job in jobs]
    return np.stack(
        [
            sums(table.preds, table.target, table.identities.code, groups=len(table.identities))
            for table in tables
        ]
    )
