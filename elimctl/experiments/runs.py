"""Runs of recipes: made, taken up where they were stopped, scored once, and read again."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
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
from elimctl.train import checkpoint
from elimctl.train.checkpoint import is_finished
from elimctl.train.config import RunConfig, asked
from elimctl.train.run import Run
from elimctl.train.session import Session
from elimctl.workspace import Workspace

RESULT = "result.json"  # in a run's folder; there once the run is at its end and scored
# Where and how fast a run computes, not what.
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
    """A score over the seeds of a recipe.

    Args:
        mean: over the seeds; where folds are held out in turn, a seed's score is the mean over its folds.
        spread: standard deviation over the seeds (n - 1); None for one seed.
        seeds: number of seeds all of whose runs are finished.
    """

    mean: float
    spread: float | None
    seeds: int


def complete(workspace: Workspace, job: Job, follow: Follow) -> Values:
    """Bring a run to its end and score it; what is done already is not done again.

    Args:
        workspace: where the dataset is and the run goes.
        job: the run.
        follow: trains a session.

    Returns:
        What `result.json` in the run's folder holds.

    Raises:
        ConfigError: a run of that name has other settings, or its dataset was prepared anew since.
    """
    known = result(workspace, job)
    if known is not None:
        return known
    session = _session(workspace, job)
    if session is not None:
        follow(session)
    options = validate(MetricOptions, job.tables["eval"], where="eval")
    split = protocol(job.tables).split
    found = evaluate.evaluate_run(workspace, job.name, split=split, scoring=Scoring(options))
    record = {
        "variant": job.variant,
        "seed": job.seed,
        "fold": job.fold,
        "dataset": found.dataset,
        "split": split,
        "step": found.step,
        "scores": asdict(found.scores),
    }
    atomic.write_text(workspace.runs / job.name / RESULT, json.dumps(record, indent=2) + "\n")
    return record


def result(workspace: Workspace, job: Job) -> Values | None:
    """What a finished run found; None where it is not finished.

    Raises:
        ConfigError: a run of that name has other settings than the job.
    """
    run = Run(workspace.runs / job.name)
    if not (run.folder / "run.json").exists():
        return None
    _require_same(run, recipes.run_config(job.tables))
    file = run.folder / RESULT
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def summarise(
    found: Iterable[tuple[Job, Values | None]], metric: Callable[[Values], float | None]
) -> Summary | None:
    """A score of several runs; None where no seed has all its runs finished, or the runs have no such score.

    Args:
        found: the runs, and what each found.
        metric: the score in what a run found.
    """
    by_seed: dict[int, list[float | None]] = {}
    for job, record in found:
        by_seed.setdefault(job.seed, []).append(None if record is None else metric(record["scores"]))
    whole = [
        mean(value for value in values if value is not None)
        for values in by_seed.values()
        if None not in values
    ]
    if not whole:
        return None
    return Summary(mean(whole), stdev(whole) if len(whole) > 1 else None, len(whole))


def _session(workspace: Workspace, job: Job) -> Session | None:
    """The session that a run still needs, None where it has all its steps."""
    run = Run(workspace.new_run(job.name))
    if not (run.folder / "run.json").exists():
        return train.start(workspace, recipes.run_config(job.tables), name=job.name)
    return None if is_trained(run) else train.resume(workspace, name=job.name)


def is_trained(run: Run) -> bool:
    """Whether a run that was begun has all its steps."""
    return run.last.exists() and is_finished(checkpoint.read_progress(run.last), run.config().train)


def _require_same(run: Run, config: RunConfig) -> None:
    """Refuse a run that was asked for something else than a configuration asks for."""
    wanted = asked(config)
    wanted["train"] = {key: value for key, value in wanted["train"].items() if key not in PLACE}
    if found := difference(wanted, run.facts().get("asked", {}), also_none=True):
        key, want, have = found
        raise ConfigError(
            f"run {run.name} has {key} = {_shown(have)}, wanted {_shown(want)}",
            hint=f"remove or rename {_short(run.folder)}, or choose another name for the new one",
        )


def _shown(value: Any) -> str:
    return "no value" if value is None else repr(value)


def _short(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"
