"""A run, or the runs of a cross-validation together, as figures and pages see them."""

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import nn

from elimctl.commands import crossval
from elimctl.commands.execution import Execution
from elimctl.config import Values
from elimctl.errors import ConfigError, DataError, StoreError
from elimctl.figures.material import Material
from elimctl.metrics.predictions import PredictionTable
from elimctl.predict.table import read
from elimctl.train.run import Run
from elimctl.workspace import Workspace


class Pooled(Material):
    """The predictions of a cross-validation. Settings are those of its first run; there is no one network.

    Args:
        workspace: where the runs and their dataset are.
        name: of the cross-validation.
        faces: whether faces may be shown.
        execution: device and progress of features.

    Raises:
        MissingError: one of its runs is not there any more.
        StoreError: its crossval.json is damaged.
    """

    def __init__(self, workspace: Workspace, name: str, *, faces: bool, execution: Execution) -> None:
        file = workspace.runs / name / crossval.NAME
        try:
            self.record: Values = json.loads(file.read_text(encoding="utf-8"))
            names = {fold["fold"]: fold["run"] for fold in self.record["folds"]}
            first, *_ = names.values()
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{file} is damaged: {error}", hint="run the same elimctl crossval again; finished runs stay"
            ) from error
        super().__init__(workspace, first, crossval.POOLED, faces=faces, execution=execution)
        self.name = name
        self.runs = {f"fold {fold}": Run(workspace.run(run)) for fold, run in names.items()}

    @property
    def predictions(self) -> Path:
        """The file of all predictions."""
        return (self.folder / crossval.NAME).with_suffix(".parquet")

    @cached_property
    def table(self) -> PredictionTable:
        """Every prediction; they are of several checkpoints, and so of no one step."""
        found = read(self.predictions)
        return replace(found, protocol={"step": None, **found.protocol})

    @cached_property
    def log(self) -> dict[str, np.ndarray]:
        """There are several."""
        raise self._of_folds("log")

    @cached_property
    def features(self) -> np.ndarray:
        """There is no network that all of them are from."""
        raise self._of_folds("network")

    @cached_property
    def model(self) -> nn.Module:
        """There are several."""
        raise self._of_folds("network")

    def _of_folds(self, what: str) -> DataError:
        return DataError(f"{self.name} has a {what} for each fold: name one of its runs instead")


def open_material(
    workspace: Workspace,
    name: str | None,
    split: str,
    *,
    faces: bool = False,
    execution: Execution = Execution(),
) -> Material:
    """What figures and pages of a run or a cross-validation are made from.

    Args:
        workspace: where it is.
        name: of the run or cross-validation; None for the newest run.
        split: that was scored; of a cross-validation `val`, each run's own.
        faces: whether faces may be shown.
        execution: device and progress of features.

    Raises:
        MissingError: there is no such run.
        ConfigError: another split of a cross-validation.
        StoreError: the file of a cross-validation is damaged.
    """
    folder = workspace.runs / name if name else None
    if folder is None or not (folder / crossval.NAME).exists():
        run = workspace.run(name).name
        return Material(workspace, run, split, faces=faces, execution=execution)
    if split != crossval.SPLIT:
        raise ConfigError(
            f"split {split!r} of the cross-validation {name}, which has predictions of held-out folds alone",
            hint=f"leave --split out, or name one of its runs: {name}-f0",
        )
    return Pooled(workspace, folder.name, faces=faces, execution=execution)
