"""Saved predictions of a run, and whether they are what their file's name says."""

from pathlib import Path
from typing import Any

from elimctl.commands import crops
from elimctl.errors import StoreError
from elimctl.metrics.predictions import FACTS, PredictionTable
from elimctl.predict.table import read
from elimctl.train.run import Run


def read_own(run: Run, path: Path) -> PredictionTable:
    """Predictions of a run, of the split, fold and dataset that the name of their file stands for.

    Args:
        run: the run.
        path: a file of its `eval/`.

    Raises:
        MissingError: there is no such file.
        StoreError: it is damaged, or is of something else than its name says: what is called held out may
            have been trained on.
    """
    table = read(path)
    if (why := problem(run, path, table.protocol)) is not None:
        raise StoreError(f"{path} {why}", hint=f"remove it, and run elimctl eval --run {run.name} again")
    return table


def problem(run: Run, path: Path, protocol: dict[str, Any]) -> str | None:
    """Why saved predictions are not what the name of their file says, None where they are, or do not tell.

    Args:
        run: that they are of.
        path: of their file.
        protocol: what was scored on what, as `elimctl eval` noted it.
    """
    if any(name not in protocol for name in FACTS):
        return None
    if run.stem(protocol) != path.stem:
        what = f"split {protocol['split']!r}, fold {protocol['fold']} of {protocol['dataset']}"
        return f"is of {what} as it was then, which is called {run.stem(protocol)} now"
    if not run.owns(protocol) and protocol.get("view") != crops.view_of_run(run).name:
        return "is of crops that were not brought to the size of those of training"
    return None
