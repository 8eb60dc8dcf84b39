"""Predictions of a split as arrays: what scores, intervals and analyses are made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Float32, Float64, Int, Int64, Shaped

from elimctl.errors import StoreError
from elimctl.manifest.grouping import Groups

# What a protocol has to say before predictions can be compared with others.
FACTS = ("run", "step", "dataset", "manifest", "split", "fold")


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable:
    """Every prediction of a run on a split.

    Args:
        row: number of each sample in the manifest.
        frame: its number in the clip.
        target: (n, 2) labels (valence, arousal), or (n,) codes of classes.
        preds: (n, 2) predictions, or (n,) codes of the predicted classes.
        identities: samples by identity.
        clips: samples by clip; what two identities have in one clip are two clips.
        classes: names of the classes in the order of their codes; none: valence and arousal.
        protocol: what was scored on what, as `evaluate` noted it.
        columns: the other columns, as they were read.
    """

    row: Int64[np.ndarray, " n"]
    frame: Int64[np.ndarray, " n"]
    target: Float64[np.ndarray, "n 2"] | Int64[np.ndarray, " n"]
    preds: Float64[np.ndarray, "n 2"] | Int64[np.ndarray, " n"]
    identities: Groups
    clips: Groups
    classes: tuple[str, ...]
    protocol: dict[str, Any]
    columns: pa.Table

    def __len__(self) -> int:
        return len(self.row)

    @property
    def path(self) -> Shaped[np.ndarray, " n"]:
        """Path of each sample in the raw dataset, as text."""
        return self.columns["path"].to_numpy()

    @property
    def identity(self) -> Shaped[np.ndarray, " n"]:
        """Name of each sample's identity."""
        return np.array(self.identities.names, object)[self.identities.code]

    @property
    def clip(self) -> Shaped[np.ndarray, " n"]:
        """Name of each sample's clip."""
        return np.array(self.clips.names, object)[self.clips.code]


def require_facts(table: PredictionTable, what: str, *, path: Path | None = None) -> None:
    """Refuse predictions that do not say what they are of.

    Args:
        table: the predictions.
        what: what the message calls them.
        path: of their file, where it is known; it tells how they are made again.

    Raises:
        StoreError: something of `FACTS` is missing, or the hash of the manifest is no text.
    """
    lacking = [name for name in FACTS if name not in table.protocol]
    if not lacking and not isinstance(table.protocol["manifest"], str):
        lacking = ["manifest"]
    if lacking:
        raise StoreError(
            f"{what} have no record of: {', '.join(lacking)}",
            hint=evaluate_again(path or Path()),
        )


class Predictions(NamedTuple):
    """Predictions for one batch.

    Args:
        indices: (B,) row numbers in the manifest.
        preds: (B, 2) predicted (valence, arousal), or (B, C) logits of classes; finite.
        target: (B, 2) labels (valence, arousal), or (B, 1) codes of classes.
    """

    indices: Int[np.ndarray, " B"]
    preds: Float32[np.ndarray, "B c"]
    target: Float[np.ndarray, "B k"]


def evaluate_again(path: Path) -> str:
    """How predictions are made again, as far as the place of their file tells."""
    run = path.parent.parent.name
    if path.name == "crossval.parquet":
        return f"run elimctl crossval --run {path.parent.name} again"
    if path.parent.name == "temporal":
        return f"run elimctl temporal --run {run} again"
    if path.parent.name != "eval":
        return "run elimctl eval to predict the split again"
    # after a hyphen come a dataset and a fold, or the split has one of its own
    split = "" if "-" in path.stem else f" --split {path.stem}"
    return f"run elimctl eval --run {run}{split} to predict the split again"
