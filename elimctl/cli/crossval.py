"""`elimctl crossval`."""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from typer import Exit, Option

from elimctl.cli import console, evaluate, options, tables, train
from elimctl.errors import ConfigError
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.experiments.crossval import CrossValidation

ALL = "all"


def crossval(
    folds: Annotated[str, Option(metavar="FOLDS", help="Folds to hold out: all, or 0,2,3.")] = ALL,
    backbone: options.Backbone = None,
    method: options.Method = None,
    pretrained: options.Pretrained = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    run: Annotated[
        str | None,
        Option(help="Name; the runs are NAME-f0, NAME-f1 ... [default: METHOD-BACKBONE-cv]."),
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
    """Train once per fold, score all folds together.

    Re-run the same command to resume; finished folds are kept.
    """
    given = options.given("train", locals())
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.commands import crossval as stage
    from elimctl.commands.execution import Scoring
    from elimctl.config import nested, validate
    from elimctl.experiments import crossval as experiment
    from elimctl.experiments import driver
    from elimctl.metrics.score import MetricOptions

    if "WORLD_SIZE" in os.environ:
        raise ConfigError(
            "crossval was started in several processes", hint="start it once, with --nproc N for N processes"
        )
    deadline = driver.Deadline.after(train.seconds_of(time_limit))
    place = workspaces.locate(workspace)
    values = recipes.read(recipe, nested(given), sets=sets)
    config = recipes.run_config(values)
    held_out = stage.folds(place.dataset(config.data.name), _numbers(folds))
    for leak in held_out.leaks:
        console.say(
            f"LEAK: {leak.count:,} {leak.kind}s are in two folds; runs are scored on some that they were "
            "trained on; run elimctl data audit for details"
        )
    name = run or f"{config.method_name}-{config.model.name.replace('/', '-')}-cv"
    stage.require_place(place, name, held_out.numbers)
    jobs = experiment.plan(name, values, held_out, seed=config.train.seed)
    how = driver.Driver(
        follow=lambda session: train.follow(session, limit_s=deadline.left_s()),
        nproc=nproc or 1,
        deadline=deadline,
    )
    try:
        for step in driver.drive(place, jobs, how):
            if step.state == "begun":
                console.say(f"{step.number}/{len(jobs)}  fold {step.job.fold} held out")
            elif step.state == "known":
                console.say(f"run {step.job.name} is already finished")
    except driver.StoppedError as error:
        sys.stderr.write(error.message)
        raise Exit(error.code) from None
    result = experiment.summarise(
        place,
        name,
        held_out,
        jobs,
        scoring=Scoring(
            validate(MetricOptions, values["eval"], where="eval"), evaluate.resampling(resamples, 0)
        ),
        execution=options.execution(device),
    )
    if as_json:
        console.show_json(result.values)
        return
    _show(result)
    console.say(f"predictions in {result.predictions}")


def _numbers(folds: str) -> list[int] | None:
    """Numbers of folds; None for all.

    Raises:
        ConfigError: the text is invalid.
    """
    if folds == ALL:
        return None
    parts = folds.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"invalid --folds {folds!r}", hint="use all, or numbers such as 0,2,3")
    return [int(part) for part in parts]


def _show(result: "CrossValidation") -> None:
    """Scores of each fold, of all folds pooled, and their mean; an undefined score is a dash."""
    from elimctl.commands.crossval import at

    names: list[tuple[str, ...]] = [(axis, "ccc") for axis in ("mean", "valence", "arousal")]
    heads = ["CCC", "valence", "arousal"]
    if "mean" not in result.over_folds:  # classes
        names = [(name,) for name in result.over_folds]
        heads = ["accuracy", "balanced", "F1"]
    parts = [(f"fold {fold.fold}", fold.evaluated) for fold in result.folds] + [("pooled", result.pooled)]
    rows: list[tuple[Any, ...]] = []
    for title, part in parts:
        undefined = part.values.get("undefined") or ()
        between = at(part.values["intervals"], names[0])
        scores = [None if ".".join(name) in undefined else at(part.values, name) for name in names]
        identities = part.values["identities"]
        rows.append((title, identities, scores[0], tables.within(between), *scores[1:]))
    for key in ("mean", "spread"):
        first, *others = (at(result.over_folds, name)[key] for name in names)
        rows.append((key, None, first, None, *others))
    count, held, of = result.pooled.values["count"], len(result.folds), result.held_out.of
    folds = f"{held} folds" if held == of else f"{held} of {of} folds"
    console.show_table(
        ("", "identities", heads[0], "95 % interval", *heads[1:]),
        rows,
        title=f"{result.name} on {result.held_out.dataset.name}: {counted(count, 'sample')}, {folds}",
    )
    for line in _remarks(result, names):
        console.say(line)


def _remarks(result: "CrossValidation", names: list[tuple[str, ...]]) -> Iterator[str]:
    """How to read the table."""
    from elimctl.commands.crossval import at

    left_out = {" ".join(name): at(result.over_folds, name)["left_out"] for name in names}
    lacking = [f"{name} of {counted(count, 'fold')}" for name, count in left_out.items() if count]
    if lacking:
        yield f"undefined (shown as -, not in mean and spread): {', '.join(lacking)}"
    held, of = len(result.folds), result.held_out.of
    if held < of:
        yield f"{held} of {of} folds were held out; samples of the other folds are not scored"
    yield from evaluate.remarks_on_identities(result.pooled.detail)
    yield (
        "pooled: all samples, each predicted by the run that held its fold out; intervals are over "
        "identities. mean, spread: mean and standard deviation over the folds"
    )
    yield (
        "scores are optimistic: each run kept the checkpoint that was best on its held-out fold, "
        "and is scored on the same fold"
    )
