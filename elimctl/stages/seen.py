"""How much of what a run is scored on it was trained on."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from elimctl.errors import MissingError
from elimctl.evaluate.table import PredictionTable
from elimctl.manifest import audit
from elimctl.stages.dataset import SCORED, Dataset, open_dataset
from elimctl.stages.evaluate import Evaluation
from elimctl.stages.task import trained_task, training_samples
from elimctl.train.run import Run
from elimctl.workspace import Workspace


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
