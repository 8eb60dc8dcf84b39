"""What figures ask of the arrays that they are drawn from."""

import numpy as np

from elimctl.errors import DataError
from elimctl.metrics.bootstrap import draws


def labelled(preds: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels as float64, both (n, 2).

    Args:
        preds: (n, 2) any numbers.
        target: (n, 2) likewise.

    Raises:
        DataError: there is none, or one of them is not finite.
    """
    return points(preds, "predictions"), points(target, "labels", count=len(preds))


def points(values: np.ndarray, what: str, *, count: int | None = None) -> np.ndarray:
    """Values of valence and arousal as float64, (n, 2).

    Args:
        values: any numbers.
        what: they are, for the message.
        count: n; None for any.

    Raises:
        DataError: there is none, or one of them is not finite.
    """
    found = np.asarray(values, np.float64)
    if found.shape != ((len(found) if count is None else count), 2):
        raise DataError(f"{what} of shape {found.shape}, ({'n' if count is None else count}, 2) wanted")
    return finite(found, what)


def finite(values: np.ndarray, what: str) -> np.ndarray:
    """Values as float64, none of them NaN.

    Args:
        values: (n, ...) any numbers.
        what: they are, for the message.

    Raises:
        DataError: there is none, or one of them is not finite.
    """
    found = np.asarray(values, np.float64)
    if not found.size:
        raise DataError(f"no {what} to draw, at least one wanted", hint="choose a split that has samples")
    bad = int((~np.isfinite(found.reshape(len(found), -1)).all(axis=1)).sum())
    if bad:
        raise DataError(f"{bad} of {len(found)} {what} are not finite", hint="evaluate the run again")
    return found


def thinned(count: int, most: int, *, seed: int = 0) -> np.ndarray:
    """Numbers (k,) of k = min(count, most) of `count` samples, ascending, chosen by the seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def resampled_means(values: np.ndarray, group: np.ndarray, *, resamples: int, seed: int) -> np.ndarray | None:
    """Means of samples whose groups are drawn with replacement.

    Args:
        values: (n, c).
        group: (n,) names or codes of what is drawn: identities.
        resamples: R, number of draws.
        seed: of the draws.

    Returns:
        (R, c); None where there are fewer than two groups.
    """
    names, code = np.unique(group, return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, code, values)
    counts = np.bincount(code)[:, None]
    rng = np.random.default_rng(seed)
    parts = [(drawn @ sums) / (drawn @ counts) for drawn in draws(len(names), resamples, rng)]
    return np.concatenate(parts)
