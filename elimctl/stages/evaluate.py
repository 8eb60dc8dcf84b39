"""From a run to its scores on a split."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from elimctl import atomic
from elimctl.config import Values
from elimctl.evaluate.detail import AnyDetail, Resampling
from elimctl.evaluate.evaluate import Evaluated, conclude, record
from elimctl.evaluate.predict import BATCH, Predictions, predictions
from elimctl.evaluate.score import MetricOptions
from elimctl.loader.view import View
from elimctl.manifest import splits
from elimctl.stages import crops
from elimctl.stages.dataset import SCORED, Dataset, open_dataset
from elimctl.stages.flips import Flips, original_first
from elimctl.stages.task import AnyScores, Task, trained_task
from elimctl.train import hardware, run
from elimctl.workspace import Workspace

# Passes the batches of predictions on, and may count them on the way.
Track = Callable[[Iterable[Predictions], int], Iterable[Predictions]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found and wrote.

    Args:
        run: name of the run.
        dataset: name of the dataset.
        fold: the fold that is `val`; None where the dataset's own splits, or all of it, were scored.
        step: training steps behind the checkpoint that was scored.
        evaluated: scores, intervals, and means over identities and clips.
        predictions: the Parquet file that holds every prediction.
        crop_differences: what the crops show otherwise than those of training, a line each.
        flips: what became of labels that were flipped on purpose, on the split that has them.
    """

    run: str
    dataset: str
    fold: int | None
    step: int
    evaluated: Evaluated
    predictions: Path
    crop_differences: tuple[str, ...] = ()
    flips: Flips | None = None

    @property
    def scores(self) -> AnyScores:
        """The scores of all samples together."""
        return self.evaluated.scores

    @property
    def detail(self) -> AnyDetail:
        """What goes with them."""
        return self.evaluated.detail


def evaluate_run(
    workspace: Workspace,
    *,
    name: str | None = None,
    data: str | None = None,
    split: str = "val",
    fold: int | None = None,
    options: MetricOptions | None = None,
    resampling: Resampling | None = None,
    reference: bool = False,
    device: str | None = None,
    track: Track = lambda batches, _: batches,
) -> Evaluation:
    """Score the best checkpoint of a run, and keep the scores and predictions in its `eval/`.

    Args:
        workspace: where the run and the dataset are.
        name: the run; None for the newest.
        data: the dataset; None for the one it was trained on.
        split: the split to score.
        fold: the fold that is `val`; None for the one held out in training.
        options: the form of each metric.
        resampling: how intervals are made.
        reference: whether to add the scores by the formulas of the published code.
        device: None for the one it was trained on.
        track: wraps the batches of predictions, told their number.

    Raises:
        MissingError: there is no such run, or it has no checkpoint.
        ConfigError: the run's own dataset was prepared anew since; name it with `data` to score on it all the
            same.
        DataError: the split is empty or unknown.
    """
    found = run.Run(workspace.run(name))
    config = found.config()
    model, progress = run.load_model(found)
    dataset = open_dataset(workspace.dataset(data or config.data.name), only=SCORED)
    fold = config.data.fold if fold is None else fold
    if data is None:
        found.require_manifest(dataset.digest)
    on = hardware.device(device or config.train.device)
    task, trained = trained_task(found), crops.recipe_of_run(found)
    view = crops.view(found, trained)
    batches, count = predict_split(
        model.to(on).predict,  # type: ignore[arg-type]
        dataset,
        task,
        split,
        fold=fold,
        view=view,
        device=on,
    )
    protocol: Values = {
        "run": found.name,
        "step": progress.step,
        "dataset": dataset.name,
        "manifest": dataset.digest,
        "fold": splits.counting_fold(dataset.table, split, fold),
        "view": view.name,
    }
    path = found.folder / "eval" / found.stem(protocol | {"split": split})
    options = options or MetricOptions()
    scores = record(
        track(batches, count),
        dataset.table,
        split=split,
        path=path,
        classes=task.classes,
        options=options,
        protocol=protocol,
    )
    flips = _flips(found, path, model, dataset, task, view=view, device=on)
    differing = tuple(crops.differences(trained, crops.recipe(dataset.folder)))
    del dataset, batches  # the manifest of a million rows is 90 MB, and their predictions are read now
    resampling = resampling or Resampling()
    evaluated = conclude(
        scores,
        path,
        options=options,
        resampling=resampling,
        reference=reference,
        remarks=({} if task.classes else {"forms": options.model_dump()})
        | {"crop_differences": list(differing)},
    )
    return Evaluation(
        run=found.name,
        dataset=protocol["dataset"],
        fold=protocol["fold"],
        step=progress.step,
        evaluated=evaluated,
        predictions=path.with_name(f"{path.name}.parquet"),
        crop_differences=differing,
        flips=flips,
    )


def _flips(
    found: run.Run,
    path: Path,
    model: torch.nn.Module,
    dataset: Dataset,
    task: Task,
    *,
    view: View,
    device: torch.device,
) -> Flips | None:
    """What became of labels that were flipped on purpose, where the split has them that was trained on."""
    if path.name != "train":
        return None
    flips = original_first(model, dataset, task, found.config(), view=view, device=device)
    if flips is not None:
        atomic.write_text(path.with_name("flips.json"), json.dumps(asdict(flips), indent=2) + "\n")
    return flips


def predict_split(
    predict: Callable[[torch.Tensor], torch.Tensor],
    dataset: Dataset,
    task: Task,
    split: str,
    *,
    fold: int,
    view: View,
    device: torch.device | str,
) -> tuple[Iterator[Predictions], int]:
    """Predictions for the kept samples of a split, and the number of batches they come in."""
    samples = task.samples(dataset, split, fold=fold)
    batches = predictions(
        predict,
        dataset.reader,
        samples.index,
        task.target(samples),
        view=view,
        batch_size=BATCH,
        device=device,
    )
    return batches, -(-len(samples) // BATCH)
