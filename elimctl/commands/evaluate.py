"""Score a run on a split."""

import json
from collections.abc import Callable, Iterator
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
from elimctl.commands.execution import Execution, Scoring
from elimctl.config import Values
from elimctl.errors import MissingError
from elimctl.loader.dataset import SCORED, Dataset, open_dataset
from elimctl.loader.view import View
from elimctl.manifest import audit, splits
from elimctl.metrics.detail import AnyDetail
from elimctl.metrics.predictions import Predictions, PredictionTable
from elimctl.predict.split import BATCH, predictions
from elimctl.train import hardware, latents, run
from elimctl.train.latents import Watched
from elimctl.train.run import Run
from elimctl.train.task import AnyScores, Task, trained_task, training_samples
from elimctl.workspace import Workspace


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """How well a model with latent distributions sees through label noise.

    Args:
        count: number of training samples whose class was changed on purpose.
        original_first: share of them whose latent distribution ranks the original class first.
        chance: the same share for a random guess.
    """

    count: int
    original_first: float
    chance: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation.

    Args:
        run: name of the run.
        dataset: name of the dataset.
        fold: the fold that is `val`; None for official splits and for `all`.
        step: training steps of the scored checkpoint.
        evaluated: scores, intervals, and means over identities and clips.
        predictions: the Parquet file with all predictions.
        crop_differences: differences from the crops of training, one line each.
        label_noise: result on labels that were changed on purpose; only on the training split.
    """

    run: str
    dataset: str
    fold: int | None
    step: int
    evaluated: Evaluated
    predictions: Path
    crop_differences: tuple[str, ...] = ()
    label_noise: LabelNoise | None = None

    @property
    def scores(self) -> AnyScores:
        """The scores of all samples together."""
        return self.evaluated.scores

    @property
    def detail(self) -> AnyDetail:
        """Intervals and means over groups."""
        return self.evaluated.detail


def evaluate_run(
    workspace: Workspace,
    name: str | None = None,
    *,
    data: str | None = None,
    split: str = "val",
    fold: int | None = None,
    scoring: Scoring = Scoring(),
    execution: Execution = Execution(),
) -> Evaluation:
    """Score the best checkpoint of a run, and write scores and predictions to its `eval/`.

    Args:
        workspace: holds the run and the dataset.
        name: name of the run; None for the newest.
        data: name of the dataset; None for the run's own.
        split: split to score.
        fold: fold that is `val`; None for the fold held out in training.
        scoring: metrics and intervals.
        execution: device and progress.

    Raises:
        MissingError: the run or its checkpoint does not exist.
        ConfigError: the run's own dataset was prepared again since; `data` scores on it all the same.
        DataError: the split is empty or unknown.
    """
    opened = run.Run(workspace.run(name))
    config = opened.config()
    model, progress = run.load_model(opened)
    dataset = open_dataset(workspace.dataset(data or config.data.name), only=SCORED)
    fold = config.data.fold if fold is None else fold
    if data is None:
        opened.require_manifest(dataset.digest)
    device = hardware.device(execution.device or config.train.device)
    task, trained = trained_task(opened), crops.recipe_of_run(opened)
    view = crops.view(opened, trained)
    predict = model.to(device).predict
    batches, count = predict_split(
        predict,  # type: ignore[arg-type]
        dataset,
        task,
        split,
        fold=fold,
        view=view,
        device=device,
    )
    protocol: Values = {
        "run": opened.name,
        "step": progress.step,
        "dataset": dataset.name,
        "manifest": dataset.digest,
        "fold": splits.counting_fold(dataset.table, split, fold),
        "view": view.name,
    }
    path = opened.folder / "eval" / opened.stem(protocol | {"split": split})
    scores = record(
        execution.track(batches, split, count),
        dataset.table,
        split=split,
        path=path,
        classes=task.classes,
        options=scoring.options,
        protocol=protocol,
    )
    noise = None
    if path.name == "train" and config.data.label_noise and hasattr(model, "latent"):
        noise = _label_noise(path, model, latents.annotated(dataset, task, config), dataset, view, device)
    differing = tuple(crops.differences(trained, crops.recipe(dataset.folder)))
    del dataset, batches  # the manifest of a million rows is 90 MB, and their predictions are read now
    remarks: Values = {} if task.classes else {"forms": scoring.options.model_dump()}
    evaluated = conclude(scores, path, scoring, remarks=remarks | {"crop_differences": list(differing)})
    return Evaluation(
        run=opened.name,
        dataset=protocol["dataset"],
        fold=protocol["fold"],
        step=progress.step,
        evaluated=evaluated,
        predictions=path.with_name(f"{path.name}.parquet"),
        crop_differences=differing,
        label_noise=noise,
    )


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
    """Predict the kept samples of a split; returns the batches and their number."""
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


def _label_noise(
    path: Path, model: nn.Module, everything: Watched, dataset: Dataset, view: View, device: torch.device
) -> LabelNoise:
    """Rank the original class of each sample with label noise, and write the result beside the scores.

    Source: She et al. 2021, supplement, section 2.
    """
    noisy = everything.take(np.flatnonzero(everything.annotated != everything.original))
    right = 0
    if len(noisy):
        latent = latents.distributions(model, dataset, noisy, view=view, device=device)
        right = int((latent.argmax(axis=1) == noisy.original).sum())
    # a guess has one class less to choose from: the annotated class is not in the latent distribution
    result = LabelNoise(len(noisy), right / max(len(noisy), 1), 1 / (len(everything.classes) - 1))
    atomic.write_text(path.with_name("label_noise.json"), json.dumps(asdict(result), indent=2) + "\n")
    return result


def trained_on(workspace: Workspace, evaluation: Evaluation) -> int | None:
    """Number of scored identities that the run was trained on.

    Args:
        workspace: holds the run and its dataset.
        evaluation: of the run.

    Returns:
        None if unknown: the run was scored on another dataset than it was trained on, or on a newer
        preparation of it, or its identities are age groups.
    """
    known = _training(workspace, Run(workspace.run(evaluation.run)), evaluation.dataset)
    if known is None:
        return None
    dataset, trained = known
    scored = pq.read_table(evaluation.predictions, columns=["row"])["row"].to_numpy()
    rows = pa.array(np.concatenate([trained, scored]))
    parts = np.repeat([0, 1], [len(trained), len(scored)])
    names = dataset.table.select(["identity", "age_group"]).take(rows)
    shared = audit.shared_names(names, "identity", parts, between="training")
    return None if shared is None else shared.count


def trained_rows(workspace: Workspace, run: Run, table: PredictionTable) -> int | None:
    """Number of predicted samples that the run was trained on; None if unknown, as with `trained_on`."""
    known = _training(workspace, run, str(table.protocol.get("dataset")))
    if known is None or known[0].digest != table.protocol.get("manifest"):
        return None
    return int(np.isin(table.row, known[1]).sum())


def _training(workspace: Workspace, run: Run, name: str) -> tuple[Dataset, np.ndarray] | None:
    """A dataset and its rows that a run was trained on; None if the run was trained on another dataset.

    The dataset may have another name than in training: the manifest's digest decides.
    """
    try:
        dataset = open_dataset(workspace.dataset(name), only=(*SCORED, "age_group"))
    except MissingError:
        return None
    if dataset.digest != run.facts().get("manifest"):
        return None
    return dataset, training_samples(run.config(), dataset, trained_task(run)).index
