"""`elimctl eval`."""

from typing import TYPE_CHECKING, Annotated

from typer import Option

from elimctl.cli import console, options

if TYPE_CHECKING:
    from elimctl.evaluate.classes import ClassScores
    from elimctl.evaluate.score import Scores


def evaluate(
    split: Annotated[str, Option(help="Split to score: train, val, all, or one of the dataset's.")] = "val",
    fold: Annotated[int | None, Option(min=0, help="Fold that is val [default: the run's].")] = None,
    run: options.Run = None,
    data: Annotated[str | None, Option(help="Dataset to score on [default: the run's].")] = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    device: options.Device = None,
    as_json: options.Json = False,
    workspace: options.Workspace = None,
) -> None:
    """Score a run on a split: RMSE, SAGR, PCC and CCC, or accuracy and confusion of classes."""
    from dataclasses import asdict

    from elimctl import recipe as recipes
    from elimctl import workspace as workspaces
    from elimctl.config import validate
    from elimctl.evaluate.score import MetricOptions
    from elimctl.stages.evaluate import evaluate_run

    metric = validate(MetricOptions, recipes.read(recipe, sets=sets)["eval"], where="eval")
    found = evaluate_run(
        workspaces.locate(workspace),
        name=run,
        data=data,
        split=split,
        fold=fold,
        options=metric,
        device=device,
        track=lambda batches, count: console.track(batches, split, total=count),
    )
    if as_json:
        console.show_json(asdict(found.scores))
    else:
        show_scores(found.scores, title=f"{found.run} on {found.dataset}, {split}")
        if not hasattr(found.scores, "confusion"):
            forms = "  ".join(f"{key} {value}" for key, value in metric.model_dump().items())
            console.say(f"forms of the metrics: {forms}")
        if found.flips is not None:
            console.say(
                f"of {found.flips.count:,} flipped samples the latent distribution ranks the original class "
                f"first for {found.flips.original_first:.1%} (a guess: {found.flips.chance:.1%})"
            )
        console.say(f"predictions in {found.predictions}")


def show_scores(scores: "Scores | ClassScores", *, title: str) -> None:
    """The table of a split's scores."""
    from elimctl.evaluate.classes import ClassScores

    if isinstance(scores, ClassScores):
        _show_classes(scores, title=title)
        return
    axes = {"valence": scores.valence, "arousal": scores.arousal, "mean": scores.mean}
    rows = [(name, axis.rmse, axis.sagr, axis.pcc, axis.ccc) for name, axis in axes.items()]
    columns = (f"{scores.count:,} samples", "RMSE", "SAGR", "PCC", "CCC")
    console.show_table(columns, rows, title=title)


def _show_classes(scores: "ClassScores", *, title: str) -> None:
    """The table of scores, and that of what was taken for what."""
    rows = [(name.replace("_", " "), f"{value:.3f}") for name, value in scores.logged.items()]
    console.show_table((f"{scores.count:,} samples", ""), rows, title=title)
    short = [name[:4] for name in scores.classes]  # eight of them fit into 80 columns
    console.show_table(
        ("true / predicted", *short),
        [(name, *counts) for name, counts in zip(scores.classes, scores.confusion, strict=True)],
    )
