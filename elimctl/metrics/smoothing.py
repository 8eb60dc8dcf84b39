"""Predictions of clips, smoothed over time by a window that was chosen on training clips."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from elimctl.config import Values
from elimctl.errors import DataError
from elimctl.loader.windows import Rows, clip_runs, usual_step
from elimctl.metrics.detail import Cells, Resampling, cells
from elimctl.metrics.intervals import difference, intervals
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.score import remark, summed_forms
from elimctl.metrics.sums import ZeroRule, mean_ccc, names_of, scores_of, sums, undefined

# Frames that are averaged, odd so that a window has a middle; at 30 frames a second up to 4 s.
WINDOWS = (1, 3, 5, 9, 15, 25, 41, 71, 121)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A window that was tried on the training clips.

    Args:
        window: frames, 1 for predictions as they are.
        ccc: mean CCC of valence and arousal on the training clips.
    """

    window: int
    ccc: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Scores of predictions, and how sure they are.

    Args:
        scores: by axis and metric.
        intervals: [low, high] by axis and metric; None where there is none.
        undefined: scores that are 0 because they are not defined, as `valence.pcc`.
    """

    scores: Cells
    intervals: Cells
    undefined: list[str]


@dataclass(frozen=True, slots=True)
class Smoothing:
    """What smoothing does to the scores of a split.

    Args:
        window: frames that were averaged, that of the best `candidates`, the smallest of several.
        step: difference of frame numbers up to which frames follow each other.
        candidates: the windows tried, on the training clips.
        runs: runs of consecutive frames in the split.
        longest: frames of the longest of them.
        before: scores of the predictions as they are.
        after: scores of the smoothed predictions.
        difference: after less before, intervals by drawing the same identities for both; not defined where
            either is not.
        forms: of the metrics, see `forms.summed_forms`.
        remark: which of them the split was not scored in, None where it was in all.
    """

    window: int
    step: int
    candidates: list[Candidate]
    runs: int
    longest: int
    before: Stage
    after: Stage
    difference: Stage
    forms: Values
    remark: str | None


def smoothing(
    table: PredictionTable,
    training: PredictionTable,
    resampling: Resampling,
    *,
    windows: Sequence[int] = WINDOWS,
) -> Smoothing:
    """Choose a window on training clips, and score the predictions of a split before and after it.

    Args:
        table: predictions of the split, of valence and arousal.
        training: those of the training clips, by the same model.
        resampling: how intervals are made.
        windows: odd numbers of frames to choose from, ascending, 1 among them.

    Raises:
        DataError: clips of the split were trained on, or no frame has a neighbour in time.
    """
    _require_apart(table, training)
    step = usual_step(training.clips.code, training.frame)
    runs, learned = (clip_runs(part.clips.code, part.frame, max_step=step or 1) for part in (table, training))
    for part, found in ((table, runs), (training, learned)):
        if max(map(len, found)) == 1:
            raise DataError(
                f"no clip in split {part.protocol.get('split')!r} of {part.protocol.get('dataset')} has two "
                f"consecutive frames (up to {step or 1} apart): still images cannot be smoothed",
                hint="leave --smooth out, or choose a dataset of videos",
            )
    tried = [
        Candidate(window, mean_ccc(moving_average(training.preds, learned, window=window), training.target))
        for window in windows
    ]
    window = max(tried, key=lambda candidate: (candidate.ccc, -candidate.window)).window
    forms = summed_forms(table)
    smoothed = moving_average(table.preds, runs, window=window)
    before, after, change = _stages(table, smoothed, resampling, zero=forms.sagr_zero)
    return Smoothing(
        window=window,
        step=step or 1,
        candidates=tried,
        runs=len(runs),
        longest=max(map(len, runs)),
        before=before,
        after=after,
        difference=change,
        forms=forms.model_dump(),
        remark=remark(table),
    )


def moving_average(
    values: Float[np.ndarray, "n c"], runs: Rows, *, window: int
) -> Float64[np.ndarray, "n c"]:
    """Means over windows around each sample, cut off where its run of frames ends.

    Args:
        values: of each sample.
        runs: positions of consecutive frames, as `temporal_windows.clip_runs` gives them.
        window: frames in a window, odd.

    Returns:
        In the order of `values`: for sample i of a run the mean of its samples i - h to i + h, h being
        (window - 1) / 2, as far as the run has them; near its ends these are fewer.
    """
    if window == 1:
        return values.astype(np.float64)  # the same to the last bit, so that no difference is told of
    order = np.concatenate(runs)
    lengths = np.array([len(run) for run in runs])
    ends = np.repeat(np.cumsum(lengths), lengths)
    starts = ends - np.repeat(lengths, lengths)
    place, half = np.arange(len(order)), window // 2
    low, high = np.maximum(place - half, starts), np.minimum(place + half + 1, ends)
    # about the mean, so that what the totals of many samples lose to rounding stays far below a float32
    centre = values.mean(axis=0, dtype=np.float64)
    totals = np.zeros((len(order) + 1, values.shape[1]))
    np.cumsum(values[order] - centre, axis=0, out=totals[1:])
    smoothed = np.empty(values.shape, np.float64)
    smoothed[order] = (totals[high] - totals[low]) / (high - low)[:, None] + centre
    return smoothed


def _require_apart(table: PredictionTable, training: PredictionTable) -> None:
    """Refuse a split with clips that the window would be chosen on."""
    if table.protocol.get("dataset") != training.protocol.get("dataset"):
        return
    own = set(table.clips.names)
    if shared := own & set(training.clips.names):
        raise DataError(
            f"{len(shared):,} of the {len(own):,} clips of split {table.protocol.get('split')!r} are "
            "training clips, on which the window is chosen",
            hint="score a split that was held out, such as --split val",
        )


def _stages(
    table: PredictionTable, smoothed: Float[np.ndarray, "n 2"], resampling: Resampling, *, zero: ZeroRule
) -> tuple[Stage, Stage, Stage]:
    """Scores of predictions as they are and of smoothed ones, and the differences of these less those."""
    of, drawn = table.identities, asdict(resampling)
    added = [
        sums(preds, table.target, of.code, groups=len(of), zero=zero) for preds in (table.preds, smoothed)
    ]
    totals = [one.sum(axis=0) for one in added]
    before, after = (undefined(total) for total in totals)
    gain, ends = difference(*added, **drawn)
    return (
        _stage(scores_of(totals[0]), intervals(added[0], **drawn), before),
        _stage(scores_of(totals[1]), intervals(added[1], **drawn), after),
        _stage(gain, ends, before | after),
    )


def _stage(
    scores: Float64[np.ndarray, "5 3"], ends: Float64[np.ndarray, "2 5 3"], lacking: Bool[np.ndarray, "5 3"]
) -> Stage:
    return Stage(
        cells(np.where(lacking, 0, scores)),
        cells(np.moveaxis(np.where(lacking, np.nan, ends), 0, -1)),
        names_of(lacking),
    )
