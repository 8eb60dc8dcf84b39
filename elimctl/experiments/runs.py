"""Runs of recipes: train, continue, score once, read again, and average over seeds."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from elimctl import atomic
from elimctl import recipe as recipes
from elimctl.commands import evaluate, train
from elimctl.commands.execution import Scoring
from elimctl.config import Values, validate
from elimctl.errors import ConfigError
from elimctl.experiments.jobs import Job, difference, protocol
from elimctl.metrics.score import MetricOptions
from elimctl.metrics.table import AXES, METRICS
from elimctl.train import checkpoint
from elimctl.train.checkpoint import is_finished
from elimctl.train.config import RunConfig, requested
from elimctl.train.run import Run
from elimctl.train.session import Session
from elimctl.workspace import Workspace

RESULT = "result.json"  # in a run's folder, once the run is trained and scored
# Keys of `train` that decide where and how fast a run computes, not what.
PLACE = (
    "device",
    "workers",
    "worker_kind",
    "precision",
    "channels_last",
    "compile",
    "fused",
    "checkpoint_every",
    "trackers",
)

Follow = Callable[[Session], None]  # trains a session to its end


@dataclass(frozen=True, slots=True)
class Summary:
    """A score over the seeds of a recipe."""

    mean: float  # over the seeds. The score of a seed is the mean over its folds
    spread: float | None  # standard deviation over the seeds (n - 1); None for one seed
    seeds: int  # number of seeds with all their runs finished


def complete(workspace: Workspace, job: Job, follow: Follow) -> bool:
    """Train (with `follow`) and score a run; continue one that was stopped.

    Returns:
        False if the run was finished already.

    Raises:
        ConfigError: a run of that name has other settings, or its dataset has changed since.
    """
    if result(workspace, job) is not None:
        return False
    session = _session(workspace, job)
    if session is not None:
        follow(session)
    options = validate(MetricOptions, job.tables["eval"], where="eval")
    split = protocol(job.tables).split
    evaluation = evaluate.evaluate_run(workspace, job.name, split=split, scoring=Scoring(options))
    record = {
        "variant": job.variant,
        "seed": job.seed,
        "fold": job.fold,
        "dataset": evaluation.dataset,
        "split": split,
        "step": evaluation.step,
        "scores": asdict(evaluation.scores),
    }
    atomic.write_text(workspace.runs / job.name / RESULT, json.dumps(record, indent=2) + "\n")
    return True


def result(workspace: Workspace, job: Job) -> Values | None:
    """Content of `result.json` of a run; None if the run is not finished.

    Raises:
        ConfigError: a run of that name has other settings than the job.
    """
    run = Run(workspace.runs / job.name)
    if not (run.folder / "run.json").exists():
        return None
    _require_same(run, recipes.run_config(job.tables))
    file = run.folder / RESULT
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def summaries(results: list[tuple[Job, Values]]) -> list[Values]:
    """Mean and spread of every metric for each variant, from runs and their `result.json`."""
    entries = []
    for variant in dict.fromkeys(job.variant for job, _ in results):
        runs = [(job, record) for job, record in results if job.variant == variant]
        names = _metrics(runs[0][1]["scores"])
        scores = [(name, summarise(runs, partial(_score, name))) for name in names]
        entries += [{"variant": variant, "metric": name, **asdict(score)} for name, score in scores if score]
    return entries


def summarise(
    results: Iterable[tuple[Job, Values | None]], metric: Callable[[Values], float | None]
) -> Summary | None:
    """A score over several runs; None if no seed has all its runs finished, or the runs lack the score.

    Args:
        results: the runs, each with its `result.json` (None: not finished).
        metric: takes the score from the scores of a run.
    """
    by_seed: dict[int, list[float | None]] = {}
    for job, record in results:
        by_seed.setdefault(job.seed, []).append(None if record is None else metric(record["scores"]))
    seeds = [
        mean(value for value in values if value is not None)
        for values in by_seed.values()
        if None not in values
    ]
    if not seeds:
        return None
    return Summary(mean(seeds), stdev(seeds) if len(seeds) > 1 else None, len(seeds))


def is_trained(run: Run) -> bool:
    """Whether a run has done all its steps."""
    return run.last.exists() and is_finished(checkpoint.read_progress(run.last), run.config().train)


def _session(workspace: Workspace, job: Job) -> Session | None:
    """The session that a run still needs; None if it is trained."""
    run = Run(workspace.new_run(job.name))
    if not (run.folder / "run.json").exists():
        return train.start(workspace, recipes.run_config(job.tables), name=job.name)
    return None if is_trained(run) else train.resume(workspace, name=job.name)


def _require_same(run: Run, config: RunConfig) -> None:
    """Refuse a run whose settings differ from a configuration."""
    wanted = requested(config)
    wanted["train"] = {key: value for key, value in wanted["train"].items() if key not in PLACE}
    if differing := difference(wanted, run.facts().get("asked", {}), also_none=True):
        key, want, have = differing
        raise ConfigError(
            f"run {run.name} has {key} = {_shown(have)}, wanted {_shown(want)}",
            hint=f"remove or rename {_short(run.folder)}, or choose another name for the new run",
        )


def _metrics(scores: Values) -> list[str]:
    """Dotted names of the scores of a run: `valence.ccc`, or `accuracy`."""
    names = [f"{axis}.{metric}" for axis in AXES for metric in METRICS if metric in scores.get(axis, {})]
    return names or [name for name, value in scores.items() if isinstance(value, float)]


def _score(name: str, scores: Values) -> float | None:
    axis, _, metric = name.rpartition(".")
    value = scores[axis][metric] if axis else scores[metric]
    return None if value is None else float(value)


def _shown(value: Any) -> str:
    return "no value" if value is None else repr(value)


def _short(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"
