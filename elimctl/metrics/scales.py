"""Scales on which scores are about as uncertain wherever they lie, for their intervals.

On its own scale a correlation of 0.9 cannot be 0.2 too low and 0.2 too high alike, and an error that is
measured too low seems too certain. On these scales the standard error says little about the score.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

EDGE = 1e-9  # how close to the end of its range a score is taken to be at most
POWER = 2 / 3
TINY = 1e-30

Change = Callable[[Float[np.ndarray, "*s"]], Float64[np.ndarray, "*s"]]


class Scale(NamedTuple):
    """A scale, growing with the score.

    Args:
        of: a score on it.
        back: the score of a place on it; infinite beyond the end of the scale.
        taken: degrees of freedom that the standard error has less than there are groups.
    """

    of: Change
    back: Change
    taken: int = 1


def _inside(score: Float[np.ndarray, "*s"], low: float, high: float) -> Float64[np.ndarray, "*s"]:
    return np.clip(score, low + EDGE, high - EDGE)


# Differences and slopes, as they are.
PLAIN = Scale(lambda score: score, lambda place: place)

# RMSE and MAE. Of a mean of squares (a gamma distribution) the power of -1/3 over its standard error is the
# one whose skewness vanishes to the first order; RMSE is its root. Squares of a few people have long tails,
# for which one degree of freedom more is taken, by measuring.
ERROR = Scale(
    lambda score: -(np.maximum(score, EDGE) ** -POWER),
    lambda place: np.where(place < 0, np.abs(np.minimum(place, -TINY)) ** (-1 / POWER), np.inf),
    taken=2,
)

# Shares: SAGR, accuracy, F1. The angle of Fisher, whose variance for a binomial share does not depend on it.
SHARE = Scale(
    lambda score: np.arcsin(np.sqrt(_inside(score, 0.0, 1.0))),
    lambda place: np.sin(np.clip(place, 0, np.pi / 2)) ** 2,
)

# PCC (Fisher 1921) and CCC (Lin 1989).
CORRELATION = Scale(
    lambda score: np.arctanh(_inside(score, -1.0, 1.0)),
    np.tanh,
)


class Scales(NamedTuple):
    """The scale of each of some statistics, in their order."""

    each: tuple[Scale, ...]

    def of(self, scores: Float[np.ndarray, "*s m"]) -> Float64[np.ndarray, "*s m"]:
        """Scores on their scales."""
        return self._changed([scale.of for scale in self.each], scores)

    def back(self, places: Float[np.ndarray, "*s m"]) -> Float64[np.ndarray, "*s m"]:
        """Scores of places on their scales."""
        return self._changed([scale.back for scale in self.each], places)

    @property
    def taken(self) -> Float64[np.ndarray, " m"]:
        """Degrees of freedom that each statistic's standard error has less than there are groups."""
        return np.array([scale.taken for scale in self.each], np.float64)

    @staticmethod
    def _changed(changes: list[Change], values: Float[np.ndarray, "*s m"]) -> Float64[np.ndarray, "*s m"]:
        columns = np.split(values, len(changes), axis=-1)
        return np.concatenate([change(one) for change, one in zip(changes, columns, strict=True)], axis=-1)
