"""Scores of a split: every metric per axis and their mean."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from elimctl.config import Config, validate
from elimctl.metrics.ccc import ccc
from elimctl.metrics.mae import mae
from elimctl.metrics.moments import Moments, counted, empty, update
from elimctl.metrics.pcc import MomentsForm, pcc
from elimctl.metrics.predictions import Predictions, PredictionTable
from elimctl.metrics.rmse import RmseForm, rmse
from elimctl.metrics.sagr import ZeroRule, sagr


class MetricOptions(Config):
    """Which form of each metric is computed."""

    rmse: RmseForm = "global"  # labels' unit; decision A.10 row 26
    sagr_zero: ZeroRule = "equal"  # what a label of exactly 0 is worth; decision A.10 row 27
    moments: MomentsForm = "population"  # of PCC and CCC; decision A.10 row 28


@dataclass(frozen=True, slots=True)
class AxisScores:
    """Metrics of one axis, or their mean over both.

    Args:
        rmse: root mean squared error, labels' unit, >= 0.
        sagr: share of agreeing signs, in [0, 1].
        pcc: Pearson correlation, in [-1, 1].
        ccc: concordance correlation, in [-1, 1].
        mae: mean absolute error, labels' unit, >= 0.
    """

    rmse: float
    sagr: float
    pcc: float
    ccc: float
    mae: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one split.

    Args:
        split: name of the split.
        count: number of samples.
        valence: metrics of valence.
        arousal: metrics of arousal.
        mean: their mean, metric by metric.
    """

    split: str
    count: int
    valence: AxisScores
    arousal: AxisScores
    mean: AxisScores

    @property
    def best(self) -> float:
        """What the best checkpoint has most of: the mean CCC."""
        return self.mean.ccc

    @property
    def logged(self) -> dict[str, float]:
        """What metrics.csv keeps, by name."""
        return {
            "ccc_valence": self.valence.ccc,
            "ccc_arousal": self.arousal.ccc,
            "ccc": self.mean.ccc,
        }

    @property
    def cells(self) -> dict[str, dict[str, float]]:
        """The metrics by axis and name."""
        return {"valence": asdict(self.valence), "arousal": asdict(self.arousal), "mean": asdict(self.mean)}


def score(moments: Moments, options: MetricOptions, *, split: str) -> Scores:
    """Scores from streamed statistics.

    Args:
        moments: statistics of at least one sample.
        options: the form of each metric.
        split: name of the split that the samples are.

    Returns:
        Scores, none of them NaN.

    Raises:
        DataError: there is no sample.
    """
    table = np.stack(
        [
            rmse(moments, form=options.rmse),
            sagr(moments, zero=options.sagr_zero),
            pcc(moments, moments_form=options.moments),
            ccc(moments, moments_form=options.moments),
            mae(moments),
        ]
    )
    valence, arousal, mean = (
        AxisScores(*column.tolist()) for column in (table[:, 0], table[:, 1], table.mean(axis=1))
    )
    return Scores(split, counted(moments), valence, arousal, mean)


def accumulate(batches: Iterable[Predictions]) -> Moments:
    """Statistics of all batches, each counted as one batch; only one is held at a time."""
    moments = empty()
    for batch in batches:
        moments = update(moments, batch.preds, batch.target)
    return moments


def summed_forms(table: PredictionTable) -> MetricOptions:
    """The forms of the scores that sums over identities give, which is how parts of a split are scored.

    Args:
        table: predictions of valence and arousal.

    Returns:
        SAGR as the split was scored; RMSE of all samples together and population moments whatever it was
        scored in, as their intervals are of these.

    Raises:
        ConfigError: the predictions were scored in forms that there are not.
    """
    return MetricOptions(sagr_zero=_scored(table).sagr_zero)


def remark(table: PredictionTable) -> str | None:
    """What forms `summed_forms` has that the split was not scored in, in one line; None for none."""
    scored, found = _scored(table).model_dump(), summed_forms(table).model_dump()
    other = [f"{name} {found[name]}, not {scored[name]}" for name in found if found[name] != scored[name]]
    return f"in other forms than the scores of the split: {'; '.join(other)}" if other else None


def _scored(table: PredictionTable) -> MetricOptions:
    """The forms that a split was scored in, the usual ones where its file names none."""
    return validate(MetricOptions, table.protocol.get("metrics") or {}, where="metrics")
