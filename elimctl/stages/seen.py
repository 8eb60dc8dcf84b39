"""How many of the identities that a run is scored on it was trained on."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from elimctl.manifest import audit
from elimctl.stages.dataset import SCORED, open_dataset
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
    run = Run(workspace.run(found.run))
    config = run.config()
    if found.dataset != config.data.name:
        return None
    dataset = open_dataset(workspace.dataset(found.dataset), only=(*SCORED, "age_group"))
    if dataset.digest != run.facts().get("manifest"):
        return None
    trained = training_samples(config, dataset, trained_task(run)).index
    scored = pq.read_table(found.predictions, columns=["row"])["row"].to_numpy()
    rows = pa.array(np.concatenate([trained, scored]))
    parts = np.repeat([0, 1], [len(trained), len(scored)])
    names = dataset.table.select(["identity", "age_group"]).take(rows)
    shared = audit.shared_names(names, "identity", parts, between="training")
    return None if shared is None else shared.count
