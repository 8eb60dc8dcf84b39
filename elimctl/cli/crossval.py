"""`elimctl crossval`."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from typer import Exit, Option

from elimctl.cli import console, evaluate, launch, options, tables, train
from elimctl.errors import ConfigError
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.commands.crossval import CrossValidation
    from elimctl.config import Values
    from elimctl.experiments.jobs import Job
    from elimctl.workspace import Workspace

ALL = "all"


def crossval(
    folds: Annotated[str, Option(metavar="FOLDS", help="Folds to hold out in turn: all, or 0,2,3.")] = ALL,
    backbone: options.Backbone = None,
    method: options.Method = None,
    pretrained: options.Pretrained = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    run: Annotated[
        str | None, Option(help="Name; the runs are NAME-f0 ... [default: METHOD-BACKBONE-cv].")
    ] = None,
    nproc: options.Nproc = None,
    time_limit: options.TimeLimit = None,
    patience: options.Patience = None,
    track: options.Track = None,
    resamples: evaluate.Resamples = None,
    data: options.Data = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Train a model for every fold held out, and score all predictions together.

    What was stopped goes on when the same command is given again; what is finished is not done again.
    """
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.commands import crossval as stage
    from elimctl.config import validate
    from elimctl.metrics.score import MetricOptions

    if "WORLD_SIZE" in os.environ:
        raise ConfigError(
            "crossval in one of several processes that were started together",
            hint="start it once, with --nproc for the processes that train each fold",
        )
    deadline = _deadline(time_limit)
    place = workspaces.locate(workspace)
    values = train.settings(
        data=data,
        backbone=backbone,
        pretrained=pretrained,
        method=method,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        device=device,
        patience=patience,
        track=track,
    )
    tables = recipes.read(recipe, values, sets=sets)
    config = recipes.run_config(tables)
    folder = place.dataset(config.data.name)
    found = stage.folds(folder, _numbers(folds))
    for leak in found.leaks:
        console.say(
            f"LEAK: {leak.count:,} {leak.kind}s are in two folds, so runs have trained on some that they are "
            "scored on; elimctl data audit tells more"
        )
    name = run or f"{config.method_name}-{config.model.name.replace('/', '-')}-cv"
    stage.require_place(place, name, found.numbers)
    jobs = {fold: _job(name, tables, folder.name, fold, config.train.seed) for fold in found.numbers}
    for number, (fold, job) in enumerate(jobs.items(), start=1):
        console.say(f"{number}/{len(jobs)}  fold {fold} held out")
        _finish(place, job, nproc=nproc or 1, left_s=deadline)
    made = stage.summarise(
        place,
        name,
        folder,
        {fold: job.name for fold, job in jobs.items()},
        of=found.of,
        leaks=found.leaks,
        options=validate(MetricOptions, tables["eval"], where="eval"),
        resampling=evaluate.resampling(resamples, 0),
        device=device,
    )
    if as_json:
        console.show_json(made.values)
        return
    _show(made)
    console.say(f"predictions in {made.predictions}")


def _deadline(limit: str | None) -> Callable[[], float | None]:
    """Seconds that are left of a time limit, None without one; counted from now."""
    limit_s, started = train.seconds_of(limit), time.monotonic()
    return lambda: None if limit_s is None else limit_s - (time.monotonic() - started)


def _numbers(folds: str) -> list[int] | None:
    """Numbers of folds, None for all.

    Raises:
        ConfigError: they are none.
    """
    if folds == ALL:
        return None
    parts = folds.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--folds {folds!r} are no folds", hint="write all, or numbers such as 0,2,3")
    return [int(part) for part in parts]


def _job(name: str, tables: "Values", dataset: str, fold: int, seed: int) -> "Job":
    """The run that holds a fold out."""
    from elimctl.commands.crossval import SPLIT
    from elimctl.config import merge
    from elimctl.experiments.jobs import Job

    own = {"data": {"name": dataset, "fold": fold}, "run": {"split": SPLIT}}
    return Job(f"{name}-f{fold}", "", seed, fold, merge(tables, own))


def _finish(place: "Workspace", job: "Job", *, nproc: int, left_s: Callable[[], float | None]) -> None:
    """Bring a run to its end, unless it is there, and show how it goes.

    Raises:
        Exit: the time is up, or the run was stopped.
    """
    from elimctl.experiments import runs

    if runs.result(place, job) is not None:
        console.say(f"run {job.name} is finished already")
        return
    if nproc > 1:
        _train_on_ranks(place, job, nproc, left_s())
    runs.complete(place, job, lambda session: train.follow(session, limit_s=left_s()))


def _train_on_ranks(place: "Workspace", job: "Job", nproc: int, limit_s: float | None) -> None:
    """Train a run in several processes, as `elimctl train --nproc` does."""
    from elimctl.config import write_toml
    from elimctl.experiments import runs
    from elimctl.train.config import RunConfig
    from elimctl.train.run import Run

    run = Run(place.new_run(job.name))
    begun = (run.folder / "run.json").exists()
    if begun and runs.is_trained(run):
        return
    with TemporaryDirectory(prefix="elimctl-") as scratch:
        recipe = Path(scratch) / "recipe.toml"
        write_toml(recipe, {table: job.tables[table] for table in RunConfig.model_fields})
        told = ["--resume"] if begun else ["--recipe", str(recipe)]
        told += ["--run", job.name, "--nproc", str(nproc), "--workspace", str(place.root)]
        if limit_s is not None:
            told += ["--time-limit", f"{max(1, round(limit_s))}s"]
        code = launch.launch(nproc, ["train", *told])
    if code or not runs.is_trained(run):
        raise Exit(code)


def _show(found: "CrossValidation") -> None:
    """Scores fold by fold, pooled, and their mean over the folds; what is not defined is a dash."""
    from elimctl.commands.crossval import at

    of_axes = "mean" in found.over_folds
    names: list[tuple[str, ...]] = [(axis, "ccc") for axis in ("mean", "valence", "arousal")]
    heads = ["CCC", "valence", "arousal"]
    if not of_axes:
        names = [(name,) for name in found.over_folds]
        heads = ["accuracy", "balanced", "F1"]
    parts = [(f"fold {fold.fold}", fold.evaluated) for fold in found.folds] + [("pooled", found.pooled)]
    rows: list[tuple[Any, ...]] = []
    for title, part in parts:
        undefined = part.values.get("undefined") or ()
        between = at(part.values["intervals"], names[0])
        scores = [None if ".".join(name) in undefined else at(part.values, name) for name in names]
        identities = part.values["identities"]
        rows.append((title, identities, scores[0], tables.within(between), *scores[1:]))
    for key in ("mean", "spread"):
        first, *others = (at(found.over_folds, name)[key] for name in names)
        rows.append((key, None, first, None, *others))
    columns = ("", "identities", heads[0], "95 % interval", *heads[1:])
    console.show_table(columns, rows, title=f"{found.name} on {found.dataset}: {_counted(found)}")
    for line in _remarks(found, names):
        console.say(line)


def _counted(found: "CrossValidation") -> str:
    """What was pooled."""
    samples = counted(found.pooled.values["count"], "sample")
    held = len(found.folds)
    return f"{samples}, {held} folds" if held == found.of else f"{samples}, {held} of {found.of} folds"


def _remarks(found: "CrossValidation", names: list[tuple[str, ...]]) -> Iterator[str]:
    """What the table cannot say."""
    from elimctl.commands.crossval import at

    left_out = {" ".join(name): at(found.over_folds, name)["left_out"] for name in names}
    lacking = [f"{name} of {counted(count, 'fold')}" for name, count in left_out.items() if count]
    if lacking:
        yield f"not defined, shown as - and not in mean and spread: {', '.join(lacking)}"
    if len(found.folds) < found.of:
        yield f"{len(found.folds)} of {found.of} folds were held out; samples of the others are not pooled"
    yield from evaluate.remarks_on_identities(found.pooled.detail)
    yield (
        "pooled: all samples at once, each predicted by the run that held its fold out; intervals are over "
        "identities. mean, spread: of the folds, the latter their standard deviation"
    )
    yield (
        "each run kept the checkpoint that was best on the fold that it held out, and is scored on that very "
        "fold: scores are optimistic"
    )
