"""`elimctl eval`."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from typer import Option

from elimctl.cli import console, options
from elimctl.cli.tables import within
from elimctl.text import counted

if TYPE_CHECKING:
    from elimctl.commands.evaluate import Evaluation
    from elimctl.metrics.classes import ClassScores
    from elimctl.metrics.detail import AnyDetail, ClassDetail, Detail, Resampling
    from elimctl.metrics.score import MetricOptions, Scores

Resamples = Annotated[
    int | None,
    Option(min=100, help="Number of bootstrap resamples (ten identities and more) [default: 10000]."),
]
Seed = Annotated[int, Option(min=0, help="Random seed of the resamples.")]


def evaluate(
    split: Annotated[str, Option(help="Split to score: train, val, all, or a split of the dataset.")] = "val",
    fold: Annotated[int | None, Option(min=0, help="Fold used as val [default: the run's].")] = None,
    public_code: Annotated[
        bool, Option("--public-code", help="Also show scores by the formulas of ELIM's public code.")
    ] = False,
    slices: Annotated[
        list[str] | None,
        Option("--slice", metavar="COLUMN", help="Also score each value of COLUMN separately; repeatable."),
    ] = None,
    calibration: Annotated[
        bool, Option("--calibration", help="Report calibration (reliability bins).")
    ] = False,
    invariance: Annotated[
        bool, Option("--invariance", help="Measure how well identity can be recovered.")
    ] = False,
    smooth: Annotated[
        bool, Option("--smooth", help="Also score after temporal smoothing (window tuned on train).")
    ] = False,
    resamples: Resamples = None,
    seed: Seed = 0,
    run: options.Run = None,
    data: Annotated[str | None, Option(help="Prepared dataset to score on [default: the run's].")] = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Score a run on a split, with confidence intervals.

    RMSE, SAGR, PCC, CCC and MAE, or accuracy and confusion of classes. Intervals are 95 %, over identities.
    """
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.cli.analyses import end as end_analyses  # it uses this file
    from elimctl.cli.analyses import show as show_analyses
    from elimctl.commands import analyses
    from elimctl.commands.evaluate import evaluate_run, trained_on
    from elimctl.commands.execution import Scoring
    from elimctl.config import validate
    from elimctl.metrics.score import MetricOptions

    asked = analyses.Asked(tuple(slices or ()), calibration, invariance, smooth)
    analyses.require_columns(asked.slices)
    place, drawn = workspaces.locate(workspace), resampling(resamples, seed)
    metric = validate(MetricOptions, recipes.read(recipe, sets=sets)["eval"], where="eval")
    execution = options.execution(device)
    found = evaluate_run(
        place,
        run,
        data=data,
        split=split,
        fold=fold,
        scoring=Scoring(metric, drawn, public_code),
        execution=execution,
    )
    analyse = partial(analyses.analyse, place, found, asked, resampling=drawn, execution=execution)
    seen = trained_on(place, found)
    if as_json:
        more = analyse()
        console.show_json(found.evaluated.values | {"trained_on_identities": seen} | more.values)
        end_analyses(more)
        return
    title = f"{found.run} on {found.dataset}, {split}"
    if data is not None or fold is not None:
        title += f", fold {found.fold}" if found.fold is not None else ""
    show_scores(found.scores, found.detail, title=title)
    if fold is not None and found.fold is None:
        console.say(f"--fold has no effect: split {split} is the same for each fold")
    _say_more(found, metric, seen=seen)
    more = analyse()
    show_analyses(more)
    console.say(f"predictions in {found.predictions}")
    end_analyses(more)


def _say_more(found: "Evaluation", metric: "MetricOptions", *, seen: int | None) -> None:
    """Print the forms of the metrics, differing crops, known people and the result on label noise."""
    if not hasattr(found.scores, "confusion"):
        forms = "  ".join(f"{key} {value}" for key, value in metric.model_dump().items())
        console.say(f"forms of the metrics: {forms}")
        for line in _of_other_forms(metric):
            console.say(line)
    if found.crop_differences:
        console.say(differing_crops(found.crop_differences))
    if seen:
        everybody = counted(found.detail.identities, "identity", "identities")
        console.say(
            f"{seen:,} of {everybody} were in the training data: these scores say little about new people"
        )
    if noise := found.label_noise:
        console.say(
            f"label noise: of {counted(noise.count, 'changed sample')} the latent distribution ranks the "
            f"original class first for {noise.original_first:.1%} (chance {noise.chance:.1%})"
        )


def differing_crops(differences: Sequence[str]) -> str:
    """One line about differences from the crops of training."""
    return f"crops differ from training: {'; '.join(differences)}"


def resampling(resamples: int | None, seed: int) -> "Resampling":
    """Resampling settings from the options."""
    from elimctl.metrics.detail import Resampling

    return Resampling(seed=seed) if resamples is None else Resampling(resamples, seed)


def show_scores(scores: "Scores | ClassScores", detail: "AnyDetail | None" = None, *, title: str) -> None:
    """Print the table of scores, with intervals and group means if there are any."""
    from elimctl.metrics.classes import ClassScores
    from elimctl.metrics.detail import ClassDetail, Detail
    from elimctl.metrics.table import TITLES

    said = counted(scores.count, "sample")
    if isinstance(scores, ClassScores):
        assert detail is None or isinstance(detail, ClassDetail)
        _show_classes(scores, detail, title=title)
    elif isinstance(detail, Detail):
        said += f", {counted(detail.identities, 'identity', 'identities')}, {counted(detail.clips, 'clip')}"
        _show_detail(scores, detail, title=f"{title}: {said}")
    else:
        rows = [(axis, *values.values()) for axis, values in scores.cells.items()]
        console.show_table((said, *(TITLES[name] for name in scores.cells["mean"])), rows, title=title)
    if detail is not None:
        for line in remarks_on_identities(detail):
            console.say(line)


def remarks_on_identities(detail: "AnyDetail") -> Iterator[str]:
    """Lines about the limits of the intervals."""
    from elimctl.manifest.row import NO_GROUP
    from elimctl.metrics.detail import few

    if detail.unidentified:
        samples = counted(detail.unidentified, "sample")
        yield f"{samples} without identity count as one of the {detail.identities:,} identities ({NO_GROUP})"
    if detail.no_interval:
        yield detail.no_interval
        return
    if said := few(detail):
        yield said


def _show_detail(scores: "Scores", detail: "Detail", *, title: str) -> None:
    """Print one row per metric and axis; undefined scores are dashes."""
    columns = ["", "", "score", "95 % interval", "identity", "clip"]
    if detail.reference is not None:
        columns.append("reference")
    rows = [_row(scores, detail, axis, metric) for metric in scores.cells["mean"] for axis in scores.cells]
    console.show_table(columns, rows, title=title)
    for line in _remarks(detail):
        console.say(line)


def _row(scores: "Scores", detail: "Detail", axis: str, metric: str) -> list[str | float | None]:
    """One row: score, interval, means over groups, score by the public code's formula."""
    from elimctl.metrics.table import TITLES

    defined = f"{axis}.{metric}" not in detail.undefined
    row = [TITLES[metric], axis, scores.cells[axis][metric] if defined else None]
    row.append(within(detail.intervals[axis][metric]))
    row += [part.means[axis][metric] for part in (detail.per_identity, detail.per_clip)]
    return row if detail.reference is None else [*row, detail.by_reference(axis, metric)]


def _remarks(detail: "Detail") -> Iterator[str]:
    """Lines below the table."""
    if detail.undefined:
        names = ", ".join(name.replace(".", " ") for name in detail.undefined)
        yield f"undefined (shown as -, 0 in the file): {names}; predictions or labels are constant"
    if without := ", ".join(_without_interval(detail)):
        yield f"no interval: {without} (identities are too few or too alike)"
    for name, part in (("identity", detail.per_identity), ("clip", detail.per_clip)):
        left_out = [values["ccc"] for values in part.left_out.values()]
        if any(left_out):
            yield (
                f"means over {part.groups:,} groups by {name}: PCC and CCC leave out {left_out[0]:,} for "
                f"valence and {left_out[1]:,} for arousal (fewer than three samples or constant labels)"
            )
    if detail.reference is not None:
        yield (
            f"reference: RMSE is the mean over batches of {detail.reference['batch_size']}, a label of 0 has "
            "no sign, covariances are over n - 1 and variances over n"
        )


def _without_interval(detail: "Detail") -> Iterator[str]:
    """Scores without interval, if others have one."""
    from elimctl.metrics.table import TITLES

    if detail.no_interval:
        return
    for axis, found in detail.intervals.items():
        for metric, interval in found.items():
            has_form = detail.per_identity.means[axis][metric] is not None
            if interval is None and has_form and f"{axis}.{metric}" not in detail.undefined:
                yield f"{axis} {TITLES[metric]}"


def _of_other_forms(metric: "MetricOptions") -> Iterator[str]:
    """Lines about metrics whose form has neither intervals nor means over groups."""
    from elimctl.metrics.detail import has_intervals
    from elimctl.metrics.table import METRICS, TITLES

    lacking = [TITLES[name] for name, has in zip(METRICS, has_intervals(metric), strict=True) if not has]
    *others, last = lacking or [""]
    if others:
        names = f"{', '.join(others)} and {last}"
        yield f"{names} have neither intervals nor group means in these forms"
    elif last:
        yield f"{last} has neither intervals nor group means in this form"


def _show_classes(scores: "ClassScores", detail: "ClassDetail | None", *, title: str) -> None:
    """Print the scores of classes and the confusion matrix."""
    from elimctl.metrics.table import TITLES

    found = detail.intervals if detail else {}
    rows = [(TITLES[name], value, within(found.get(name))) for name, value in scores.logged.items()]
    console.show_table((counted(scores.count, "sample"), "score", "95 % interval"), rows, title=title)
    short = [name[:4] for name in scores.classes]  # eight of them fit into 80 columns, without commas
    console.show_table(
        ("true", *short),
        [(name, *map(str, counts)) for name, counts in zip(scores.classes, scores.confusion, strict=True)],
        title="predicted",
    )
