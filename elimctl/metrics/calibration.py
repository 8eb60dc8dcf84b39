"""Calibration: whether labels are, on average, what was predicted. Nothing is corrected.

Predictions shrunk towards the mean, as those of squared errors are, leave a slope above 1; predictions that
claim more than they know one below 1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int, Int64

from elimctl.manifest.grouping import Groups
from elimctl.metrics.binning import quantile_bins
from elimctl.metrics.bootstrap import Slopes, Values, listed, studentised
from elimctl.metrics.detail import Resampling
from elimctl.metrics.predictions import PredictionTable

BINS = 10  # of equally many samples, at most
ENOUGH = 20  # samples of a bin; of fewer a mean says little
ROUNDING = 1e-13  # a spread of less than this share of the squares it is left over from is rounding


@dataclass(frozen=True, slots=True)
class Bin:
    """Samples whose predictions are alike.

    Args:
        low: lowest prediction.
        high: highest prediction.
        predicted: mean prediction.
        true: mean label.
        count: number of samples.
        identities: number of identities.
    """

    low: float
    high: float
    predicted: float
    true: float
    count: int
    identities: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far the labels on one axis are what was predicted.

    Args:
        error: expected calibration error, the mean over samples of |mean prediction - mean label| of their
            bins; labels' unit. Noise alone keeps it above 0.
        slope: of the line of least squares from predictions to labels, 1 where these are calibrated; None
            where predictions are constant.
        slope_interval: [low, high] of it; None where there is none.
        intercept: of that line, its label where the prediction is 0; the mean label where predictions are
            constant.
        intercept_interval: [low, high] of it.
        bins: ascending; of equally many samples as far as equal predictions, which share a bin, allow.
    """

    error: float
    slope: float | None
    slope_interval: list[float] | None
    intercept: float
    intercept_interval: list[float] | None
    bins: list[Bin]


def calibration(table: PredictionTable, resampling: Resampling) -> dict[str, Reliability]:
    """The reliability of predictions: of both axes, or of the probabilities of predicted classes.

    Args:
        table: the predictions.
        resampling: how intervals are made, over identities.

    Returns:
        By `valence` and `arousal`; of classes by `probability`, the label being 1 where the class is
        right and 0 elsewhere.
    """
    if table.classes:
        probability = table.columns["probability"].to_numpy()
        right = (table.preds == table.target).astype(np.float64)
        return {"probability": reliability(probability, right, table.identities, resampling)}
    return {
        axis: reliability(table.preds[:, column], table.target[:, column], table.identities, resampling)
        for column, axis in enumerate(("valence", "arousal"))
    }


def reliability(
    preds: Float[np.ndarray, " n"],
    target: Float[np.ndarray, " n"],
    identities: Groups,
    resampling: Resampling,
    *,
    bins: int = BINS,
) -> Reliability:
    """The reliability of predictions of one number.

    Args:
        preds: predictions, at least one.
        target: labels.
        identities: of the samples; intervals are made by drawing them.
        resampling: how.
        bins: at most so many; fewer where they would have fewer than `ENOUGH` samples.
    """
    x, y = preds.astype(np.float64), target.astype(np.float64)
    found = _bins(x, y, identities.code, max(1, min(bins, len(x) // ENOUGH)))
    gaps = [part.count * abs(part.predicted - part.true) for part in found]
    slope, intercept, ends = _line(x, y, identities, resampling)
    return Reliability(
        error=sum(gaps) / len(x),
        slope=slope,
        slope_interval=listed(ends[:, 0]),
        intercept=intercept,
        intercept_interval=listed(ends[:, 1]),
        bins=found,
    )


def binned(preds: Float[np.ndarray, " n"], *, bins: int = BINS) -> Int64[np.ndarray, " n"]:
    """Bin of each prediction, 0 for the lowest, of equally many samples as far as ties allow."""
    _, places = quantile_bins(preds, bins=bins)
    return np.unique(places, return_inverse=True)[1].astype(np.int64)


def _bins(
    x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"], identity: Int[np.ndarray, " n"], bins: int
) -> list[Bin]:
    code = binned(x, bins=bins)
    order = np.argsort(code, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    return [
        Bin(
            low=float(x[part].min()),
            high=float(x[part].max()),
            predicted=float(x[part].mean()),
            true=float(y[part].mean()),
            count=len(part),
            identities=len(np.unique(identity[part])),
        )
        for part in parts
    ]


def _line(
    x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"], identities: Groups, resampling: Resampling
) -> tuple[float | None, float, Float64[np.ndarray, "2 2"]]:
    """Slope and intercept of the line of least squares, and the ends of their intervals."""
    centre = x.mean(), y.mean()
    if np.ptp(x) == 0:
        return None, float(centre[1]), np.full((2, 2), np.nan)
    x, y = x - centre[0], y - centre[1]
    terms = (np.ones(len(x)), x, y, x * x, x * y)
    sums = np.stack([np.bincount(identities.code, term, len(identities)) for term in terms], axis=1)

    def statistics(totals: np.ndarray) -> tuple[Values, Slopes]:
        return _fitted(totals, centre)

    slope, intercept = statistics(sums.sum(axis=0, keepdims=True))[0][0]
    unbounded = np.full(2, -np.inf), np.full(2, np.inf)
    ends = studentised(
        sums,
        statistics,
        bounds=unbounded,
        sizes=sums[:, 0],
        resamples=resampling.resamples,
        seed=resampling.seed,
    )
    return float(slope), float(intercept), ends


def _fitted(totals: Float64[np.ndarray, "c 5"], centre: tuple[float, float]) -> tuple[Values, Slopes]:
    """Slope and intercept from sums about a centre, and their derivatives by the sums; 0 for constants."""
    count, x, y, xx, xy = totals.T
    mean_x, mean_y = x / count, y / count
    spread = xx - count * mean_x**2
    vary = spread > ROUNDING * xx
    spread = np.where(vary, spread, 1)
    slope = np.where(vary, (xy - count * mean_x * mean_y) / spread, 0)
    intercept = centre[1] + mean_y - slope * (centre[0] + mean_x)
    by = np.stack(
        [
            mean_x * mean_y - slope * mean_x**2,
            2 * slope * mean_x - mean_y,
            -mean_x,
            -slope,
            np.ones(len(totals)),
        ],
        axis=1,
    )
    by *= (vary / spread)[:, None]
    of_intercept = -(centre[0] + mean_x)[:, None] * by
    of_intercept[:, 0] -= (mean_y - slope * mean_x) / count
    of_intercept[:, 1] -= slope / count
    of_intercept[:, 2] += 1 / count
    return np.stack([slope, intercept], axis=1), np.stack([by, of_intercept], axis=1)
