"""From a run to its scores on a split."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from elimctl import atomic
from elimctl.commands import crops
from elimctl.commands.conclude import Evaluated, conclude, record
from elimctl.config import Values
from elimctl.errors import MissingError
from elimctl.loader.dataset import SCORED, Dataset, open_dataset
from elimctl.loader.view import View
from elimctl.manifest import audit, splits
from elimctl.metrics.detail import AnyDetail, Resampling
from elimctl.metrics.predictions import Predictions, PredictionTable
from elimctl.metrics.score import MetricOptions
from elimctl.predict.split import BATCH, predictions
from elimctl.train import hardware, latents, run
from elimctl.train.config import RunConfig
from elimctl.train.run import Run
from elimctl.train.task import AnyScores, Task, trained_task, training_samples
from elimctl.workspace import Workspace

# Passes the batches of predictions on, and may count them on the way.
Track = Callable[[Iterable[Predictions], int], Iterable[Predictions]]


@dataclass(frozen=True, slots=True)
class Flips:
    """How flipped samples are seen.

    Args:
        count: number of flipped samples.
        original_first: share of them whose latent distribution ranks the class first that they had.
        chance: that share of a guess.
    """

    count: int
    original_first: float
    chance: float


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


def trained_on(workspace: Workspace, found: Evaluation) -> int | None:
    """Number of identities that a run was trained on, among those that it was scored on.

    Args:
        workspace: where the run and its dataset are.
        found: what it scored.

    Returns:
        None where that cannot be known: it was scored on another dataset than it was trained on, or on this
        one as it was prepared anew since, or identities are groups of ages, which everybody is in.
    """
    known = _training(workspace, Run(workspace.run(found.run)), found.dataset)
    if known is None:
        return None
    dataset, trained = known
    scored = pq.read_table(found.predictions, columns=["row"])["row"].to_numpy()
    rows = pa.array(np.concatenate([trained, scored]))
    parts = np.repeat([0, 1], [len(trained), len(scored)])
    names = dataset.table.select(["identity", "age_group"]).take(rows)
    shared = audit.shared_names(names, "identity", parts, between="training")
    return None if shared is None else shared.count


def trained_rows(workspace: Workspace, run: Run, table: PredictionTable) -> int | None:
    """Number of samples that a run was trained on, among those that it has predicted.

    Args:
        workspace: where its dataset is.
        run: the run.
        table: its predictions.

    Returns:
        None where that cannot be known, as with `trained_on`.
    """
    known = _training(workspace, run, str(table.protocol.get("dataset")))
    if known is None or known[0].digest != table.protocol.get("manifest"):
        return None
    return int(np.isin(table.row, known[1]).sum())


def _training(workspace: Workspace, run: Run, name: str) -> tuple[Dataset, np.ndarray] | None:
    """A dataset and the rows of it that a run was trained on; None where it was trained on other rows.

    The dataset may have another name than in training: its manifest tells.
    """
    try:
        dataset = open_dataset(workspace.dataset(name), only=(*SCORED, "age_group"))
    except MissingError:
        return None
    if dataset.digest != run.facts().get("manifest"):
        return None
    return dataset, training_samples(run.config(), dataset, trained_task(run)).index


def original_first(
    model: nn.Module, dataset: Dataset, task: Task, config: RunConfig, *, view: View, device: torch.device
) -> Flips | None:
    """How often the latent distribution finds the class that a flipped sample had.

    Args:
        model: of a run, in evaluation mode, on `device`.
        dataset: the run's.
        task: what it has learned.
        config: the run's settings.
        view: what the model sees of an image.
        device: where the model is.

    Returns:
        None where no label was flipped, or the method has no latent distribution.

    Source: She et al. 2021, supplement, section 2.
    """
    if not (config.data.label_noise and hasattr(model, "latent")):
        return None
    everything = latents.annotated(dataset, task, config)
    flipped = everything.take(np.flatnonzero(everything.annotated != everything.original))
    right = 0
    if len(flipped):
        latent = latents.distributions(model, dataset, flipped, view=view, device=device)
        right = int((latent.argmax(axis=1) == flipped.original).sum())
    # the annotated class has no share in it
    return Flips(len(flipped), right / max(len(flipped), 1), 1 / (len(task.classes) - 1))
