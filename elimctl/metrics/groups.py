"""Scores of each identity or clip alone, and their means."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from elimctl.manifest.grouping import Groups
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.sums import ZeroRule, scores_of, sums, telling


@dataclass(frozen=True, slots=True, eq=False)
class GroupScores:
    """Scores of each group alone.

    Args:
        names: of the groups.
        count: samples of each.
        scores: in the order of `table.METRICS` and `table.AXES`, as `sums.scores_of` gives them.
        counts: which of them say something of the model. PCC and CCC do not where the group has fewer than
            three samples or its labels are constant; SAGR does not where no sign is compared. That is decided
            by labels alone: the same groups count for every model, and constant predictions count as 0.
    """

    names: tuple[str, ...]
    count: Int64[np.ndarray, " g"]
    scores: Float64[np.ndarray, "g m 3"]
    counts: Bool[np.ndarray, "g m 3"]

    @property
    def left_out(self) -> Int64[np.ndarray, "m 3"]:
        """Number of groups that do not count."""
        return (~self.counts).sum(axis=0)

    @property
    def means(self) -> Float64[np.ndarray, "m 3"]:
        """Mean over the groups that count; of both axes, the mean of their means. NaN where none counts."""
        of_axes, weight = self.scores[..., :2], self.counts[..., :2]
        added, number = (of_axes * weight).sum(axis=0), weight.sum(axis=0)
        means = np.where(number > 0, added / np.maximum(number, 1), np.nan)
        return np.concatenate([means, means.mean(axis=1, keepdims=True)], axis=1)


def group_scores(
    preds: Float[np.ndarray, "n 2"],
    target: Float[np.ndarray, "n 2"],
    groups: Groups,
    *,
    zero: ZeroRule = "equal",
) -> GroupScores:
    """Score every group alone.

    Args:
        preds: finite predictions (valence, arousal).
        target: finite labels.
        groups: of the samples.
        zero: what a label of exactly 0 is worth to SAGR.
    """
    added = sums(preds, target, groups.code, groups=len(groups), zero=zero, apart=True)
    return GroupScores(
        names=groups.names,
        count=added[:, 0, 0].astype(np.int64),
        scores=scores_of(added),
        counts=telling(added),
    )


def clip_errors(table: PredictionTable) -> Float64[np.ndarray, " c"]:
    """How far predictions of valence and arousal are from the labels, clip by clip.

    Args:
        table: finite predictions and labels.

    Returns:
        Of each clip, by its code, the mean over its frames of the squared distance of prediction and label.
    """
    squared = np.square(table.preds - table.target).sum(axis=1)
    code, clips = table.clips.code, len(table.clips)
    return np.bincount(code, squared, minlength=clips) / np.bincount(code, minlength=clips)
