"""The metrics of valence and arousal, one entry each; a new metric is one more entry.

Every entry is a formula over sums. Scores, intervals, slices, comparisons, pages and files go through the
table, in its order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from elimctl.metrics.rates import RATES
from elimctl.metrics.scales import CORRELATION, ERROR, SHARE, Scale

FEWEST = 3  # samples of a correlation; that of two samples is 1 or -1
STEP = 1e-6  # relative step of numerical derivatives

Array = Float64[np.ndarray, "*g A"]
Slopes = dict[str, Float64[np.ndarray, "*g A"]]


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Sums over the samples of each axis, or of each group and axis; every field has the shape (..., A).

    Args:
        count: number of samples, at least 1; all other fields are 0 for no sample.
        x: sum of squared deviations of the predictions from their mean; exactly 0 for a constant.
        y: the same of the labels.
        cross: sum of products of both deviations.
        bias: mean prediction minus mean label.
        error2: sum of squared errors.
        absolute: sum of absolute errors.
        agreeing: samples whose prediction and label have the same sign.
        signs: samples whose signs are compared.
        mean_x: mean prediction, from the origin of the sums.
        mean_y: mean label, from the same origin.
    """

    count: Array
    x: Array
    y: Array
    cross: Array
    bias: Array
    error2: Array
    absolute: Array
    agreeing: Array
    signs: Array
    mean_x: Array
    mean_y: Array

    @property
    def vary(self) -> Bool[np.ndarray, "*g A"]:
        """Whether both predictions and labels vary."""
        return (self.x > 0) & (self.y > 0)

    @property
    def scale(self) -> Array:
        """Denominator of the CCC, whose numerator is twice `cross`."""
        return self.x + self.y + self.count * self.bias**2


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        title: name in tables and figures.
        value: the formula; 0 where the metric is undefined.
        low: lower end of the range.
        high: upper end.
        better: which values are better.
        scale: scale on which its standard error depends little on the value, for intervals of few identities.
        undefined: where the value is 0 only because it is 0 / 0; None: nowhere.
        telling: whether a group's value says something about the model, by its labels alone; None: always.
        slopes: derivatives by the sums (`sums.TERMS`) that are not 0; None: taken numerically.
    """

    title: str
    value: Callable[[Statistics], Array]
    low: float
    high: float
    better: Literal["lower", "higher"]
    scale: Scale
    undefined: Callable[[Statistics], Bool[np.ndarray, "*g A"]] | None = None
    telling: Callable[[Statistics], Bool[np.ndarray, "*g A"]] | None = None
    slopes: Callable[[Statistics], Slopes] | None = None


def ratio(above: Array, below: Array, *, where: Bool[np.ndarray, "*g A"]) -> Array:
    """A quotient where it is defined, elsewhere 0."""
    return np.divide(above, below, out=np.zeros(np.shape(above)), where=where)


def _rmse(s: Statistics) -> Array:
    return np.sqrt(s.error2 / s.count)


def _rmse_slopes(s: Statistics) -> Slopes:
    rmse = _rmse(s)
    half = ratio(np.ones(rmse.shape), 2 * rmse * s.count, where=rmse > 0)
    return {"error2": half, "count": -half * rmse**2}


def _sagr(s: Statistics) -> Array:
    return s.agreeing / np.maximum(s.signs, 1)


def _sagr_slopes(s: Statistics) -> Slopes:
    signs = np.maximum(s.signs, 1)
    return {"agreeing": 1 / signs, "signs": -_sagr(s) / signs}


def _pcc(s: Statistics) -> Array:
    return np.clip(ratio(s.cross, np.sqrt(s.x) * np.sqrt(s.y), where=s.vary), -1, 1)


def _pcc_slopes(s: Statistics) -> Slopes:
    x, y, pcc = s.mean_x, s.mean_y, _pcc(s)
    own_x, own_y = (ratio(pcc, 2 * spread, where=s.vary) for spread in (s.x, s.y))
    shared = ratio(np.ones(x.shape), np.sqrt(s.x) * np.sqrt(s.y), where=s.vary)
    return {
        "xy": shared,
        "xx": -own_x,
        "yy": -own_y,
        "x": -shared * y + 2 * own_x * x,
        "y": -shared * x + 2 * own_y * y,
        "count": shared * x * y - own_x * x**2 - own_y * y**2,
    }


def _ccc(s: Statistics) -> Array:
    return ratio(2 * s.cross, s.scale, where=s.vary)


def _ccc_slopes(s: Statistics) -> Slopes:
    x, y, ccc = s.mean_x, s.mean_y, _ccc(s)
    whole = ratio(np.ones(x.shape), s.scale, where=s.vary)
    return {
        "xy": 2 * whole,
        "xx": -ccc * whole,
        "yy": -ccc * whole,
        "x": whole * (2 * ccc * x - 2 * y),
        "y": whole * (2 * ccc * y - 2 * x),
        "error": -2 * ccc * whole * s.bias,
        "count": whole * (2 * x * y - ccc * (x**2 + y**2 - s.bias**2)),
    }


def _mae(s: Statistics) -> Array:
    return s.absolute / s.count


def _mae_slopes(s: Statistics) -> Slopes:
    return {"absolute": 1 / s.count, "count": -_mae(s) / s.count}


def _labels_vary(s: Statistics) -> Bool[np.ndarray, "*g A"]:
    return (s.y > 0) & (s.count >= FEWEST)


TABLE: dict[str, Metric] = {
    # root mean squared error, in the labels' unit; decision A.10 row 26
    "rmse": Metric("RMSE", _rmse, 0.0, np.inf, "lower", ERROR, slopes=_rmse_slopes),
    # share of samples whose prediction has the sign of the label; decision A.10 row 27
    "sagr": Metric(
        title="SAGR",
        value=_sagr,
        low=0.0,
        high=1.0,
        better="higher",
        scale=SHARE,
        undefined=lambda s: s.signs == 0,
        telling=lambda s: s.signs > 0,
        slopes=_sagr_slopes,
    ),
    # Pearson's correlation, population moments; decision A.10 row 28
    "pcc": Metric(
        title="PCC",
        value=_pcc,
        low=-1.0,
        high=1.0,
        better="higher",
        scale=CORRELATION,
        undefined=lambda s: ~s.vary,
        telling=_labels_vary,
        slopes=_pcc_slopes,
    ),
    # Lin's concordance correlation (Lin 1989), population moments; decision A.10 row 28. If only one side is
    # constant its numerator alone is 0, so it is 0 and defined.
    "ccc": Metric(
        title="CCC",
        value=_ccc,
        low=-1.0,
        high=1.0,
        better="higher",
        scale=CORRELATION,
        undefined=lambda s: s.scale == 0,
        telling=_labels_vary,
        slopes=_ccc_slopes,
    ),
    # mean absolute error, in the labels' unit
    "mae": Metric("MAE", _mae, 0.0, np.inf, "lower", ERROR, slopes=_mae_slopes),
}
METRICS = tuple(TABLE)
AXES = ("valence", "arousal", "mean")
# Names in tables and figures, of the scores of classes as well.
TITLES: Mapping[str, str] = {name: entry.title for name, entry in (TABLE | RATES).items()}


def slopes_of(metric: Metric, s: Statistics) -> Slopes:
    """Derivatives of a metric by the sums of `sums.TERMS`; terms that are left out have 0."""
    if metric.slopes is not None:
        return metric.slopes(s)
    by = {field.name: _numerical(metric.value, s, field.name) for field in fields(s)[:-2]}
    x, y, spread_x, spread_y, cross = s.mean_x, s.mean_y, by["x"], by["y"], by["cross"]
    return {
        "xx": spread_x,
        "yy": spread_y,
        "xy": cross,
        "x": -cross * y - 2 * spread_x * x,
        "y": -cross * x - 2 * spread_y * y,
        "error": by["bias"] / s.count,
        "error2": by["error2"],
        "absolute": by["absolute"],
        "agreeing": by["agreeing"],
        "signs": by["signs"],
        "count": by["count"]
        + cross * x * y
        + spread_x * x**2
        + spread_y * y**2
        - by["bias"] * s.bias / s.count,
    }


def _numerical(value: Callable[[Statistics], Array], s: Statistics, name: str) -> Array:
    """Central difference by one statistic."""
    middle = getattr(s, name)
    step = STEP * np.maximum(np.abs(middle), 1e-3 * s.count)
    above, below = (value(replace(s, **{name: middle + sign * step})) for sign in (1, -1))
    return (above - below) / (2 * step)
