"""`elimctl eval`."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Option

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.evaluate.classes import ClassScores
    from elimctl.evaluate.detail import AnyDetail, ClassDetail, Detail, Resampling
    from elimctl.evaluate.score import Scores

Resamples = Annotated[
    int | None, Option(min=100, help="Resamples that intervals are made of [default: 10000].")
]
Seed = Annotated[int, Option(min=0, help="Seed of the resamples.")]

RATES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}


def evaluate(
    split: Annotated[str, Option(help="Split to score: train, val, all, or one of the dataset's.")] = "val",
    fold: Annotated[int | None, Option(min=0, help="Fold that is val [default: the run's].")] = None,
    formula: Annotated[
        Literal["reference"] | None, Option(help="Show the scores by the public code's formulas, too.")
    ] = None,
    slices: Annotated[
        list[str] | None,
        Option("--slice", metavar="COLUMN", help="Score the groups of a manifest's column, too; repeatable."),
    ] = None,
    calibration: Annotated[
        bool, Option("--calibration", help="Tell whether labels are, on average, what was predicted.")
    ] = False,
    invariance: Annotated[
        bool, Option("--invariance", help="Measure what features and predictions tell of identities.")
    ] = False,
    smooth: Annotated[
        bool, Option("--smooth", help="Score clips smoothed by a window chosen on training clips, too.")
    ] = False,
    resamples: Resamples = None,
    seed: Seed = 0,
    run: options.Run = None,
    data: Annotated[str | None, Option(help="Dataset to score on [default: the run's].")] = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Score a run on a split, with 95 % intervals over identities.

    RMSE, SAGR, PCC, CCC and MAE, or accuracy and confusion of classes.
    """
    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.cli.analyses import show as show_analyses  # it uses this file
    from elimctl.config import validate
    from elimctl.evaluate.score import MetricOptions
    from elimctl.stages import analyses
    from elimctl.stages.evaluate import evaluate_run

    asked = analyses.Asked(tuple(slices or ()), calibration, invariance, smooth)
    analyses.require_columns(asked.slices)
    place, drawn = workspaces.locate(workspace), resampling(resamples, seed)
    metric = validate(MetricOptions, recipes.read(recipe, sets=sets)["eval"], where="eval")
    found = evaluate_run(
        place,
        name=run,
        data=data,
        split=split,
        fold=fold,
        options=metric,
        resampling=drawn,
        reference=formula == "reference",
        device=device,
        track=lambda batches, count: console.track(batches, split, total=count),
    )
    analyse = partial(analyses.analyse, place, found, asked, resampling=drawn, device=device, track=_track)
    if as_json:
        console.show_json(found.evaluated.values | analyse().values)
        return
    show_scores(found.scores, found.detail, title=f"{found.run} on {found.dataset}, {split}")
    if not hasattr(found.scores, "confusion"):
        forms = "  ".join(f"{key} {value}" for key, value in metric.model_dump().items())
        console.say(f"forms of the metrics: {forms}")
    if found.flips is not None:
        console.say(
            f"of {found.flips.count:,} flipped samples the latent distribution ranks the original class "
            f"first for {found.flips.original_first:.1%} (a guess: {found.flips.chance:.1%})"
        )
    show_analyses(analyse())
    console.say(f"predictions in {found.predictions}")


def _track(batches: Iterable[Any], what: str, count: int) -> Iterator[Any]:
    return console.track(batches, what, total=count)


def resampling(resamples: int | None, seed: int) -> "Resampling":
    """How intervals are made, as options say."""
    from elimctl.evaluate.detail import Resampling

    return Resampling(seed=seed) if resamples is None else Resampling(resamples, seed)


def show_scores(scores: "Scores | ClassScores", detail: "AnyDetail | None" = None, *, title: str) -> None:
    """The table of a split's scores, with intervals and means where there are details."""
    from elimctl.evaluate.classes import ClassScores
    from elimctl.evaluate.detail import ClassDetail, Detail

    counted = f"{scores.count:,} samples"
    if isinstance(scores, ClassScores):
        assert detail is None or isinstance(detail, ClassDetail)
        _show_classes(scores, detail, title=title)
    elif isinstance(detail, Detail):
        counted += f", {detail.identities:,} identities, {detail.clips:,} clips"
        _show_detail(scores, detail, title=f"{title}: {counted}")
    else:
        rows = [(axis, *values.values()) for axis, values in scores.cells.items()]
        console.show_table((counted, *map(label, scores.cells["mean"])), rows, title=title)
    if detail is not None and detail.no_interval:
        console.say(detail.no_interval)


def label(metric: str) -> str:
    """A metric as tables call it."""
    return RATES.get(metric, metric.upper())


def ends(low: float | None, high: float | None) -> str | None:
    """An interval as tables have it."""
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _show_detail(scores: "Scores", detail: "Detail", *, title: str) -> None:
    """A row per metric and axis; what is not defined is a dash."""
    columns = ["", "", "score", "95 % interval", "identity", "clip"]
    if detail.reference is not None:
        columns.append("reference")
    rows = [_row(scores, detail, axis, metric) for metric in scores.cells["mean"] for axis in scores.cells]
    console.show_table(columns, rows, title=title)
    for line in _remarks(detail):
        console.say(line)


def _row(scores: "Scores", detail: "Detail", axis: str, metric: str) -> list[str | float | None]:
    """A line of the table: the score, how sure it is, means over groups, and the public code's formula."""
    defined = f"{axis}.{metric}" not in detail.undefined
    row = [label(metric), axis, scores.cells[axis][metric] if defined else None]
    row.append(ends(*(detail.intervals[axis][metric] or (None, None))))
    row += [part.means[axis][metric] for part in (detail.per_identity, detail.per_clip)]
    return row if detail.reference is None else [*row, detail.reference[axis][metric]]


def _remarks(detail: "Detail") -> Iterator[str]:
    """What the table cannot say."""
    if detail.undefined:
        names = ", ".join(name.replace(".", " ") for name in detail.undefined)
        yield f"not defined, shown as - and 0 in the file: {names} (predictions or labels are constant)"
    for name, part in (("identity", detail.per_identity), ("clip", detail.per_clip)):
        left_out = [values["ccc"] for values in part.left_out.values()]
        if any(left_out):
            yield (
                f"means over {part.groups:,} by {name}: PCC and CCC leave out {left_out[0]:,} for valence, "
                f"{left_out[1]:,} for arousal, which have fewer than three samples or constant labels"
            )
    if detail.reference is not None:
        yield (
            f"reference: RMSE is the mean over batches of {detail.reference['batch_size']}, a label of 0 has "
            "no sign, covariances are over n - 1 and variances over n"
        )


def _show_classes(scores: "ClassScores", detail: "ClassDetail | None", *, title: str) -> None:
    """The table of scores, and that of what was taken for what."""
    found = detail.intervals if detail else {}
    rows = [
        (label(name), value, ends(*(found.get(name) or (None, None))))
        for name, value in scores.logged.items()
    ]
    console.show_table((f"{scores.count:,} samples", "score", "95 % interval"), rows, title=title)
    short = [name[:4] for name in scores.classes]  # eight of them fit into 80 columns
    console.show_table(
        ("true / predicted", *short),
        [(name, *counts) for name, counts in zip(scores.classes, scores.confusion, strict=True)],
    )
