"""Two runs on the same samples: the differences of their scores, and how sure these are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elimctl.errors import DataError
from elimctl.metrics.bootstrap import listed
from elimctl.metrics.class_intervals import class_difference
from elimctl.metrics.classes import confusions
from elimctl.metrics.detail import Resampling, no_interval
from elimctl.metrics.intervals import difference
from elimctl.metrics.predictions import PredictionTable, require_facts
from elimctl.metrics.rates import RATES, marginals, rates
from elimctl.metrics.sums import scores_of, sums, undefined
from elimctl.metrics.table import AXES, METRICS, TABLE

RUNS = ("a", "b")
BY_FOLD = ("train", "val")  # splits whose samples depend on the fold


@dataclass(frozen=True, slots=True)
class Change:
    """One score of two runs.

    Args:
        metric: of `table.METRICS` or `rates.RATES`.
        axis: of `table.AXES`; None for classes.
        a: score of the first run.
        b: score of the second.
        difference: b less a; 0 where either is not defined.
        low: lower end of the 95 % interval of the difference; None where there is no interval.
        high: upper end.
        undefined: which of `RUNS` have a score of 0 only because it is not defined.
    """

    metric: str
    axis: str | None
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    undefined: tuple[str, ...] = ()

    @property
    def real(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def better(self) -> bool:
        """Whether the second run's score is the better one; no score is better than none."""
        lower = self.metric in TABLE and TABLE[self.metric].better == "lower"
        return self.difference < 0 if lower else self.difference > 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs on one split.

    Args:
        a: name of the first run.
        b: name of the second.
        dataset: name of the dataset.
        split: name of the split.
        count: number of samples.
        identities: number of identities.
        no_interval: why there are no intervals at all, None where there are.
        resampling: how intervals were made.
        changes: metric by metric, axis by axis; RMSE of all samples, a sign of 0 like any other, population
            moments, whatever forms the runs were scored in.
        remarks: what makes the comparison doubtful, a line each.
    """

    a: str
    b: str
    dataset: str
    split: str
    count: int
    identities: int
    no_interval: str | None
    resampling: Resampling
    changes: list[Change]
    remarks: tuple[str, ...] = ()


def compare(a: PredictionTable, b: PredictionTable, resampling: Resampling) -> Comparison:
    """Compare two runs on the samples that both have predicted.

    Args:
        a: predictions of the first run.
        b: of the second.
        resampling: how intervals are made; the same identities are drawn for both.

    Raises:
        DataError: they are not of the same samples, or one is of classes and the other is not.
        StoreError: the predictions do not say what they are of.
    """
    _require_same(a, b)
    return Comparison(
        a=a.protocol["run"],
        b=b.protocol["run"],
        dataset=a.protocol["dataset"],
        split=a.protocol["split"],
        count=len(a),
        identities=len(a.identities),
        no_interval=no_interval(len(a.identities)),
        resampling=resampling,
        changes=_of_classes(a, b, resampling) if a.classes else _of_axes(a, b, resampling),
    )


def _of_axes(a: PredictionTable, b: PredictionTable, resampling: Resampling) -> list[Change]:
    of = a.identities
    added = [sums(one.preds, one.target, of.code, groups=len(of)) for one in (a, b)]
    apart, ends = difference(*added, resamples=resampling.resamples, seed=resampling.seed)
    totals = [one.sum(axis=0) for one in added]
    scores, lacking = [scores_of(one) for one in totals], np.stack([undefined(one) for one in totals])
    apart[lacking.any(axis=0)] = 0
    ends[:, lacking.any(axis=0)] = np.nan
    return [
        _change(metric, axis, *(values[..., line, column] for values in (*scores, apart, ends, lacking)))
        for line, metric in enumerate(METRICS)
        for column, axis in enumerate(AXES)
    ]


def _of_classes(a: PredictionTable, b: PredictionTable, resampling: Resampling) -> list[Change]:
    of, classes = a.identities, len(a.classes)
    counted = [confusions(one.target, one.preds, of.code, groups=len(of), classes=classes) for one in (a, b)]
    apart, ends = class_difference(*counted, resamples=resampling.resamples, seed=resampling.seed)
    scores = [rates(marginals(one.sum(axis=0))) for one in counted]
    return [
        _change(metric, None, *(values[..., line] for values in (*scores, apart, ends)))
        for line, metric in enumerate(RATES)
    ]


def _change(
    metric: str,
    axis: str | None,
    a: np.ndarray,
    b: np.ndarray,
    apart: np.ndarray,
    ends: np.ndarray,
    lacking: Sequence[bool] | np.ndarray = (False, False),
) -> Change:
    low, high = listed(ends) or (None, None)
    without = tuple(run for run, lacks in zip(RUNS, lacking, strict=True) if lacks)
    return Change(metric, axis, float(a), float(b), float(apart), low, high, without)


def _require_same(a: PredictionTable, b: PredictionTable) -> None:
    """Refuse predictions that are not of the same samples."""
    for one in (a, b):
        require_facts(one, f"predictions of run {one.protocol.get('run')!r}")
    names = [one.protocol["run"] for one in (a, b)]
    kinds = ["classes" if one.classes else "valence and arousal" for one in (a, b)]
    found = {
        "what they predict": kinds,
        "dataset": [one.protocol["dataset"] for one in (a, b)],
        "manifest of the dataset": [one.protocol["manifest"][:12] for one in (a, b)],
        "split": [one.protocol["split"] for one in (a, b)],
        "fold": [one.protocol["fold"] if one.protocol["split"] in BY_FOLD else None for one in (a, b)],
        "classes": [", ".join(one.classes) for one in (a, b)],
        "number of samples": [len(a), len(b)],
    }
    for what, (one, other) in found.items():
        if one != other:
            raise DataError(
                f"runs {names[0]} and {names[1]} cannot be compared: {what} {one} against {other}",
                hint="compare runs that were scored on the same samples",
            )
    if not (np.array_equal(a.row, b.row) and np.array_equal(a.target, b.target)):
        raise DataError(
            f"runs {names[0]} and {names[1]} cannot be compared: they were scored on other rows or labels",
            hint="run elimctl eval on both again",
        )
