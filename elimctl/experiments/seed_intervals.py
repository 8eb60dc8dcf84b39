"""Intervals of the mean CCC of several runs: seeds and identities are resampled together."""

import numpy as np
from jaxtyping import Float64

from elimctl.metrics.bootstrap import draws
from elimctl.metrics.intervals import weighted
from elimctl.metrics.sums import scores_of
from elimctl.metrics.table import AXES, METRICS

RESAMPLES = 2000
CCC, MEAN = METRICS.index("ccc"), AXES.index("mean")


def ccc_of(added: Float64[np.ndarray, "*s 11 2"]) -> Float64[np.ndarray, "*s"]:
    """CCC, mean of both axes, from sums over the samples; population moments."""
    return scores_of(added)[..., CCC, MEAN]


def bootstrap(added: Float64[np.ndarray, "s i 11 2"], *, seed: int = 0) -> Float64[np.ndarray, " r"]:
    """Mean CCC over seeds, for resampled seeds and identities.

    Seeds and identities are drawn with replacement; all drawn seeds get the same identities. The draws depend
    only on the numbers of seeds and identities, so two methods can be compared draw by draw.

    Args:
        added: sums of each seed and identity, from `metrics.sums.sums`.
        seed: of the draws.

    Returns:
        (`RESAMPLES`,) mean CCC.
    """
    seeds, identities = added.shape[:2]
    rng = np.random.default_rng(seed)
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    by_identity = np.moveaxis(added, 0, 1)
    ccc = [ccc_of(weighted(drawn, by_identity)) for drawn in draws(identities, RESAMPLES, rng)]
    return (np.concatenate(ccc) * of_seeds).sum(axis=1)
