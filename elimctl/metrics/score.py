"""Scores of a split: every metric per axis and their mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from elimctl.config import Config, validate
from elimctl.metrics.moments import Moments, counted, empty, update
from elimctl.metrics.predictions import Predictions, PredictionTable
from elimctl.metrics.sums import ZeroRule
from elimctl.metrics.table import TABLE, Statistics

MOMENT_METRICS = ("pcc", "ccc")  # depend on `eval.moments`


class MetricOptions(Config):
    """Which form of each metric is computed."""

    # over all samples, or the mean over batches; decision A.10 row 26
    rmse: Literal["global", "batch_mean"] = "global"
    sagr_zero: ZeroRule = "equal"  # what a label of exactly 0 is worth; decision A.10 row 27
    # of PCC and CCC; reference: a covariance over n - 1, variances over n; decision A.10 row 28
    moments: Literal["population", "reference"] = "population"


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one split.

    Args:
        split: name of the split.
        count: number of samples.
        valence: metrics of valence, by name.
        arousal: metrics of arousal, by name.
        mean: mean of both, by name.
    """

    split: str
    count: int
    valence: dict[str, float]
    arousal: dict[str, float]
    mean: dict[str, float]

    @property
    def best(self) -> float:
        """What the best checkpoint has most of: the mean CCC."""
        return self.mean["ccc"]

    @property
    def logged(self) -> dict[str, float]:
        """What metrics.csv keeps, by name."""
        return {
            "ccc_valence": self.valence["ccc"],
            "ccc_arousal": self.arousal["ccc"],
            "ccc": self.mean["ccc"],
        }

    @property
    def cells(self) -> dict[str, dict[str, float]]:
        """The metrics by axis and name."""
        return {"valence": self.valence, "arousal": self.arousal, "mean": self.mean}


def values_of(moments: Moments, options: MetricOptions) -> dict[str, Float64[np.ndarray, "2"]]:
    """Every metric of (valence, arousal) by name, from streamed statistics.

    Args:
        moments: statistics of at least one sample.
        options: the form of each metric.

    Returns:
        Finite values; 0 where a metric is undefined.

    Raises:
        DataError: there is no sample.
    """
    count = counted(moments)
    agreeing = moments.agreements - (0 if options.sagr_zero == "equal" else moments.zero_agreements)
    signs = count - (moments.zero_labels if options.sagr_zero == "skip" else np.zeros(2, np.int64))
    statistics = Statistics(
        count=np.full(2, float(count)),
        x=moments.spread[0],
        y=moments.spread[1],
        cross=moments.cross,
        bias=moments.bias,
        error2=moments.squared_error,
        absolute=moments.absolute_error,
        agreeing=agreeing.astype(np.float64),
        signs=signs.astype(np.float64),
        mean_x=moments.offset[0],
        mean_y=moments.offset[1],
    )
    values = {name: metric.value(statistics) for name, metric in TABLE.items()}
    if options.rmse == "batch_mean":
        values["rmse"] = moments.batch_rmse / moments.batches
    if options.moments == "reference" and count > 1:
        values |= {name: values[name] * (count / (count - 1)) for name in MOMENT_METRICS}
    return values


def score(moments: Moments, options: MetricOptions, *, split: str) -> Scores:
    """Scores from streamed statistics; arguments and errors are those of `values_of`."""
    values = values_of(moments, options)
    table = np.stack(list(values.values()))
    valence, arousal, mean = (
        dict(zip(values, column.tolist(), strict=True))
        for column in (table[:, 0], table[:, 1], table.mean(axis=1))
    )
    return Scores(split, moments.count, valence, arousal, mean)


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
