"""Scores of each identity alone, with intervals.

What is drawn are an identity's clips; where it has few, stretches of consecutive frames of these.
Neighbouring frames are alike, and drawn one by one they would promise more than they know.
"""

from math import isqrt

import numpy as np
from jaxtyping import Float64, Int64

from elimctl.metrics.bootstrap import FEWEST
from elimctl.metrics.groups import GroupScores, group_scores
from elimctl.metrics.intervals import intervals
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.sums import sums
from elimctl.metrics.table import METRICS

RESAMPLES = 500  # of each identity; there may be hundreds, at 15 ms each


def identity_intervals(
    table: PredictionTable, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[GroupScores, Float64[np.ndarray, "g 2 5 3"]]:
    """Scores of every identity alone and their 95 % intervals, over clips or stretches of frames.

    Args:
        table: predictions of valence and arousal.
        resamples: number of resamples of each identity.
        seed: of the draws.

    Returns:
        The scores, and low and high ends in the order of `table.METRICS` and `table.AXES`; NaN where a score
        does not count, or an identity has fewer than five clips and stretches.
    """
    of = table.identities
    scores = group_scores(table.preds, table.target, of)
    ends = np.full((len(of), 2, len(METRICS), 3), np.nan)
    order = np.lexsort((table.frame, table.clips.code, of.code))
    for code, own in enumerate(np.split(order, np.flatnonzero(np.diff(of.code[order])) + 1)):
        unit = stretches(table.clips.code[own])
        count = int(unit[-1]) + 1
        if count >= FEWEST:
            added = sums(table.preds[own], table.target[own], unit, groups=count)
            found = intervals(added, resamples=resamples, seed=seed)
            ends[code] = np.where(scores.counts[code], found, np.nan)
    return scores, ends


def stretches(clip: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """What is drawn of an identity: its clips, or, of fewer than five, stretches of sqrt(n) frames of each.

    Args:
        clip: of each of its n frames, sorted by clip and frame.

    Returns:
        Codes from 0, ascending.
    """
    starts = np.flatnonzero(np.diff(clip, prepend=clip[0] - 1))
    number = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(clip)))
    if len(starts) >= FEWEST:
        return number
    place = np.arange(len(clip)) - starts[number]
    length = max(1, isqrt(len(clip)))
    _, code = np.unique(number * len(clip) + place // length, return_inverse=True)
    return code.astype(np.int64)
